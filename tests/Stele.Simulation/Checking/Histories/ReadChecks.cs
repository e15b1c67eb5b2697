namespace Stele.Simulation.Checking.Histories;

/// <summary>
/// Answers against the journal: every answer is what stood at the place that it names, whole; nobody who stays with a node
/// goes back; and nothing is of another org.
/// </summary>
internal static class ReadChecks
{
    public static void Run(History history, string org, HistoryJournal journal, List<Operation> operations)
    {
        foreach (var read in operations.Where(operation => operation is { IsWrite: false, Ok: not null })) Answer(history, org, journal, read);
        foreach (var session in operations.Where(operation => operation.Ok?.Cursor is not null).GroupBy(operation => (operation.Call.Client, operation.Call.Node)))
            Session(history, journal, [.. session.OrderBy(operation => operation.Call.At)]);
    }

    static void Answer(History history, string org, HistoryJournal journal, Operation read)
    {
        var ok = read.Ok!;
        foreach (var item in ok.Items ?? []) history.CheckOwner(org, item.Value, read.ToString(), ok.At);
        var place = journal.Find(ok.Cursor);
        if (place is null || (place.IsAside && read.Call.IsStrong))
            history.Report("answers show committed state", $"{read} ({(read.Call.IsStrong ? "strong" : "local")}) was answered at {ok.Cursor ?? "no place"}, which {(place is null ? "was never committed" : "only a deposed primary had")}", ok.At);
        if (place is null) return;
        if (read.Call.MinCursor is { } min && journal.Find(min) is { } least && place.Revision < least.Revision && !least.Lost)
            history.Report("min_cursor is reached", $"{read} was answered at {ok.Cursor}, before {min}", ok.At);
        var shown = (ok.Items ?? []).ToDictionary(item => item.Stream, StringComparer.Ordinal);
        foreach (var item in shown.Values)
            if (place.Item(item.Stream) is not { } there || there.Version != item.Version || (item.Value is not null && there.Value != item.Value))
                history.Report("answers equal the journal", $"{read} at {ok.Cursor}: {item}, and there stands {place.Item(item.Stream)?.ToString() ?? "nothing"}", ok.At);
        var due = read.Call.Items?.Select(item => item.Stream).Where(stream => place.Item(stream) is not null) ?? [];
        if (read.Call.List is { } list) due = place.Items.Where(pair => !pair.Value.Deleted && pair.Key.StartsWith(list.Stream, StringComparison.Ordinal)).Select(pair => pair.Key);
        foreach (var stream in due)
            if (!shown.ContainsKey(stream)) history.Report("answers equal the journal", $"{read} at {ok.Cursor} lacks {stream}", ok.At);
    }

    // unless what was seen was lost
    static void Session(History history, HistoryJournal journal, List<Operation> operations)
    {
        HistoryPlace? seen = null;
        long seenAt = 0;
        foreach (var operation in operations)
        {
            if (journal.Find(operation.Ok!.Cursor) is not { } place) continue;
            // two at once go in whichever order
            if (seen is { Lost: false } && place.Revision < seen.Revision && operation.Call.At > seenAt && !operation.IsWrite)
                history.Report("a session never goes back", $"{operation} showed {place.Cursor} after {seen.Cursor}", operation.EndedAt);
            if (seen is null || seen.Lost || place.Revision >= seen.Revision) (seen, seenAt) = (place, operation.EndedAt);
        }
    }
}
