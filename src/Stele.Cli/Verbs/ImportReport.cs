using System.Text.Json.Serialization;
using Stele.Cli.Import;
using Stele.Cli.Values;

namespace Stele.Cli.Verbs;

/// <summary>What an import tells: as it goes for people, or all at the end as JSON.</summary>
internal sealed class ImportReport(Call call, bool verbose)
{
    /// <summary>Lines of changes shown per environment without --verbose.</summary>
    const int LinesMax = 40;

    const int ValueCharacters = 80;
    readonly ImportSummary summary = new();

    internal void Skipped(IReadOnlyList<string> files)
    {
        summary.SkippedFiles = files;
        if (files.Count > 0) call.Note(call.Ink.Faint($"Not of a known format, left out: {string.Join(", ", files)}"));
    }

    internal void Problems(IReadOnlyList<SourceNote> problems, bool skipped)
    {
        summary.Invalid = [.. problems.Select(note => note.ToString())];
        foreach (var problem in problems) call.Note($"{(skipped ? "left out" : "stele")}: {problem}");
        if (problems.Count > 0 && !skipped) call.Note("Nothing was imported. Correct the files, or leave these out with --skip-invalid.");
    }

    internal void Warnings(IReadOnlyList<SourceNote> warnings)
    {
        summary.Warnings = [.. warnings.Select(note => note.ToString())];
        foreach (var warning in warnings) call.Note($"warning: {warning}");
    }

    internal void Plan(ImportSet set, IReadOnlyList<EnvironmentPlan> plan)
    {
        summary.Leaves = set.Leaves;
        summary.Environments = [.. plan.Select(one => new ImportedEnvironment(one.Name, one.Exists, one.Added, one.Changed, one.Equal))];
        summary.Changes = [.. plan.SelectMany(one => one.Changes).Select(change => new ImportedChange(change.Stored is null ? "added" : "changed", change.Entry.Environment, change.Entry.Key, change.Entry.File, change.Entry.Line))];
        if (call.Json) return;
        foreach (var one in plan)
        {
            call.Line(call.Ink.Strong(one.Name) + (one.Exists ? "" : " (new)") + $": {one.Added} added, {one.Changed} changed, {one.Equal} equal");
            foreach (var change in verbose ? one.Changes : one.Changes.Take(LinesMax)) call.Line("  " + Line(change));
            if (!verbose && one.Changes.Count > LinesMax) call.Line(call.Ink.Faint($"  … and {one.Changes.Count - LinesMax} more (--verbose)"));
        }
    }

    internal void Nothing()
    {
        if (!call.Json) call.Line("Nothing to change: all of it is there.");
    }

    internal void Applied(long revision, int count)
    {
        summary.Revisions.Add(revision);
        summary.Applied += count;
        if (!call.Json) call.Line($"{count} values imported {call.Ink.Faint($"(revision {revision})")}");
    }

    /// <summary>With --json the whole of it; the exit code either way.</summary>
    internal int End(int code)
    {
        if (call.Json) call.Print(summary, ImportJson.Default.ImportSummary);
        return code;
    }

    string Line(PlannedChange change)
    {
        var value = Ink.Cut(Ink.Show(change.Value), ValueCharacters);
        if (change.Stored is null) return call.Ink.Added($"+ {change.Entry.Key} = {value}");
        var type = JsonText.TypeOf(change.Value) is var now && change.Stored.ValueType is { } before && before != "json" && before != now ? $" ({before} → {now})" : "";
        return call.Ink.Changed($"~ {change.Entry.Key}: {Ink.Cut(Ink.Show(change.Stored.Value), ValueCharacters)} → {value}{type}");
    }
}

/// <summary>An import, as --json prints it.</summary>
internal sealed class ImportSummary
{
    /// <summary>Values in the files, those that a later one of the same key replaced included.</summary>
    public int Leaves { get; set; }

    public IReadOnlyList<ImportedEnvironment> Environments { get; set; } = [];

    public IReadOnlyList<ImportedChange> Changes { get; set; } = [];

    public IReadOnlyList<string> Warnings { get; set; } = [];

    public IReadOnlyList<string> Invalid { get; set; } = [];

    public IReadOnlyList<string> SkippedFiles { get; set; } = [];

    /// <summary>Values written; 0 for a dry run.</summary>
    public int Applied { get; set; }

    public List<long> Revisions { get; } = [];
}

internal sealed record ImportedEnvironment(string Name, bool Existed, int Added, int Changed, int Equal);

internal sealed record ImportedChange(string Op, string Environment, string Key, string File, int Line);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ImportSummary))]
internal sealed partial class ImportJson : JsonSerializerContext;
