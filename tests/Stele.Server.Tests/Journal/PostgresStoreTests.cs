using Stele.Server.Journal;
using Stele.Server.Stats;
using Stele.Server.Tests.Fixtures;
using Stele.Simulation.Contract;

namespace Stele.Server.Tests.Journal;

/// <summary>The contract of the journal's store on PostgreSQL 15.</summary>
public sealed class Postgres15StoreTests : JournalStoreContract
{
    internal override Task Run(Func<ContractBench, Task> test) => PostgresStore.Run(PostgresMajor.V15, test);
}

/// <summary>The contract of the journal's store on PostgreSQL 18.</summary>
public sealed class Postgres18StoreTests : JournalStoreContract
{
    internal override Task Run(Func<ContractBench, Task> test) => PostgresStore.Run(PostgresMajor.V18, test);
}

/// <summary>The contract of projections on PostgreSQL 15.</summary>
public sealed class Postgres15ProjectionStoreTests : ProjectionStoreContract
{
    internal override Task Run(Func<ContractBench, IProjectionStore, IProjectionStore, string, Task> test) => PostgresStore.Run(PostgresMajor.V15, test);
}

/// <summary>The contract of projections on PostgreSQL 18.</summary>
public sealed class Postgres18ProjectionStoreTests : ProjectionStoreContract
{
    internal override Task Run(Func<ContractBench, IProjectionStore, IProjectionStore, string, Task> test) => PostgresStore.Run(PostgresMajor.V18, test);
}

static class PostgresStore
{
    public static async Task Run(PostgresMajor major, Func<ContractBench, IProjectionStore, IProjectionStore, string, Task> test)
    {
        await using var database = await Postgres.NewDatabase(major);
        await using var node = await TestNode.Start(database, listen: false);
        await using var other = await TestNode.Start(database, listen: false);
        await test(new ContractBench(node.Store, other.Store), node.Projections, other.Projections, StatsProjection.Name);
    }

    public static async Task Run(PostgresMajor major, Func<ContractBench, Task> test)
    {
        await using var database = await Postgres.NewDatabase(major);
        await using var node = await TestNode.Start(database, listen: false);
        await using var other = await TestNode.Start(database, listen: false);
        await test(new ContractBench(node.Store, other.Store));
    }
}
