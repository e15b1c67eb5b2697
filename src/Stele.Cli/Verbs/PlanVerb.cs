using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using Stele.Cli.Code;
using Stele.Cli.Import;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele plan</c> and <c>stele apply</c>: a directory of files against the server, applied as one revision and only on what was compared.</summary>
internal static class PlanVerb
{
    const int ValueCharacters = 80;

    internal static Command MakePlan(Surroundings surroundings, GlobalOptions options)
    {
        var (directory, prune) = (Directory(), Prune());
        var exitCode = new Option<bool>("--exit-code") { Description = "Exit with 1 when there are differences: drift, in CI" };
        return new Command("plan", "Compare a directory of files with the server") { directory, prune, exitCode }.Does(surroundings, options, async call =>
        {
            if (await Compare(call, call.Parsed.GetRequiredValue(directory), call.Parsed.GetValue(prune)) is not { } plan) return ExitCode.Usage;
            Show(call, plan);
            if (call.Json) call.Print(Summary(plan, null), PlanJson.Default.PlanSummary);
            else if (!plan.IsEmpty) call.Note($"Nothing was changed. On exactly this: stele apply -f {call.Parsed.GetRequiredValue(directory)} --base {plan.Base}");
            return call.Parsed.GetValue(exitCode) && !plan.IsEmpty ? ExitCode.Refused : ExitCode.Done;
        });
    }

    internal static Command MakeApply(Surroundings surroundings, GlobalOptions options)
    {
        var (directory, prune) = (Directory(), Prune());
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask" };
        var message = new Option<string?>("--message", "-m") { Description = "Why: kept in the history", HelpName = "TEXT" };
        var atBase = new Option<long?>("--base") { Description = "The revision that plan compared with: apply only if nothing has changed since", HelpName = "REVISION" };
        var wait = new SubscriberWait();
        var command = new Command("apply", "Have the server be as a directory of files says, as one change") { directory, prune, yes, message, atBase };
        wait.AddTo(command);
        return command.Does(surroundings, options, async call =>
        {
            if (!wait.TryGet(call, out var waiting)) return ExitCode.Usage;
            var path = call.Parsed.GetRequiredValue(directory);
            if (await Compare(call, path, call.Parsed.GetValue(prune)) is not { } plan) return ExitCode.Usage;
            Show(call, plan);
            if (plan.IsEmpty) return call.Json ? call.Print(Summary(plan, null), PlanJson.Default.PlanSummary) : ExitCode.Done;
            var removed = plan.Differences.Count(difference => difference.Op == "removed");
            if (await call.Confirm(removed > 0 ? $"Apply this, and delete {removed}?" : "Apply this?", call.Parsed.GetValue(yes)) is { } no) return no;
            var result = await Apply(call, plan, call.Parsed.GetValue(atBase) ?? plan.Base, call.Parsed.GetValue(message) ?? $"apply of {Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)))}", waiting);
            if (call.Json) call.Print(Summary(plan, result?.Revision ?? plan.Base), PlanJson.Default.PlanSummary);
            else call.Line($"{plan.Differences.Count} applied {call.Ink.Faint($"(revision {result?.Revision ?? plan.Base})")}");
            return waiting is null || result is null ? ExitCode.Done : SubscriberWait.Report(call, result);
        });
    }

    static Option<string> Directory() => new("--file", "-f") { Description = "The directory: ENV/config/SERVICE.yml, ENV/schemas.yml, ENV/flags.yml", HelpName = "DIR", Required = true };

    static Option<bool> Prune() => new("--prune") { Description = "Delete what the directory's environments have and the directory does not" };

    static async Task<CodePlan?> Compare(Call call, string path, bool prune)
    {
        if (!System.IO.Directory.Exists(path))
        {
            call.Usage($"there is no directory {path}.");
            return null;
        }
        var notes = new ImportNotes();
        var code = CodeSet.Read(path, notes);
        foreach (var warning in notes.Warnings) call.Note($"warning: {warning}");
        foreach (var problem in notes.Problems) call.Note($"stele: {problem}");
        if (notes.Problems.Count > 0)
        {
            call.Note("Nothing was compared or changed. Correct the files, and do it again.");
            return null;
        }
        if (code.Count > 0) return await new CodeComparison(call, prune).Compare(code);
        call.Usage($"{path} has no directory that is named after an environment. stele export --as-code --out {path} writes them.");
        return null;
    }

    static void Show(Call call, CodePlan plan)
    {
        if (call.Json) return;
        foreach (var missing in plan.Missing) call.Line(call.Ink.Added($"+ environment {missing}"));
        foreach (var group in plan.Differences.GroupBy(difference => difference.Environment))
        {
            call.Line(call.Ink.Strong(group.Key));
            foreach (var difference in group) call.Line("  " + Line(call.Ink, difference));
        }
        if (plan.IsEmpty) call.Line(call.Ink.Faint($"No differences at revision {plan.Base}."));
        else call.Line(call.Ink.Faint($"{plan.Differences.Count} differences at revision {plan.Base}"));
        if (plan.Unpruned > 0) call.Note(call.Ink.Faint($"{plan.Unpruned} at the server are not in the files, and stay; --prune deletes them."));
    }

    static string Line(Ink ink, CodeDifference difference)
    {
        var what = difference.Kind == "config" ? difference.Key : $"{difference.Kind} {difference.Key}";
        return difference.Op switch
        {
            "added" => ink.Added($"+ {what} = {Cut(difference.To)}"),
            "removed" => ink.Removed($"- {what} = {Cut(difference.From)}"),
            _ => ink.Changed($"~ {what}: {Cut(difference.From)} → {Cut(difference.To)}"),
        };
    }

    static string Cut(JsonElement value) => Ink.Cut(Ink.Show(value), ValueCharacters);

    // null: nothing but environments was to be made
    static async Task<ChangeSetResult?> Apply(Call call, CodePlan plan, long expected, string message, ChangeWait? wait)
    {
        foreach (var missing in plan.Missing) await call.Client.CreateEnvironmentAsync(missing, null, call.Cancellation);
        // a new environment is a revision of its own, after the one that was compared with: nothing can be in it yet
        var changes = plan.Differences.Select(difference => difference.Change).Where(change => change.Op != "check").ToList();
        if (changes.Count == 0) return null;
        var isNew = plan.Missing.Count > 0;
        var set = new ChangeSet { Changes = changes, ChangeLog = message, ExpectedRevision = isNew ? null : expected, Scope = isNew ? null : "environment" };
        try
        {
            return await (wait is null ? call.Client.ApplyChangesAsync(null, set, call.Cancellation) : call.Client.ApplyChangesAsync(null, set, wait, call.Cancellation));
        }
        catch (SteleException e) when (e.Code == "conflict")
        {
            call.Note($"stele: something has changed since revision {expected}, and nothing was applied. Look at it with: stele plan.");
            throw;
        }
    }

    static PlanSummary Summary(CodePlan plan, long? revision) => new(plan.Base, revision, plan.Missing, [.. plan.Differences.Select(one => new PlanItem(one.Op, one.Kind, one.Environment, one.Key, Given(one.From), Given(one.To)))], plan.Unpruned);

    static JsonElement? Given(JsonElement value) => value.ValueKind == JsonValueKind.Undefined ? null : value;
}

/// <summary>A plan, as --json prints it.</summary>
internal sealed record PlanSummary(long BaseRevision, long? Revision, IReadOnlyList<string> NewEnvironments, IReadOnlyList<PlanItem> Items, int OnlyAtTheServer);

internal sealed record PlanItem(string Op, string Kind, string Environment, string Key, JsonElement? From, JsonElement? To);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, MaxDepth = 512)]
[JsonSerializable(typeof(PlanSummary))]
internal sealed partial class PlanJson : JsonSerializerContext;
