using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Database;

/// <summary>Each of these tries to see, or to write, what belongs to another org.</summary>
public sealed class TenantIsolationTests
{
    static readonly DateTime Now = DateTime.UtcNow;

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task The_server_sees_the_org_of_its_transaction_and_no_other(PostgresMajor major)
    {
        await using var db = await TwoOrgs(major);
        await using var app = await db.AsApp();
        foreach (var table in (string[])["configuration", "configuration_history", "journal_head", "revision", "event", "org"])
        {
            await app.Execute("SET stele.org_id = ''");
            Assert.Equal(0L, await app.Ask<long>($"SELECT count(*) FROM stele.{table}"));
            await app.Execute("SET stele.org_id = '1'");
            Assert.Equal(["1"], await app.Rows($"SELECT org_id FROM stele.{table}"));
            await app.Execute("SET stele.org_id = '2'");
            Assert.Equal(["2"], await app.Rows($"SELECT org_id FROM stele.{table}"));
        }
    }

    [Fact]
    public async Task The_server_cannot_write_rows_of_another_org()
    {
        await using var db = await TwoOrgs();
        await using var app = await db.AsApp(1);
        Assert.Equal("42501", await app.Refusal("INSERT INTO stele.idempotency (org_id, principal, key, fingerprint, revision, created_at) VALUES (2, 'p', 'k', '', 1, now())"));
        Assert.Equal("42501", await app.Refusal("INSERT INTO stele.environment (org_id, name, ordinal, created_at, revision) VALUES (2, 'qa', 0, now(), 1)"));
        Assert.Equal("42501", await app.Refusal("UPDATE stele.configuration SET org_id = 2"));
        Assert.Equal(0, await app.Execute("UPDATE stele.configuration SET value = 'stolen' WHERE org_id = 2"));
        Assert.Equal(0, await app.Execute("DELETE FROM stele.configuration_history WHERE org_id = 2"));
        // an upsert that meets the row of another org must not touch it either
        Assert.Equal("42501", await app.Refusal("INSERT INTO stele.org_setting (org_id, default_environment, revision) VALUES (2, 'x', 1) ON CONFLICT (org_id) DO UPDATE SET default_environment = 'x'"));
    }

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task The_journal_functions_refuse_another_org(PostgresMajor major)
    {
        await using var db = await TwoOrgs(major);
        await using var app = await db.AsApp(1);
        var refused = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => JournalRows.Append(app, 2, 1, JournalRows.Chain(1), [Now]));
        Assert.Equal("42501", refused.SqlState);
        Assert.Equal("42501", await app.Refusal("SELECT stele.create_head(3, 1)"));
        Assert.Equal("42501", await app.Refusal("SELECT * FROM stele.lock_head(2)"));
        Assert.Equal("42501", await app.Refusal("SELECT stele.raise_fence(2)"));
        Assert.Equal("42501", await app.Refusal("SELECT stele.raise_last_at(2, gen_random_uuid(), 0, 1, '', now())"));
        await app.Execute("SET stele.org_id = ''");
        Assert.Equal("42501", await app.Refusal("SELECT stele.raise_fence(1)"));
    }

    [Fact]
    public async Task The_owner_of_the_functions_is_itself_held_to_the_org()
    {
        await using var db = await TwoOrgs();
        await using var journal = await db.As("stele_journal");
        await journal.Execute("SET stele.org_id = 1");
        Assert.Equal("42501", await journal.Refusal("INSERT INTO stele.revision SELECT 2, 2, chain, at, actor, reason, gen_random_uuid() FROM stele.revision"));
        Assert.Equal("42501", await journal.Refusal("INSERT INTO stele.event SELECT 2, 2, ordinal, at, event_id, stream, 2, type, data, data_hash FROM stele.event"));
        Assert.Equal("42501", await journal.Refusal("INSERT INTO stele.redaction (org_id, revision, ordinal, at, actor, reason, redacted_at) VALUES (2, 1, 0, now(), 'a', 'b', now())"));
        Assert.Equal(0, await journal.Execute("UPDATE stele.journal_head SET fence = 9 WHERE org_id = 2"));
        Assert.Equal("42501", await journal.Refusal("UPDATE stele.journal_head SET org_id = 3 WHERE org_id = 1"));
        Assert.Equal(["1"], await journal.Rows("SELECT org_id FROM stele.revision"));
    }

    [Fact]
    public async Task The_tail_sees_heads_of_all_orgs_and_no_values()
    {
        await using var db = await TwoOrgs();
        await using var tail = await db.AsTail();
        Assert.Equal(["1", "2"], await tail.Rows("SELECT org_id FROM stele.journal_head ORDER BY 1"));
        Assert.Equal(["1", "2"], await tail.Rows("SELECT org_id FROM stele.revision ORDER BY 1"));
        Assert.Equal(["1", "2"], await tail.Rows("SELECT org_id FROM stele.org ORDER BY 1"));
        foreach (var query in (string[])["SELECT data FROM stele.event", "SELECT value FROM stele.configuration", "SELECT value FROM stele.configuration_history",
                     "SELECT actor FROM stele.revision", "SELECT * FROM stele.service_configs", "SELECT * FROM stele.environment", "SELECT fingerprint FROM stele.idempotency"])
            Assert.Equal("42501", await tail.Refusal(query));
    }

    [Fact]
    public async Task The_tail_sweeps_expired_idempotency_records_and_no_others()
    {
        await using var db = await TwoOrgs();
        foreach (var org in (int[])[1, 2])
        {
            await using var app = await db.AsApp(org);
            await app.Execute("INSERT INTO stele.idempotency (org_id, principal, key, fingerprint, revision, created_at) VALUES ($1, 'p', 'old', '', 1, now() - interval '25 hours'), ($1, 'p', 'new', '', 1, now())", org);
        }
        await using var tail = await db.AsTail();
        Assert.Equal(2, await tail.Execute("DELETE FROM stele.idempotency WHERE created_at < now() - interval '1 hour'"));
        await using var owner = await db.As("stele_owner");
        Assert.Equal(["1|new", "2|new"], await owner.Rows("SELECT org_id, key FROM stele.idempotency ORDER BY 1"));
    }

    [Fact]
    public async Task Token_hashes_are_for_the_tail_alone()
    {
        await using var db = await TwoOrgs();
        await using var tail = await db.AsTail();
        await tail.Execute("INSERT INTO stele.token_lookup (hash, token_id, org_id, created_at) VALUES (sha256('t'), gen_random_uuid(), NULL, now())");
        Assert.Equal("23514", await tail.Refusal("INSERT INTO stele.token_lookup (hash, token_id, org_id, created_at) VALUES ('short', gen_random_uuid(), NULL, now())"));
        Assert.Equal(1L, await tail.Ask<long>("SELECT count(*) FROM stele.token_lookup"));
        await using var app = await db.AsApp(1);
        Assert.Equal("42501", await app.Refusal("SELECT * FROM stele.token_lookup"));
        await using var reader = await db.As("stele_reader");
        Assert.Equal("42501", await reader.Refusal("SELECT * FROM stele.token_lookup"));
    }

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task A_reader_sees_the_orgs_that_his_role_is_granted_whatever_he_sets(PostgresMajor major)
    {
        await using var db = await TwoOrgs(major);
        var (ada, bob) = ($"ada_{db.Name}", $"bob_{db.Name}");
        await using var admin = await db.As();
        await admin.Execute($"CREATE ROLE {ada} IN ROLE stele_reader; CREATE ROLE {bob} IN ROLE stele_reader");
        try
        {
            await admin.Execute("INSERT INTO stele.reader_grant (role_name, org_id) VALUES ($1::name, 1)", ada);
            await using (var session = await db.As(bob))
            {
                await session.Execute("SET stele.org_id = 1");
                foreach (var relation in Readable)
                    Assert.Equal(0L, await session.Ask<long>($"SELECT count(*) FROM stele.{relation}"));
                Assert.Equal("42501", await session.Refusal("INSERT INTO stele.reader_grant (role_name, org_id) VALUES (current_user, 1)"));
                Assert.Equal("42501", await session.Refusal("SELECT stele.current_org()"));
            }
            await using (var session = await db.As(ada))
            {
                await session.Execute("SET stele.org_id = 2");
                foreach (var relation in Readable)
                    Assert.Equal(["1"], await session.Rows($"SELECT DISTINCT {(relation == "organizations" ? "id" : "org_id")} FROM stele.{relation}"));
                Assert.Equal([$"{ada}|1"], await session.Rows("SELECT role_name, org_id FROM stele.reader_grant"));
                Assert.Equal("42501", await session.Refusal("SELECT format FROM stele.journal_head"));
                Assert.Equal("42501", await session.Refusal("SELECT * FROM stele.idempotency"));
            }
        }
        finally
        {
            await admin.Execute($"DROP ROLE {ada}, {bob}");
        }
    }

    static readonly string[] Readable = ["configuration", "configuration_history", "service_configs", "config_history", "configurations", "organizations", "events", "revision"];

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task The_tail_can_end_a_server_session_that_blocks_a_head(PostgresMajor major)
    {
        await using var db = await TwoOrgs(major);
        await using var frozen = await db.AsApp(1);
        await frozen.Execute("BEGIN");
        await frozen.Execute("SELECT FROM stele.lock_head(1)");
        await using var waiting = await db.AsApp(1);
        var raised = waiting.Ask<long>("SELECT stele.raise_fence(1)");
        await using var tail = await db.AsTail();
        while (!await tail.Ask<bool>("SELECT coalesce(bool_and(pg_terminate_backend(b)), false) FROM unnest(pg_blocking_pids($1)) AS b", waiting.Connection.ProcessID))
            await Task.Yield();
        Assert.Equal(1L, await raised);
    }

    [Fact]
    public async Task The_owner_sees_all_rows_in_spite_of_force()
    {
        await using var db = await TwoOrgs();
        await using var owner = await db.As("stele_owner");
        foreach (var table in (string[])["configuration", "configuration_history", "journal_head", "revision", "event", "org"])
            Assert.Equal(2L, await owner.Ask<long>($"SELECT count(*) FROM stele.{table}"));
    }

    static async Task<TestDatabase> TwoOrgs(PostgresMajor major = PostgresMajor.V15)
    {
        var db = await Postgres.NewDatabase(major);
        foreach (var org in (int[])[1, 2])
        {
            await JournalRows.CreateOrg(db, org);
            await using var app = await db.AsApp(org);
            await JournalRows.Set(app, org, "production", "services.payment.url", 1, 1, $"of {org}", Now);
            await JournalRows.Append(app, org, 0, JournalRows.Chain(0), [Now]);
        }
        return db;
    }
}
