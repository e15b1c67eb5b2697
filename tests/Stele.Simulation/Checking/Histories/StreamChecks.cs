namespace Stele.Simulation.Checking.Histories;

/// <summary>
/// What watchers got against the journal: whole revisions, in order, nothing left out and nothing twice, over all their
/// connections, from where they began or were last reset; and level in the end.
/// </summary>
internal static class StreamChecks
{
    public static void Run(History history)
    {
        var streams = new Dictionary<string, Stream>(StringComparer.Ordinal);
        foreach (var line in history.Lines)
            switch (line)
            {
                case StreamOpened opened when !streams.ContainsKey(opened.Stream):
                    if (history.Journals.TryGetValue(opened.Org, out var journal)) streams.Add(opened.Stream, new Stream(history, journal, opened));
                    break;
                case FrameReceived frame when streams.TryGetValue(frame.Stream, out var stream):
                    stream.Take(frame);
                    break;
                case StreamIsLevel level when streams.TryGetValue(level.Stream, out var stream):
                    stream.Finish(level);
                    break;
            }
    }

    sealed class Stream(History history, HistoryJournal journal, StreamOpened opened)
    {
        readonly string what = $"stream {opened.Stream}";
        HistoryPlace? at = journal.Find(opened.From);
        bool broken;

        public void Take(FrameReceived frame)
        {
            foreach (var change in frame.Changes ?? []) history.CheckOwner(opened.Org, change.Value, what, frame.At);
            if (broken || frame.Cursor is null) return;
            if (journal.Find(frame.Cursor) is not { } place)
            {
                Break("answers show committed state", $"{what} got {frame.Cursor}, which was never committed", frame.At);
                return;
            }
            if (frame.Kind == "reset")
            {
                if (at is null || !(journal.IsLost(at, frame.At) || HistoryJournal.Departs(at, place, frame.At))) Break("nobody is reset whose history holds", $"{what} at {frame.Cursor}", frame.At);
                at = place;
                return;
            }
            if (at is not null) Follow(frame, place);
            at = place;
        }

        public void Finish(StreamIsLevel level)
        {
            if (broken) return;
            if (at is null) Break("a watcher is served", what, level.At);
            else if (Between(at, journal.Head) is not { } missed) Break("a stream ends level", $"{what} is at {at.Cursor}, from which {journal.Head.Cursor} does not follow", level.At);
            else if (missed.Find(place => Seen(place).Count > 0) is { } first) Break("a stream ends level", $"{what} is at {at.Cursor} and never got {first.Cursor}", level.At);
        }

        void Follow(FrameReceived frame, HistoryPlace place)
        {
            var change = frame.Kind == "change";
            if (Between(at!, place) is not { } path || (change && path.Count == 0))
            {
                Break("a stream never goes back", $"{what} had {at!.Cursor} and got {frame.Kind} at {frame.Cursor}", frame.At);
                return;
            }
            foreach (var passed in path.Where(passed => !(change && passed == place)))
                if (Seen(passed).Count > 0)
                {
                    Break("a stream is the journal under its filter", $"{what} got {frame.Kind} at {frame.Cursor} without {passed.Cursor}", frame.At);
                    return;
                }
            if (change && Difference(frame.Changes ?? [], Seen(place)) is { } difference) Break("a stream is the journal under its filter", $"{what} at {frame.Cursor}: {difference}", frame.At);
        }

        // the places after one up to another; null: the other does not follow from the one
        static List<HistoryPlace>? Between(HistoryPlace from, HistoryPlace to)
        {
            var path = new List<HistoryPlace>();
            var place = to;
            for (; place is not null && place.Revision > from.Revision; place = place.Before) path.Add(place);
            path.Reverse();
            return place == from ? path : null;
        }

        List<StoredEvent> Seen(HistoryPlace place) => [.. place.Line!.Events.Where(IsSeen)];

        bool IsSeen(StoredEvent e)
        {
            var parts = e.Stream.Split('/', 3);
            return parts[1] == opened.Environment && (opened.Kinds is null || opened.Kinds.Contains(parts[0]))
                && (opened.Prefixes.Count == 0 || opened.Prefixes.Any(prefix => parts[2].StartsWith(prefix, StringComparison.Ordinal)));
        }

        static string? Difference(IReadOnlyList<SeenChange> got, List<StoredEvent> due)
        {
            if (got.Count != due.Count) return $"{got.Count} changes of {due.Count}";
            var byStream = got.GroupBy(change => $"{change.Kind}/{change.Environment}/{change.Key}").ToDictionary(group => group.Key, group => group.Last(), StringComparer.Ordinal);
            foreach (var e in due)
            {
                if (!byStream.TryGetValue(e.Stream, out var change)) return $"{e.Stream} is missing";
                if (change.Version != e.Version || (change.Op == "delete") != (e.Value is null) || (change.Value is not null && change.Value != e.Value)) return $"{change}, and the journal has {e}";
            }
            return null;
        }

        void Break(string rule, string detail, long when)
        {
            broken = true;
            history.Report(rule, detail, when);
        }
    }
}
