using Stele.Simulation.Scheduling;

namespace Stele.Simulation.Database;

/// <summary>How a wait for a lock ended.</summary>
internal enum LockEnd
{
    Taken,
    Killed,
    TimedOut,
    Deadlock,
}

/// <summary>
/// Row locks with PostgreSQL's manners: first come, first served; held to the end of the transaction; a cycle is noticed
/// after deadlock_timeout, and whoever notices it is rolled back.
/// </summary>
internal sealed class LockTable(SimulatedProcess database)
{
    /// <summary>Told of each cycle that was noticed.</summary>
    public Action OnDeadlock { get; set; } = static () => { };

    readonly Dictionary<string, (Session Owner, List<Session> Waiting)> locks = [];

    static readonly TimeSpan DeadlockTimeout = TimeSpan.FromSeconds(1);

    public static string Head(Core.Journal.OrgId org) => $"head/{org}";

    /// <summary>Waits for a lock, at most so long; null: as long as it takes.</summary>
    public async Task<LockEnd> Take(Session session, string resource, TimeSpan? atMost)
    {
        if (!session.Alive) return LockEnd.Killed;
        if (!locks.TryGetValue(resource, out var entry))
        {
            Own(session, resource, []);
            return LockEnd.Taken;
        }
        if (entry.Owner == session) return LockEnd.Taken;
        entry.Waiting.Add(session);
        var wait = session.BeginWait(resource);
        _ = NoticeDeadlock(session, resource, wait);
        if (atMost is { } most) _ = GiveUp(session, resource, wait, most);
        return await wait.Task;
    }

    /// <summary>Who holds what a session waits for, or null.</summary>
    public Session? BlockerOf(Session session) =>
        session.WaitsFor is { } resource && locks.TryGetValue(resource, out var entry) ? entry.Owner : null;

    /// <summary>Lets go of everything that a session holds and waits for.</summary>
    public void Release(Session session)
    {
        if (session.WaitsFor is { } resource) End(session, resource, LockEnd.Killed);
        foreach (var held in session.Held)
        {
            var waiting = locks[held].Waiting;
            locks.Remove(held);
            if (waiting.Count == 0) continue;
            var next = waiting[0];
            waiting.RemoveAt(0);
            Own(next, held, waiting);
            next.EndWait(LockEnd.Taken);
        }
        session.Held.Clear();
    }

    void Own(Session session, string resource, List<Session> waiting)
    {
        locks[resource] = (session, waiting);
        session.Held.Add(resource);
    }

    void End(Session session, string resource, LockEnd end)
    {
        if (locks.TryGetValue(resource, out var entry)) entry.Waiting.Remove(session);
        session.EndWait(end);
    }

    async Task NoticeDeadlock(Session session, string resource, TaskCompletionSource<LockEnd> wait)
    {
        await database.Time.Wait(DeadlockTimeout);
        if (wait.Task.IsCompleted) return;
        var at = BlockerOf(session);
        for (var depth = 0; at is not null && at != session && depth < 64; depth++) at = BlockerOf(at);
        if (at != session) return;
        OnDeadlock();
        End(session, resource, LockEnd.Deadlock);
    }

    async Task GiveUp(Session session, string resource, TaskCompletionSource<LockEnd> wait, TimeSpan atMost)
    {
        await database.Time.Wait(atMost);
        if (!wait.Task.IsCompleted) End(session, resource, LockEnd.TimedOut);
    }
}

/// <summary>One backend at work for one call of a client.</summary>
internal sealed class Session(SimulatedProcess client)
{
    TaskCompletionSource<LockEnd>? wait;
    TaskCompletionSource<bool>? clientWait;

    public SimulatedProcess Client { get; } = client;

    public bool Alive { get; private set; } = true;

    /// <summary>Whether the client has sent all that a commit needs.</summary>
    public bool CommitSent { get; set; }

    /// <summary>What happens when the standby has the commit that is on the primary's disk; null: nothing waits for that.</summary>
    public Action? Durable { get; set; }

    /// <summary>Has the client give up, while this goes on.</summary>
    public Action BreakClient { get; set; } = static () => { };

    /// <summary>The locks that it holds.</summary>
    public List<string> Held { get; } = [];

    /// <summary>The lock that it waits for.</summary>
    public string? WaitsFor { get; private set; }

    /// <summary>Whether it waits for its client to say something: wait event ClientRead.</summary>
    public bool WaitsForClient => clientWait is { Task.IsCompleted: false };

    public TaskCompletionSource<LockEnd> BeginWait(string resource)
    {
        WaitsFor = resource;
        return wait = new TaskCompletionSource<LockEnd>(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public void EndWait(LockEnd end)
    {
        WaitsFor = null;
        wait?.TrySetResult(end);
    }

    /// <summary>Waits until the client has spoken; false when the session was ended first.</summary>
    public async Task<bool> HearClient(Func<Task> client)
    {
        clientWait = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        _ = Listen(client, clientWait);
        return await clientWait.Task && Alive;
    }

    /// <summary>Ends it; its locks are released by who ends it.</summary>
    public void Kill()
    {
        Alive = false;
        clientWait?.TrySetResult(false);
    }

    static async Task Listen(Func<Task> client, TaskCompletionSource<bool> spoken)
    {
        await client();
        spoken.TrySetResult(true);
    }
}
