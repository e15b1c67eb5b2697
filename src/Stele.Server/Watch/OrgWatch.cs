using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Watch;
using Stele.Server.Journal;

namespace Stele.Server.Watch;

/// <summary>
/// The watch of one org on this node: follows the journal, from the ring or else from PostgreSQL, and hands each revision, in
/// order and whole, to those who ask for it and may see it. Whom a change is not for is not touched: its place is the watch's.
/// </summary>
internal sealed partial class OrgWatch
{
    readonly IJournalStore store;
    readonly TimeProvider time;
    readonly WatchOptions options;
    readonly WatchMetrics metrics;
    readonly WatchLog log;
    readonly Lock gate = new();
    readonly WatchSignal changed = new();
    readonly WatchIndex index = new();
    readonly List<Subscriber> all = [];
    readonly List<WatchGroup> touched = [];
    readonly List<Subscriber> full = [];
    // those who have what the watch has not come to yet
    readonly List<Subscriber> ahead = [];
    JournalPlace place;
    Guid incarnation;
    AccessState access;
    WatchFrame? progress;
    bool closed;
    int idleTicks;

    public OrgWatch(OrgState state, IJournalStore store, TimeProvider time, WatchOptions options, WatchMetrics metrics, WatchLog log)
    {
        (this.store, this.time, this.options, this.metrics, this.log) = (store, time, options, metrics, log);
        (Org, place, incarnation, access) = (state.Org, state.Place, state.Incarnation, state.Access);
    }

    public OrgId Org { get; }

    /// <summary>The journal that it follows.</summary>
    public required OrgJournal Journal { get; init; }

    /// <summary>By what the journal calls it.</summary>
    public required Action Following { get; init; }

    /// <summary>Where it stands: all up to here was handed over.</summary>
    public JournalPlace Place => Volatile.Read(ref place);

    /// <summary>How many subscriptions it has.</summary>
    public int Count
    {
        get
        {
            lock (gate) return all.Count;
        }
    }

    /// <summary>Called by the journal, under its lock.</summary>
    public void OnChange() => changed.Set();

    /// <summary>Called when a client acknowledges, rejects or leaves, shortly and perhaps under a lock.</summary>
    public event Action? Heard;

    /// <summary>Passes on that one did.</summary>
    public void Hear() => Heard?.Invoke();

    /// <summary>All subscribers now.</summary>
    public IReadOnlyList<Subscriber> Subscribers
    {
        get
        {
            lock (gate) return [.. all];
        }
    }

    /// <summary>How far a subscriber has been served: whom nothing waits for is where the watch is.</summary>
    public long Delivered(Subscriber subscriber)
    {
        lock (gate)
        {
            var sent = subscriber.Sent?.Cursor.Revision ?? 0;
            return subscriber.Group is null || !subscriber.Outbox.IsEmpty ? sent : Math.Max(sent, PlaceOf(subscriber).Revision);
        }
    }

    /// <summary>Where a subscriber is who gets what happens; null while he catches up.</summary>
    public Cursor? At(Subscriber subscriber)
    {
        lock (gate) return subscriber.Group is null ? null : PlaceOf(subscriber);
    }

    /// <summary>Those who are to see, or have seen, some of a revision.</summary>
    public List<Subscriber> WhoSees(RevisionRecord record)
    {
        var revision = WatchRevision.Of(record);
        lock (gate) return [.. all.Where(subscriber => subscriber.Floor.Revision < record.Revision && revision.Seen(subscriber.Filter, subscriber.Rights).Length > 0)];
    }

    /// <summary>Takes a subscriber in, at a state or at where the watch is, whichever is later. False: the watch is closed, or follows another history than the state's.</summary>
    public bool Add(Subscriber subscriber, OrgState now)
    {
        lock (gate)
        {
            if (closed || now.Incarnation != incarnation) return false;
            Enlist(subscriber);
            subscriber.Floor = now.Place.Cursor;
            Join(subscriber);
            return true;
        }
    }

    /// <summary>Takes in a subscriber who catches up first; his generation, or null: the watch is closed.</summary>
    public int? AddLate(Subscriber subscriber)
    {
        lock (gate)
        {
            if (closed) return null;
            Enlist(subscriber);
            return subscriber.Generation;
        }
    }

    /// <summary>Takes a subscriber out; does nothing if he is out.</summary>
    public void Remove(Subscriber subscriber)
    {
        lock (gate) Leave(subscriber);
    }

    /// <summary>Hands what a subscriber still lacks over from memory, and has him get what happens from now on.</summary>
    /// <param name="subscriber">Who has caught up.</param>
    /// <param name="generation">His, when he began to.</param>
    /// <param name="at">What he has.</param>
    /// <param name="found">The incarnation in which that was found.</param>
    public WatchJoin TryJoin(Subscriber subscriber, int generation, JournalPlace at, Guid found)
    {
        lock (gate)
        {
            if (IsOver(subscriber, generation)) return WatchJoin.Done;
            if (found != incarnation) return WatchJoin.AnotherHistory;
            if (place.Revision - at.Revision > options.JoinRevisions) return WatchJoin.Behind;
            var frames = new List<WatchFrame>();
            var here = at;
            while (here.Revision < place.Revision)
            {
                if (Journal.Ring.Find(here.Revision + 1) is not { } record) return WatchJoin.Behind;
                if (!here.IsBefore(record)) return WatchJoin.AnotherHistory;
                here = JournalPlace.Of(record);
                var revision = WatchRevision.Of(record);
                if (revision.Seen(subscriber.Filter, subscriber.Rights) is { Length: > 0 } seen) frames.Add(WatchFrame.Change(revision, seen));
            }
            // what is kept of recent revisions may be of another history already than the one that is followed
            if (here.Revision == place.Revision && !here.IsSame(place)) return WatchJoin.AnotherHistory;
            // with the one that says that he is level; who waits for room goes on waiting, and is not cut off for what he missed
            if (!subscriber.Outbox.HasRoom(frames.Count + 1, frames.Sum(frame => (long)frame.Members.Length))) return at.Revision < place.Revision ? WatchJoin.Behind : WatchJoin.NoRoom;
            subscriber.Floor = at.Cursor;
            foreach (var frame in frames) subscriber.Outbox.TryAdd(subscriber, frame);
            Join(subscriber);
            return WatchJoin.Done;
        }
    }

    /// <summary>Notes what a subscriber who catches up has. False: it was found in another history than the one that is followed now, and has to be looked for again.</summary>
    public bool TryNote(Subscriber subscriber, int generation, Cursor at, Guid found)
    {
        lock (gate)
        {
            if (IsOver(subscriber, generation)) return true;
            if (found != incarnation) return false;
            subscriber.Floor = at;
            return true;
        }
    }

    /// <summary>Hands revisions of the past to one who catches up, from one on, as many as there is room for: how many. Null: he has been reset or is gone.</summary>
    public int? Replay(Subscriber subscriber, int generation, IReadOnlyList<WatchFrame> frames, int from)
    {
        lock (gate)
        {
            if (IsOver(subscriber, generation)) return null;
            var added = subscriber.Outbox.AddSome(subscriber, frames, from);
            metrics.Replayed(added);
            return added;
        }
    }

    /// <summary>
    /// Has a subscriber who catches up read anew instead, unless somebody has told him so already. False: why was found in another history than
    /// the one that is followed now, and has to be looked for again.
    /// </summary>
    public bool TryReset(Subscriber subscriber, int generation, WatchResetReason reason, Guid found)
    {
        lock (gate)
        {
            if (IsOver(subscriber, generation)) return true;
            if (found != incarnation) return false;
            Reset(subscriber, reason);
            return true;
        }
    }

    /// <summary>Ends a subscriber's stream, unless he has been reset or is gone.</summary>
    public void End(Subscriber subscriber, int generation, WatchEnd end)
    {
        lock (gate)
            if (!IsOver(subscriber, generation)) CutOff(subscriber, end);
    }

    /// <summary>Heartbeats, expiry, stalls. False: nobody has subscribed for a while, and the watch is closed.</summary>
    public bool Tick()
    {
        lock (gate)
        {
            idleTicks = all.Count == 0 ? idleTicks + 1 : 0;
            if (idleTicks > 2) closed = true;
            if (closed)
            {
                changed.Set();
                return false;
            }
            var now = Timestamp.From(time.GetUtcNow());
            if (Journal.Stopped is not null) EndAll(WatchEnd.Unavailable);
            if (Journal.State.ArchivedAt is not null) EndAll(WatchEnd.Archived);
            for (var i = all.Count - 1; i >= 0; i--)
            {
                var subscriber = all[i];
                if (subscriber.ExpiresAt <= now || subscriber.Client.Standing?.Invoke() == false) CutOff(subscriber, WatchEnd.Revoked);
                else if (subscriber.Outbox.IsStalled(options.Stall)) CutOff(subscriber, WatchEnd.TooSlow);
                else if (subscriber.Group is not null && time.GetElapsedTime(subscriber.BeatenAt) >= options.Heartbeat) Beat(subscriber);
            }
            return true;
        }
    }

    /// <summary>Ends every stream.</summary>
    public void Close(WatchEnd end)
    {
        lock (gate)
        {
            closed = true;
            EndAll(end);
        }
        changed.Set();
    }

    void ResetAll(WatchResetReason reason)
    {
        for (var i = all.Count - 1; i >= 0; i--) Reset(all[i], reason);
    }

    void EndAll(WatchEnd end)
    {
        for (var i = all.Count - 1; i >= 0; i--) CutOff(all[i], end);
    }

    void Reset(Subscriber subscriber, WatchResetReason reason)
    {
        metrics.Reset();
        subscriber.Generation++;
        index.Remove(subscriber);
        // what waits is of before
        subscriber.Outbox.Drop(subscriber);
        subscriber.Floor = place.Cursor;
        if (!subscriber.Outbox.TryAdd(subscriber, WatchFrame.Reset(reason, place.Cursor))) CutOff(subscriber, WatchEnd.TooSlow);
        else Join(subscriber);
    }

    void Enlist(Subscriber subscriber)
    {
        subscriber.Watch = this;
        subscriber.Slot = all.Count;
        all.Add(subscriber);
        Entitle(subscriber);
    }

    void Entitle(Subscriber subscriber)
    {
        var principal = subscriber.Client.Principal;
        subscriber.Rights = access.RightsOf(principal);
        subscriber.ExpiresAt = principal.Kind == PrincipalKind.Token ? access.Token(principal.Id)?.ExpiresAt : null;
        if (subscriber.Group is { } group) group.Rights = subscriber.Rights;
    }

    void Join(Subscriber subscriber)
    {
        index.Add(subscriber);
        if (subscriber.Floor.Revision > place.Revision) ahead.Add(subscriber);
        subscriber.BeatenAt = time.GetTimestamp();
        if (!subscriber.Outbox.TryAdd(subscriber, WatchFrame.Synced(PlaceOf(subscriber)))) CutOff(subscriber, WatchEnd.TooSlow);
    }

    void Beat(Subscriber subscriber)
    {
        subscriber.BeatenAt = time.GetTimestamp();
        // a connection that still has something to send needs none
        if (!subscriber.Outbox.IsEmpty) return;
        var at = PlaceOf(subscriber);
        if (progress?.Cursor != at) progress = WatchFrame.Progress(at);
        subscriber.Outbox.TryAdd(subscriber, progress);
    }

    Cursor PlaceOf(Subscriber subscriber) => subscriber.Floor.Revision > place.Revision ? subscriber.Floor : place.Cursor;

    bool IsOver(Subscriber subscriber, int generation) => closed || subscriber.Slot < 0 || subscriber.Generation != generation;

    // ends the whole connection, with all that are on it
    void CutOff(Subscriber subscriber, WatchEnd end)
    {
        metrics.Ended(end);
        if (end == WatchEnd.TooSlow) log.CutOff(Org, end.Code(), subscriber.Client.Client ?? subscriber.Client.Address ?? "");
        subscriber.Outbox.Finish(end);
        Leave(subscriber);
    }

    void Leave(Subscriber subscriber)
    {
        if (subscriber.Slot < 0) return;
        index.Remove(subscriber);
        var last = all[^1];
        all[subscriber.Slot] = last;
        last.Slot = subscriber.Slot;
        all.RemoveAt(all.Count - 1);
        subscriber.Slot = -1;
        subscriber.Generation++;
        Hear();
    }
}
