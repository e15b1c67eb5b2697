using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Journal;
using Stele.Server.Stats;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Journal;

public sealed class ProjectionTests
{
    static readonly DateOnly Today = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);

    [Fact]
    public async Task Daily_counts_follow_the_journal_and_a_rebuild_gives_the_same()
    {
        await using var database = await Postgres.NewDatabase();
        await using var node = await TestNode.Start(database);
        await node.CreateOrg();
        for (var i = 0; i < 30; i++) await node.Set($"app.k{i % 3}", $"{i}");
        var runner = node.Projection(StatsProjection.Name);
        Assert.Equal(31, await runner.RunOnce(CancellationToken.None));
        Assert.Equal(0, await runner.RunOnce(CancellationToken.None));
        await node.Set("app.more", "1");
        Assert.Equal(1, await runner.RunOnce(CancellationToken.None));
        var (checkpoint, counts) = await Counts(node);
        Assert.Equal(32, checkpoint);
        Assert.Equal(new ChangeCount(Today, "development", "root", 31), Assert.Single(counts));

        long told = 0;
        await runner.Rebuild([OrgId.Default], done => told = done, CancellationToken.None);
        Assert.Equal(32, told);
        Assert.Equal(counts, (await Counts(node)).Counts);
    }

    [Fact]
    public async Task A_key_of_an_environment_that_comes_back_goes_on_with_its_row_also_in_the_append_that_brings_it_back()
    {
        await using var database = await Postgres.NewDatabase();
        await using var node = await TestNode.Start(database);
        await node.CreateOrg();
        Assert.Null((await Do(SetIn("staging"))).Fault);
        await using var session = await database.As();
        var id = Assert.Single(await session.Rows("SELECT id FROM stele.configuration"));
        for (var version = 3; ; version += 2)
        {
            Assert.Null((await Do(new DeleteEnvironment(Principal.Root, Guid.CreateVersion7(), TestNode.Environment("staging"), "staging", null))).Fault);
            // the first append takes what is there; what comes meanwhile is the second
            var together = new[] { Do(SetIn("production")), Do(new CreateEnvironment(Principal.Root, Guid.CreateVersion7(), TestNode.Environment("staging"), null, null)), Do(SetIn("staging")) };
            foreach (var outcome in await Task.WhenAll(together)) Assert.True(outcome.Fault is null, outcome.Fault?.Detail);
            Assert.Equal([$"{id}|{version}"], await session.Rows("SELECT id, version FROM stele.configuration WHERE environment = 'staging'"));
            var last = (await together[2]).Value.Record!.Revision;
            if (await session.Ask<long>($"SELECT count(DISTINCT xmin::text) FROM stele.event WHERE revision IN ({last - 1}, {last})") == 1) break;
        }

        Task<Outcome<Applied>> Do(Command command) => node.Journal.Append(OrgId.Default, command, null, CancellationToken.None);
    }

    static ChangeSet SetIn(string environment)
    {
        var set = TestNode.SetOf("app.k", "2");
        return set with { Changes = [set.Changes[0] with { Environment = TestNode.Environment(environment) }] };
    }

    [Fact]
    public async Task A_runner_that_paused_and_wakes_after_another_has_gone_on_does_no_harm()
    {
        await using var database = await Postgres.NewDatabase();
        await using var node = await TestNode.Start(database);
        await node.CreateOrg();
        for (var i = 0; i < 5; i++) await node.Set("app.k", $"{i}");
        var stale = await node.Projections.Read(OrgId.Default, 0, 100, CancellationToken.None);
        Assert.True(await node.Projections.Advance(StatsProjection.Name, OrgId.Default, stale, CancellationToken.None));
        Assert.False(await node.Projections.Advance(StatsProjection.Name, OrgId.Default, stale, CancellationToken.None));
        Assert.Equal(5, Assert.Single((await Counts(node)).Counts).Changes);
    }

    [Fact]
    public async Task Only_one_node_leads_a_projection_at_a_time()
    {
        await using var database = await Postgres.NewDatabase();
        await using var a = await TestNode.Start(database);
        await using var b = await TestNode.Start(database);
        await using (var lead = await a.Projections.Lead(StatsProjection.Name, CancellationToken.None))
        {
            Assert.NotNull(lead);
            Assert.Null(await b.Projections.Lead(StatsProjection.Name, CancellationToken.None));
        }
        await using var next = await b.Projections.Lead(StatsProjection.Name, CancellationToken.None);
        Assert.NotNull(next);
    }

    // midnight may come in the middle of a test: what was counted after it is added
    static async Task<(long Checkpoint, IReadOnlyList<ChangeCount> Counts)> Counts(TestNode node)
    {
        var (checkpoint, counts) = await StatsQueries.Changes(node.App, OrgId.Default, Today, Today.AddDays(1), null, null, 100, CancellationToken.None);
        return (checkpoint, [.. counts.GroupBy(count => (count.Environment, count.Actor)).Select(same => same.First() with { Day = Today, Changes = same.Sum(count => count.Changes) })]);
    }
}
