using System.Text;
using Stele.Core.Journal;
using Stele.Simulation.Checking;
using Stele.Simulation.Checking.Histories;
using Stele.Simulation.Database;
using Stele.Simulation.Following;
using Stele.Simulation.Scheduling;
using Stele.Simulation.Watching;

namespace Stele.Simulation.Workload;

/// <summary>What a run came to.</summary>
internal sealed record SimulationResult(RunOptions Options, IReadOnlyList<Violation> Violations, ulong Trace, long Work, RunTally Tally, int Acknowledged, int Lost, string Plan, IReadOnlyList<HistoryLine> History)
{
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(System.Globalization.CultureInfo.InvariantCulture, $"{Options}: a run for {Options.KindOfRun.ToString().ToLowerInvariant()}, {Tally.Steps} steps ({Tally.Operations} operations, {Tally.Messages} messages, {Tally.Faults} faults), {Acknowledged} writes acknowledged, {Lost} lost to rewinds, trace {Trace:x16}\nplan: {Plan}\n");
        foreach (var violation in Violations) text.Append(violation).Append('\n');
        return text.ToString();
    }
}

/// <summary>
/// One seed, whole: nodes on one database, clients who ask, watchers, a nemesis. In a run for safety faults strike to the end;
/// in one for liveness they stop, several times, and everyone must make progress. In the end everything must agree.
/// </summary>
internal sealed class SimulationRun
{
    readonly RunOptions options;
    readonly SimulatedScheduler scheduler;
    readonly Dice dice;
    readonly FaultPlan faults;
    readonly SimulatedDatabase database;
    readonly Judge judge;
    readonly HistoryRecorder recorder;
    readonly List<SimulatedNode> nodes = [];
    readonly List<SimulatedClient> clients = [];
    readonly List<OrgId> orgs = [];
    readonly Nemesis nemesis;
    readonly List<SimulatedWatcher> watchers = [];
    readonly List<SimulatedFollower> followers = [];

    const long WorkMax = 1_000_000;
    const int LiveRounds = 3;

    // the longest that something of before may still be under way, and what is a moment for everyone
    static readonly TimeSpan calming = TimeSpan.FromSeconds(15), liveBound = TimeSpan.FromSeconds(8), levelling = TimeSpan.FromSeconds(3);

    // the longest that a client that was failed often waits, and a request that nobody answers
    static readonly TimeSpan returning = TimeSpan.FromSeconds(45);

    SimulationRun(RunOptions options)
    {
        this.options = options;
        scheduler = new SimulatedScheduler(options.Seed);
        dice = new Dice(options.Seed);
        faults = FaultPlan.Draw(dice.Fork());
        foreach (var kind in options.Without) faults.Without(kind);
        (faults.On, faults.StrikesMax) = (false, options.FaultsMax);
        recorder = new HistoryRecorder(scheduler, options.Seed);
        database = new SimulatedDatabase(scheduler, dice.Id()) { Synchronous = dice.Chance(0.4) };
        database.Locks.OnDeadlock = () => faults.Came(FaultKind.Deadlock);
        judge = new Judge(scheduler, database, recorder);
        database.OnChange = judge.Observe;
        var count = dice.Between(2, 3);
        // most nodes look at their deadlines seldom, or a run would do little else
        var quickTick = dice.Chance(0.15) ? 3 : 40;
        var clockDice = new Dice(options.Seed ^ 0xC10C);
        // in a third of the runs they agree, in a third all are behind, and in a third some are ahead, within what a node may differ
        var (least, most) = clockDice.Next(3) switch { 0 => (0, 0), 1 => (-800, 0), _ => (-400, 400) };
        for (var i = 0; i < count; i++) nodes.Add(new SimulatedNode(i, scheduler, database, faults, options.Mutant, quickTick, options.Logs) { OnHint = Carry, ClockOffset = TimeSpan.FromMilliseconds(clockDice.Between(least, most)) });
        foreach (var node in nodes) node.Start();
        for (var i = dice.Between(2, 3); i > 0; i--) orgs.Add(new OrgId(orgs.Count + 1));
        var around = new Surroundings(nodes, orgs, orgs.ToDictionary(org => org, org => new People(org, dice.Fork())), database, judge, recorder, faults);
        count = Math.Min(dice.Between(2, 6), options.ClientsMax);
        for (var i = 0; i < count; i++) clients.Add(new SimulatedClient(i, scheduler.Start($"client {i}"), dice.Fork(), around));
        // dice of their own, so that what the others throw is what it is without them
        var watchDice = new Dice(options.Seed ^ 0x3A7C4);
        for (var i = 0; i < options.Watchers; i++)
            watchers.Add(new SimulatedWatcher(i, scheduler.Start($"watcher {i}"), watchDice.Fork(), around, watchDice.Pick(orgs), options.Mutant) { SeesAll = i % 3 != 2 });
        var followDice = new Dice(options.Seed ^ 0xF0110);
        for (var i = 0; i < options.Followers; i++) followers.Add(new SimulatedFollower(i, scheduler.Start($"follower {i}"), followDice.Fork(), around, followDice.Pick(orgs), options.Mutant));
        var (striking, moments) = (scheduler.Start("nemesis"), new Dice(options.Seed ^ 0x0E7A5));
        nemesis = new Nemesis(striking, dice.Fork(), faults, database, nodes, judge, moments, new SimulatedClient(clients.Count, striking, moments.Fork(), around));
    }

    /// <summary>Runs a seed.</summary>
    public static SimulationResult Of(ulong seed) => Of(new RunOptions(seed));

    /// <summary>Runs what the options say.</summary>
    public static SimulationResult Of(RunOptions options) => new SimulationRun(options).Run();

    SimulationResult Run()
    {
        Phase("the orgs are made", TimeSpan.FromMinutes(1), async client =>
        {
            if (client == clients[0]) await client.Begin(nodes[0]);
        });
        database.Backup();
        foreach (var watcher in watchers) watcher.Process.Post(async void (_) => await watcher.Run(), null);
        foreach (var follower in followers) follower.Process.Post(async void (_) => await follower.Run(), null);
        var pause = dice.Milliseconds(1, dice.Chance(0.2) ? 300 : 40);
        var rounds = options.KindOfRun == RunKind.Liveness ? LiveRounds : 1;
        for (var round = 1; round <= rounds; round++)
        {
            Trouble(pause, faults.Tally.Steps + options.Steps / rounds);
            if (options.KindOfRun == RunKind.Liveness) Phase("clients make progress", TimeSpan.FromMinutes(3), client => client.RunLive(liveBound));
        }
        Rest(true);
        if (followers.Count > 0) Settle(returning);
        Settle(options.KindOfRun == RunKind.Liveness ? levelling : TimeSpan.Zero);
        Settle(levelling);
        if (judge.Violations.Count == 0) judge.Finish(nodes.SelectMany(node => node.States));
        foreach (var watcher in watchers) watcher.Finish();
        foreach (var follower in followers) follower.Finish();
        IReadOnlyList<Violation> violations = judge.Violations.Count > 0 ? judge.Violations : HistoryChecks.Run(recorder.Lines);
        return new SimulationResult(options, violations, scheduler.Trace, scheduler.Steps, faults.Tally, clients.Sum(client => client.Acknowledged), judge.Lost, faults.ToString(), recorder.Lines);
    }

    // until so many steps are done; then all is healed, and what was under way has come to its end
    void Trouble(TimeSpan pause, int steps)
    {
        faults.On = true;
        Rest(false);
        nemesis.Process.Post(async void (_) => await nemesis.Run(), null);
        Phase("everyone is answered", TimeSpan.FromMinutes(20), client => client.Run(pause, () => faults.Tally.Steps >= steps || faults.Tally.Operations >= options.OperationsMax));
        nemesis.Heal();
        Rest(true);
        Settle(calming);
    }

    void Rest(bool calm)
    {
        foreach (var watcher in watchers) watcher.Calm = calm;
        foreach (var follower in followers) follower.Calm = calm;
    }

    void Phase(string promise, TimeSpan atMost, Func<SimulatedClient, Task> work)
    {
        if (judge.Violations.Count > 0) return;
        var under = new List<Task>();
        foreach (var client in clients) client.Process.Post(_ => under.Add(work(client)), null);
        var done = scheduler.Run(() => (under.Count == clients.Count && under.TrueForAll(task => task.IsCompleted)) || judge.Violations.Count > 0, atMost, WorkMax);
        foreach (var escape in scheduler.Escapes) judge.Report("nothing escapes", escape);
        foreach (var task in under.Where(task => task.IsFaulted)) judge.Report("the simulation itself works", task.Exception!.ToString());
        if (!done && judge.Violations.Count == 0) judge.Report(promise, $"{under.Count(task => !task.IsCompleted)} clients still wait after {atMost} of the simulation's time");
    }

    // lets time pass
    void Settle(TimeSpan time)
    {
        if (judge.Violations.Count > 0 || time == TimeSpan.Zero) return;
        var until = scheduler.Now + time.Ticks;
        scheduler.Run(() => scheduler.Now >= until, time * 2, WorkMax);
        foreach (var escape in scheduler.Escapes) judge.Report("nothing escapes", escape);
    }

    void Deliver(SimulatedNode node, OrgId org, long revision, TimeSpan after) => database.Process.Post(async void (_) =>
    {
        await database.Process.Time.Wait(after);
        faults.Tally.Messages++;
        node.Hear(org, revision);
    }, null);

    void Carry(SimulatedNode from, OrgId org, long revision)
    {
        foreach (var node in nodes)
        {
            if (node == from || faults.Strikes(FaultKind.HintLost)) continue;
            Deliver(node, org, revision, faults.Strikes(FaultKind.HintLate) ? dice.Milliseconds(3, 2_000) : dice.Milliseconds(0.1, 3));
            if (faults.Strikes(FaultKind.HintDoubled)) Deliver(node, org, revision, dice.Milliseconds(0.1, 2_000));
        }
    }
}
