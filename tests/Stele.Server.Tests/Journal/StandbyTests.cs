using Stele.Core.Journal;
using Stele.Server.Journal;
using Stele.Server.Tests.Fixtures;
using Stele.Simulation.Contract;
using Xunit;

namespace Stele.Server.Tests.Journal;

/// <summary>With a synchronous standby that is away, a commit that is no longer waited for is not taken for one that survives.</summary>
public sealed class StandbyTests
{
    [Fact]
    public async Task A_commit_that_the_standby_may_lack_is_unknown_and_a_fence_that_it_may_lack_settles_nothing()
    {
        await using var server = await CrashServer.Start();
        await using var node = await TestNode.Start(server.Database, listen: false);
        var bench = new ContractBench(node.Store, node.Store);
        var state = await bench.Create();
        var (batch, moment) = (ContractBench.WithKey(await bench.Plan(state, ContractBench.Set("a", "1")), "key", 7), await bench.Now());
        await using var session = await server.Database.As();
        await session.Execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
        await session.Execute("SELECT pg_reload_conf()");
        await Wait.Until(async () => await session.Ask<string>("SHOW synchronous_standby_names") == "nobody", "commits wait for the standby");

        Assert.Equal(AppendStatus.Unknown, (await GivenUp(node.Store.Append(batch))).Status);
        // what was committed here and perhaps nowhere else must not be said to have landed
        await Assert.ThrowsAsync<StoreUnavailableException>(() => GivenUp(node.Store.Settle(state.Org, state.Fence, [batch.Revisions[0].RequestId], CancellationToken.None)));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => GivenUp(node.Store.FindOutcome(state.Org, "root", "key", CancellationToken.None)));
        Assert.Null(await node.Store.FindOutcome(state.Org, "root", "another", CancellationToken.None));
        var now = await bench.Load();
        Assert.Equal(AppendStatus.Unknown, (await GivenUp(node.Store.RaiseLastAt(now.Org, now.Incarnation, now.Fence, now.Place, Timestamp.Later(moment, await bench.Now())))).Status);

        await session.Execute("ALTER SYSTEM RESET synchronous_standby_names");
        await session.Execute("SELECT pg_reload_conf()");
        await Wait.Until(async () => await session.Ask<string>("SHOW synchronous_standby_names") == "", "commits do not wait any more");
        Assert.NotNull(await node.Store.FindOutcome(state.Org, "root", "key", CancellationToken.None));
        Assert.Single(await node.Store.Settle(state.Org, now.Fence, [batch.Revisions[0].RequestId], CancellationToken.None));

        async Task<T> GivenUp<T>(Task<T> call)
        {
            await Wait.Until(async () => call.IsCompleted || await session.Ask<long>("SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") > 0, "the commit waits for the standby, and is told not to");
            return await call;
        }
    }
}
