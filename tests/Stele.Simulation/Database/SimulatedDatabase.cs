using System.Collections.Immutable;
using Stele.Core.Journal;
using Stele.Server.Journal;
using Stele.Simulation.Scheduling;

namespace Stele.Simulation.Database;

/// <summary>
/// One PostgreSQL, shared by the nodes of a run: what is committed, in versions; who holds which lock; and what befalls it:
/// a crash, a promotion, the loss of what a standby had not received.
/// </summary>
internal sealed class SimulatedDatabase
{
    readonly List<DatabaseVersion> versions = [];
    readonly List<Session> sessions = [];
    int floor = 1;

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

    /// <summary>Changes when commits are lost: connections to what held them are dead, and nothing on its way in them arrives.</summary>
    public int Losses { get; private set; }

    /// <summary>The database's clock: what timestamps and the bound on the nodes' clocks go by.</summary>
    public Timestamp Now => Timestamp.From(Process.Time.GetUtcNow());

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
        OnChange(next);
    }

    /// <summary>What is committed so far is in every backup and on every standby.</summary>
    public void Backup() => floor = versions.Count;

    /// <summary>Ends a session: its transaction is rolled back.</summary>
    public void Kill(Session session)
    {
        session.Kill();
        Locks.Release(session);
    }

    /// <summary>A client is gone: sessions that wait for it end; what it had sent completely goes on.</summary>
    public void Forget(SimulatedProcess client)
    {
        foreach (var session in sessions.ToArray())
            if (session.Client == client && session.WaitsForClient) Kill(session);
    }

    public void Crash()
    {
        Down = true;
        foreach (var session in sessions.ToArray()) Kill(session);
    }

    public void Recover() => Down = false;

    /// <summary>A standby takes over, without the last so many commits. Returns how many were really lost.</summary>
    public int Promote(int lost, bool newSystem)
    {
        foreach (var session in sessions.ToArray()) Kill(session);
        lost = Math.Min(lost, versions.Count - floor);
        versions.RemoveRange(versions.Count - lost, lost);
        Current = versions[^1];
        Timeline++;
        if (newSystem) System++;
        if (lost > 0) Losses++;
        OnChange(Current);
        return lost;
    }

    public ClusterIdentity Identity() =>
        new(Current.Cluster.Incarnation, Current.Cluster.Counter, Current.Cluster.System, Current.Cluster.Timeline, System, Timeline);
}
