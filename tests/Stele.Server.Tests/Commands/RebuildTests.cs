using Microsoft.Extensions.Logging.Abstractions;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Server.Commands;
using Stele.Server.Database;
using Stele.Server.Tests.Access;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Commands;

/// <summary><c>stele projections rebuild</c> of what appends write: equal to the old row for row, whatever somebody did to the tables.</summary>
public sealed class RebuildTests
{
    static readonly string[] Tables = ["configuration", "configuration_history", "org", "org_name", "org_setting", "environment", "deleted_environment", "user_account", "service_account", "role", "token"];

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task Tables_that_were_damaged_are_as_they_were_row_for_row(PostgresMajor major)
    {
        await using var db = await Postgres.NewDatabase(major);
        await using var node = await Journal(db);
        await using var owner = await db.As();
        var before = await Rows(owner);
        var (exit, text) = await Run(db, "rebuild", "configuration");
        Assert.True(exit == 0, text);
        Assert.DoesNotContain("was not what", text, StringComparison.Ordinal);
        Assert.Equal(before, await Rows(owner));

        foreach (var damage in (string[])
        [
            "UPDATE stele.configuration SET value = 'forged', id = id + 1, created_at = now() WHERE key = 'app.k1'",
            "DELETE FROM stele.configuration WHERE key = 'app.k2'",
            "INSERT INTO stele.configuration SELECT 7, 'app.bogus', environment, value, value_type, schema_definition, version, revision, created_at, updated_at, updated_by, change_log, deleted, org_id FROM stele.configuration WHERE key = 'app.k3'",
            "DELETE FROM stele.configuration_history WHERE version = 2",
            "UPDATE stele.configuration_history SET updated_by = 'nobody', value_type = 'json' WHERE version = 1",
            "UPDATE stele.org SET name = 'stolen'",
            "UPDATE stele.org_name SET name = 'stolen' WHERE name = 'default'",
            "UPDATE stele.org_setting SET default_environment = 'staging', protected_environments = '{}', limits = '{\"value.bytes\":1}'",
            "UPDATE stele.deleted_environment SET version = 9, name = 'other'",
            "DELETE FROM stele.environment WHERE name = 'production'",
            "UPDATE stele.user_account SET role = 'owner', roles = '[]'",
            "DELETE FROM stele.service_account",
            "UPDATE stele.role SET grants = '[]', removed = NOT removed",
            "UPDATE stele.token SET scopes = '[]', owner = 'org'",
            "INSERT INTO stele.environment SELECT org_id, 'bogus', 9, NULL, created_at, 1, 1 FROM stele.environment WHERE name = 'staging'",
        ])
            Assert.NotEqual(0, await owner.Execute(damage));
        Assert.NotEqual(before, await Rows(owner));
        (exit, text) = await Run(db, "rebuild", "configuration_history");
        Assert.True(exit == 0, text);
        Assert.Contains("was not what the journal says", text, StringComparison.Ordinal);
        (exit, text) = await Run(db, "rebuild", "organizations");
        Assert.True(exit == 0, text);
        Assert.Equal(before, await Rows(owner));
        // the node goes on, on tables that it has not seen before
        Assert.Null((await node.Set("app.k1", "4711")).Fault);
        Assert.Equal("4711", await owner.Ask<string>("SELECT value FROM stele.configuration WHERE key = 'app.k1'"));
    }

    [Fact]
    public async Task A_rebuild_under_load_gives_what_the_journal_says()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        await HttpLoad.Fill(server.Client, 4_000);
        foreach (var value in (string[])["1", "2"])
        {
            using var body = new StringContent($$$"""{"value":{{{value}}},"schema":{"type":"integer"}}""", System.Text.Encoding.UTF8, "application/json");
            (await server.Client.PutAsync("/v1/config/app.schemed007", body)).EnsureSuccessStatusCode();
        }
        await using var owner = await db.As();
        // of keys that the load does not write (it writes n with n % 8 < 3), so that only a rebuild mends them
        await owner.Execute("DELETE FROM stele.configuration_history WHERE right(key, 3)::int % 8 = 7 AND key LIKE 'load.k%'");
        await owner.Execute("UPDATE stele.configuration SET value = 'forged' WHERE right(key, 3)::int % 8 = 6");
        // and of those that it does: the id must not follow the damaged row
        await owner.Execute("UPDATE stele.configuration SET id = 1, schema_definition = NULL");
        await using (var load = HttpLoad.Start(server.Client, 4_000))
        {
            await Wait.Until(() => load.Writes > 300, "the load has begun");
            var (exit, text) = await Run(db, "rebuild", "configuration");
            Assert.True(exit == 0, text);
            Assert.Contains("was not what the journal says", text, StringComparison.Ordinal);
            var written = load.Writes;
            await Wait.Until(() => load.Writes > written + 100, "the load goes on");
            await load.Stop();
            Assert.Empty(load.Failures);
            Assert.True(load.LongestRead < TimeSpan.FromSeconds(1), $"a read waited {load.LongestRead}");
            Assert.True(load.LongestWrite < TimeSpan.FromSeconds(5), $"a write waited {load.LongestWrite}");
        }
        var rebuilt = await Rows(owner);
        Assert.Equal(["""{"type":"integer"}"""], await owner.Rows("SELECT schema_definition FROM stele.configuration WHERE key = 'app.schemed007'"));
        Assert.DoesNotContain(rebuilt, row => row.Contains("forged", StringComparison.Ordinal));
        var (again, report) = await Run(db, "rebuild", "configuration");
        Assert.True(again == 0, report);
        Assert.DoesNotContain("was not what", report, StringComparison.Ordinal);
        Assert.Equal(rebuilt, await Rows(owner));
    }

    [Fact]
    public async Task A_deletion_has_the_type_of_the_version_before_it_however_writes_were_grouped()
    {
        await using var db = await Postgres.NewDatabase();
        await using var node = await TestNode.Start(db);
        await node.CreateOrg();
        // all but the first wait for it, and are one append
        await Task.WhenAll([node.Set("a.first", "0"), node.Set("a.k", "1"), Delete(node, "a.k"), node.Set("a.k", "\"text\"")]);
        await using var owner = await db.As();
        Assert.Equal(["1|number|1", "2|number|∅", "3|string|text"], await owner.Rows("SELECT version, value_type, value FROM stele.configuration_history WHERE key = 'a.k' ORDER BY version"));
        var before = await Rows(owner);
        Assert.Equal(0, (await Run(db, "rebuild", "configuration")).Exit);
        Assert.Equal(before, await Rows(owner));
    }

    [Fact]
    public async Task A_value_that_was_redacted_stays_so()
    {
        await using var db = await Postgres.NewDatabase();
        await using var node = await TestNode.Start(db);
        await node.CreateOrg();
        await node.Set("a.card", "\"4111\"");
        await node.Set("a.card", "\"gone\"");
        await Delete(node, "a.card");
        await using var owner = await db.As("stele_owner");
        await owner.Execute("BEGIN");
        await owner.Execute("SET LOCAL stele.org_id = 1");
        await owner.Execute("SELECT stele.redact(1, 2, 0, 'tester', 'a card number')");
        await owner.Execute("COMMIT");
        var before = await Rows(owner);
        var (exit, text) = await Run(db, "rebuild", "configuration");
        Assert.True(exit == 0, text);
        Assert.Equal(before, await Rows(owner));
        Assert.Equal("∅|False", Assert.Single(await owner.Rows("SELECT value, deleted FROM stele.configuration_history WHERE version = 1")));
    }

    [Fact]
    public async Task A_journal_that_lacks_a_revision_is_refused_and_nothing_changed()
    {
        await using var db = await Postgres.NewDatabase();
        await using var node = await Journal(db);
        await using var owner = await db.As();
        foreach (var partition in await owner.Rows("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'stele.event'::regclass UNION ALL SELECT 'stele.event'"))
            await owner.Execute($"ALTER TABLE {partition} DISABLE TRIGGER USER");
        await owner.Execute("DELETE FROM stele.event WHERE revision = 3");
        var before = await Rows(owner);
        foreach (var name in (string[])["configuration", "organizations"])
        {
            var (exit, text) = await Run(db, "rebuild", name);
            Assert.Equal(MigrateCommand.Failed, exit);
            Assert.Contains("Revision 3 of organization 1 is not in the journal", text, StringComparison.Ordinal);
        }
        Assert.Equal(before, await Rows(owner));
        Assert.Equal(0L, await owner.Ask<long>("SELECT count(*) FROM pg_namespace WHERE nspname = 'stele_next'"));
        Assert.Null((await node.Set("app.k1", "2")).Fault);
    }

    [Fact]
    public async Task Names_are_listed_and_one_that_is_none_is_refused()
    {
        await using var db = await Postgres.NewDatabase();
        await using var node = await Journal(db);
        var (exit, text) = await Run(db);
        Assert.Equal(0, exit);
        Assert.Contains("change_counts", text, StringComparison.Ordinal);
        Assert.Contains("configuration, configuration_history", text, StringComparison.Ordinal);
        (exit, text) = await Run(db, "rebuild", "nothing");
        Assert.Equal(MigrateCommand.Usage, exit);
        Assert.Contains("there is no projection 'nothing'", text, StringComparison.Ordinal);
        Assert.Equal(MigrateCommand.Usage, (await Run(db, "rebuild")).Exit);
        Assert.Equal(0, (await Run(db, "rebuild", "change_counts")).Exit);
    }

    static async Task<TestNode> Journal(TestDatabase db)
    {
        var node = await TestNode.Start(db);
        await node.CreateOrg();
        for (var i = 0; i < 40; i++) await node.Set($"app.k{i % 9}", i % 2 == 0 ? $"{i}" : $"{i}.50");
        await Delete(node, "app.k4");
        await node.Set("app.k4", "\"back, as a string\"");
        await Delete(node, "app.k5");
        await node.Set("app.json", """{"a":[1,2.50,"ü"]}""");
        var (root, qa) = (Principal.Root, TestNode.Environment("qa"));
        foreach (var command in (Command[])
        [
            new CreateEnvironment(root, Guid.CreateVersion7(), qa, "for tests", null),
            new DescribeEnvironment(root, Guid.CreateVersion7(), qa, "for ümlauts", null),
            new DeleteEnvironment(root, Guid.CreateVersion7(), qa, null, null),
            new RenameOrg(root, Guid.CreateVersion7(), OrgName.Parse("other", null), null),
            new ChangeSettings(root, Guid.CreateVersion7(), null) { Protected = [TestNode.Environment("production")], Limits = [(SteleLimits.EnvironmentsPerOrg, 7)] },
        ])
            Assert.Null((await node.Journal.Append(OrgId.Default, command, null, CancellationToken.None)).Fault);
        await AccessReplayTests.Fill(node);
        return node;
    }

    static Task Delete(TestNode node, string key) => node.Journal.Append(OrgId.Default, new ChangeSet(Principal.Root, Guid.CreateVersion7(), null,
        [new Change { Op = ChangeOp.Delete, Environment = TestNode.Environment("development"), Key = ConfigKey.Parse(key, null) }]), null, CancellationToken.None);

    static async Task<List<string>> Rows(TestSession session)
    {
        var rows = new List<string>();
        foreach (var table in Tables) rows.AddRange(await session.Rows($"SELECT '{table}', t::text FROM stele.{table} t ORDER BY t::text COLLATE \"C\""));
        return rows;
    }

    static async Task<(int Exit, string Text)> Run(TestDatabase db, params string[] args)
    {
        await using var output = new StringWriter();
        await using var pools = await DatabaseConnections.Open(new DatabaseOptions { Owner = db.Owner, App = db.App, Tail = db.Tail }, NullLoggerFactory.Instance, CancellationToken.None);
        var exit = await ProjectionsCommand.Run(args, pools, db.Owner, output, new ProgressText(null, live: false), CancellationToken.None);
        return (exit, output.ToString());
    }
}
