using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Watch;
using Stele.Server.Journal;

namespace Stele.Server.Watch;

/// <summary>How it ended to take one in who has caught up.</summary>
internal enum WatchJoin
{
    /// <summary>He gets what happens, or has been reset, or is gone.</summary>
    Done,
    /// <summary>He lacks more than is in memory, or than there is room for, and reads on.</summary>
    Behind,
    /// <summary>He lacks nothing but the room to be told so.</summary>
    NoRoom,
    /// <summary>What he has is not known to be of the history that is followed.</summary>
    AnotherHistory,
}

/// <summary>
/// Brings one subscriber level, by the pages of <see cref="WatchPages"/>: as fast as the client takes it, and with no more in memory than two
/// pages and its buffer.
/// </summary>
internal sealed class WatchReplay(OrgWatch watch, Subscriber subscriber, int generation, WatchReads journal, TimeProvider time, WatchOptions options, WatchLog log)
{
    Cursor? reached;
    Guid found;

    /// <summary>Brings the journal level with the primary; false: that cannot be done now.</summary>
    public required Func<Task<bool>> IsLevel { get; init; }

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
    async Task<JournalPlace?> Begin(Cursor? from, long revision)
    {
        for (var level = false; ; level = true)
        {
            var state = watch.Journal.State;
            found = state.Incarnation;
            var asked = from?.Revision ?? revision;
            var there = asked > state.Revision ? null : await PlaceAt(asked);
            if (watch.Journal.State.Incarnation != found) throw Another();
            // the floor is found by reading: an archived revision comes without events
            if (WatchResume.Refused(from ?? there?.Cursor ?? default, state.Revision, 0, there?.Cursor) is not { } reason)
                return watch.TryNote(subscriber, generation, there!.Cursor, found) ? there : throw Another();
            // a node that has not heard of what came instead knows nothing of that history's cursors
            if (level)
            {
                Reset(reason);
                return null;
            }
            if (!await IsLevel()) throw new StoreUnavailableException("nobody knows whether the history is another one");
        }
    }

    async Task<JournalPlace?> PlaceAt(long revision)
    {
        if (revision == 0) return new JournalPlace(0, RevisionChain.Genesis);
        if (watch.Journal.Ring.Find(revision) is { } recent) return JournalPlace.Of(recent);
        if (watch.Journal.State.Place is var place && place.Revision == revision) return place;
        return await journal.Places(watch.Org, [revision]) is [{ } stored] ? stored : null;
    }

    async Task Catch(JournalPlace at)
    {
        var pages = new WatchPages(watch, subscriber.Filter, journal, options);
        while (true)
        {
            switch (watch.TryJoin(subscriber, generation, at, found))
            {
                case WatchJoin.Done:
                    return;
                case WatchJoin.AnotherHistory:
                    throw Another();
                case WatchJoin.NoRoom:
                    await subscriber.Outbox.WaitForNothing();
                    if (subscriber.Outbox.End is not null) return;
                    continue;
            }
            var page = await pages.Next(at);
            if (page.Revisions is null)
            {
                Reset(WatchResetReason.Archived);
                return;
            }
            if (!await HandOver(page.Revisions)) return;
            at = page.Through;
            reached = at.Cursor;
        }
    }

    void Reset(WatchResetReason reason)
    {
        if (!watch.TryReset(subscriber, generation, reason, found)) throw Another();
    }

    // whoever meets it begins again after a moment: with what he has, which the history that is known then holds or not
    static StoreUnavailableException Another() => new("the history is another one now");

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
