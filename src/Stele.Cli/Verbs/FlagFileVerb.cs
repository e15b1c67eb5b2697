using System.CommandLine;
using System.Globalization;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary>Whole sets of flags: <c>stele flag import</c>, <c>export</c>, <c>copy</c>, <c>diff</c>, <c>usage</c>.</summary>
internal static class FlagFileVerb
{
    internal static IEnumerable<Command> All(Surroundings surroundings, GlobalOptions options) =>
        [Import(surroundings, options), Export(surroundings, options), Copy(surroundings, options), Diff(surroundings, options), Usage(surroundings, options)];

    static Command Import(Surroundings surroundings, GlobalOptions options)
    {
        var file = new Argument<string>("FILE") { Description = "A flagd file, JSON or YAML; - is standard input" };
        var yaml = new Option<bool>("--from-yaml") { Description = "It is YAML, whatever its name" };
        var replace = new Option<bool>("--replace") { Description = "Delete what the file does not name" };
        var dry = new Option<bool>("--dry-run") { Description = "Say what would change and move, and write nothing" };
        var message = new Option<string?>("--message", "-m") { Description = "Why: kept in the history", HelpName = "TEXT" };
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask, in a protected environment either" };
        return new Command("import", "Write a flagd file as one revision") { file, yaml, replace, dry, message, yes }.Does(surroundings, options, async call =>
        {
            // standard input may be the file, and is then nobody who answers
            var asks = call.Parsed.GetValue(replace) && !call.Parsed.GetValue(dry);
            if (asks && await call.ConfirmIfProtected("Delete every flag that the file does not name?", call.Parsed.GetValue(yes)) is { } no) return no;
            var path = call.Parsed.GetRequiredValue(file);
            using var buffer = new MemoryStream();
            if (path == "-") await call.Surroundings.In().CopyToAsync(buffer, call.Cancellation);
            else await buffer.WriteAsync(await File.ReadAllBytesAsync(path, call.Cancellation), call.Cancellation);
            var isYaml = call.Parsed.GetValue(yaml) || path.EndsWith(".yaml", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".yml", StringComparison.OrdinalIgnoreCase);
            return Written(call, await call.Client.ImportFlagsAsync(call.Environment, buffer.ToArray(), isYaml, call.Parsed.GetValue(replace), call.Parsed.GetValue(dry), call.Parsed.GetValue(message), call.Cancellation));
        });
    }

    static Command Export(Surroundings surroundings, GlobalOptions options)
    {
        var format = new Option<string>("--format") { Description = "json and yaml: every flag as it was given; flagd: for evaluators that know its operations alone", DefaultValueFactory = _ => "json" };
        format.AcceptOnlyFromAmong("json", "yaml", "flagd");
        var past = new PastOptions();
        var command = new Command("export", "Print all flags of an environment as a flagd file") { format };
        past.AddTo(command);
        return command.Does(surroundings, options, async call =>
        {
            if (!past.TryGet(call, out var at, out var revision)) return ExitCode.Usage;
            await call.Client.ExportFlagsAsync(new ConfigRead { Environment = call.Environment, At = at, Revision = revision }, call.Parsed.GetRequiredValue(format), async stream =>
            {
                using var reader = new StreamReader(stream);
                call.Line((await reader.ReadToEndAsync(call.Cancellation)).TrimEnd('\n'));
            }, call.Cancellation);
            return ExitCode.Done;
        });
    }

    static Command Copy(Surroundings surroundings, GlobalOptions options)
    {
        var (from, to) = (new Argument<string>("FROM") { Description = "An environment" }, new Argument<string>("TO") { Description = "An environment" });
        var names = new Argument<string[]>("NAME") { Arity = ArgumentArity.ZeroOrMore, Description = "Which flags; absent: all" };
        var prefix = new Option<string?>("--prefix") { Description = "Those whose names begin so", HelpName = "PREFIX" };
        var dry = new Option<bool>("--dry-run") { Description = "Say what would change and move, and write nothing" };
        var message = new Option<string?>("--message", "-m") { Description = "Why: kept in the history", HelpName = "TEXT" };
        return new Command("copy", "Copy flags from one environment to another, with the shared rules that they need") { from, to, names, prefix, dry, message }.Does(surroundings, options, async call =>
        {
            var copy = new FlagCopy
            {
                From = call.Parsed.GetRequiredValue(from), To = call.Parsed.GetRequiredValue(to), Names = call.Parsed.GetValue(names) is { Length: > 0 } some ? some : null, Prefix = call.Parsed.GetValue(prefix), ChangeLog = call.Parsed.GetValue(message),
            };
            return Written(call, await call.Client.CopyFlagsAsync(copy, call.Parsed.GetValue(dry), call.Cancellation));
        });
    }

    static Command Diff(Surroundings surroundings, GlobalOptions options)
    {
        var (from, to) = (new Argument<string>("FROM") { Description = "ENV, ENV@REVISION or ENV@TIME" }, new Argument<string>("TO") { Description = "The same" });
        return new Command("diff", "Show which flags differ between two environments or moments") { from, to }.Does(surroundings, options, async call =>
        {
            var read = new DifferenceRead { From = call.Parsed.GetRequiredValue(from), To = call.Parsed.GetRequiredValue(to), Limit = ListVerb.PageItems };
            var page = await call.Client.DiffAsync(read, call.Cancellation);
            var items = page.Items.ToList();
            for (; page.NextCursor is not null; items.AddRange(page.Items)) page = await call.Client.DiffAsync(read with { Cursor = page.NextCursor }, call.Cancellation);
            items.RemoveAll(item => item.Kind != "flag");
            if (call.Json) return call.Print(page with { Items = items, NextCursor = null }, SteleJson.Default.Difference);
            foreach (var item in items) call.Line($"{item.Op,-8} {item.Key}");
            return ExitCode.Done;
        });
    }

    static Command Usage(Surroundings surroundings, GlobalOptions options)
    {
        var name = new Argument<string>("NAME");
        return new Command("usage", "Show how a flag was used in the last 30 days") { name }.Does(surroundings, options, async call =>
        {
            var item = await call.Client.GetFlagAsync(call.Parsed.GetRequiredValue(name), new ConfigRead { Environment = call.Environment }, call.Cancellation);
            if (call.Json) return call.Print(item, SteleJson.Default.FlagItem);
            call.Line($"{item.Name}: {item.Use?.Status}{(item.Use?.Reason is { } reason ? $" ({reason})" : "")}{(item.LastEvaluatedAt is { } last ? $", last evaluated {Ink.Time(last)}" : "")}");
            foreach (var line in call.Ink.Table(["VARIANT", "EVALUATIONS"], (item.Use?.Variants ?? []).Select(use => (IReadOnlyList<string>)[use.Variant ?? "(the caller's default)", use.Evaluations.ToString(CultureInfo.InvariantCulture)]))) call.Line(line);
            return ExitCode.Done;
        });
    }

    static int Written(Call call, FlagsWritten written)
    {
        if (call.Json) return call.Print(written, SteleJson.Default.FlagsWritten);
        foreach (var item in written.Items)
        {
            call.Line($"{item.Op,-8} {item.Name} {call.Ink.Faint($"(version {item.Version})")}");
            if (item.Op == "changed") call.Line(FlagVerb.Moved(item.Moved, item.MovedReason));
        }
        call.Line(call.Ink.Faint($"{written.Items.Count} {(written.DryRun ? "would change" : "changed")}, {written.Unchanged} as they were, revision {written.Revision}"));
        return ExitCode.Done;
    }
}
