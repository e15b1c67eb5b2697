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
        FaultKind.Restore, FaultKind.ClockStep,
    ];

    public SimulatedProcess Process => process;

    /// <summary>Strikes now and then until faults are off.</summary>
    public async Task Run()
    {
        while (faults.On)
        {
            await Pause(10, dice.Chance(0.5) ? 150 : 1_500);
            if (!faults.On) return;
            var kind = dice.Pick(Kinds);
            if (!faults.Has(kind)) continue;
            faults.Fired[(int)kind]++;
            await Strike(kind, dice.Pick(nodes));
        }
    }

    /// <summary>Undoes what is still wrong.</summary>
    public void Heal()
    {
        faults.On = false;
        if (database.Down) database.Recover();
        foreach (var node in nodes) Heal(node);
    }

    static void Heal(SimulatedNode node)
    {
        node.Link.Partitioned = false;
        node.Process.Time.Skew = TimeSpan.Zero;
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
                await FailOver(lost: 0, newSystem: false);
                break;
            case FaultKind.Rewind:
                await FailOver(dice.Between(1, 6), newSystem: false);
                break;
            case FaultKind.Restore:
                await FailOver(dice.Between(0, 12), newSystem: true);
                break;
            default:
                node.Process.Time.Skew = dice.Milliseconds(0, dice.Chance(0.5) ? 900 : 5_000) * (dice.Chance(0.5) ? 1 : -1);
                break;
        }
    }

    // the old primary is fenced before the new one answers
    async Task FailOver(int lost, bool newSystem)
    {
        database.Crash();
        await Pause(1, dice.Chance(0.5) ? 20 : 1_500);
        if (database.Promote(lost, newSystem) > 0) judge.Rewound();
        database.Recover();
    }

    Task Pause(double least, double most) => process.Time.Wait(dice.Milliseconds(least, most));
}
