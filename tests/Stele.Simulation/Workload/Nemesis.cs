using Stele.Core.Journal;
using Stele.Simulation.Checking;
using Stele.Simulation.Database;
using Stele.Simulation.Scheduling;

namespace Stele.Simulation.Workload;

/// <summary>What befalls whole processes: crashes, freezes, partitions, fail-overs, clocks.</summary>
internal sealed class Nemesis(SimulatedProcess process, Dice dice, FaultPlan faults, SimulatedDatabase database, IReadOnlyList<SimulatedNode> nodes, Judge judge)
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
        var (paused, read) = how != Succession.Switchover && faults.Has(FaultKind.Freeze) && dice.Chance(0.5) ? await PauseWhoReads() : default;
        database.Crash();
        await Pause(1, dice.Chance(0.5) ? 20 : 1_500);
        var lacks = read is null ? dice.Between(0, 12) : database.CommitsSince(read) + dice.Between(0, 3);
        if (database.Succeed(how, lacks) > 0) judge.Rewound();
        database.Recover();
        if (paused is not { Frozen: true }) return;
        await Pause(0, 20);
        paused.Thaw();
    }

    // at its worst moment: what it has read is lost before it goes on. Nothing: nobody read for long
    async Task<(SimulatedProcess? Paused, RevisionRecord? Read)> PauseWhoReads()
    {
        var met = new TaskCompletionSource<(SimulatedProcess?, RevisionRecord?)>(TaskCreationOptions.RunContinuationsAsynchronously);
        database.OnProjectionRead = (reader, read) => met.TrySetResult((reader, read));
        using var timer = process.Time.CreateTimer(_ => met.TrySetResult(default), null, dice.Milliseconds(1_000, 4_000), Timeout.InfiniteTimeSpan);
        var found = await met.Task;
        database.OnProjectionRead = static (_, _) => { };
        if (found.Item1 is not { Frozen: false, Dead: false } || !faults.MayStrike(FaultKind.Freeze)) return default;
        found.Item1.Freeze();
        return found;
    }

    Task Pause(double least, double most) => process.Time.Wait(dice.Milliseconds(least, most));
}
