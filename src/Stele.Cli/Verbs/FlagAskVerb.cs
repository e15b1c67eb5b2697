using System.CommandLine;
using System.Text.Json;
using Stele.Cli.Values;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary>What flags answer somebody: <c>stele flag evaluate</c>, <c>explain</c> and <c>compare</c>.</summary>
internal static class FlagAskVerb
{
    internal static IEnumerable<Command> All(Surroundings surroundings, GlobalOptions options) => [Evaluate(surroundings, options), Explain(surroundings, options), Compare(surroundings, options)];

    static Command Evaluate(Surroundings surroundings, GlobalOptions options)
    {
        var name = new Argument<string?>("NAME") { Arity = ArgumentArity.ZeroOrOne, Description = "A flag; without: all" };
        var (who, past) = (new Subject(), new PastOptions());
        var command = who.AddTo(new Command("evaluate", "Have the server evaluate a flag for somebody, now or as of a moment") { name });
        past.AddTo(command);
        return command.Does(surroundings, options, async call =>
        {
            if (!past.TryGet(call, out var at, out var revision) || !who.TryRead(call, out var context)) return ExitCode.Usage;
            var read = new ConfigRead { Environment = call.Environment, At = at, Revision = revision };
            if (call.Parsed.GetValue(name) is { } flag)
            {
                var answer = await call.Client.EvaluateFlagAsync(flag, context, read, call.Cancellation);
                if (call.Json) return call.Print(answer, SteleJson.Default.FlagAnswer);
                call.Line(Ink.Show(answer.Value));
                call.Note(call.Ink.Faint(Why(answer)));
                return ExitCode.Done;
            }
            var all = await call.Client.EvaluateFlagsAsync(context, read, call.Cancellation);
            if (call.Json) return call.Print(all, SteleJson.Default.FlagAnswers);
            foreach (var line in call.Ink.Table(["FLAG", "VALUE", "WHY"], all.Flags.Select(answer => (IReadOnlyList<string>)[answer.Key ?? "", Ink.Cut(Ink.Show(answer.Value), 60), Why(answer)]))) call.Line(line);
            return ExitCode.Done;
        });
    }

    static Command Explain(Surroundings surroundings, GlobalOptions options)
    {
        var name = new Argument<string>("NAME") { Description = "A flag" };
        var (who, past) = (new Subject(), new PastOptions());
        var command = who.AddTo(new Command("explain", "Show the way that somebody takes through a flag's rule") { name });
        past.AddTo(command);
        return command.Does(surroundings, options, async call =>
        {
            if (!past.TryGet(call, out var at, out var revision) || !who.TryRead(call, out var context)) return ExitCode.Usage;
            return call.Print(await call.Client.ExplainFlagAsync(call.Parsed.GetRequiredValue(name), context, new ConfigRead { Environment = call.Environment, At = at, Revision = revision }, call.Cancellation), SteleJson.Default.JsonElement);
        });
    }

    static Command Compare(Surroundings surroundings, GlobalOptions options)
    {
        var (from, to) = (new Argument<string>("FROM") { Description = "ENV, ENV@REVISION or ENV@TIME" }, new Argument<string>("TO") { Description = "The same" });
        var who = new Subject();
        return who.AddTo(new Command("compare", "Show which flags answer somebody otherwise in one state than in another") { from, to }).Does(surroundings, options, async call =>
        {
            if (!who.TryRead(call, out var context)) return ExitCode.Usage;
            var compared = await call.Client.CompareFlagsAsync(context, call.Parsed.GetRequiredValue(from), call.Parsed.GetRequiredValue(to), call.Cancellation);
            if (call.Json) return call.Print(compared, SteleJson.Default.JsonElement);
            foreach (var line in call.Ink.Table(["FLAG", "FROM", "TO"], compared.GetProperty("items").EnumerateArray().Select(item => (IReadOnlyList<string>)
                [Ink.Show(item.GetProperty("flag")), Value(item.GetProperty("from")), Value(item.GetProperty("to"))]))) call.Line(line);
            return ExitCode.Done;
        });
    }

    static string Value(JsonElement answer) => answer.ValueKind != JsonValueKind.Object ? "(no such flag)" : answer.TryGetProperty("value", out var value) ? Ink.Cut(Ink.Show(value), 40) : "(the caller's default)";

    static string Why(FlagAnswer answer) => answer.ErrorCode is { } error ? $"{error}: {answer.ErrorDetails}" : answer.Variant is { } variant ? $"{answer.Reason}, variant {variant}" : answer.Reason ?? "";

    /// <summary>--key and --context: who asks.</summary>
    sealed class Subject
    {
        readonly Option<string?> key = new("--key", "-k") { Description = "The targeting key, such as a user's id", HelpName = "KEY" };
        readonly Option<string?> context = new("--attributes") { Description = "What else is known of him: a JSON object", HelpName = "JSON" };

        internal Command AddTo(Command command)
        {
            command.Add(key);
            command.Add(context);
            return command;
        }

        internal bool TryRead(Call call, out JsonElement? read)
        {
            read = null;
            var members = new List<string>();
            if (call.Parsed.GetValue(context) is { } text)
            {
                if (JsonText.Parse(text) is not { ValueKind: JsonValueKind.Object } attributes)
                {
                    call.Usage("--attributes is a JSON object, such as '{\"country\":\"NL\"}'.");
                    return false;
                }
                members.AddRange(attributes.EnumerateObject().Where(member => member.Name != "targetingKey" || call.Parsed.GetValue(key) is null).Select(member => $"{JsonText.Quote(member.Name)}:{member.Value.GetRawText()}"));
            }
            if (call.Parsed.GetValue(key) is { } name) members.Add($"\"targetingKey\":{JsonText.Quote(name)}");
            read = members.Count == 0 ? null : JsonText.Parse($"{{{string.Join(',', members)}}}");
            return true;
        }
    }
}
