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

    /// <summary>Takes a subscriber in, at a moment or at where the watch is, whichever is later. False: the watch is closed.</summary>
    public bool Add(Subscriber subscriber, Cursor now)
    {
        lock (gate)
        {
            if (closed) return false;
            Enlist(subscriber);
            subscriber.Floor = now;
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

    /// <summary>
    /// Hands what a subscriber still lacks over from memory, and has him get what happens from now on. False: he lacks too much,
    /// it is not in memory, or there is no room for it; he goes on reading.
    /// </summary>
    public bool TryJoin(Subscriber subscriber, int generation, Cursor at)
    {
        lock (gate)
        {
            if (IsOver(subscriber, generation)) return true;
            // another history came between, of which somebody who read knew nothing
            if (Known(at.Revision) is { } there && there != at)
            {
                Reset(subscriber, WatchResetReason.History);
                return true;
            }
            if (place.Revision - at.Revision > options.JoinRevisions) return false;
            var records = new List<RevisionRecord>();
            for (var next = at.Revision + 1; next <= place.Revision; next++)
            {
                if (Journal.Ring.Find(next) is not { } record) return false;
                records.Add(record);
            }
            var frames = new List<WatchFrame>();
            foreach (var record in records)
            {
                var revision = WatchRevision.Of(record);
                if (revision.Seen(subscriber.Filter, subscriber.Rights) is { Length: > 0 } seen) frames.Add(WatchFrame.Change(revision, seen));
            }
            // with the one that says that he is level; who waits for room goes on waiting, and is not cut off for what he missed
            if (!subscriber.Outbox.HasRoom(frames.Count + 1, frames.Sum(frame => (long)frame.Members.Length))) return false;
            subscriber.Floor = at;
            foreach (var frame in frames) subscriber.Outbox.TryAdd(subscriber, frame);
            Join(subscriber);
            return true;
        }
    }

    /// <summary>
    /// Notes what a subscriber who catches up has, so that he too is told when it is lost. False: it was found in another history than the one
    /// that is followed now, and has to be looked for again.
    /// </summary>
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

    /// <summary>Has a subscriber who catches up read anew instead, unless somebody has told him so already.</summary>
    public void Reset(Subscriber subscriber, int generation, WatchResetReason reason)
    {
        lock (gate)
            if (!IsOver(subscriber, generation)) Reset(subscriber, reason);
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

    Cursor? Known(long revision) => revision == place.Revision ? place.Cursor : Journal.Ring.Find(revision)?.Cursor;

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
