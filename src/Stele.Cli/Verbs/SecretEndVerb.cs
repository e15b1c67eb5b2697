using System.CommandLine;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele secret delete</c>, <c>undelete</c> and <c>destroy</c>: the first is taken back by the second, the third by nothing.</summary>
internal static class SecretEndVerb
{
    internal static IEnumerable<Command> All(Surroundings surroundings, GlobalOptions options) => [Delete(surroundings, options), Undelete(surroundings, options), Destroy(surroundings, options)];

    static Command Delete(Surroundings surroundings, GlobalOptions options)
    {
        var path = SecretVerb.PathArgument();
        var write = new WriteOptions();
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask, in a protected environment either" };
        var command = new Command("delete", "Hide a secret; undelete brings it back") { path, yes };
        write.AddTo(command);
        return command.Does(surroundings, options, async call =>
        {
            if (SecretVerb.Path(call, path) is not { } name || !write.Check(call)) return ExitCode.Usage;
            if (await call.ConfirmIfProtected($"Delete the secret {name}?", call.Parsed.GetValue(yes)) is { } no) return no;
            var expected = await SecretVerb.Expected(call, write, name);
            // nothing to expect: the deletion itself says that there is nothing
            var deleted = await call.Client.DeleteSecretAsync(name, call.Environment, expected == 0 ? null : expected, call.Parsed.GetValue(write.Message), call.Cancellation);
            if (call.Json) return call.Print(deleted, SteleJson.Default.SecretDeleted);
            call.Line($"{name} deleted {call.Ink.Faint($"({deleted.Environment}, version {deleted.Version}, revision {deleted.Revision}); stele secret undelete {name} brings it back")}");
            return ExitCode.Done;
        });
    }

    static Command Undelete(Surroundings surroundings, GlobalOptions options)
    {
        var path = SecretVerb.PathArgument();
        var message = new Option<string?>("--message", "-m") { Description = "Why: kept in the history", HelpName = "TEXT" };
        return new Command("undelete", "Bring a deleted secret back, with the value that it had") { path, message }.Does(surroundings, options, async call =>
            SecretVerb.Path(call, path) is { } name ? SecretVerb.Written(call, await call.Client.UndeleteSecretAsync(name, call.Environment, call.Parsed.GetValue(message), call.Cancellation)) : ExitCode.Usage);
    }

    static Command Destroy(Surroundings surroundings, GlobalOptions options)
    {
        var path = SecretVerb.PathArgument();
        var versions = new Option<long[]>("--version") { Description = "The value of this version; may be repeated", HelpName = "N" };
        var all = new Option<bool>("--all") { Description = "The values of all versions" };
        var message = new Option<string?>("--message", "-m") { Description = "Why: kept in the history", HelpName = "TEXT" };
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask" };
        return new Command("destroy", "Destroy values for good: nothing brings them back") { path, versions, all, message, yes }.Does(surroundings, options, async call =>
        {
            if (SecretVerb.Path(call, path) is not { } name) return ExitCode.Usage;
            var which = call.Parsed.GetValue(versions) ?? [];
            if (which.Length > 0 == call.Parsed.GetValue(all)) return call.Usage("secret destroy takes --version N (once or more) or --all, one of them.");
            var what = which.Length == 0 ? "all values" : $"the value{(which.Length == 1 ? "" : "s")} of version {string.Join(", ", which)}";
            if (await call.Confirm($"Destroy {what} of {name} in {call.Environment ?? "the default environment"}, for good?", call.Parsed.GetValue(yes)) is { } no) return no;
            var gone = await call.Client.DestroySecretAsync(name, call.Environment, which.Length == 0 ? null : which, call.Parsed.GetValue(message), call.Cancellation);
            if (call.Json) return call.Print(gone, SteleJson.Default.SecretDestroyed);
            call.Line(gone.Destroyed.Count == 0 ? $"{name} holds none of these any more." : $"{name}: destroyed {string.Join(", ", gone.Destroyed)} {call.Ink.Faint($"(revision {gone.Revision})")}");
            return ExitCode.Done;
        });
    }
}
