namespace Stele.Simulation.Checking.Histories;

/// <summary>
/// Whether writes and strong reads may have happened one after the other, each between its call and its end. The journal
/// says in which order the writes did, and each answer says where it read; so there is nothing to search for: every
/// operation is put at the first moment at which it can have happened and that is not before what was over when it was
/// called. That the moment is the first one makes the choice safe: a later one could only leave less room for the others.
/// </summary>
/// <remarks>
/// What a search finds that knows only values (<see cref="LinearizationSearch"/>), this finds too, together with the checks
/// of contents: a test holds the two against each other on planted violations.
/// </remarks>
internal static class Linearizability
{
    public static void Run(History history, HistoryJournal journal, List<Operation> operations)
    {
        List<Operation> placed = [.. operations.Where(operation => operation.IsWrite || operation.Call.IsStrong)];
        var landed = journal.Places.Where(place => place is { IsAside: false, Line.Tag: not null }).ToLookup(place => place.Line!.Tag!, StringComparer.Ordinal);
        var called = placed.Where(operation => operation.Call.Tag is not null).GroupBy(operation => operation.Call.Tag!, StringComparer.Ordinal).ToDictionary(attempts => attempts.Key, attempts => attempts.Min(attempt => attempt.Call.At), StringComparer.Ordinal);
        // what is over, by its end, and the latest moment at which any of it happened
        var over = new PriorityQueue<int, long>();
        var least = 0;
        var began = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var operation in placed)
        {
            while (over.TryPeek(out var moment, out var endedAt) && endedAt < operation.Call.At)
            {
                over.Dequeue();
                least = Math.Max(least, moment);
            }
            if (Place(history, journal, operation, landed, called, began, least) is { } at && operation.EndedAt != long.MaxValue) over.Enqueue(at, operation.EndedAt);
        }
    }

    static int? Place(History history, HistoryJournal journal, Operation operation, ILookup<string, HistoryPlace> landed, Dictionary<string, long> called, Dictionary<string, int> began, int least)
    {
        if (!operation.IsWrite)
            return operation.Ok is { } read && journal.Find(read.Cursor) is { IsAside: false } seen ? Read(history, journal, operation, seen, least) : null;
        if (operation.Ok is { Cursor: not null } ok) return journal.Find(ok.Cursor) is { IsAside: false } made ? Write(history, journal, operation, made, began, least) : null;
        // of one that nobody knows of the journal knows
        if (operation.End is not (EndedOk or EndedFailed) && operation.Call.Tag is { } tag)
        {
            foreach (var place in landed[tag]) Write(history, journal, operation, place, began, least);
            return null;
        }
        return Refusable(operation) ? Decided(history, journal, operation, called, least) : null;
    }

    static int? Read(History history, HistoryJournal journal, Operation read, HistoryPlace seen, int least)
    {
        foreach (var moment in seen.Moments)
            if (moment >= least) return moment;
        history.Report("strong reads are linearizable", $"{read} was answered at {seen.Cursor}, and {journal.Moments[least].Cursor} was known before it was asked", read.EndedAt);
        return null;
    }

    static int? Write(History history, HistoryJournal journal, Operation write, HistoryPlace made, Dictionary<string, int> began, int least)
    {
        var moment = made.Moments[0];
        // sent again, it is answered with what the first one did: it counts from the first call
        var first = began.TryGetValue(made.Cursor, out var before) ? before : began[made.Cursor] = least;
        if (moment <= first) history.Report("a write takes effect between request and answer", $"{write} made {made.Cursor}, and {journal.Moments[first].Cursor} was known before it was asked", write.Call.At);
        return moment;
    }

    // what was refused because of what it expected, or only looked: there must have been a moment at which that was right
    static int? Decided(History history, HistoryJournal journal, Operation operation, Dictionary<string, long> called, int least)
    {
        // what was called only after it was over, it cannot have been decided on, however right it would have been then
        bool IsOfLater(HistoryPlace place) => place.Line?.Tag is { } tag && called.TryGetValue(tag, out var at) && at > operation.EndedAt;
        for (var moment = least; moment < journal.Moments.Count && !IsOfLater(journal.Moments[moment]); moment++)
            if (Holds(journal.Moments[moment], operation.Call.Changes!) == operation.End is EndedOk) return moment;
        history.Report("a refusal is decided on the current state", $"{operation} ended with {operation.End}, and at no moment from {journal.Moments[least].Cursor} on was that right", operation.EndedAt);
        return null;
    }

    static bool Refusable(Operation operation)
    {
        var changes = operation.Call.Changes;
        if (changes is null or [] || changes.Any(change => change.Kind != "config")) return false;
        return operation.End switch
        {
            EndedFailed { Code: "conflict" } => true,
            EndedFailed { Code: "not_found" } => changes is [{ Op: "delete" }],
            EndedOk { Cursor: null } => changes.All(change => change is { Op: "check", ExpectedVersion: not null }),
            _ => false,
        };
    }

    static bool Holds(HistoryPlace at, IReadOnlyList<WrittenItem> changes)
    {
        foreach (var change in changes)
        {
            if (change.ExpectedVersion is { } expected && !WriteChecks.Expected(at, change.Stream, expected)) return false;
            if (change.Op == "delete" && at.Item(change.Stream) is null) return false;
        }
        return true;
    }
}
