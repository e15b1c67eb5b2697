using System.CommandLine;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary>
/// <c>stele rollback KEY --version N</c> writes an old value of one key again; <c>stele rollback --revision R</c> puts
/// an environment back, or what lies under a prefix. Both are new versions: nothing is undone, and both can be rolled back.
/// </summary>
internal static class RollbackVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var key = new Argument<string?>("KEY") { Arity = ArgumentArity.ZeroOrOne, Description = "One key, with --version" };
        var version = new Option<long?>("--version") { Description = "The version of KEY whose value comes back", HelpName = "N" };
        var revision = new Option<long?>("--revision") { Description = "The revision to go back to, without KEY", HelpName = "R" };
        var prefix = new Option<string?>("--prefix") { Description = "With --revision: only keys that begin with this", HelpName = "PREFIX" };
        var message = new Option<string?>("--message", "-m") { Description = "With KEY: why, kept in the history", HelpName = "TEXT" };
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask" };
        var command = new Command("rollback", "Put an old value, or an old state, back as a new version") { key, version, revision, prefix, message, yes };
        return command.Does(surroundings, options, async call =>
        {
            var (name, to, back) = (call.Parsed.GetValue(key), call.Parsed.GetValue(version), call.Parsed.GetValue(revision));
            if (name is not null && to is not null && back is null && call.Parsed.GetValue(prefix) is null)
                return call.Key(key!) is { } one ? await One(call, one, to.Value, call.Parsed.GetValue(message)) : ExitCode.Usage;
            if (name is null && to is null && back is not null && call.Parsed.GetValue(message) is null)
                return await All(call, back.Value, call.Parsed.GetValue(prefix), call.Parsed.GetValue(yes));
            return call.Usage("rollback KEY --version N [--message TEXT], or rollback --revision R [--prefix PREFIX].");
        });
    }

    static async Task<int> One(Call call, string key, long version, string? message)
    {
        var item = await call.Client.RollbackConfigAsync(key, call.Environment, new ConfigRollback { Version = version, ChangeLog = message }, call.Cancellation);
        if (call.Json) return call.Print(item, SteleJson.Default.ConfigItem);
        call.Line($"{item.Key} = {Ink.Show(item.Value)} {call.Ink.Faint($"({item.Environment}, as in version {version}; now version {item.Version}, revision {item.Revision})")}");
        return ExitCode.Done;
    }

    static async Task<int> All(Call call, long revision, string? prefix, bool yes)
    {
        var what = $"{(prefix is null ? "everything" : $"what begins with {prefix}")} in {call.Environment ?? "the default environment"}";
        if (await call.Confirm($"Put {what} back as it was at revision {revision}?", yes) is { } no) return no;
        var result = await call.Client.RollbackAsync(call.Environment, new Rollback { Revision = revision, Prefix = prefix }, call.Cancellation);
        if (call.Json) return call.Print(result, SteleJson.Default.ChangeSetResult);
        call.Line(result.Results is { Count: 0 } ? $"Nothing differs from revision {revision}." : $"{(result.Results is { } keys ? $"{keys.Count} keys are" : "All is")} as at revision {revision} {call.Ink.Faint($"(now revision {result.Revision})")}");
        return ExitCode.Done;
    }
}
