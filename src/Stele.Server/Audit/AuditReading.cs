using System.Globalization;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Server.Gateway;

namespace Stele.Server.Audit;

/// <summary>
/// Journal and audit log as one list, in the order of their times; of equal times the journal's first. Each is read in
/// windows, of which only what fits the question is kept: so memory is bounded by two windows however long the list is, and
/// a reading may stop after so many windows and go on later from where it was.
/// </summary>
internal sealed class AuditReading
{
    readonly AuditQueries queries;
    readonly OrgId org;
    readonly AuditParameters asked;
    readonly AuditBounds bounds;
    readonly int fetchRows;
    readonly Source journal, entries;

    /// <param name="queries">The SQL.</param>
    /// <param name="org">Of which org.</param>
    /// <param name="asked">What.</param>
    /// <param name="bounds">Between what.</param>
    /// <param name="cursor">Where to go on; null: at the beginning.</param>
    /// <param name="fetchRows">Lines that one statement gives.</param>
    public AuditReading(AuditQueries queries, OrgId org, AuditParameters asked, AuditBounds bounds, AuditPlace? cursor, int fetchRows)
    {
        (this.queries, this.org, this.asked, this.bounds, this.fetchRows) = (queries, org, asked, bounds, fetchRows);
        var from = cursor ?? (asked.IsOldestFirst ? Start(bounds) : new AuditPlace(bounds.LastRevision + 1, 0, bounds.LastSequence + 1));
        journal = new Source(this, from.Revision, from.Ordinal, isJournal: true) { IsDone = !asked.HasJournal };
        entries = new Source(this, from.Sequence, 0, isJournal: false) { IsDone = !asked.HasEntries };
    }

    /// <summary>Where to go on.</summary>
    public AuditPlace Place => new(journal.Number, journal.Ordinal, entries.Number);

    /// <summary>Where what comes after the bounds begins, for who reads oldest first.</summary>
    public AuditPlace End => new(bounds.LastRevision, int.MaxValue, bounds.LastSequence);

    /// <summary>Where it begins, oldest first.</summary>
    public static AuditPlace Start(AuditBounds bounds) => new(bounds.AfterRevision, int.MaxValue, bounds.AfterSequence);

    /// <summary>The next lines, at most so many and looking at no more than so many windows, and whether that is all there are.</summary>
    public async Task<(List<AuditRow> Rows, bool IsEnd)> Next(int rowsMax, int windowsMax, CancellationToken cancellation)
    {
        var rows = new List<AuditRow>();
        while (rows.Count < rowsMax)
        {
            foreach (var source in (Source[])[journal, entries])
                while (source.NeedsMore)
                {
                    if (windowsMax-- == 0) return (rows, false);
                    await source.Fetch(cancellation);
                }
            if (First() is not { } first) return (rows, true);
            rows.Add(first.Take());
        }
        return (rows, journal.IsEnd && entries.IsEnd);
    }

    Source? First() =>
        journal.Head is not { } left ? entries.Head is null ? null : entries
        : entries.Head is not { } right ? journal
        : (asked.IsOldestFirst ? left.At <= right.At : left.At > right.At) ? journal : entries;

    /// <summary>One of the two logs.</summary>
    sealed class Source(AuditReading reading, long number, int ordinal, bool isJournal)
    {
        readonly Queue<AuditRow> window = new();
        (long Number, int Ordinal) reached = (number, ordinal);

        /// <summary>Up to here everything was taken, or did not fit.</summary>
        public long Number { get; private set; } = number;

        public int Ordinal { get; private set; } = ordinal;

        /// <summary>Nothing is left to fetch.</summary>
        public bool IsDone { get; set; }

        public bool NeedsMore => window.Count == 0 && !IsDone;

        public bool IsEnd => window.Count == 0 && IsDone;

        public AuditRow? Head => window.TryPeek(out var row) ? row : null;

        public AuditRow Take()
        {
            var row = window.Dequeue();
            (Number, Ordinal) = window.Count == 0 ? reached : isJournal ? (row.Revision, row.Ordinal) : (row.Sequence, 0);
            return row;
        }

        public async Task Fetch(CancellationToken cancellation)
        {
            var (rows, end, isDone) = await (reading.asked.IsOldestFirst ? After(cancellation) : Before(cancellation));
            IsDone = isDone;
            foreach (var row in rows) window.Enqueue(row);
            var isFull = rows.Count == reading.fetchRows;
            reached = isFull ? isJournal ? (rows[^1].Revision, rows[^1].Ordinal) : (rows[^1].Sequence, 0) : end;
            IsDone &= !isFull;
            if (rows.Count == 0) (Number, Ordinal) = reached;
        }

        async Task<(List<AuditRow> Rows, (long, int) End, bool IsDone)> After(CancellationToken cancellation)
        {
            var last = isJournal ? reading.bounds.LastRevision : reading.bounds.LastSequence;
            var to = Math.Min(last, reached.Number + AuditQueries.Window);
            if (reached.Number > last || (reached.Number == last && (!isJournal || reached.Ordinal == int.MaxValue))) return ([], reached, true);
            var rows = isJournal ? await reading.queries.EventsAfter(reading.org, reading.asked, reached.Number, reached.Ordinal, to, reading.fetchRows, cancellation)
                : await reading.queries.EntriesAfter(reading.org, reading.asked, reached.Number, to, reading.fetchRows, cancellation);
            return (rows, (to, isJournal ? int.MaxValue : 0), to == last);
        }

        async Task<(List<AuditRow> Rows, (long, int) End, bool IsDone)> Before(CancellationToken cancellation)
        {
            var first = (isJournal ? reading.bounds.AfterRevision : reading.bounds.AfterSequence) + 1;
            var to = Math.Max(first, reached.Number - AuditQueries.Window);
            if (reached.Number < first || (reached.Number == first && reached.Ordinal == 0)) return ([], reached, true);
            var rows = isJournal ? await reading.queries.EventsBefore(reading.org, reading.asked, reached.Number, reached.Ordinal, to, reading.fetchRows, cancellation)
                : await reading.queries.EntriesBefore(reading.org, reading.asked, reached.Number, to, reading.fetchRows, cancellation);
            return (rows, (to, 0), to == first);
        }
    }
}

/// <summary>How far a reading is in each of the two logs: exclusive, in its own direction.</summary>
internal readonly record struct AuditPlace(long Revision, int Ordinal, long Sequence)
{
    /// <summary>As a cursor of a question, in one direction.</summary>
    public string Encode(string[] query, bool isOldestFirst) =>
        new PageCursor(Revision, Sequence, Ordinal.ToString(CultureInfo.InvariantCulture)).Encode(Named(query, isOldestFirst));

    /// <summary>Reads a cursor; null with what is wrong with it.</summary>
    public static AuditPlace? Decode(string text, string[] query, bool isOldestFirst, out Problem? problem)
    {
        problem = PageCursor.TryParse(text, out var cursor, Named(query, isOldestFirst));
        if (problem is not null) return null;
        if (int.TryParse(cursor.After, NumberStyles.None, CultureInfo.InvariantCulture, out var ordinal)) return new AuditPlace(cursor.Revision, ordinal, cursor.OtherRevision);
        problem = Problem.Query("cursor", "cursor.malformed", "This is not a cursor that a list answered.");
        return null;
    }

    static string[] Named(string[] query, bool isOldestFirst) => [.. query, isOldestFirst ? "oldest" : "newest"];
}
