using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Stele.Core.Journal;
using Stele.Simulation.Checking;
using Stele.Simulation.Database;
using Stele.Simulation.Scheduling;
using Stele.Simulation.Watching;

namespace Stele.Simulation.Workload;

/// <summary>What a run came to.</summary>
internal sealed record SimulationResult(
    ulong Seed, IReadOnlyList<Violation> Violations, ulong Trace, long Steps, int Asked, int Acknowledged, int Lost, IReadOnlyList<int> Fired, string Plan)
{
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(System.Globalization.CultureInfo.InvariantCulture, $"seed {Seed}: {Asked} asked, {Acknowledged} acknowledged, {Lost} lost to rewinds, {Steps} steps, trace {Trace:x16}\nplan: {Plan}\n");
        foreach (var violation in Violations) text.Append(violation).Append('\n');
        return text.ToString();
    }
}

/// <summary>
/// One seed, whole: nodes on one database, clients that ask, a nemesis; then faults stop, and everyone must make progress
/// and agree.
/// </summary>
internal sealed class SimulationRun
{
    readonly ulong seed;
    readonly SimulatedScheduler scheduler;
    readonly Dice dice;
    readonly FaultPlan faults;
    readonly SimulatedDatabase database;
    readonly Judge judge;
    readonly List<SimulatedNode> nodes = [];
    readonly List<SimulatedClient> clients = [];
    readonly List<OrgId> orgs = [];
    readonly Nemesis nemesis;
    readonly List<SimulatedWatcher> watchers = [];

    const long StepsMax = 400_000;
    static readonly TimeSpan LiveBound = TimeSpan.FromSeconds(8);

    SimulationRun(ulong seed, Mutant mutant, FaultPlan? plan, ILoggerFactory logs, int watching)
    {
        this.seed = seed;
        scheduler = new SimulatedScheduler(seed);
        dice = new Dice(seed);
        faults = plan ?? FaultPlan.Draw(dice.Fork());
        faults.On = false;
        database = new SimulatedDatabase(scheduler, dice.Id());
        judge = new Judge(scheduler, database);
        database.OnChange = judge.Observe;
        var count = dice.Between(2, 3);
        for (var i = 0; i < count; i++) nodes.Add(new SimulatedNode(i, scheduler, database, faults, mutant, logs) { OnHint = Carry, Watches = watching > 0 });
        foreach (var node in nodes) node.Start();
        for (var i = dice.Chance(0.2) ? 2 : 1; i > 0; i--) orgs.Add(new OrgId(orgs.Count + 1));
        count = dice.Between(2, 6);
        for (var i = 0; i < count; i++)
            clients.Add(new SimulatedClient(i, scheduler.Start($"client {i}"), dice.Fork(), nodes, orgs, database, judge, faults.Has(FaultKind.BadData)));
        // dice of their own, so that what the others throw is what it is without them
        var watchDice = new Dice(seed ^ 0x3A7C4);
        for (var i = 0; i < watching; i++) watchers.Add(new SimulatedWatcher(i, scheduler.Start($"watcher {i}"), watchDice.Fork(), nodes, watchDice.Pick(orgs), database, judge));
        nemesis = new Nemesis(scheduler.Start("nemesis"), dice.Fork(), faults, database, nodes, judge);
    }

    /// <summary>Runs a seed.</summary>
    public static SimulationResult Of(ulong seed, Mutant mutant = Mutant.None, Func<Dice, FaultPlan>? plan = null, ILoggerFactory? logs = null, int watchers = 0) =>
        new SimulationRun(seed, mutant, plan?.Invoke(new Dice(seed ^ 0xFA)), logs ?? NullLoggerFactory.Instance, watchers).Run();

    SimulationResult Run()
    {
        if (faults.Has(FaultKind.BadData)) faults.Fired[(int)FaultKind.BadData]++;
        Phase("the orgs are made", TimeSpan.FromMinutes(1), async client =>
        {
            if (client == clients[0]) await Create(client);
        });
        database.Backup();
        faults.On = true;
        nemesis.Process.Post(async void (_) => await nemesis.Run(), null);
        foreach (var watcher in watchers) watcher.Process.Post(async void (_) => await watcher.Run(), null);
        var (operations, pause) = (dice.Between(10, 30), dice.Milliseconds(1, dice.Chance(0.2) ? 500 : 40));
        Phase("everyone is answered", TimeSpan.FromMinutes(20), client => client.Run(operations, pause));
        nemesis.Heal();
        foreach (var watcher in watchers) watcher.Calm = true;
        Settle(TimeSpan.FromSeconds(12));
        Phase("clients make progress", TimeSpan.FromMinutes(3), client => client.RunLive(LiveBound));
        Settle(TimeSpan.FromSeconds(3));
        if (judge.Violations.Count == 0) judge.Finish(nodes.SelectMany(node => node.States));
        foreach (var watcher in watchers) watcher.Finish(mayReset: judge.Lost > 0);
        return new SimulationResult(seed, judge.Violations, scheduler.Trace, scheduler.Steps, clients.Sum(c => c.Asked), clients.Sum(c => c.Acknowledged),
            judge.Lost, faults.Fired, faults.ToString());
    }

    async Task Create(SimulatedClient client)
    {
        foreach (var org in orgs)
            if (await client.Create(nodes[0], org) is not { Fault: null } answer) judge.Report("an org can be made", "");
    }

    void Phase(string promise, TimeSpan atMost, Func<SimulatedClient, Task> work)
    {
        if (judge.Violations.Count > 0) return;
        var under = new List<Task>();
        foreach (var client in clients) client.Process.Post(_ => under.Add(work(client)), null);
        var done = scheduler.Run(() => under.Count == clients.Count && under.TrueForAll(task => task.IsCompleted) || judge.Violations.Count > 0, atMost, StepsMax);
        foreach (var escape in scheduler.Escapes) judge.Report("nothing escapes", escape);
        foreach (var task in under.Where(task => task.IsFaulted)) judge.Report("the simulation itself works", task.Exception!.ToString());
        if (!done && judge.Violations.Count == 0) judge.Report(promise, $"{under.Count(task => !task.IsCompleted)} clients still wait after {atMost} of the simulation's time");
    }

    // lets time pass
    void Settle(TimeSpan time)
    {
        if (judge.Violations.Count > 0) return;
        var until = scheduler.Now + time.Ticks;
        scheduler.Run(() => scheduler.Now >= until, time * 2, StepsMax);
        foreach (var escape in scheduler.Escapes) judge.Report("nothing escapes", escape);
    }

    void Deliver(SimulatedNode node, OrgId org, long revision, TimeSpan after) => database.Process.Post(async void (_) =>
    {
        await database.Process.Time.Wait(after);
        node.Hear(org, revision);
    }, null);

    void Carry(SimulatedNode from, OrgId org, long revision)
    {
        foreach (var node in nodes)
        {
            if (node == from || faults.Strikes(FaultKind.HintLost)) continue;
            Deliver(node, org, revision, dice.Milliseconds(0.1, 3));
            if (faults.Strikes(FaultKind.HintLate)) Deliver(node, org, revision, dice.Milliseconds(3, 2_000));
        }
    }
}
