using System.Globalization;
using System.Net;
using System.Text;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Commands;
using Stele.Server.Database;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Upgrades;

/// <summary>Formats, seen from this release alone: what a fresh database begins with, what is refused, and how a raised format is taken up.</summary>
public sealed class FormatTests
{
    [Fact]
    public async Task A_fresh_database_begins_with_the_newest_format_and_has_nothing_to_finalize()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        await using var owner = await db.As();
        Assert.Equal($"{JournalFormat.Newest}|{JournalFormat.Newest}", Assert.Single(await owner.Rows("SELECT c.format, h.format FROM stele.cluster c, stele.journal_head h")));
        var (exit, text) = await Upgrade(db);
        Assert.Equal(0, exit);
        Assert.Contains("nothing to finalize", text, StringComparison.Ordinal);
        Assert.Equal(0, (await Upgrade(db, "finalize")).Exit);
    }

    [Fact]
    public async Task What_an_older_server_may_still_have_to_read_is_written_in_its_format()
    {
        await using var db = await Postgres.NewDatabase();
        await using var owner = await db.As("stele_owner");
        await owner.Execute("UPDATE stele.cluster SET format = 1");
        await using var server = await TestServer.Start(db);
        Assert.Equal(1, await owner.Ask<int>("SELECT format FROM stele.journal_head"));
        Assert.Equal(HttpStatusCode.OK, await Put(server, "before"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await PutBody(server, SchemaBody));
        var (exit, text) = await Upgrade(db, "finalize", "--yes");
        Assert.True(exit == 0, text);
        // the node believed another format: it loses a race, looks, and decides again
        Assert.Equal(HttpStatusCode.OK, await Put(server, "after"));
        Assert.Equal(HttpStatusCode.OK, await PutBody(server, SchemaBody));
        Assert.Equal(JournalFormat.Newest, await owner.Ask<int>("SELECT format FROM stele.journal_head"));
        // and so is an organization that is made from now on
        Assert.Equal(JournalFormat.Newest, await owner.Ask<int>("SELECT format FROM stele.cluster"));
    }

    [Fact]
    public void What_needs_a_newer_format_than_the_journal_has_is_refused_and_says_what_to_do()
    {
        var create = new CreateOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse("default", null), [TestNode.Environment("development")]);
        var old = OrgState.Empty(OrgId.Default, Guid.Empty) with { Format = JournalFormat.Oldest - 1 };
        Assert.Contains("stele upgrade finalize", Decider.Decide(old, create).Fault!.Detail, StringComparison.Ordinal);
        Assert.Null(Decider.Decide(old with { Format = JournalFormat.Oldest }, create).Fault);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_format_from_the_future_stops_the_org_on_a_node_that_runs_and_on_one_that_loads_it(bool running)
    {
        await using var db = await Postgres.NewDatabase();
        await using var owner = await db.As("stele_owner");
        await using var first = await TestServer.Start(db);
        Assert.Equal(HttpStatusCode.OK, await Put(first, "known"));
        await owner.Execute("SELECT stele.raise_format($1)", JournalFormat.Newest + 1);
        if (running)
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, await Put(first, "unknown"));
            Assert.Equal(HttpStatusCode.ServiceUnavailable, (await first.Client.GetAsync("/v1/config/app.k")).StatusCode);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, (await first.Client.GetAsync("/v1/config/app.k?consistency=local")).StatusCode);
        }
        else
        {
            var refusal = await Assert.ThrowsAsync<DatabaseSetupException>(() => TestServer.Start(db));
            Assert.Contains($"format {JournalFormat.Newest + 1}", refusal.Message, StringComparison.Ordinal);
        }
        var (exit, text) = await Upgrade(db, "finalize", "--yes");
        Assert.Equal(MigrateCommand.Failed, exit);
        Assert.Contains("not the newest", text, StringComparison.Ordinal);
        Assert.Contains("older than what is written", (await Upgrade(db)).Text, StringComparison.Ordinal);
        Assert.Equal(1L, await owner.Ask<long>("SELECT count(*) FROM stele.configuration_history"));
    }

    [Fact]
    public async Task An_event_of_an_unknown_type_stops_the_org_and_nothing_is_skipped()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        Assert.Equal(HttpStatusCode.OK, await Put(server, "known"));
        await using (var app = await db.AsApp(1))
            Assert.Equal(1, await app.Ask<int>(
                """
                WITH h AS (SELECT *, last_at + interval '1 microsecond' AS next_at FROM stele.journal_head WHERE org_id = 1)
                SELECT 1 FROM h, stele.append(1, h.incarnation, h.fence, h.revision, h.chain, h.format, ARRAY[sha256('x')], ARRAY[h.next_at], ARRAY['tester'], ARRAY[NULL::text],
                    ARRAY[gen_random_uuid()], ARRAY[h.revision + 1], ARRAY[0], ARRAY[gen_random_uuid()], ARRAY['novelty/x'], ARRAY[1::bigint], ARRAY['novelty.made'], ARRAY['{}'::bytea], ARRAY[sha256('{}')])
                """));
        using var read = await server.Client.GetAsync("/v1/config/app.k");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, read.StatusCode);
        Assert.Contains("novelty.made", await read.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await Put(server, "over it"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await server.Client.GetAsync("/v1/config/app.k?consistency=local")).StatusCode);
    }

    [Theory]
    [InlineData("finalise")]
    [InlineData("finalize", "--no")]
    [InlineData("finalize", "--yes", "--yes")]
    public async Task Other_words_are_refused(params string[] args)
    {
        await using var db = await Postgres.NewDatabase();
        var (exit, text) = await Upgrade(db, args);
        Assert.Equal(MigrateCommand.Usage, exit);
        Assert.StartsWith("usage: stele upgrade", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_schema_that_is_older_than_the_binary_is_migrated_first()
    {
        await using var db = await Postgres.NewEmptyDatabase();
        var (exit, text) = await Upgrade(db);
        Assert.Equal(MigrateCommand.Failed, exit);
        Assert.Contains("stele migrate", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_node_is_known_by_what_its_sessions_say()
    {
        var name = NodeSessions.ApplicationName("stele-app", new string('n', 80));
        Assert.Equal(63, name.Length);
        Assert.StartsWith($"stele-app {Migrator.BinaryVersion}/{JournalFormat.Newest} nnn", name, StringComparison.Ordinal);
        Assert.Equal(new NodeSessions("a:1", "1.2.3", 4, "10.0.0.1"), NodeSessions.Parse("stele-tail 1.2.3/4 a:1", "10.0.0.1"));
        Assert.Equal(new NodeSessions("", "1.2.3", 4, null), NodeSessions.Parse("stele-tail 1.2.3/4", null));
        Assert.Equal(new NodeSessions("", null, 1, null), NodeSessions.Parse("stele-app", null));
        Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"a node that does not say its version, so an older one, from ::1"), NodeSessions.Parse("stele-app", "::1").ToString());
    }

    const string SchemaBody = """{"value":"x","schema":{"type":"string"}}""";

    static Task<HttpStatusCode> Put(TestServer server, string value) => PutBody(server, $$"""{"value":"{{value}}"}""");

    static async Task<HttpStatusCode> PutBody(TestServer server, string json)
    {
        using var body = new StringContent(json, Encoding.UTF8, "application/json");
        using var answer = await server.Client.PutAsync("/v1/config/app.k", body);
        return answer.StatusCode;
    }

    static async Task<(int Exit, string Text)> Upgrade(TestDatabase db, params string[] args)
    {
        await using var output = new StringWriter();
        return (await UpgradeCommand.Run(args, db.Owner, output, CancellationToken.None), output.ToString());
    }
}
