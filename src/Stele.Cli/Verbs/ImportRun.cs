using Stele.Cli.Import;
using Stele.Client;
using Stele.Core.Limits;
using Stele.Core.Orgs;

namespace Stele.Cli.Verbs;

/// <summary>
/// One import: read, compare, show, ask, write. What it writes is conditional on what it showed: a key that changes in
/// between stops it (exit 4). Repeating an import that stopped half-way, or that is done, is safe: what is equal is skipped.
/// </summary>
internal sealed class ImportRun(Call call, ImportWish wish)
{
    readonly ImportNotes notes = new();
    readonly ImportReport report = new(call, wish.Verbose);

    internal async Task<int> Run()
    {
        // Which environment "the default" is, only the server knows: an import is too large a thing to guess it.
        if (call.Environment is not { } environment) return call.Usage("import needs --env (or STELE_ENV): where to put what has no profile.");
        if (!EnvironmentName.TryParse(environment, out _)) return call.Usage($"{environment} cannot be an environment. {EnvironmentName.Message}");
        var (files, skipped) = ImportFiles.Read(wish.Path, wish.Naming, notes);
        if (files.Count == 0 && notes.Problems.Count == 0) return call.Usage($"{wish.Path}: no .yml, .yaml, .json, .properties or .env file is there.");
        var set = ImportSet.Read(files, environment, wish.InferTypes, notes);
        report.Skipped(skipped);
        report.Problems(notes.Problems, wish.SkipInvalid);
        if (notes.Problems.Count > 0 && !wish.SkipInvalid) return report.End(ExitCode.Usage);
        var existing = (await call.Client.ListEnvironmentsAsync(call.Cancellation)).Items;
        var plan = await Plan(set, existing.Select(item => item.Name).ToHashSet(StringComparer.Ordinal));
        report.Warnings(notes.Warnings);
        report.Plan(set, plan);
        if (wish.DryRun) return report.End(ExitCode.Done);
        var missing = plan.Where(one => !one.Exists).Select(one => one.Name).ToList();
        if (missing.Count > 0 && !wish.CreateEnvironments)
            return report.End(call.Usage($"there is no environment {string.Join(", ", missing)}: --create-environments makes {(missing.Count == 1 ? "it" : "them")}."));
        var changes = plan.SelectMany(one => one.Changes).ToList();
        if (changes.Count == 0 && missing.Count == 0)
        {
            report.Nothing();
            return report.End(ExitCode.Done);
        }
        var sets = await Split(changes);
        if (sets.Count > 1) call.Note($"This is more than one change can hold: it takes {sets.Count}, one after the other, each for itself.");
        if (await call.Confirm("Import this?", wish.Yes) is { } no) return report.End(no);
        return await Apply(missing, sets);
    }

    async Task<List<EnvironmentPlan>> Plan(ImportSet set, HashSet<string> existing)
    {
        var plan = new List<EnvironmentPlan>();
        foreach (var group in set.Entries.GroupBy(entry => entry.Environment, StringComparer.Ordinal))
        {
            var stored = new Dictionary<string, ConfigItem>(StringComparer.Ordinal);
            if (existing.Contains(group.Key))
                await foreach (var item in call.Client.ListAllConfigAsync(new ConfigList { Environment = group.Key, Prefix = Common(group), Limit = ListVerb.PageItems }, call.Cancellation))
                    stored[item.Key] = item;
            plan.Add(ImportPlan.Of(group.Key, existing.Contains(group.Key), group, stored));
            notes.Warnings.AddRange(ImportPlan.LongerLists(group.Key, group, stored.Keys).Select(text => new SourceNote(wish.Path, 0, text)));
        }
        return plan;
    }

    /// <summary>What all keys begin with: an import of one service need not read the others.</summary>
    static string? Common(IEnumerable<ImportEntry> entries)
    {
        var common = entries.Select(entry => entry.Key).Aggregate((a, b) => a[..a.AsSpan().CommonPrefixLength(b)]);
        return common.Length == 0 ? null : common;
    }

    async Task<List<List<PlannedChange>>> Split(List<PlannedChange> changes)
    {
        var (count, bytes) = (SteleLimits.ChangeSetChanges.Value, SteleLimits.ChangeSetBytes.Value);
        try
        {
            foreach (var limit in (await call.Client.ListLimitsAsync(call.Cancellation)).Items)
                if (limit.Name == SteleLimits.ChangeSetChanges.Name) count = limit.Value;
                else if (limit.Name == SteleLimits.ChangeSetBytes.Name) bytes = limit.Value;
        }
        catch (SteleException e) when (e.Code is "not_found" or "forbidden")
        {
            // A server that does not tell has the defaults.
        }
        return ImportPlan.Split(changes, count, bytes);
    }

    async Task<int> Apply(List<string> missing, List<List<PlannedChange>> sets)
    {
        var done = 0;
        using var progress = sets.Count > 1 && call.Surroundings.ErrorIsTerminal ? new Progress(call.Surroundings, "import", sets.Sum(set => (long)set.Count)) : null;
        try
        {
            foreach (var name in missing) await call.Client.CreateEnvironmentAsync(name, null, call.Cancellation);
            foreach (var (i, set) in sets.Index())
            {
                if (sets.Count > 1 && progress is null) call.Note($"{i + 1} of {sets.Count}: {set.Count} values …");
                var revision = await Apply(set);
                progress?.Dispose();
                report.Applied(revision, set.Count);
                done += set.Count;
                progress?.Report(done);
            }
        }
        catch (SteleException) when (done > 0)
        {
            progress?.Dispose();
            call.Note($"stele: {done} of {sets.Sum(set => set.Count)} values are imported, the others are not. The same command again does the rest.");
            throw;
        }
        return report.End(ExitCode.Done);
    }

    async Task<long> Apply(List<PlannedChange> set)
    {
        try
        {
            var changes = new ChangeSet { Changes = [.. set.Select(change => change.Change)], ChangeLog = wish.Message };
            return (await call.Client.ApplyChangesAsync(null, changes, call.Cancellation)).Revision;
        }
        catch (SteleException e)
        {
            // The server counts changes; people know files and lines.
            foreach (var error in e.Errors)
                if (ImportPlan.Refused(set, error.Pointer) is { } change)
                    call.Note($"stele: {new SourceNote(change.Entry.File, change.Entry.Line, $"{change.Entry.Key} in {change.Entry.Environment}: {error.Message}")}");
            throw;
        }
    }
}
