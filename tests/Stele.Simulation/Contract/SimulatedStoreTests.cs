using Stele.Server.Journal;
using Stele.Simulation.Database;
using Stele.Simulation.Scheduling;

namespace Stele.Simulation.Contract;

/// <summary>The contract on the simulated database.</summary>
public sealed class SimulatedStoreTests : JournalStoreContract
{
    internal override Task Run(Func<ContractBench, Task> test) => SimulatedStore.Run((bench, _, _) => test(bench));
}

/// <summary>The contract of projections on the simulated database.</summary>
public sealed class SimulatedProjectionStoreTests : ProjectionStoreContract
{
    internal override Task Run(Func<ContractBench, IProjectionStore, IProjectionStore, string, Task> test) => SimulatedStore.Run((bench, one, other) => test(bench, one, other, "streams"));
}

static class SimulatedStore
{
    public static Task Run(Func<ContractBench, IProjectionStore, IProjectionStore, Task> test)
    {
        var scheduler = new SimulatedScheduler(1);
        var dice = new Dice(1);
        var database = new SimulatedDatabase(scheduler, dice.Id());
        DatabaseLink Link(SimulatedProcess node) => new(scheduler, database, node, FaultPlan.None(dice));
        SimulatedJournalStore Store(SimulatedProcess node) => new(database, Link(node), Mutant.None);
        var (node, other) = (scheduler.Start("node"), scheduler.Start("other"));
        var under = Task.CompletedTask;
        node.Post(_ => under = test(new ContractBench(Store(node), Store(node)),
            new SimulatedProjectionStore(database, Link(node), node, Mutant.None), new SimulatedProjectionStore(database, Link(node), other, Mutant.None)), null);
        if (!scheduler.Run(() => scheduler.Steps > 0 && under.IsCompleted, TimeSpan.FromHours(1), 1_000_000))
            throw new InvalidOperationException("the test waits for something that never comes");
        return under;
    }
}
