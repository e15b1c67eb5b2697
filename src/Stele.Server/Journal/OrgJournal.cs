using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;

namespace Stele.Server.Journal;

/// <summary>
/// One org on this node: its state, swapped whole, and how it is kept current. Two write it: the appender after its own
/// commits, the tail with what other nodes committed; both go through <see cref="Advance"/>, which takes each revision once.
/// </summary>
internal sealed class OrgJournal
{
    readonly IJournalStore store;
    readonly TimeProvider time;
    readonly JournalOptions options;
    readonly JournalLog log;
    readonly Lock gate = new();
    readonly SemaphoreSlim reading = new(1);
    OrgState state;
    long confirmedAt, loadedAt, headSeen;
    Fault? stopped;
    KnownPrimary? primary;
    Action? changed;
    bool left;

    public OrgJournal(OrgState initial, long confirmedAt, IJournalStore store, TimeProvider time, JournalOptions options, JournalLog log)
    {
        (state, this.confirmedAt, this.store, this.time, this.options, this.log) = (initial, confirmedAt, store, time, options, log);
        loadedAt = confirmedAt;
        Org = initial.Org;
        Ring = new RevisionRing(options.RingRevisions, options.RingBytes, initial.Revision);
        Knows(initial.Format);
    }

    public OrgId Org { get; }

    /// <summary>The state as of the last revision that this node applied.</summary>
    public OrgState State => Volatile.Read(ref state);

    /// <summary>The recent revisions, for those who follow.</summary>
    public RevisionRing Ring { get; }

    /// <summary>Why this org is not served here any more; null normally.</summary>
    public Fault? Stopped => Volatile.Read(ref stopped);

    /// <summary>TimeProvider timestamp from before the last load.</summary>
    public long LoadedAt => Volatile.Read(ref loadedAt);

    /// <summary>How long ago a query was sent whose answer this state is level with.</summary>
    public TimeSpan ConfirmedAgo => time.GetElapsedTime(Volatile.Read(ref confirmedAt));

    /// <summary>How far the last head that was seen is ahead of the state.</summary>
    public long LagRevisions => Math.Max(0, Volatile.Read(ref headSeen) - State.Revision);

    /// <summary>
    /// The primary that answered last, as far as this org knows; null before the first. Whoever asks the database for something
    /// that is to be applied takes it before, and gives it back with the answer: what an earlier primary said may have been lost.
    /// </summary>
    public KnownPrimary? Primary => Volatile.Read(ref primary);

    /// <summary>Calls somebody at each change of the state, shortly and under a lock, and stays in memory for him. False: it has left memory.</summary>
    public bool TryFollow(Action onChange)
    {
        lock (gate)
        {
            if (!left) changed += onChange;
            return !left;
        }
    }

    /// <summary>Calls him no more.</summary>
    public void Unfollow(Action onChange)
    {
        lock (gate) changed -= onChange;
    }

    /// <summary>Is about to leave memory; false: somebody follows.</summary>
    public bool TryLeave()
    {
        lock (gate) return left = changed is null;
    }

    /// <summary>Does not leave memory after all.</summary>
    public void Stay()
    {
        lock (gate) left = false;
    }

    /// <summary>Takes note of who answered. Nothing is known yet of whether another one than before has what was applied.</summary>
    public KnownPrimary Note(ClusterIdentity cluster)
    {
        if (Primary is { } known && known.Is(cluster)) return known;
        lock (gate)
        {
            if (primary is { } before && before.Is(cluster)) return before;
            var another = new KnownPrimary(cluster.System, cluster.Timeline);
            Volatile.Write(ref primary, another);
            return another;
        }
    }

    /// <summary>A query sent at that timestamp showed nothing newer than the state.</summary>
    public void Confirm(long sentAt)
    {
        var before = Volatile.Read(ref confirmedAt);
        while (sentAt > before)
        {
            var found = Interlocked.CompareExchange(ref confirmedAt, sentAt, before);
            if (found == before) return;
            before = found;
        }
    }

    /// <summary>Whether a round shows exactly what this node has applied or less, of the same history: nothing to do.</summary>
    public bool IsLevelWith(HeadRound round)
    {
        var now = State;
        if (round.Head(Org) is not { } head || round.AppliedOf(Org) is not { } applied) return false;
        Volatile.Write(ref headSeen, head.Revision);
        var cluster = round.Answer.Cluster;
        if (cluster.System != cluster.RecordedSystem || cluster.Timeline != cluster.RecordedTimeline) return false;
        if (Primary is not { HasApplied: true } known || !known.Is(cluster)) return false;
        if (head.Incarnation != now.Incarnation || head.Incarnation != applied.Incarnation || head.Revision > now.Revision) return false;
        if (head.IsBehind(applied) || head.Fence > now.Fence || head.Format > now.Format) return false;
        // a head between what was applied then and what is applied now is a commit of this node
        if (head.Revision == now.Revision && !head.Chain.AsSpan().SequenceEqual(now.Place.Chain)) return false;
        if (head.Revision == applied.Revision && !head.Chain.AsSpan().SequenceEqual(applied.Place.Chain)) return false;
        Confirm(round.SentAt);
        return true;
    }

    /// <summary>Takes what an append of this node committed; false if it may have been lost since.</summary>
    public bool Commit(AppendBatch batch, KnownPrimary? asked)
    {
        lock (gate)
        {
            if (primary != asked) return false;
            if (!ReferenceEquals(state, batch.Before)) return Advance(batch.Revisions, asked);
            foreach (var revision in batch.Revisions) Ring.Add(revision);
            Volatile.Write(ref state, batch.After);
            changed?.Invoke();
            return true;
        }
    }

    /// <summary>Takes revisions from the journal; those that are applied already are passed over. False if they do not join on, or another primary has answered since.</summary>
    public bool Advance(IReadOnlyList<RevisionRecord> revisions, KnownPrimary? asked)
    {
        lock (gate)
        {
            if (primary != asked) return false;
            var next = state;
            foreach (var revision in revisions)
            {
                if (revision.Revision <= next.Revision) continue;
                if (revision.Revision != next.Revision + 1 || !RevisionChain.Next(next.Place.Chain, revision).AsSpan().SequenceEqual(revision.Chain))
                    return false;
                next = Decider.Evolve(next, revision);
                Ring.Add(revision);
                Volatile.Write(ref state, next);
            }
            changed?.Invoke();
            return true;
        }
    }

    /// <summary>Takes the head's fence, format and last_at, when it stands where the state stands.</summary>
    public void Believe(Head head, KnownPrimary? asked)
    {
        if (!Knows(head.Format)) return;
        lock (gate)
        {
            if (primary != asked || head.Incarnation != state.Incarnation || head.Revision < state.Revision) return;
            if (head.Fence <= state.Fence && head.LastAt <= state.LastAt && head.Format <= state.Format) return;
            // a redaction raises the fence: what is kept of recent revisions may hold what is gone from the journal
            if (head.Fence > state.Fence) Ring.Reset(state.Revision);
            // a later head's last_at belongs to revisions that are not applied here yet
            var lastAt = head.Revision == state.Revision ? Timestamp.Later(head.LastAt, state.LastAt) : state.LastAt;
            Volatile.Write(ref state, state with { Fence = Math.Max(head.Fence, state.Fence), LastAt = lastAt, Format = Math.Max(head.Format, state.Format) });
        }
    }

    /// <summary>Reads the journal until the state is at a revision; false if the journal does not have it, or does not join on.</summary>
    public async Task<bool> CatchUp(long revision, CancellationToken cancellation)
    {
        if (State.Revision >= revision) return true;
        var loaded = LoadedAt;
        var joined = await ReadOn(revision, cancellation);
        if (joined is not null) return joined.Value;
        // so far behind that what comes next is archived: the tables have what came of it
        await Reload(loaded, cancellation);
        return Stopped is null && State.Revision >= revision;
    }

    // null: the next revision is archived
    async Task<bool?> ReadOn(long revision, CancellationToken cancellation)
    {
        await reading.WaitAsync(cancellation);
        try
        {
            while (State.Revision < revision)
            {
                var asked = Primary;
                var page = await store.Read(Org, State.Revision, options.ReadRevisions, cancellation);
                if (Primary == asked && page.Any(record => record.IsArchived)) return null;
                if ((page.Count == 0 || !Advance(page, asked)) && Primary == asked) return false;
            }
            return true;
        }
        catch (UnknownEventException e)
        {
            Stop(e.Message + ": upgrade this node");
            return false;
        }
        finally
        {
            reading.Release();
        }
    }

    /// <summary>Drops the state and takes what the database holds, after a new incarnation; false: that was done since a moment.</summary>
    public async Task<bool> Reload(long since, CancellationToken cancellation)
    {
        await reading.WaitAsync(cancellation);
        try
        {
            if (LoadedAt > since) return false;
            while (Stopped is null)
            {
                var (asked, before, sentAt) = (Primary, State.Place, time.GetTimestamp());
                // it is in memory, so there is room for it, whatever was found in the history that came instead
                var (loaded, _) = await store.Load(Org, long.MaxValue, cancellation);
                if (loaded is not null && Take(loaded, before, sentAt, asked)) return true;
                if (loaded is null && Primary == asked) Stop("it is not in the database any more");
            }
            return true;
        }
        finally
        {
            reading.Release();
        }
    }

    bool Take(OrgState loaded, JournalPlace before, long sentAt, KnownPrimary? asked)
    {
        lock (gate)
        {
            if (primary != asked) return false;
            // what was applied while it loaded may be newer, and a state does not go back
            if (ReferenceEquals(state.Place, before) || loaded.Incarnation != state.Incarnation || loaded.Revision > state.Revision)
            {
                Volatile.Write(ref state, loaded);
                Ring.Reset(loaded.Revision);
                changed?.Invoke();
            }
            Volatile.Write(ref loadedAt, sentAt);
            asked?.HasApplied = true;
        }
        Knows(loaded.Format);
        Confirm(sentAt);
        log.Loaded(Org, loaded.Revision);
        return true;
    }

    // a format that is not known is never believed either, so that no append of this node could fit the head
    bool Knows(int format)
    {
        if (format <= JournalFormat.Newest) return true;
        Stop($"its journal is written in format {format}, and this server knows {JournalFormat.Newest}: upgrade this node");
        return false;
    }

    void Stop(string reason)
    {
        if (Interlocked.CompareExchange(ref stopped, Fault.Unavailable($"Organization {Org} is not served by this node: {reason}.",
            (int)SteleLimits.RequestSeconds.Value), null) is null) log.Stopped(Org, reason);
    }
}

/// <summary>
/// A primary as one org met it: another one has taken over when either number changes. Compared by reference, so that one
/// that comes back is not taken for what it was.
/// </summary>
internal sealed class KnownPrimary(long system, int timeline)
{
    volatile bool hasApplied;

    /// <summary>Whether it was seen to have what the node had applied when it met it: a standby that took over may lack the end of it.</summary>
    public bool HasApplied
    {
        get => hasApplied;
        set => hasApplied = value;
    }

    public bool Is(ClusterIdentity cluster) => cluster.System == system && cluster.Timeline == timeline;
}
