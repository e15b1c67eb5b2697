namespace Stele.Simulation.Checking.Histories;

/// <summary>
/// Writes against the journal: what was acknowledged stands in it once and as it was asked for, what was refused does not,
/// a key has one effect, and nothing stands there that nobody asked for.
/// </summary>
internal static class WriteChecks
{
    public static void Run(History history, string org, HistoryJournal journal, List<Operation> operations)
    {
        List<Operation> writes = [.. operations.Where(operation => operation.IsWrite)];
        var byTag = writes.Where(write => write.Call.Tag is not null).ToLookup(write => write.Call.Tag!, StringComparer.Ordinal);
        foreach (var write in writes.Where(write => write.Ok is { Cursor: not null })) Acknowledged(history, journal, write, byTag);
        Standing(history, org, journal, byTag);
        var standing = journal.Places.Where(place => !place.Lost && place.Line!.Tag is not null).ToLookup(place => place.Line!.Tag!, StringComparer.Ordinal);
        foreach (var group in writes.Where(write => write.Call.IdempotencyKey is not null).GroupBy(write => (write.Call.Client, write.Call.IdempotencyKey)))
            OnceOnly(history, journal, standing, [.. group], group.Key.IdempotencyKey!);
    }

    static void Acknowledged(History history, HistoryJournal journal, Operation write, ILookup<string, Operation> byTag)
    {
        var ok = write.Ok!;
        if (journal.Find(ok.Cursor) is not { Line: { } line, IsAside: false } place)
        {
            history.Report("what is acknowledged is committed", $"{write} was answered {ok.Cursor}, which is not in the journal", ok.At);
            return;
        }
        if (write.Call.Tag is { } tag && line.Tag != tag && !(line.Tag is not null && byTag[line.Tag].Any(write.IsSameAs)))
            history.Report("an acknowledgement is of the write that was asked for", $"{write} ({tag}) was answered {ok.Cursor}, which is of {line.Tag}", ok.At);
        foreach (var item in ok.Items ?? [])
            if (place.LastVersion(item.Stream) != item.Version)
                history.Report("a write's answer shows its own effect", $"{write} was answered version {item.Version} of {item.Stream}, and at {ok.Cursor} it is {place.LastVersion(item.Stream)}", ok.At);
    }

    static void Standing(History history, string org, HistoryJournal journal, ILookup<string, Operation> byTag)
    {
        var standing = new HashSet<string>(StringComparer.Ordinal);
        foreach (var place in journal.Places)
        {
            var line = place.Line!;
            if (line.Setup == true) continue;
            if (line.Tag is null || !byTag.Contains(line.Tag))
            {
                history.Report("nothing is written that nobody asked for", $"org {org}: revision {line.Revision} is of {line.Tag ?? "nobody"}", line.At);
                continue;
            }
            if (!place.Lost && !standing.Add(line.Tag)) history.Report("what is asked for once is written once", $"org {org}: {line.Tag} stands in the journal twice, the second time as revision {line.Revision}", line.At);
            List<Operation> askedBy = [.. byTag[line.Tag]];
            // of what was lost it is right to say that it is not written
            if (!place.Lost && askedBy.TrueForAll(operation => operation.End is EndedFailed))
                history.Report("what is refused is never written", $"{askedBy[0]} ended with {((EndedFailed)askedBy[0].End!).Code}, and is revision {line.Revision}", line.At);
            Effect(history, place, askedBy[0]);
        }
    }

    // what it did is what was asked for, on the revision just before it
    static void Effect(History history, HistoryPlace place, Operation write)
    {
        if (write.Call.Changes is not { } changes) return;
        var (line, before) = (place.Line!, place.Before!);
        foreach (var change in changes)
        {
            if (change.ExpectedVersion is { } expected && !Expected(before, change.Stream, expected))
                history.Report("a write is decided on the revision before it", $"{write} expected version {expected} of {change.Stream}, which was at {before.LastVersion(change.Stream)} before revision {line.Revision}", line.At);
            var e = line.Events.FirstOrDefault(e => e.Stream == change.Stream);
            if (change.Op == "check" ? e is not null : e is null || (e.Value is null) != (change.Op == "delete") || (change.Value is not null && e.Value != change.Value))
                history.Report("a write does what was asked for, whole", $"{write}: {change} is {e?.ToString() ?? "not there"} in revision {line.Revision}", line.At);
        }
        if (line.Events.Count > changes.Count) history.Report("a write does what was asked for, whole", $"{write}: revision {line.Revision} has {line.Events.Count} events, and {changes.Count} changes were asked for", line.At);
    }

    /// <summary>Whether an item is at a version, or, with 0, not there.</summary>
    public static bool Expected(HistoryPlace at, string stream, long version) =>
        (at.Item(stream)?.Version ?? 0) == version || (version > 0 && at.LastVersion(stream) == version);

    static void OnceOnly(History history, HistoryJournal journal, ILookup<string, HistoryPlace> standing, List<Operation> attempts, string key)
    {
        List<HistoryPlace> effects = [.. attempts.Select(attempt => attempt.Call.Tag).OfType<string>().Distinct().SelectMany(tag => standing[tag])];
        if (effects.Count > 1)
            history.Report("an idempotency key has one effect", $"key {key} of {attempts[0].Call.Client} is {string.Join(" and ", effects.Select(place => place.Cursor))}", effects[^1].Line!.At);
        List<string> answers = [.. attempts.Where(attempt => attempt.Ok?.Cursor is { } cursor && journal.Find(cursor) is { Lost: false }).Select(attempt => attempt.Ok!.Cursor!).Distinct()];
        if (answers.Count > 1) history.Report("an idempotency key has one effect", $"key {key} of {attempts[0].Call.Client} was answered {string.Join(" and ", answers)}", attempts[^1].Call.At);
    }
}
