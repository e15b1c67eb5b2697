using System.CommandLine;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele secret wrap</c> and <c>unwrap</c> hand a secret on unseen; <c>was-here</c> asks whether a value ever was one.</summary>
internal static class SecretWrapVerb
{
    internal static IEnumerable<Command> All(Surroundings surroundings, GlobalOptions options) => [Wrap(surroundings, options), Unwrap(surroundings, options), WasHere(surroundings, options)];

    static Command Wrap(Surroundings surroundings, GlobalOptions options)
    {
        var path = SecretVerb.PathArgument();
        var version = new Option<long?>("--version") { Description = "A version of it", HelpName = "N" };
        var seconds = new Option<int?>("--ttl-seconds") { Description = "How long it waits to be opened (300)", HelpName = "N" };
        return new Command("wrap", "Print a token that yields a secret once") { path, version, seconds }.Does(surroundings, options, async call =>
        {
            if (SecretVerb.Path(call, path) is not { } name) return ExitCode.Usage;
            var lifetime = call.Parsed.GetValue(seconds) is { } count ? TimeSpan.FromSeconds(count) : (TimeSpan?)null;
            var wrapped = await call.Client.WrapSecretAsync(name, call.Environment, call.Parsed.GetValue(version), lifetime, call.Cancellation);
            if (call.Json) return call.Print(wrapped, SteleJson.Default.WrappedSecret);
            call.Line(wrapped.WrapToken);
            call.Note(call.Ink.Faint($"Opens {name}, version {wrapped.Version}, once, until {Ink.Time(wrapped.ExpiresAt)}: stele secret unwrap"));
            return ExitCode.Done;
        });
    }

    static Command Unwrap(Surroundings surroundings, GlobalOptions options)
    {
        var file = new Option<string?>("--out", "-o") { Description = "Write the value, exactly, into a file that only you can read", HelpName = "FILE" };
        var base64 = new Option<bool>("--base64") { Description = "Print the value in base64" };
        return new Command("unwrap", "Open a wrap, once: the token is read from standard input, unseen at a terminal") { file, base64 }.Does(surroundings, options, async call =>
        {
            var (to, coded) = (call.Parsed.GetValue(file), call.Parsed.GetValue(base64));
            if (to is not null && (coded || call.Json)) return call.Usage("--out takes the value as it is, without --base64, --json and --yaml.");
            if (await SessionVerb.Hidden(call, "Token of the wrap") is not { } token) return call.Usage("there is no token on standard input.");
            using var secret = await call.Client.UnwrapSecretAsync(token.Trim(), call.Cancellation);
            // opened is opened: what cannot be printed as text is printed in base64, and not lost
            if (to is null && !coded && !call.Json && !secret.IsText) call.Note("stele: it is no text, and is printed in base64.");
            return SecretVerb.Show(call, secret, to, coded || (to is null && !secret.IsText));
        });
    }

    static Command WasHere(Surroundings surroundings, GlobalOptions options)
    {
        var source = new SecretSource();
        var command = new Command("was-here", "Ask whether a value ever was a secret here, and of which; exit code 3 if not. It is read as secret put reads it");
        source.AddFileTo(command);
        return command.Does(surroundings, options, async call =>
        {
            using var bytes = await source.Read(call, null, "what you look for");
            if (bytes is null) return ExitCode.Usage;
            var found = await call.Client.SearchSecretsAsync(new SecretWrite { Bytes = bytes.Memory, IsText = SecretSource.IsText(bytes.Span) }, call.Cancellation);
            if (call.Json) call.Print(found, SteleJson.Default.SecretSearch);
            else if (!found.Found) call.Line("It never was here.");
            else foreach (var line in call.Ink.Table(["PATH", "ENVIRONMENT", "VERSION", "WHEN", ""], found.Items.Select(item => (IReadOnlyList<string>)
                [item.Path, item.Environment ?? "", SecretVerb.Number(item.Version), Ink.Time(item.CreatedAt), item.Destroyed ? "destroyed" : ""]))) call.Line(line);
            if (found.More && !call.Json) call.Note(call.Ink.Faint("There are more."));
            return found.Found ? ExitCode.Done : ExitCode.NotFound;
        });
    }
}
