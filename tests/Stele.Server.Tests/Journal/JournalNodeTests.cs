using System.Text;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Server.Journal;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Journal;

public sealed class JournalNodeTests
{
    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task A_write_on_one_node_is_seen_by_a_strong_read_on_another(PostgresMajor major)
    {
        await using var database = await Postgres.NewDatabase(major);
        await using var a = await TestNode.Start(database);
        await using var b = await TestNode.Start(database, listen: false);
        await a.CreateOrg();
        for (var i = 1; i <= 50; i++)
        {
            var (writer, reader) = i % 2 == 0 ? (a, b) : (b, a);
            var applied = (await writer.Set("app.counter", $"{i}")).Value;
            Assert.Equal(i + 1, applied.Record!.Revision);
            var state = await reader.Read();
            Assert.Equal($"{i}", Encoding.UTF8.GetString(state.Environment("development")!.Config("app.counter")!.Value!));
            Assert.Equal(i, state.Environment("development")!.Config("app.counter")!.Version);
        }
    }

    [Fact]
    public async Task Two_nodes_write_the_same_key_at_once_and_versions_have_no_gaps()
    {
        await using var database = await Postgres.NewDatabase();
        await using var a = await TestNode.Start(database);
        await using var b = await TestNode.Start(database);
        await a.CreateOrg();
        var writes = Enumerable.Range(0, 400).Select(i => (i % 2 == 0 ? a : b).Set("app.counter", $"{i}")).ToList();
        var outcomes = await Task.WhenAll(writes);
        Assert.All(outcomes, outcome => Assert.Null(outcome.Fault));
        var revisions = outcomes.Select(outcome => outcome.Value.Record!.Revision).Order().ToList();
        Assert.Equal(Enumerable.Range(2, 400).Select(i => (long)i), revisions);
        Assert.Equal(400, (await b.Read()).Environment("development")!.Config("app.counter")!.Version);
    }

    [Fact]
    public async Task State_loaded_from_tables_equals_the_state_that_events_made()
    {
        await using var database = await Postgres.NewDatabase();
        await using var a = await TestNode.Start(database);
        await a.CreateOrg();
        string[] values = ["1.10", "\"x\\ny\\u0001\"", "true", "{\"a\":[1,2]}", "null", "123456789012345678901234567890.5", "\"\""];
        foreach (var (i, value) in values.Index()) Assert.Null((await a.Set($"svc.k{i}", value)).Fault);
        var made = await a.Read();
        var loaded = (await a.Store.Load(OrgId.Default, long.MaxValue, CancellationToken.None)).State!;
        Assert.Equal(made.Place.CursorText, loaded.Place.CursorText);
        Assert.Equal(made.LastAt, loaded.LastAt);
        foreach (var environment in made.Environments)
        {
            var other = loaded.Environment(environment.Name)!;
            Assert.Equal((environment.Ordinal, environment.CreatedAt, environment.ChangedRevision, environment.Configs.Count),
                (other.Ordinal, other.CreatedAt, other.ChangedRevision, other.Configs.Count));
            foreach (var entry in environment.Configs)
            {
                var found = other.Config(entry.Key)!;
                Assert.Equal(entry with { Value = null }, found with { Value = null });
                Assert.Equal(entry.Value, found.Value);
            }
        }
    }

    [Fact]
    public async Task A_replayed_idempotency_key_gives_the_same_revision_and_another_body_a_fault()
    {
        await using var database = await Postgres.NewDatabase();
        await using var a = await TestNode.Start(database);
        await using var b = await TestNode.Start(database);
        await a.CreateOrg();
        var key = new Idempotency("k1", [1]);
        var both = await Task.WhenAll(a.Set("app.x", "1", idempotency: key), a.Set("app.x", "1", idempotency: key), b.Set("app.x", "1", idempotency: key));
        Assert.All(both, outcome => Assert.Equal(2, outcome.Value.Record!.Revision));
        Assert.Equal(2, (await b.Set("app.x", "1", idempotency: key)).Value.Record!.Revision);
        Assert.Equal(FaultCode.IdempotencyConflict, (await b.Set("app.x", "2", idempotency: key with { Fingerprint = [2] })).Fault!.Code);
        Assert.Equal(2, (await a.Read()).Revision);
    }

    [Fact]
    public async Task A_stale_expected_version_is_refused_also_when_another_node_made_it_stale()
    {
        await using var database = await Postgres.NewDatabase();
        await using var a = await TestNode.Start(database, listen: false);
        await using var b = await TestNode.Start(database, listen: false);
        await a.CreateOrg();
        await b.Read();
        Assert.Null((await a.Set("app.x", "1", 0)).Fault);
        var refused = await b.Set("app.x", "2", 0);
        Assert.Equal(FaultCode.Conflict, refused.Fault!.Code);
        Assert.Null((await b.Set("app.x", "2", 1)).Fault);
        var stale = await a.Set("app.x", "3", 1);
        Assert.Equal("/expected_version", Assert.Single(stale.Fault!.Problems).Name);
    }

    [Fact]
    public async Task A_moment_that_was_read_never_gets_another_revision()
    {
        await using var database = await Postgres.NewDatabase();
        await using var a = await TestNode.Start(database);
        await a.CreateOrg();
        var moment = Timestamp.From(TimeProvider.System.GetUtcNow());
        var settled = await a.Journal.Settle(OrgId.Default, moment, CancellationToken.None);
        Assert.True(settled.Value.LastAt >= moment);
        var applied = (await a.Set("app.x", "1")).Value;
        Assert.True(applied.Record!.At >= moment);
        var future = await a.Journal.Settle(OrgId.Default, new Timestamp(moment.Microseconds + 3_600_000_000), CancellationToken.None);
        Assert.Equal("at.future", Assert.Single(future.Fault!.Problems).Rule);
    }
}
