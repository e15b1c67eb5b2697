using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Watch;
using Stele.Server.Journal;

namespace Stele.Server.Watch;

/// <summary>A part of the past, as a filter sees it.</summary>
/// <param name="Revisions">Those that it asks for, in order; null: they are archived.</param>
/// <param name="Through">The place of the last one that was looked at, and is known: nothing up to it is left out.</param>
internal sealed record WatchPage(IReadOnlyList<WatchRevision>? Revisions, JournalPlace Through);

/// <summary>
/// Reads the past for one who catches up, a page while the one before it is handed over. From the ring what is there; else, when much happened
/// since, an index says which revisions a filter wants, if they are few; else the journal is gone through in order: what a filter seldom wants
/// is looked for by PostgreSQL, and what it often wants is read whole and looked at here. A page is of one history with the place that it begins at and
/// with the watch's: a fail-over in between would otherwise leave out what came instead of what was lost.
/// </summary>
internal sealed class WatchPages(OrgWatch watch, WatchFilter filter, WatchReads journal, WatchOptions options)
{
    readonly IReadOnlyList<(string From, string To)> streams = filter.Streams();
    Task<WatchPage>? ahead;
    Queue<long>? wanted;
    JournalPlace at = watch.Place, target = watch.Place;
    // all up to here was read or looked through, which may be further than the last place that is known
    long scanned, wantedThrough;
    bool sought, seldom;

    /// <summary>The page after a place, up to where the watch is now or was when this part was begun. Throws when the journal cannot be read.</summary>
    public async Task<WatchPage> Next(JournalPlace from)
    {
        if (Recent(from) is { } recent)
        {
            ahead = null;
            return recent;
        }
        // the first, or after what memory gave
        if (ahead is null || !from.IsSame(at))
        {
            (ahead, wanted, sought, seldom) = (null, null, false, false);
            (at, scanned, target) = (from, from.Revision, watch.Place);
        }
        var page = await (ahead ?? Fetch());
        ahead = page.Revisions is not null && page.Through.Revision < target.Revision ? Fetch() : null;
        return page;
    }

    WatchPage? Recent(JournalPlace from)
    {
        var last = watch.Place.Revision;
        var recent = new List<WatchRevision>();
        var through = from;
        for (var next = from.Revision + 1; next <= last && next - from.Revision <= options.ReadRevisions && watch.Journal.Ring.Find(next) is { } record; next++)
        {
            if (!through.IsBefore(record)) break;
            Add(recent, record);
            through = JournalPlace.Of(record);
        }
        return through == from ? null : new WatchPage(recent, through);
    }

    async Task<WatchPage> Fetch()
    {
        var from = at;
        var page = await Read();
        return page.Revisions is null || await Stand(from, target) ? page : throw new StoreUnavailableException("the journal is not what it was");
    }

    // looked at after what was read: what is lost does not come back, so both stood there too while it was read, and with them all between
    async Task<bool> Stand(JournalPlace from, JournalPlace to)
    {
        var places = await journal.Places(watch.Org, [from.Revision, to.Revision]);
        return (from.Revision == 0 || (places.Count > 0 && places[0].IsSame(from))) && places.Count > 0 && places[^1].IsSame(to);
    }

    async Task<WatchPage> Read()
    {
        if (wanted is not { Count: > 0 } && !sought && target.Revision - scanned > options.ProbeRevisions)
        {
            var probe = await journal.Find(watch.Org, scanned, target.Revision, streams, options.ProbedMax);
            if (scanned < probe.Floor) return new WatchPage(null, at);
            (wanted, wantedThrough) = (probe.Revisions is { } few ? new Queue<long>(few) : null, target.Revision);
            seldom = wanted is null && IsSought;
        }
        sought = true;
        if (wanted is null && !seldom) return await InOrder();
        if (wanted is null)
        {
            var found = await journal.FindNext(watch.Org, scanned, Math.Min(target.Revision, scanned + options.SoughtRevisions), streams, options.ReadRevisions);
            if (scanned < found.Floor) return new WatchPage(null, at);
            (wanted, wantedThrough) = (new Queue<long>(found.Revisions!), found.Through);
            seldom = wanted.Count * 2 < found.Through - scanned;
        }
        return await Wanted(wanted);
    }

    // so many ranges that PostgreSQL would compare each event with are few
    bool IsSought => streams.Count <= options.SoughtRanges;

    async Task<WatchPage> InOrder()
    {
        var page = await journal.Read(watch.Org, scanned, (int)Math.Min(options.ReadRevisions, target.Revision - scanned));
        // the database has gone back, which the journal will say; whoever waits for it is reset then
        if (page.Count == 0) throw new StoreUnavailableException("the journal does not go on");
        if (page.Any(record => record.IsArchived)) return new WatchPage(null, at);
        var some = new List<WatchRevision>(page.Count);
        foreach (var record in page) Add(some, record);
        (scanned, at) = (page[^1].Revision, JournalPlace.Of(page[^1]));
        seldom = IsSought && target.Revision - scanned > options.ProbeRevisions && some.Count * 4 < page.Count;
        return new WatchPage(some, at);
    }

    // by number; nothing else is wanted up to where they were looked for
    async Task<WatchPage> Wanted(Queue<long> numbers)
    {
        var some = new List<WatchRevision>();
        if (numbers.Count > 0)
        {
            var page = await journal.Read(watch.Org, [.. numbers.Take(options.ReadRevisions)]);
            if (page.Any(record => record.IsArchived)) return new WatchPage(null, at);
            foreach (var record in page)
            {
                if (!numbers.TryDequeue(out var number) || record.Revision != number) throw new StoreUnavailableException("the journal has lost what it had");
                Add(some, record);
            }
            if (page.Count == 0) throw new StoreUnavailableException("the journal has lost what it had");
            (scanned, at) = (page[^1].Revision, JournalPlace.Of(page[^1]));
        }
        if (numbers.Count > 0) return new WatchPage(some, at);
        (wanted, scanned) = (null, wantedThrough);
        if (scanned == target.Revision) at = target;
        return new WatchPage(some, at);
    }

    void Add(List<WatchRevision> some, RevisionRecord record)
    {
        var revision = WatchRevision.Of(record);
        foreach (var change in revision.Changes)
        {
            if (!filter.Matches(change)) continue;
            some.Add(revision);
            return;
        }
    }
}
