using Stele.Core.Journal;
using Stele.Simulation.Checking;
using Stele.Simulation.Database;
using Stele.Simulation.Scheduling;

namespace Stele.Simulation.Workload;

/// <summary>What befalls whole processes: crashes, freezes, partitions, fail-overs, clocks.</summary>
/// <param name="moments">Dice of their own for what few runs meet, so that the others stay as they are.</param>
/// <param name="client">Who writes and reads where that is what makes a fault matter.</param>
internal sealed class Nemesis(SimulatedProcess process, Dice dice, FaultPlan faults, SimulatedDatabase database, IReadOnlyList<SimulatedNode> nodes, Judge judge, Dice moments, SimulatedClient client)
{
    static readonly FaultKind[] Kinds =
    [
        FaultKind.DatabaseDown, FaultKind.Partition, FaultKind.Freeze, FaultKind.NodeKilled, FaultKind.Promotion, FaultKind.Rewind,
        FaultKind.Restore, FaultKind.ClockStep, FaultKind.ReplicaLag, FaultKind.LeaseLost,
    ];

    static readonly TimeSpan usualLag = TimeSpan.FromMilliseconds(1);

    public SimulatedProcess Process => process;

    /// <summary>Strikes now and then until faults are off.</summary>
    public async Task Run()
    {
        var here = Kinds.Where(faults.Has).ToList();
        while (faults.On && here.Count > 0)
        {
            await Pause(10, dice.Chance(0.5) ? 300 : 3_000);
            if (!faults.On) return;
            var kind = dice.Pick(here);
            var node = dice.Pick(nodes);
            if (faults.MayStrike(kind)) await Strike(kind, node);
        }
    }

    /// <summary>Undoes what is still wrong.</summary>
    public void Heal()
    {
        faults.On = false;
        if (database.Down) database.Recover();
        database.Lag = usualLag;
        foreach (var node in nodes) Heal(node);
    }

    static void Heal(SimulatedNode node)
    {
        node.Link.Partitioned = false;
        node.Process.Time.Skew = node.ClockOffset;
        if (node.Process.Frozen) node.Process.Thaw();
    }

    async Task Strike(FaultKind kind, SimulatedNode node)
    {
        switch (kind)
        {
            case FaultKind.DatabaseDown:
                database.Crash();
                await Pause(5, dice.Chance(0.5) ? 300 : 4_000);
                database.Recover();
                break;
            case FaultKind.Partition:
                node.Link.Partitioned = true;
                await Pause(5, dice.Chance(0.5) ? 300 : 6_000);
                node.Link.Partitioned = false;
                break;
            case FaultKind.Freeze:
                node.Process.Freeze();
                await Pause(1, dice.Chance(0.5) ? 300 : 8_000);
                if (node.Process.Frozen) node.Process.Thaw();
                break;
            case FaultKind.NodeKilled:
                node.Kill();
                break;
            case FaultKind.Promotion:
                await Succeed(Succession.Switchover);
                break;
            case FaultKind.Rewind:
                // a standby that is a little behind is the usual thing
                if (database.Lag == usualLag) database.Lag = dice.Milliseconds(5, 400);
                if (dice.Chance(0.5)) database.LoseStandby(dice.Milliseconds(50, 1_500));
                // who gives up waiting for the standby may see the primary go right then
                if (database.Synchronous && faults.Has(FaultKind.SyncWaitCancelled) && dice.Chance(0.6)) await Met<bool>(hook => database.OnWaitGivenUp = hook);
                await Pause(0, dice.Chance(0.5) ? 100 : 1_500);
                await Succeed(Succession.FailOver);
                database.Lag = usualLag;
                break;
            case FaultKind.Restore:
                await Succeed(Succession.Restore);
                break;
            case FaultKind.ReplicaLag:
                database.Lag = dice.Milliseconds(100, 5_000);
                await Pause(100, 3_000);
                if (dice.Chance(0.5)) database.Lag = usualLag;
                break;
            case FaultKind.LeaseLost:
                database.EndLease(node.Process);
                break;
            default:
                node.Process.Time.Skew = dice.Milliseconds(0, dice.Chance(0.5) ? 900 : 5_000) * (dice.Chance(0.5) ? 1 : -1);
                break;
        }
    }

    // the old primary is fenced before the new one answers
    async Task Succeed(Succession how)
    {
        var overtaken = how == Succession.FailOver && faults.Has(FaultKind.Freeze) && !database.Synchronous && moments.Chance(0.4);
        var believer = how != Succession.Switchover && faults.Has(FaultKind.Freeze) && (overtaken || dice.Chance(0.5)) ? await PauseWhoBelieves(hasCommitted: overtaken) : null;
        database.Crash();
        await Pause(1, dice.Chance(0.5) ? 20 : 1_500);
        var lacks = believer is not null ? database.CommitsSince(believer.Revision) + (overtaken ? 0 : dice.Between(0, 3)) : how == Succession.Restore ? dice.Between(0, 12) : 0;
        if (database.Succeed(how, lacks) > 0) judge.Rewound();
        database.Recover();
        if (believer is not { Process.Frozen: true }) return;
        if (overtaken) await client.Overtake(moments.Pick<SimulatedNode>([.. nodes.Where(node => node.Process != believer.Process)]), believer.Revision.Org);
        else await Pause(0, dice.Chance(0.5) ? 20 : 500);
        if (believer.Process.Frozen) believer.Process.Thaw();
        // the new history has come to the number of what was lost: only the chain tells the two apart
        if (overtaken && nodes.FirstOrDefault(node => node.Process == believer.Process) is { } late) await client.Look(late, believer.Revision.Org);
    }

    // at its worst moment: what it has just read or committed is lost before it goes on. Null: nobody did for long
    async Task<Belief?> PauseWhoBelieves(bool hasCommitted)
    {
        var found = !hasCommitted && dice.Chance(0.6) ? await Met<Belief>(hook => database.OnProjectionRead = hook) : await Met<Belief>(hook => database.OnAcknowledged = hook);
        if (found is not { Process: { Frozen: false, Dead: false } } || !faults.MayStrike(FaultKind.Freeze)) return null;
        found.Process.Freeze();
        return found;
    }

    // the next time that something happens, or nothing of it for long
    async Task<T?> Met<T>(Action<Action<T>?> listen)
    {
        var met = new TaskCompletionSource<T?>(TaskCreationOptions.RunContinuationsAsynchronously);
        listen(found => met.TrySetResult(found));
        using var timer = process.Time.CreateTimer(_ => met.TrySetResult(default), null, dice.Milliseconds(1_000, 4_000), Timeout.InfiniteTimeSpan);
        var result = await met.Task;
        listen(null);
        return result;
    }

    Task Pause(double least, double most) => process.Time.Wait(dice.Milliseconds(least, most));
}
