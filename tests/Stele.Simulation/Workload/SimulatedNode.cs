using Microsoft.Extensions.Logging;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Journal;
using Stele.Server.Limits;
using Stele.Server.Operation;
using Stele.Server.Watch;
using Stele.Simulation.Database;
using Stele.Simulation.Scheduling;

namespace Stele.Simulation.Workload;

/// <summary>One server process: the real journal logic on a simulated store. Killed and started anew, it has lost its memory.</summary>
internal sealed class SimulatedNode(int number, SimulatedScheduler scheduler, SimulatedDatabase database, FaultPlan faults, Mutant mutant, int quickTick, ILoggerFactory logs)
{
    /// <summary>The asynchronous projection that every node may build.</summary>
    public const string ProjectionName = "streams";

    readonly List<Action> ends = [];

    /// <summary>How far its clock is ahead of true time, when nobody steps it: no two clocks agree.</summary>
    public TimeSpan ClockOffset { get; init; }

    public int Number => number;

    public SimulatedProcess Process { get; private set; } = null!;

    public DatabaseLink Link { get; private set; } = null!;

    public JournalNode Journal { get; private set; } = null!;

    /// <summary>What stands between it and those who ask it.</summary>
    public NodeSeam Seam { get; private set; } = null!;

    /// <summary>Its secrets.</summary>
    public SimulatedSecrets Secrets { get; private set; } = null!;

    /// <summary>Its watch engine.</summary>
    public WatchEngine Watch { get; private set; } = null!;

    /// <summary>Builds the asynchronous projection, while it may.</summary>
    public ProjectionRunner Projection { get; private set; } = null!;

    /// <summary>Passes a hint of this node on to the others.</summary>
    public Action<SimulatedNode, OrgId, long> OnHint { get; set; } = static (_, _, _) => { };

    /// <summary>The states in this node's memory.</summary>
    public IEnumerable<OrgState> States => Journal.Orgs.Where(org => org.State.Name is not null).Select(org => org.State);

    /// <summary>Who may do what, as this node knows it before it has asked anybody; null when it holds nothing.</summary>
    public AccessState? AccessNow(OrgId org) => Journal.Peek(org)?.State.Access;

    public void Start()
    {
        // nonces of its own, and no dice of the run's
        var maker = new SecretMaker(new Dice((ulong)number));
        Seam = new NodeSeam(mutant, maker);
        Process = scheduler.Start($"node {number}");
        Process.Time.Skew = ClockOffset;
        Link = new DatabaseLink(scheduler, database, Process, faults);
        Secrets = new SimulatedSecrets(database, Link, maker, mutant);
        var options = new JournalOptions
        {
            NewId = faults.Dice.Id, ReadRevisions = 7, RingRevisions = 16, BatchCommands = 8, QueueCommands = 64,
            // one of them keeps nothing that is not used, and hardly waits for what it loads
            Idle = TimeSpan.FromSeconds(number == 1 ? 1.5 : 900), Tick = TimeSpan.FromMilliseconds(number == 1 ? quickTick : 100),
            Poll = mutant == Mutant.NeverPoll ? TimeSpan.FromDays(1) : TimeSpan.FromSeconds(1),
        };
        var log = new JournalLog(logs.CreateLogger<JournalLog>());
        var store = new SimulatedJournalStore(database, Link, mutant);
        Journal = new JournalNode(store, Process.Time, options, new JournalMetrics(new Metrics()), log);
        store.Believed = org => Journal.Peek(org)?.State.Place;
        Journal.OnCommitted((org, revision) =>
        {
            if (database.Current.Org(org) is { } rows && rows.Revisions.Count >= revision) database.OnAcknowledged?.Invoke(new Belief(Process, rows.Revisions[(int)revision - 1]));
            OnHint(this, org, revision);
        });
        var tail = new JournalTail(Journal, Process.Time, options, log);
        Process.Post(async void (_) => await tail.Run(CancellationToken.None), null);
        hear = tail.Hint;
        Projection = new ProjectionRunner(ProjectionName, new SimulatedProjectionStore(database, Link, Process, mutant), Process.Time, options with { Poll = TimeSpan.FromSeconds(1) }, log);
        Process.Post(async void (_) => await Projection.Run(CancellationToken.None), null);
        StartWatch(store);
    }

    void StartWatch(SimulatedJournalStore store)
    {
        var options = new WatchOptions
        {
            BufferMessages = 6, BufferBytes = 4_000, Heartbeat = TimeSpan.FromSeconds(2), Stall = TimeSpan.FromSeconds(3), Tick = TimeSpan.FromMilliseconds(200),
            ReadRevisions = 5, ProbeRevisions = 9, ProbedMax = 12, SoughtRevisions = 20, JoinRevisions = 3,
        };
        var engine = Watch = new WatchEngine(Journal, store, new RequestLimiter(Process.Time, new LimitOptions(), new LimitMetrics(new Metrics())), Process.Time, options, new WatchMetrics(new Metrics()), new WatchLog(logs.CreateLogger<WatchLog>()));
        Process.Post(async void (_) =>
        {
            using var timer = new PeriodicTimer(options.Tick, Process.Time);
            while (await timer.WaitForNextTickAsync()) engine.Tick();
        }, null);
    }

    Func<OrgId, long, Task> hear = static (_, _) => Task.CompletedTask;

    public void Hear(OrgId org, long revision) => Process.Post(async void (_) => await hear(org, revision), null);

    public void Kill()
    {
        Process.Kill();
        database.Forget(Process);
        foreach (var end in ends) end();
        ends.Clear();
        Start();
    }

    /// <summary>Has the node do something for a client. Null: it was killed, or did not answer in time.</summary>
    public async Task<T?> Call<T>(Func<JournalNode, Task<T>> call, TimeProvider clientTime, TimeSpan patience) where T : struct
    {
        // one source for all three ends: Task.WhenAny would go through the thread pool
        var answer = new TaskCompletionSource<T?>(TaskCreationOptions.RunContinuationsAsynchronously);
        void End() => answer.TrySetResult(null);
        ends.Add(End);
        Process.Post(async void (_) => answer.TrySetResult(await call(Journal)), null);
        using var timer = clientTime.CreateTimer(_ => End(), null, patience, Timeout.InfiniteTimeSpan);
        var result = await answer.Task;
        ends.Remove(End);
        return result;
    }
}
