using System.Collections.Immutable;
using Stele.Core.Journal;
using Stele.Server.Journal;
using Stele.Simulation.Scheduling;

namespace Stele.Simulation.Database;

/// <summary>How another primary comes to be.</summary>
internal enum Succession
{
    /// <summary>A standby takes over that was waited for: it has everything.</summary>
    Switchover,
    /// <summary>The primary is gone; a standby takes over with what it had received.</summary>
    FailOver,
    /// <summary>A backup is restored into another cluster.</summary>
    Restore,
}

/// <summary>A process and the last revision that it has just come to believe in.</summary>
internal sealed record Belief(SimulatedProcess Process, RevisionRecord Revision);

/// <summary>
/// One PostgreSQL with a standby, shared by the nodes of a run: what is committed, in versions; how much of it the standby
/// has received; who holds which lock; and what befalls it: a crash, a promotion, a restore.
/// </summary>
internal sealed class SimulatedDatabase
{
    readonly List<DatabaseVersion> versions = [];
    readonly List<Session> sessions = [];
    readonly Dictionary<Guid, long> sequence = [];
    readonly Dictionary<string, SimulatedProcess> leases = new(StringComparer.Ordinal);
    int floor = 1, received = 1;
    long awayUntil;

    public SimulatedDatabase(SimulatedScheduler scheduler, Guid incarnation)
    {
        Process = scheduler.Start("postgres");
        Locks = new LockTable(Process);
        System = 7_000_000_000;
        Timeline = 1;
        Current = new DatabaseVersion(new ClusterRow(incarnation, 1, System, Timeline), ImmutableSortedDictionary<int, OrgRows>.Empty);
        versions.Add(Current);
    }

    public SimulatedProcess Process { get; }

    public LockTable Locks { get; }

    public DatabaseVersion Current { get; private set; }

    /// <summary>What pg_control_system says.</summary>
    public long System { get; private set; }

    /// <summary>What the name of the WAL file says.</summary>
    public int Timeline { get; private set; }

    public bool Down { get; private set; }

    /// <summary>Whether commits wait until the standby has them.</summary>
    public bool Synchronous { get; init; }

    /// <summary>How long the standby takes to receive a commit.</summary>
    public TimeSpan Lag { get; set; } = TimeSpan.FromMilliseconds(1);

    /// <summary>Whether the standby is away for a while.</summary>
    public bool StandbyAway => Process.Time.GetElapsedTime(0).Ticks < awayUntil;

    /// <summary>How long a commit of now waits for the standby.</summary>
    public TimeSpan StandbyWait => StandbyAway ? TimeSpan.FromTicks(awayUntil) - Process.Time.GetElapsedTime(0) + Lag : Lag;

    /// <summary>Changes when commits are lost: connections to what held them are dead, and nothing on its way in them arrives.</summary>
    public int Losses { get; private set; }

    /// <summary>How the primary of now came to be.</summary>
    public Succession? Last { get; private set; }

    /// <summary>For a mutant: how far a projection that follows a sequence has come.</summary>
    public long SequenceSeen { get; set; }

    /// <summary>The database's clock: what timestamps and the bound on the nodes' clocks go by.</summary>
    public Timestamp Now => Timestamp.From(Process.Time.GetUtcNow());

    /// <summary>Told when a node has read for an asynchronous projection, and believes in it until its checkpoint is moved.</summary>
    public Action<Belief>? OnProjectionRead { get; set; }

    /// <summary>Told when a node hears that it has committed, before any other does.</summary>
    public Action<Belief>? OnAcknowledged { get; set; }

    /// <summary>Told when somebody gives up waiting for the standby.</summary>
    public Action<bool>? OnWaitGivenUp { get; set; }

    /// <summary>How many commits a successor must lack to be without a revision; 0: it is lost already.</summary>
    public int CommitsSince(RevisionRecord revision) =>
        versions.FindIndex(version => version.Org(revision.Org)?.Requests.ContainsKey(revision.RequestId) == true) is var first and >= 0 ? versions.Count - first : 0;

    /// <summary>Told of each commit that changed an org, and of each rewind, with what is current from then on.</summary>
    public Action<DatabaseVersion> OnChange { get; set; } = static _ => { };

    public Session Open(SimulatedProcess client)
    {
        var session = new Session(client);
        sessions.Add(session);
        return session;
    }

    public void Close(Session session)
    {
        sessions.Remove(session);
        Locks.Release(session);
    }

    public void Commit(DatabaseVersion next)
    {
        versions.Add(next);
        Current = next;
        if (!Synchronous) _ = Receive(versions.Count, Losses);
        OnChange(next);
    }

    /// <summary>Gives a request a number from a sequence, as a transaction does that takes one when it begins.</summary>
    public void Number(Guid request) => sequence.TryAdd(request, sequence.Count + 1);

    /// <summary>The number of a request.</summary>
    public long SequenceOf(Guid request) => sequence.GetValueOrDefault(request);

    /// <summary>The standby is away for so long.</summary>
    public void LoseStandby(TimeSpan time)
    {
        if (!StandbyAway) awayUntil = (Process.Time.GetElapsedTime(0) + time).Ticks;
    }

    /// <summary>The standby has all that is committed.</summary>
    public void Received() => received = versions.Count;

    /// <summary>What is committed so far is in every backup and on every standby.</summary>
    public void Backup() => floor = received = versions.Count;

    /// <summary>Takes an advisory lock for a client; false: another has it.</summary>
    public bool TryLease(string name, SimulatedProcess client)
    {
        // the session of a process that is gone has ended
        if (leases.TryGetValue(name, out var holder) && holder != client && !holder.Dead) return false;
        leases[name] = client;
        return true;
    }

    /// <summary>Lets go of the advisory locks of a client, or of one of them: its session has ended.</summary>
    public void EndLease(SimulatedProcess client, string? name = null)
    {
        foreach (var lease in leases.Where(lease => lease.Value == client && (name ?? lease.Key) == lease.Key).ToArray()) leases.Remove(lease.Key);
    }

    /// <summary>Ends a session: its transaction is rolled back, unless its commit is on disk and only the standby is waited for.</summary>
    public void Kill(Session session)
    {
        if (session.Durable is { } commit)
        {
            session.Durable = null;
            commit();
        }
        session.Kill();
        Locks.Release(session);
    }

    /// <summary>A client is gone: sessions that wait for it end; what it had sent completely goes on.</summary>
    public void Forget(SimulatedProcess client)
    {
        EndLease(client);
        foreach (var session in sessions.ToArray())
            if (session.Client == client && session.WaitsForClient) Kill(session);
    }

    public void Crash()
    {
        Down = true;
        leases.Clear();
        foreach (var session in sessions.ToArray()) Kill(session);
    }

    public void Recover() => Down = false;

    /// <summary>Another primary takes over; a restored backup, and a standby that nobody waits for, lack the last so many commits at least. Returns how many were really lost.</summary>
    public int Succeed(Succession how, int lacks)
    {
        foreach (var session in sessions.ToArray()) Kill(session);
        leases.Clear();
        var lost = how switch { Succession.Switchover => 0, Succession.FailOver => Math.Max(versions.Count - received, Synchronous ? 0 : lacks), _ => lacks };
        lost = Math.Clamp(lost, 0, versions.Count - floor);
        versions.RemoveRange(versions.Count - lost, lost);
        received = versions.Count;
        Current = versions[^1];
        Timeline++;
        Last = how;
        if (how == Succession.Restore) System++;
        if (lost > 0) Losses++;
        OnChange(Current);
        return lost;
    }

    public ClusterIdentity Identity() =>
        new(Current.Cluster.Incarnation, Current.Cluster.Counter, Current.Cluster.System, Current.Cluster.Timeline, System, Timeline);

    async Task Receive(int count, int losses)
    {
        await Process.Time.Wait(Lag);
        if (losses == Losses) received = Math.Max(received, Math.Min(count, versions.Count));
    }
}
