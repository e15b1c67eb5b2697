using Stele.Core.Journal;
using Stele.Core.Watch;
using Stele.Server.Journal;

namespace Stele.Server.Watch;

/// <summary>
/// Brings one subscriber level, by the pages of <see cref="WatchPages"/>: as fast as the client takes it, and with no more in memory than two
/// pages and its buffer.
/// </summary>
internal sealed class WatchReplay(OrgWatch watch, Subscriber subscriber, int generation, WatchReads journal, TimeProvider time, WatchOptions options, WatchLog log)
{
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
        var state = watch.Journal.State;
        var last = state.Revision;
        var asked = from?.Revision ?? revision;
        var there = asked > last ? null : await CursorAt(asked);
        // the floor is found by reading: an archived revision comes without events
        if (WatchResume.Refused(from ?? there ?? default, last, 0, there) is { } reason)
        {
            watch.Reset(subscriber, generation, reason);
            return null;
        }
        return watch.TryNote(subscriber, generation, there!.Value, state.Incarnation) ? there : throw new StoreUnavailableException("the history is another one now");
    }

    async Task<Cursor?> CursorAt(long revision)
    {
        if (revision == 0) return Cursor.At(0, RevisionChain.Genesis);
        if (watch.Journal.Ring.Find(revision) is { } recent) return recent.Cursor;
        if (watch.Journal.State.Place is var place && place.Revision == revision) return place.Cursor;
        var found = await journal.Read(watch.Org, revision - 1, 1);
        return found is [{ } record] && record.Revision == revision ? record.Cursor : null;
    }

    async Task Catch(Cursor at)
    {
        var pages = new WatchPages(watch, subscriber.Filter, journal, options);
        while (!watch.TryJoin(subscriber, generation, at))
        {
            // it is only room that lacks
            if (at.Revision >= watch.Place.Revision)
            {
                await subscriber.Outbox.WaitForNothing();
                if (subscriber.Outbox.End is not null) return;
                continue;
            }
            var page = await pages.Next(at);
            if (page.Revisions is null)
            {
                watch.Reset(subscriber, generation, WatchResetReason.Archived);
                return;
            }
            if (!await HandOver(page.Revisions)) return;
            reached = at = page.Through;
        }
    }

    // a page at a time, since each time that something is handed over may wake the one who sends it; false: he is gone, or has been reset
    async Task<bool> HandOver(IReadOnlyList<WatchRevision> page)
    {
        var frames = new List<WatchFrame>(page.Count);
        foreach (var revision in page)
            if (revision.Seen(subscriber.Filter, subscriber.Rights) is { Length: > 0 } seen) frames.Add(WatchFrame.Change(revision, seen));
        for (var done = 0; done < frames.Count;)
        {
            if (!await subscriber.Outbox.WaitForRoom(frames[done])) return false;
            // by the rights of the moment when they go out: whose rights change is reset
            if (watch.Replay(subscriber, generation, frames, done) is not { } more) return false;
            done += more;
            if (more > 0) reached = frames[done - 1].Cursor;
        }
        return true;
    }
}
