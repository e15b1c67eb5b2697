using Stele.Core.Journal;
using Stele.Core.Watch;
using Stele.Server.Journal;

namespace Stele.Server.Watch;

/// <summary>
/// Brings one subscriber level: from the ring; else, when much happened since, asks an index which revisions the filter wants
/// and reads those; else reads all in order. As fast as the client takes it, and with no more in memory than two pages and its buffer.
/// </summary>
internal sealed class WatchReplay(OrgWatch watch, Subscriber subscriber, int generation, IJournalStore store, TimeProvider time, WatchOptions options, WatchLog log)
{
    readonly IReadOnlyList<(string From, string To)> streams = subscriber.Filter.Streams();
    Queue<long>? wanted;
    readonly Queue<(long After, Task<IReadOnlyList<RevisionRecord>> Page)> ahead = new();
    long aheadTo;
    Cursor target;
    Cursor? reached;

    /// <summary>Runs until the subscriber gets what happens, or is gone.</summary>
    /// <param name="from">What it has, by its cursor.</param>
    /// <param name="revision">What it has, by number; used if there is no cursor.</param>
    public async Task Run(Cursor? from, long revision)
    {
        while (true)
        {
            try
            {
                if (await Begin(from, revision) is { } at) await Catch(at);
                return;
            }
            catch (StoreUnavailableException)
            {
                // whoever resumes while PostgreSQL is away waits for it, and goes on after what waits for him already
                from = reached ?? from;
                (wanted, target) = (null, default);
                ahead.Clear();
            }
            catch (Exception e)
            {
                log.ReplayBroke(watch.Org, e);
                watch.End(subscriber, generation, WatchEnd.Unavailable);
                return;
            }
            if (subscriber.Slot < 0 || subscriber.Outbox.End is not null) return;
            await Task.Delay(options.RetryPause, time);
        }
    }

    // null: it was told to read anew
    async Task<Cursor?> Begin(Cursor? from, long revision)
    {
        var last = watch.Journal.State.Revision;
        var asked = from?.Revision ?? revision;
        var there = asked > last ? null : await CursorAt(asked);
        // the floor is found by reading: an archived revision comes without events
        if (WatchResume.Refused(from ?? there ?? default, last, 0, there) is { } reason)
        {
            watch.Reset(subscriber, generation, reason);
            return null;
        }
        return there;
    }

    async Task<Cursor?> CursorAt(long revision)
    {
        if (revision == 0) return Cursor.At(0, RevisionChain.Genesis);
        if (watch.Journal.Ring.Find(revision) is { } recent) return recent.Cursor;
        if (watch.Journal.State.Place is var place && place.Revision == revision) return place.Cursor;
        var found = await store.Read(watch.Org, revision - 1, 1, CancellationToken.None);
        return found is [{ } record] && record.Revision == revision ? record.Cursor : null;
    }

    async Task Catch(Cursor at)
    {
        target = at;
        while (!watch.TryJoin(subscriber, generation, at))
        {
            // it is only room that lacks
            if (at.Revision >= watch.Place.Revision)
            {
                await subscriber.Outbox.WaitForNothing();
                if (subscriber.Outbox.End is not null) return;
                continue;
            }
            if (at.Revision >= target.Revision) (target, wanted) = (watch.Place.Cursor, null);
            var (page, through) = await Next(at);
            if (page is null)
            {
                watch.Reset(subscriber, generation, WatchResetReason.Archived);
                return;
            }
            foreach (var record in page)
            {
                var revision = WatchRevision.Of(record);
                if (revision.Seen(subscriber.Filter, subscriber.Rights) is not { Length: > 0 } seen) continue;
                var frame = WatchFrame.Change(revision, seen);
                // by the rights of the moment when it goes out
                bool? added;
                do
                {
                    if (!await subscriber.Outbox.WaitForRoom(frame)) return;
                    added = watch.Replay(subscriber, generation, frame);
                }
                while (added == false);
                if (added is null) return;
                reached = frame.Cursor;
            }
            reached = at = through;
        }
    }

    // a page of what comes next, and how far it leads; null: it is archived
    async Task<(IReadOnlyList<RevisionRecord>? Page, Cursor Through)> Next(Cursor at)
    {
        var recent = new List<RevisionRecord>();
        for (var next = at.Revision + 1; next <= target.Revision && recent.Count < options.ReadRevisions && watch.Journal.Ring.Find(next) is { } record; next++) recent.Add(record);
        if (recent.Count > 0) return (recent, recent[^1].Cursor);
        if (wanted is null && target.Revision - at.Revision > options.ProbeRevisions)
        {
            var probe = await store.Find(watch.Org, at.Revision, target.Revision, streams, options.ProbedMax, CancellationToken.None);
            if (at.Revision < probe.Floor) return (null, at);
            if (probe.Revisions is { } few) wanted = new Queue<long>(few);
        }
        // memory may have given some of them meanwhile
        while (wanted is not null && wanted.TryPeek(out var had) && had <= at.Revision) wanted.Dequeue();
        if (wanted is not null) return await NextWanted();
        var page = await NextPage(at.Revision);
        // the database has gone back, which the journal will say; whoever waits for it is reset then
        if (page.Count == 0) throw new StoreUnavailableException("the journal does not go on");
        if (page.Any(record => record.IsArchived)) return (null, at);
        return ([.. page.Where(record => record.Revision <= target.Revision)], page[^1].Revision <= target.Revision ? page[^1].Cursor : target);
    }

    // while a page is handed over the one after it is read: revisions have no gaps, so where it begins is known
    Task<IReadOnlyList<RevisionRecord>> NextPage(long after)
    {
        if (!ahead.TryPeek(out var first) || first.After != after)
        {
            ahead.Clear();
            aheadTo = after;
        }
        for (; ahead.Count <= PagesAhead && (ahead.Count == 0 || aheadTo < target.Revision); aheadTo += options.ReadRevisions)
            ahead.Enqueue((aheadTo, store.Read(watch.Org, aheadTo, options.ReadRevisions, CancellationToken.None)));
        return ahead.Dequeue().Page;
    }

    // measured: with more, PostgreSQL and this process take the processor from each other
    const int PagesAhead = 1;

    async Task<(IReadOnlyList<RevisionRecord>? Page, Cursor Through)> NextWanted()
    {
        var some = new List<long>();
        while (some.Count < options.ReadRevisions / 4 && wanted!.TryDequeue(out var revision)) some.Add(revision);
        if (some.Count == 0) return ([], target);
        var page = await store.Read(watch.Org, some, CancellationToken.None);
        if (page.Count < some.Count) throw new StoreUnavailableException("the journal has lost what it had");
        if (page.Any(record => record.IsArchived)) return (null, default);
        return (page, wanted!.Count == 0 ? target : page[^1].Cursor);
    }
}
