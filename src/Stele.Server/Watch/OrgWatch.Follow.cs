using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Watch;
using Stele.Server.Journal;

namespace Stele.Server.Watch;

/// <summary>The half that follows the journal.</summary>
internal sealed partial class OrgWatch
{
    /// <summary>Follows until closed.</summary>
    public async Task Run()
    {
        while (true)
        {
            await changed.Wait();
            if (Volatile.Read(ref closed)) return;
            try
            {
                if (await Follow()) continue;
            }
            catch (StoreUnavailableException)
            {
                // the journal will say more when it is there again
            }
            catch (Exception e)
            {
                log.Broke(Org, e);
            }
            await Task.Delay(options.RetryPause, time);
            changed.Set();
        }
    }

    // false: the journal cannot be read on now
    async Task<bool> Follow()
    {
        while (!Volatile.Read(ref closed))
        {
            var state = Journal.State;
            if (state.Incarnation != incarnation)
            {
                await Rejoin(state);
                continue;
            }
            if (!ReferenceEquals(state.Access, access)) TakeRights(state.Access);
            if (Place.Revision >= state.Revision) return true;
            if (Journal.Ring.Find(Place.Revision + 1) is { } recent)
            {
                if (!Deliver(recent, state)) return false;
                continue;
            }
            var page = await store.Read(Org, Place.Revision, options.ReadRevisions, CancellationToken.None);
            if (page.Count == 0) return false;
            foreach (var record in page)
                if (record.Revision <= state.Revision && !Deliver(record, state)) return false;
        }
        return true;
    }

    // false: it does not join on, so the history is another one, which the journal will say soon
    bool Deliver(RevisionRecord record, OrgState state)
    {
        lock (gate)
        {
            if (record.IsArchived)
            {
                Volatile.Write(ref place, state.Place);
                ResetAll(WatchResetReason.Archived);
                return true;
            }
            if (!place.IsBefore(record)) return false;
            Volatile.Write(ref place, JournalPlace.Of(record));
            if (ahead.Count > 0) Overtake();
            if (all.Count > 0) Spread(WatchRevision.Of(record));
            return true;
        }
    }

    // who was ahead of the watch had it from the journal as it was then: whether that is what came is seen now
    void Overtake()
    {
        for (var i = ahead.Count - 1; i >= 0; i--)
        {
            var subscriber = ahead[i];
            if (subscriber.Group is not null && subscriber.Floor.Revision > place.Revision) continue;
            ahead.RemoveAt(i);
            if (subscriber.Group is not null && subscriber.Floor.Revision == place.Revision && subscriber.Floor != place.Cursor) Reset(subscriber, WatchResetReason.History);
        }
    }

    void Spread(WatchRevision revision)
    {
        for (var i = 0; i < revision.Changes.Count; i++) index.Note(revision.Changes[i], i, touched);
        var frames = new SharedFrames(revision, metrics);
        foreach (var group in touched)
        {
            // authorised one by one, by the rights of now
            group.Hits.RemoveAll(ordinal => !revision.Changes[ordinal].IsVisible(group.Rights));
            if (group.Hits.Count > 0)
            {
                var frame = frames.Of(group.Hits);
                foreach (var subscriber in group.Subscribers)
                    if (frame.Cursor.Revision > subscriber.Floor.Revision && !subscriber.Outbox.TryAdd(subscriber, frame)) full.Add(subscriber);
                metrics.Delivered(group.Subscribers.Count);
            }
            group.Hits.Clear();
        }
        touched.Clear();
        foreach (var subscriber in full) CutOff(subscriber, WatchEnd.TooSlow);
        full.Clear();
    }

    void TakeRights(AccessState now)
    {
        lock (gate)
        {
            access = now;
            for (var i = all.Count - 1; i >= 0; i--)
            {
                var subscriber = all[i];
                var (before, rights) = (subscriber.Rights, now.RightsOf(subscriber.Client.Principal));
                Entitle(subscriber);
                if (rights.Status is RightsStatus.Unknown or RightsStatus.Suspended) CutOff(subscriber, WatchEnd.Revoked);
                else if (!WatchResume.SameSight(before, rights, subscriber.Filter)) Reset(subscriber, WatchResetReason.Rights);
            }
        }
    }

    // the history in the database is another one than before: who was told something that is not in it is told so
    async Task Rejoin(OrgState state)
    {
        var (before, now) = (Place, state.Place);
        var holds = before.Revision == now.Revision ? before.IsSame(now) : before.Revision == 0 || (before.Revision < now.Revision && await Holds(before));
        lock (gate)
        {
            incarnation = state.Incarnation;
            if (!holds)
            {
                Volatile.Write(ref place, now);
                log.HistoryLost(Org);
            }
            // who catches up finds out by himself; who is ahead of a watch whose place holds, and has no more than there is, when it comes there
            for (var i = all.Count - 1; i >= 0; i--)
                if (all[i].Group is not null && (!holds || all[i].Floor.Revision > now.Revision)) Reset(all[i], WatchResetReason.History);
        }
    }

    async Task<bool> Holds(JournalPlace before) => await store.Places(Org, [before.Revision], CancellationToken.None) is [{ } there] && there.IsSame(before);

    /// <summary>The frames of a revision, one for each set of changes that somebody sees.</summary>
    sealed class SharedFrames(WatchRevision revision, WatchMetrics metrics)
    {
        Dictionary<string, WatchFrame>? some;
        WatchFrame? whole;

        public WatchFrame Of(List<int> seen)
        {
            if (seen.Count == revision.Changes.Count) return whole ??= Make(seen);
            var key = string.Join(',', seen);
            some ??= new(StringComparer.Ordinal);
            return some.TryGetValue(key, out var made) ? made : some[key] = Make(seen);
        }

        WatchFrame Make(List<int> seen)
        {
            metrics.Frame();
            return WatchFrame.Change(revision, [.. seen]);
        }
    }
}
