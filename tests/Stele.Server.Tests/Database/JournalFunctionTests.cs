using FsCheck;
using FsCheck.Fluent;
using Npgsql;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Database;

/// <summary>The SQL functions that write the journal, by themselves.</summary>
public sealed class JournalFunctionTests
{
    static readonly DateTime Now = new(DateTime.UtcNow.Ticks / 10 * 10, DateTimeKind.Utc);

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task An_append_advances_the_head_and_writes_whole_revisions(PostgresMajor major)
    {
        await using var db = await NewOrg(major);
        await using var app = await db.AsApp(1);
        await JournalRows.Append(app, 1, 0, JournalRows.Chain(0), [Now, Now, Now.AddMilliseconds(1)]);
        await JournalRows.Append(app, 1, 3, JournalRows.Chain(3), [Now.AddMilliseconds(1)]);

        Assert.Equal(["4"], await app.Rows("SELECT revision FROM stele.journal_head"));
        Assert.Equal(JournalRows.Chain(4), await app.Ask<byte[]>("SELECT chain FROM stele.journal_head"));
        Assert.Equal(Now.AddMilliseconds(1), await app.Ask<DateTime>("SELECT last_at FROM stele.journal_head"));
        Assert.Equal(["1", "2", "3", "4"], await app.Rows("SELECT r.revision FROM stele.revision r JOIN stele.event e USING (org_id, revision, at) ORDER BY 1"));
    }

    [Fact]
    public async Task An_append_on_another_head_than_believed_is_ST001_and_writes_nothing()
    {
        await using var db = await NewOrg();
        await using var app = await db.AsApp(1);
        await JournalRows.Append(app, 1, 0, JournalRows.Chain(0), [Now]);

        Assert.Equal("ST001", await Refused(() => JournalRows.Append(app, 1, 0, JournalRows.Chain(0), [Now])));
        Assert.Equal("ST001", await Refused(() => JournalRows.Append(app, 1, 2, JournalRows.Chain(2), [Now])));
        Assert.Equal("ST001", await Refused(() => JournalRows.Append(app, 1, 1, JournalRows.Chain(7), [Now])));
        Assert.Equal("ST001", await Refused(() => JournalRows.Append(app, 1, 1, JournalRows.Chain(1), [Now], fence: 1)));
        Assert.Equal("ST001", await Refused(() => JournalRows.Append(app, 1, 1, JournalRows.Chain(1), [Now], format: 2)));
        Assert.Equal("ST001", await Refused(() => JournalRows.Append(app, 1, 1, JournalRows.Chain(1), [Now], incarnation: Guid.NewGuid())));
        Assert.Equal("ST001", await Refused(() => JournalRows.Append(app, 1, 1, JournalRows.Chain(1), [Now.AddMilliseconds(-1)])));
        Assert.Equal("22023", await Refused(() => JournalRows.Append(app, 1, 1, JournalRows.Chain(1), [Now.AddMilliseconds(1), Now])));
        Assert.Equal(1L, await app.Ask<long>("SELECT count(*) FROM stele.event"));
        Assert.Equal(1L, await app.Ask<long>("SELECT revision FROM stele.journal_head"));
    }

    [Fact]
    public async Task Of_two_appends_at_once_the_second_waits_and_loses()
    {
        await using var db = await NewOrg();
        await using var first = await db.AsApp(1);
        await using var second = await db.AsApp(1);
        await first.Execute("BEGIN");
        await JournalRows.Append(first, 1, 0, JournalRows.Chain(0), [Now]);
        var late = Refused(() => JournalRows.Append(second, 1, 0, JournalRows.Chain(0), [Now]));
        await WaitForBlocked(db, second);
        Assert.False(late.IsCompleted);
        await first.Execute("COMMIT");
        Assert.Equal("ST001", await late);
    }

    [Fact]
    public async Task After_the_fence_a_straggler_cannot_land()
    {
        await using var db = await NewOrg();
        await using var app = await db.AsApp(1);
        Assert.Equal(1L, await app.Ask<long>("SELECT stele.raise_fence(1)"));
        Assert.Equal("ST001", await Refused(() => JournalRows.Append(app, 1, 0, JournalRows.Chain(0), [Now])));
        await JournalRows.Append(app, 1, 0, JournalRows.Chain(0), [Now], fence: 1);
        await app.Execute("SET stele.org_id = 9");
        Assert.Null(await app.Ask<object?>("SELECT stele.raise_fence(9)"));
    }

    [Fact]
    public async Task A_request_lands_once()
    {
        await using var db = await NewOrg();
        await using var app = await db.AsApp(1);
        await JournalRows.Append(app, 1, 0, JournalRows.Chain(0), [Now]);
        await using var journal = await db.As("stele_journal");
        await journal.Execute("SET stele.org_id = 1");
        Assert.Equal("23505", await journal.Refusal("INSERT INTO stele.revision SELECT org_id, 2, chain, at, actor, reason, request_id FROM stele.revision"));
    }

    [Fact]
    public async Task The_locked_head_stays_locked_until_the_transaction_ends()
    {
        await using var db = await NewOrg();
        await using var app = await db.AsApp(1);
        await app.Execute("BEGIN");
        Assert.Equal(["1|0"], await app.Rows("SELECT org_id, revision FROM stele.lock_head(1)"));
        await using var other = await db.AsApp(1);
        await other.Execute("SET lock_timeout = '50ms'");
        Assert.Equal("55P03", await Refused(() => JournalRows.Append(other, 1, 0, JournalRows.Chain(0), [Now])));
        await app.Execute("ROLLBACK");
        await JournalRows.Append(other, 1, 0, JournalRows.Chain(0), [Now]);
        await other.Execute("SET stele.org_id = 9");
        Assert.Empty(await other.Rows("SELECT org_id, revision FROM stele.lock_head(9)"));
    }

    [Fact]
    public async Task Last_at_only_rises_and_never_into_the_future()
    {
        await using var db = await NewOrg();
        await using var app = await db.AsApp(1);
        const string raise = "SELECT stele.raise_last_at(1, (SELECT incarnation FROM stele.cluster), 0, 0, $1, $2)";
        await app.Execute(raise, JournalRows.Chain(0), Now);
        await app.Execute(raise, JournalRows.Chain(0), Now.AddHours(-1));
        Assert.Equal(Now, await app.Ask<DateTime>("SELECT last_at FROM stele.journal_head"));
        Assert.Equal("ST002", await app.Refusal(raise, JournalRows.Chain(0), Now.AddHours(1)));
        Assert.Equal("ST001", await app.Refusal(raise, JournalRows.Chain(1), Now));
        Assert.Equal("ST001", await Refused(() => JournalRows.Append(app, 1, 0, JournalRows.Chain(0), [Now.AddHours(-1)])));
    }

    [Fact]
    public async Task One_node_begins_an_incarnation_and_every_head_is_fenced()
    {
        await using var db = await NewOrg();
        await JournalRows.CreateOrg(db, 2);
        await using var tail = await db.AsTail();
        await tail.Execute("SET stele.org_id = 'left alone'");
        var (old, next) = (await tail.Ask<Guid>("SELECT incarnation FROM stele.cluster"), Guid.NewGuid());
        Assert.True(await tail.Ask<bool>("SELECT stele.begin_incarnation($1, $2, 42, 7)", old, next));
        Assert.False(await tail.Ask<bool>("SELECT stele.begin_incarnation($1, $2, 42, 7)", old, Guid.NewGuid()));
        Assert.Equal([$"{next}|1", $"{next}|1"], await tail.Rows("SELECT incarnation, fence FROM stele.journal_head"));
        Assert.Equal([$"{next}|2|42|7"], await tail.Rows("SELECT incarnation, counter, system_identifier, timeline FROM stele.cluster"));
        Assert.True(await tail.Ask<bool>("SELECT stele.raise_counter(2, 8)"));
        Assert.False(await tail.Ask<bool>("SELECT stele.raise_counter(2, 8)"));
        Assert.Equal("left alone", await tail.Ask<string>("SHOW stele.org_id"));
        await using var app = await db.AsApp(1);
        Assert.Equal("42501", await app.Refusal("SELECT stele.begin_incarnation($1, $2, 42, 7)", next, old));
        Assert.Equal("42501", await app.Refusal("SELECT stele.raise_counter(3, 7)"));
        Assert.Equal("42501", await app.Refusal("SELECT stele.ensure_partitions(13)"));
    }

    [Fact]
    public async Task An_append_past_the_last_partition_fails_and_the_horizon_foretells_it()
    {
        await using var db = await NewOrg();
        await using var tail = await db.AsTail();
        var horizon = await tail.Ask<DateTime>("SELECT stele.partition_horizon()");
        Assert.True(horizon > DateTime.UtcNow.AddMonths(11));
        await using var app = await db.AsApp(1);
        Assert.Equal("23514", await Refused(() => JournalRows.Append(app, 1, 0, JournalRows.Chain(0), [horizon])));
        await JournalRows.Append(app, 1, 0, JournalRows.Chain(0), [horizon.AddTicks(-10)]);
        Assert.Equal("22023", await tail.Refusal("SELECT stele.ensure_partitions(121)"));
    }

    [Fact]
    public async Task Partitions_are_made_while_an_append_is_under_way()
    {
        await using var db = await NewOrg();
        await using var app = await db.AsApp(1);
        await app.Execute("BEGIN");
        await JournalRows.Append(app, 1, 0, JournalRows.Chain(0), [Now]);
        await using var tail = await db.AsTail();
        await tail.Execute("SET lock_timeout = '5s'");
        Assert.Equal(2, await tail.Ask<int>("SELECT stele.ensure_partitions(14)"));
        await app.Execute("COMMIT");
    }

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task Revision_at_is_the_last_that_is_not_later(PostgresMajor major)
    {
        await using var db = await NewOrg(major);
        await using var app = await db.AsApp(1);
        Assert.Equal(0L, await app.Ask<long>("SELECT stele.revision_at(1, now())"));
        var steps = Gen.Sample(Gen.ListOf(Gen.Choose(0, 3)), 1, 400).First();
        var times = new List<DateTime>();
        foreach (var step in (int[])[0, 0, .. steps, 2, 0, 1, 0, 0])
            times.Add((times.Count == 0 ? Now.AddSeconds(-2000) : times[^1]).AddSeconds(step));
        await JournalRows.Append(app, 1, 0, JournalRows.Chain(0), times);
        for (var at = times[0].AddSeconds(-1); at <= times[^1].AddSeconds(1); at = at.AddSeconds(1))
            Assert.Equal(times.Count(time => time <= at), await app.Ask<long>("SELECT stele.revision_at(1, $1)", at));
        await using var tail = await db.AsTail();
        Assert.Equal((long)times.Count, await tail.Ask<long>("SELECT stele.revision_at(1, now())"));
    }

    [Fact]
    public async Task Before_an_archives_floor_revision_at_is_one_less_than_the_floor()
    {
        await using var db = await NewOrg();
        await using var app = await db.AsApp(1);
        await JournalRows.Append(app, 1, 0, JournalRows.Chain(0), [Now.AddHours(-3), Now.AddHours(-2), Now.AddHours(-1)]);
        await using (var superuser = await db.As())
            await superuser.Execute("ALTER TABLE stele.revision DISABLE TRIGGER revision_keep; DELETE FROM stele.revision WHERE revision < 3; ALTER TABLE stele.revision ENABLE ALWAYS TRIGGER revision_keep");
        Assert.Equal(2L, await app.Ask<long>("SELECT stele.revision_at(1, $1)", Now.AddHours(-2)));
        Assert.Equal(3L, await app.Ask<long>("SELECT stele.revision_at(1, $1)", Now));
    }

    static async Task<TestDatabase> NewOrg(PostgresMajor major = PostgresMajor.V15)
    {
        var db = await Postgres.NewDatabase(major);
        await JournalRows.CreateOrg(db, 1);
        return db;
    }

    static async Task<string> Refused(Func<Task> action) => (await Assert.ThrowsAsync<PostgresException>(action)).SqlState;

    static async Task WaitForBlocked(TestDatabase db, TestSession session)
    {
        await using var watcher = await db.As();
        while (!await watcher.Ask<bool>("SELECT cardinality(pg_blocking_pids($1)) > 0", session.Connection.ProcessID))
            await Task.Yield();
    }
}
