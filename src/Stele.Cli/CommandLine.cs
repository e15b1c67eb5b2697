using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Stele.Cli.Contexts;
using Stele.Cli.Verbs;
using Stele.Client;

namespace Stele.Cli;

/// <summary>The tool as a whole: its verbs, and what becomes of their failures.</summary>
internal static class CommandLine
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    /// <summary>Somebody waits at a terminal: rather an answer, even a refusal, than the client's usual patience.</summary>
    const int Attempts = 3;

    internal static async Task<int> Run(string[] arguments, Surroundings surroundings)
    {
        var root = Root(surroundings);
        // No response files: `set KEY @x` means the text. No bundling: -ev is not -e -v.
        var parsed = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false });
        // Before the parser's own errors: it takes an unknown option for an argument, and `set KEY --forec` would write that.
        if (Suggestions.UnknownOptions(parsed, arguments) is { Count: > 0 } unknown)
            return Usage(surroundings, parsed, unknown.Select(option => $"there is no option {option} here. What follows -- is never taken for one."), unknown);
        if (parsed.Errors.Count > 0 && parsed.Action is ParseErrorAction)
            return Usage(surroundings, parsed, parsed.UnmatchedTokens.Count > 0 ? parsed.UnmatchedTokens.Select(word => $"{word} is not known here.") : parsed.Errors.Select(error => error.Message).Distinct(), parsed.UnmatchedTokens);
        try
        {
            using var help = new StringWriter();
            var isHelp = parsed.Action is HelpAction;
            var code = await parsed.InvokeAsync(new InvocationConfiguration { Output = isHelp ? help : surroundings.Out, Error = surroundings.Error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = HandlesSignals(parsed) ? null : TimeSpan.FromSeconds(2) });
            // The binary is stele-cli; what people type is the script's name.
            if (isHelp) surroundings.Out.Write(help.ToString().Replace(RootCommand.ExecutableName, "stele", StringComparison.Ordinal));
            return code;
        }
        catch (SteleException e)
        {
            surroundings.Error.WriteLine(FailureText.Of(e));
            return ExitCode.Of(e);
        }
        catch (OperationCanceledException)
        {
            return ExitCode.Interrupted;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            surroundings.Error.WriteLine($"stele: {e.Message}");
            return ExitCode.Refused;
        }
    }

    // what it runs is told, and says itself when it is over
    static bool HandlesSignals(ParseResult parsed) => parsed.CommandResult.Command.Name is "run" or "agent";

    static int Usage(Surroundings surroundings, ParseResult parsed, IEnumerable<string> errors, IEnumerable<string> unknown)
    {
        foreach (var error in errors) surroundings.Error.WriteLine($"stele: {error}");
        foreach (var hint in Suggestions.For(parsed, unknown)) surroundings.Error.WriteLine(hint);
        surroundings.Error.WriteLine($"Usage: stele{Path(parsed.CommandResult)} --help");
        return ExitCode.Usage;
    }

    /// <summary>Gives a verb its action, with a client made of the options and the environment.</summary>
    internal static Command Does(this Command command, Surroundings surroundings, GlobalOptions options, Func<Call, Task<int>> action)
    {
        command.SetAction(async (parsed, cancellation) =>
        {
            if (Connection.Of(surroundings, parsed, options, out var problem) is not { } connection)
            {
                surroundings.Error.WriteLine($"stele: {problem}");
                return ExitCode.Usage;
            }
            using var stele = connection.Client(surroundings, Attempts, Patience);
            var call = new Call(surroundings, parsed, options, connection, stele, cancellation);
            try
            {
                return await action(call);
            }
            catch (SteleException e) when (e.Code == "not_found")
            {
                surroundings.Error.WriteLine(FailureText.Of(e));
                if (await NearNames.Of(call, e) is { } near) surroundings.Error.WriteLine(near);
                return ExitCode.Of(e);
            }
        });
        return command;
    }

    static RootCommand Root(Surroundings surroundings)
    {
        var options = new GlobalOptions();
        var root = new RootCommand("Stele: configuration, versioned and in order.\n\n" + ExitCode.Help);
        foreach (var option in options.All) root.Add(option);
        // `set KEY /h` writes "/h".
        foreach (var help in root.Options.OfType<HelpOption>())
            foreach (var alias in help.Aliases.Where(alias => alias[0] == '/').ToList()) help.Aliases.Remove(alias);
        foreach (var verb in new Func<Surroundings, GlobalOptions, Command>[]
        {
            GetVerb.Make, SetVerb.Make, DeleteVerb.Make, ListVerb.Make, HistoryVerb.Make, RollbackVerb.Make, DiffVerb.Make, ImportVerb.Make, ExportVerb.Make, PlanVerb.MakePlan, PlanVerb.MakeApply, RunVerb.Make, AgentVerb.Make, FlagVerb.Make, SecretVerb.Make, KeysVerb.Make,
            EnvironmentsVerb.Make, SettingsVerb.Make, OrgVerb.Make, EventsVerb.Make, WatchVerb.Make, SubscriptionsVerb.Make, TokenVerb.Make, MemberVerb.MakeUser, MemberVerb.MakeServiceAccount, RoleVerb.Make, RoleVerb.MakeAccess, WebhookVerb.Make,
            SchemaVerb.Make, AuditVerb.Make, UsageVerb.Make, StatusVerb.Make, LimitsVerb.Make, ReadOnlyVerb.Make, ContextVerb.Make, SessionVerb.MakeLogin, SessionVerb.MakeLogout,
            SessionVerb.MakeWhoAmI, SessionVerb.MakePassword, NodeVerb.MakeHealth, NodeVerb.MakeMetrics, NodeVerb.MakeOpenApi, VersionVerb.Make, CompletionVerb.Make,
        })
            root.Add(verb(surroundings, options));
        foreach (var verb in ServerVerbs.Make(surroundings)) root.Add(verb);
        Completions.AddTo(root, surroundings, options);
        return root;
    }

    static string Path(CommandResult result) => result.Parent is CommandResult parent ? $"{Path(parent)} {result.Command.Name}" : "";
}
