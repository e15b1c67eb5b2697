using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Database;

/// <summary>The one way in which the journal's data may go.</summary>
public sealed class RedactionTests
{
    static readonly DateTime Now = DateTime.UtcNow;

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task A_redaction_empties_the_event_and_the_history_row_and_says_why(PostgresMajor major)
    {
        await using var db = await TwoVersions(major);
        await using var owner = await db.As("stele_owner");
        await owner.Execute("SET stele.org_id = 1");
        await owner.Execute("SELECT stele.redact(1, 1, 0, 'ada', 'a password by mistake')");
        Assert.Equal(["1|True", "2|False"], await owner.Rows("SELECT revision, data IS NULL FROM stele.event ORDER BY 1"));
        Assert.Equal(["1|∅|False", "2|new|False"], await owner.Rows("SELECT version, value, deleted FROM stele.configuration_history ORDER BY 1"));
        Assert.Equal(["1|0|ada|a password by mistake"], await owner.Rows("SELECT revision, ordinal, actor, reason FROM stele.redaction"));
        Assert.Equal(2L, await owner.Ask<long>("SELECT count(*) FROM stele.event WHERE octet_length(data_hash) = 32"));
        Assert.Equal("ST004", await owner.Refusal("SELECT stele.redact(1, 1, 0, 'ada', 'again')"));
    }

    [Fact]
    public async Task A_current_value_and_an_absent_event_are_not_redacted()
    {
        await using var db = await TwoVersions();
        await using var owner = await db.As("stele_owner");
        await owner.Execute("SET stele.org_id = 1");
        Assert.Equal("ST004", await owner.Refusal("SELECT stele.redact(1, 2, 0, 'ada', 'why')"));
        Assert.Equal("ST004", await owner.Refusal("SELECT stele.redact(1, 3, 0, 'ada', 'why')"));
        Assert.Equal("42501", await owner.Refusal("SELECT stele.redact(2, 1, 0, 'ada', 'why')"));
        Assert.Equal(0L, await owner.Ask<long>("SELECT count(*) FROM stele.redaction"));
    }

    [Fact]
    public async Task Neither_server_nor_reader_may_redact()
    {
        await using var db = await TwoVersions();
        foreach (var role in (string[])["stele_app", "stele_tail", "stele_reader", "stele_backup"])
        {
            await using var session = await db.As(role);
            await session.Execute("SET stele.org_id = 1");
            Assert.Equal("42501", await session.Refusal("SELECT stele.redact(1, 1, 0, 'ada', 'why')"));
        }
    }

    [Fact]
    public async Task A_recorded_redaction_opens_its_own_event_in_its_own_transaction_only()
    {
        await using var db = await TwoVersions();
        await using var journal = await db.As("stele_journal");
        await journal.Execute("SET stele.org_id = 1");
        const string record = "INSERT INTO stele.redaction (org_id, revision, ordinal, at, actor, reason, redacted_at) VALUES (1, 1, 0, now(), 'ada', 'why', now())";

        await journal.Execute("BEGIN");
        await journal.Execute(record);
        Assert.Equal("ST003", await journal.Refusal("UPDATE stele.event SET data = NULL WHERE revision = 2"));
        await journal.Execute("ROLLBACK");

        await journal.Execute("BEGIN");
        await journal.Execute(record);
        Assert.Equal("ST003", await journal.Refusal("UPDATE stele.event SET data = '\\x00' WHERE revision = 1"));
        await journal.Execute("ROLLBACK");

        await journal.Execute(record);
        Assert.Equal("ST003", await journal.Refusal("UPDATE stele.event SET data = NULL WHERE revision = 1"));
    }

    static async Task<TestDatabase> TwoVersions(PostgresMajor major = PostgresMajor.V15)
    {
        var db = await Postgres.NewDatabase(major);
        await JournalRows.CreateOrg(db, 1);
        await using var app = await db.AsApp(1);
        await JournalRows.Set(app, 1, "production", "a.b", 1, 1, "old", Now);
        await JournalRows.Set(app, 1, "production", "a.b", 2, 2, "new", Now);
        await JournalRows.Append(app, 1, 0, JournalRows.Chain(0), [Now, Now], key: "a.b");
        return db;
    }
}
