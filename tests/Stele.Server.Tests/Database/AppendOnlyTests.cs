using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Database;

/// <summary>Design 3.5: each of these tries to change what was written.</summary>
public sealed class AppendOnlyTests
{
    static readonly string[] Journal = ["revision", "event", "redaction", "journal_head", "cluster"];

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task The_journal_cannot_be_changed_by_the_server_roles(PostgresMajor major)
    {
        await using var db = await WithOneRevision(major);
        foreach (var role in (string[])["stele_app", "stele_tail", "stele_reader", "stele_backup"])
        {
            await using var session = await db.As(role);
            await session.Execute("SET stele.org_id = 1");
            foreach (var table in Journal)
            {
                Assert.Equal("42501", await session.Refusal($"DELETE FROM stele.{table}"));
                Assert.Equal("42501", await session.Refusal($"TRUNCATE stele.{table}"));
                Assert.Equal("42501", await session.Refusal($"INSERT INTO stele.{table} DEFAULT VALUES"));
            }
            Assert.Equal("42501", await session.Refusal("UPDATE stele.revision SET actor = 'x'"));
            Assert.Equal("42501", await session.Refusal("UPDATE stele.event SET data = NULL"));
            Assert.Equal("42501", await session.Refusal("UPDATE stele.journal_head SET revision = 0"));
            Assert.Equal("42501", await session.Refusal("UPDATE stele.cluster SET counter = 0"));
        }
    }

    [Theory]
    [InlineData("stele_owner", PostgresMajor.V15)]
    [InlineData("stele_owner", PostgresMajor.V18)]
    [InlineData(null, PostgresMajor.V15)]
    [InlineData(null, PostgresMajor.V18)]
    public async Task The_journal_cannot_be_changed_by_plain_statements_of_the_owner_or_a_superuser(string? role, PostgresMajor major)
    {
        await using var db = await WithOneRevision(major);
        await using var session = await db.As(role);
        var month = await session.Ask<string>("SELECT tableoid::regclass::text FROM stele.event");
        foreach (var table in (string[])["stele.revision", "stele.event", "stele.redaction", "stele.journal_head", "stele.cluster", month])
        {
            Assert.Equal("ST003", await session.Refusal($"TRUNCATE {table}"));
            Assert.Equal("ST003", await session.Refusal($"TRUNCATE {table} CASCADE"));
            if (table != "stele.redaction")
                Assert.Equal("ST003", await session.Refusal($"DELETE FROM {table}"));
        }
        foreach (var table in (string[])["stele.event", month])
        {
            Assert.Equal("ST003", await session.Refusal($"UPDATE {table} SET data = NULL"));
            Assert.Equal("ST003", await session.Refusal($"UPDATE {table} SET data = '\\x7b7d'"));
            Assert.Equal("ST003", await session.Refusal($"UPDATE {table} SET at = at + interval '1 month'"));
            Assert.Equal("ST003", await session.Refusal($"UPDATE {table} SET stream = 'config/x/y'"));
        }
        Assert.Equal("ST003", await session.Refusal("UPDATE stele.revision SET actor = 'x'"));
        // the owner may not even try: its policy lets nothing in
        Assert.Equal(role is null ? "ST003" : "42501", await session.Refusal(
            "INSERT INTO stele.revision SELECT * FROM stele.revision ON CONFLICT (org_id, revision) DO UPDATE SET actor = 'x'"));
    }

    [Fact]
    public async Task The_owner_cannot_add_to_the_journal_by_hand()
    {
        await using var db = await WithOneRevision();
        await using var session = await db.As("stele_owner");
        Assert.Equal("42501", await session.Refusal("INSERT INTO stele.revision SELECT org_id, 2, chain, at, actor, reason, gen_random_uuid() FROM stele.revision"));
        Assert.Equal("42501", await session.Refusal("INSERT INTO stele.event SELECT org_id, 2, ordinal, at, event_id, stream, 2, type, data, data_hash FROM stele.event"));
        Assert.Equal("42501", await session.Refusal("UPDATE stele.journal_head SET revision = 7"));
    }

    [Fact]
    public async Task The_triggers_fire_whatever_the_session_replication_role_is()
    {
        await using var db = await WithOneRevision();
        await using (var owner = await db.As("stele_owner"))
            Assert.Equal("42501", await owner.Refusal("SET session_replication_role = replica"));
        await using var superuser = await db.As();
        await superuser.Execute("SET session_replication_role = replica");
        foreach (var table in (string[])["revision", "event", "journal_head", "cluster"])
        {
            Assert.Equal("ST003", await superuser.Refusal($"DELETE FROM stele.{table}"));
            Assert.Equal("ST003", await superuser.Refusal($"TRUNCATE stele.{table}"));
        }
        Assert.Equal("ST003", await superuser.Refusal("UPDATE stele.event SET data = NULL"));
    }

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task A_new_partition_refuses_what_the_first_ones_do(PostgresMajor major)
    {
        await using var db = await WithOneRevision(major);
        await using var tail = await db.AsTail();
        Assert.Equal(3, await tail.Ask<int>("SELECT stele.ensure_partitions(15)"));
        Assert.Equal(0, await tail.Ask<int>("SELECT stele.ensure_partitions(15)"));
        await using var superuser = await db.As();
        foreach (var partition in await superuser.Rows("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'stele.event'::regclass"))
            Assert.Equal("ST003", await superuser.Refusal($"TRUNCATE {partition}"));
        await using var owner = await db.As("stele_owner");
        Assert.Equal("ST003", await owner.Refusal("TRUNCATE stele.event"));
    }

    [Fact]
    public async Task History_is_not_updated_by_the_server_nor_anything_by_the_reader()
    {
        await using var db = await WithOneRevision();
        await using (var app = await db.AsApp(1))
            Assert.Equal("42501", await app.Refusal("UPDATE stele.configuration_history SET value = 'x'"));
        await using var reader = await db.As("stele_reader");
        foreach (var table in (string[])["configuration", "configuration_history", "org", "reader_grant", "environment", "service_configs"])
            Assert.Equal("42501", await reader.Refusal($"DELETE FROM stele.{table}"));
    }

    static async Task<TestDatabase> WithOneRevision(PostgresMajor major = PostgresMajor.V15)
    {
        var db = await Postgres.NewDatabase(major);
        await JournalRows.CreateOrg(db, 1);
        await using var app = await db.AsApp(1);
        await JournalRows.Append(app, 1, 0, JournalRows.Chain(0), [DateTime.UtcNow]);
        return db;
    }
}
