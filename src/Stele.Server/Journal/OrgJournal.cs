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
    PrimaryId? primary;

    public OrgJournal(OrgState initial, long confirmedAt, IJournalStore store, TimeProvider time, JournalOptions options, JournalLog log)
    {
        (state, this.confirmedAt, this.store, this.time, this.options, this.log) = (initial, confirmedAt, store, time, options, log);
        loadedAt = confirmedAt;
        Org = initial.Org;
        Ring = new RevisionRing(options.RingRevisions, options.RingBytes, initial.Revision);
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

    /// <summary>The primary that answered last, as far as this org knows; null before the first. What an earlier one said may still be on its way.</summary>
    public PrimaryId? Primary => Volatile.Read(ref primary);

    /// <summary>Takes note of who answered; true when it is another than before, so that what is applied may have been lost.</summary>
    public bool IsNewPrimary(ClusterIdentity cluster)
    {
        var before = Primary;
        if (before is not null && before.Is(cluster)) return false;
        // an answer of an earlier one that comes late changes nothing, and does not count
        if (before is null || before.System != cluster.System || before.Timeline < cluster.Timeline)
            Volatile.Write(ref primary, new PrimaryId(cluster.System, cluster.Timeline));
        return before is not null;
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
        if (cluster.System != cluster.RecordedSystem || cluster.Timeline != cluster.RecordedTimeline || Primary?.Is(cluster) != true) return false;
        if (head.Incarnation != now.Incarnation || head.Incarnation != applied.Incarnation || head.Revision > now.Revision) return false;
        if (head.Revision < applied.Revision || head.Fence < applied.Fence || head.Fence > now.Fence || head.Format > RevisionChain.Format) return false;
        // a head between what was applied then and what is applied now is a commit of this node
        if (head.Revision == now.Revision && !head.Chain.AsSpan().SequenceEqual(now.Place.Chain)) return false;
        if (head.Revision == applied.Revision && !head.Chain.AsSpan().SequenceEqual(applied.Place.Chain)) return false;
        Confirm(round.SentAt);
        return true;
    }

    /// <summary>Takes what an append of this node committed.</summary>
    public void Commit(AppendBatch batch)
    {
        lock (gate)
        {
            if (ReferenceEquals(state, batch.Before))
            {
                foreach (var revision in batch.Revisions) Ring.Add(revision);
                Volatile.Write(ref state, batch.After);
                return;
            }
        }
        Advance(batch.Revisions);
    }

    /// <summary>Takes revisions from the journal; those that are applied already are passed over. False if they do not join on.</summary>
    public bool Advance(IReadOnlyList<RevisionRecord> revisions)
    {
        lock (gate)
        {
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
            return true;
        }
    }

    /// <summary>Takes the head's fence, format and last_at, when it stands where the state stands.</summary>
    public void Believe(Head head)
    {
        if (head.Format > RevisionChain.Format) Stop($"its journal is written in format {head.Format}, and this server knows {RevisionChain.Format}: upgrade this node");
        lock (gate)
        {
            if (head.Incarnation != state.Incarnation || head.Revision < state.Revision) return;
            if (head.Fence <= state.Fence && head.LastAt <= state.LastAt) return;
            // a later head's last_at belongs to revisions that are not applied here yet
            var lastAt = head.Revision == state.Revision ? Timestamp.Later(head.LastAt, state.LastAt) : state.LastAt;
            Volatile.Write(ref state, state with { Fence = Math.Max(head.Fence, state.Fence), LastAt = lastAt });
        }
    }

    /// <summary>Reads the journal until the state is at a revision; false if the journal does not have it, or does not join on.</summary>
    public async Task<bool> CatchUp(long revision, CancellationToken cancellation)
    {
        if (State.Revision >= revision) return true;
        await reading.WaitAsync(cancellation);
        try
        {
            while (State.Revision < revision)
            {
                var asked = Primary;
                var page = await store.Read(Org, State.Revision, options.ReadRevisions, cancellation);
                if (Primary != asked) continue;
                if (page.Count == 0 || !Advance(page)) return false;
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

    /// <summary>Drops the state and takes what the database holds: after a new incarnation.</summary>
    public async Task Reload(CancellationToken cancellation)
    {
        await reading.WaitAsync(cancellation);
        try
        {
            long sentAt;
            OrgState? loaded;
            PrimaryId? asked;
            do
            {
                (asked, sentAt) = (Primary, time.GetTimestamp());
                // it is in memory, so there is room for it, whatever was found in the history that came instead
                (loaded, _) = await store.Load(Org, long.MaxValue, cancellation);
            }
            while (Primary != asked);
            if (loaded is null)
            {
                Stop("it is not in the database any more");
                return;
            }
            lock (gate)
            {
                Volatile.Write(ref state, loaded);
                Volatile.Write(ref loadedAt, sentAt);
                Ring.Reset(loaded.Revision);
            }
            Confirm(sentAt);
            log.Loaded(Org, loaded.Revision);
        }
        finally
        {
            reading.Release();
        }
    }

    void Stop(string reason)
    {
        if (Interlocked.CompareExchange(ref stopped, Fault.Unavailable($"Organization {Org} is not served by this node: {reason}.",
            (int)SteleLimits.RequestSeconds.Value), null) is null) log.Stopped(Org, reason);
    }
}

/// <summary>A primary: another one has taken over when either changes.</summary>
internal sealed record PrimaryId(long System, int Timeline)
{
    public bool Is(ClusterIdentity cluster) => cluster.System == System && cluster.Timeline == Timeline;
}
