using Stele.Simulation.Database;
using Stele.Simulation.Scheduling;

namespace Stele.Simulation.Contract;

/// <summary>The contract on the simulated database.</summary>
public sealed class SimulatedStoreTests : JournalStoreContract
{
    internal override Task Run(Func<ContractBench, Task> test)
    {
        var scheduler = new SimulatedScheduler(1);
        var dice = new Dice(1);
        var database = new SimulatedDatabase(scheduler, dice.Id());
        SimulatedJournalStore Store(SimulatedProcess node) => new(database, new DatabaseLink(scheduler, database, node, FaultPlan.None(dice)), Mutant.None);
        var node = scheduler.Start("node");
        var under = Task.CompletedTask;
        node.Post(_ => under = test(new ContractBench(Store(node), Store(node))), null);
        if (!scheduler.Run(() => scheduler.Steps > 0 && under.IsCompleted, TimeSpan.FromHours(1), 1_000_000))
            throw new InvalidOperationException("the test waits for something that never comes");
        return under;
    }
}
