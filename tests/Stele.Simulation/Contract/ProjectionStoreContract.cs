using Stele.Core.Journal;
using Stele.Server.Journal;
using Xunit;

namespace Stele.Simulation.Contract;

/// <summary>What the runner of asynchronous projections may rely on below its seam, on the simulated database and on real ones.</summary>
public abstract class ProjectionStoreContract
{
    /// <summary>A journal, and a projection's store as two nodes have it.</summary>
    internal abstract Task Run(Func<ContractBench, IProjectionStore, IProjectionStore, string, Task> test);

    [Fact]
    public Task One_node_leads_until_it_lets_go() => Run(async (_, one, other, name) =>
    {
        var lead = await one.Lead(name, CancellationToken.None);
        Assert.NotNull(lead);
        Assert.Null(await other.Lead(name, CancellationToken.None));
        await lead.DisposeAsync();
        var next = await other.Lead(name, CancellationToken.None);
        Assert.NotNull(next);
        await next.DisposeAsync();
    });

    [Fact]
    public Task A_page_is_applied_from_where_the_checkpoint_is_and_once() => Run(async (bench, one, other, name) =>
    {
        var state = await bench.Create();
        for (var i = 0; i < 4; i++) state = await bench.Append(state, ContractBench.Set("a", $"{i}"));
        Assert.Equal(new ProjectionLag(state.Org, 0, 5), Assert.Single(await one.Lags(name, CancellationToken.None)));
        var page = await one.Read(state.Org, 0, 3, CancellationToken.None);
        Assert.True(await one.Advance(name, state.Org, page, CancellationToken.None));
        // one who had paused comes with the same page, or with one that is not next
        Assert.False(await other.Advance(name, state.Org, page, CancellationToken.None));
        Assert.False(await other.Advance(name, state.Org, await other.Read(state.Org, 4, 1, CancellationToken.None), CancellationToken.None));
        Assert.Equal(new ProjectionLag(state.Org, 3, 5), Assert.Single(await other.Lags(name, CancellationToken.None)));
        Assert.True(await other.Advance(name, state.Org, await other.Read(state.Org, 3, 10, CancellationToken.None), CancellationToken.None));
        Assert.Empty(await one.Lags(name, CancellationToken.None));
    });

    [Fact]
    public Task What_does_not_stand_in_the_journal_is_not_applied() => Run(async (bench, one, _, name) =>
    {
        var state = await bench.Append(await bench.Create(), ContractBench.Set("a", "1"));
        var page = await one.Read(state.Org, 0, 10, CancellationToken.None);
        // as it was read from a primary that was lost with it
        Assert.False(await one.Advance(name, state.Org, [page[0], page[1] with { Chain = page[0].Chain }], CancellationToken.None));
        Assert.False(await one.Advance(name, state.Org, [.. page, page[1] with { Revision = 3 }], CancellationToken.None));
        Assert.True(await one.Advance(name, state.Org, page, CancellationToken.None));
    });

    [Fact]
    public Task Two_at_once_apply_it_once() => Run(async (bench, one, other, name) =>
    {
        var state = await bench.Append(await bench.Create(), ContractBench.Set("a", "1"));
        var page = await one.Read(state.Org, 0, 10, CancellationToken.None);
        var both = await Task.WhenAll(one.Advance(name, state.Org, page, CancellationToken.None), other.Advance(name, state.Org, page, CancellationToken.None));
        Assert.Single(both, applied => applied);
        Assert.Empty(await one.Lags(name, CancellationToken.None));
    });

    [Fact]
    public Task A_restart_begins_again_for_one_org() => Run(async (bench, one, _, name) =>
    {
        var (first, second) = (await bench.Create(), await bench.Create(new OrgId(2)));
        foreach (var org in (OrgId[])[first.Org, second.Org]) Assert.True(await one.Advance(name, org, await one.Read(org, 0, 10, CancellationToken.None), CancellationToken.None));
        await one.Restart(name, first.Org, CancellationToken.None);
        Assert.Equal(new ProjectionLag(first.Org, 0, 1), Assert.Single(await one.Lags(name, CancellationToken.None)));
    });
}
