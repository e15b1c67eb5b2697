using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using Stele.Server.Audit;
using Stele.Server.Database;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Database;

/// <summary>Partitions of events are there long before they are needed, and whoever looks after the node hears when they are not.</summary>
public sealed class MonthPartitionTests
{
    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task Twelve_months_ahead_are_made_and_what_is_missing_between_is_made_again(PostgresMajor major)
    {
        await using var db = await Postgres.NewDatabase(major);
        await using var tail = NpgsqlDataSource.Create(db.Tail);
        var logs = new CapturedLogs();
        var partitions = MonthPartitions.OfEvents(tail, TimeProvider.System, Logger(logs));
        Assert.True(await partitions.RunOnce(CancellationToken.None));
        var month = new DateOnly(DateTime.UtcNow.Year, DateTime.UtcNow.Month, 1);
        Assert.Equal(month.AddMonths(13).ToDateTime(default, DateTimeKind.Utc), partitions.Horizon);
        Assert.Null(partitions.Warning);

        await using var owner = await db.As("stele_owner");
        await owner.Execute($"DROP TABLE stele.event_y{month.AddMonths(2):yyyy}m{month.AddMonths(2):MM}");
        Assert.True(await partitions.RunOnce(CancellationToken.None));
        Assert.Equal(month.AddMonths(13).ToDateTime(default, DateTimeKind.Utc), partitions.Horizon);
        Assert.Contains(logs.Lines, line => line.Contains("Events: 1 partitions made", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_clock_in_a_later_month_alarms_three_months_before_the_last_partition_ends_and_when_it_has()
    {
        await using var db = await Postgres.NewDatabase();
        await using var tail = NpgsqlDataSource.Create(db.Tail);
        var horizon = new DateTimeOffset(DateTime.UtcNow.Year, DateTime.UtcNow.Month, 1, 0, 0, 0, TimeSpan.Zero).AddMonths(13);
        var clock = new ClockAt { Now = horizon - TimeSpan.FromDays(90) };
        var logs = new CapturedLogs();
        var partitions = MonthPartitions.OfEvents(tail, clock, Logger(logs));
        Assert.True(await partitions.RunOnce(CancellationToken.None));
        Assert.Null(partitions.Warning);

        clock.Now += TimeSpan.FromMicroseconds(1);
        Assert.NotNull(partitions.Warning);
        Assert.False(await partitions.RunOnce(CancellationToken.None));
        Assert.Contains(logs.Lines, line => line.StartsWith("Error", StringComparison.Ordinal) && line.Contains("Events: partitions only up to", StringComparison.Ordinal));
        Assert.Contains("writes fail from then on", partitions.Warning, StringComparison.Ordinal);

        clock.Now = horizon;
        Assert.False(await partitions.RunOnce(CancellationToken.None));
        Assert.Equal(horizon.UtcDateTime, partitions.Horizon);
        Assert.Contains("writes fail.", partitions.Warning, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Months_of_the_audit_log_that_cannot_be_made_are_told_in_time_and_ready_all_the_same()
    {
        await using var db = await Postgres.NewDatabase();
        var month = new DateTimeOffset(DateTime.UtcNow.Year, DateTime.UtcNow.Month, 1, 0, 0, 0, TimeSpan.Zero);
        await using var owner = await db.As("stele_owner");
        // what keeps them from being made: here the server may not
        await owner.Execute("REVOKE EXECUTE ON FUNCTION stele.ensure_audit_partitions(int) FROM stele_tail");
        foreach (var missing in Enumerable.Range(2, 11)) await owner.Execute($"DROP TABLE stele.audit_y{month.AddMonths(missing):yyyy}m{month.AddMonths(missing):MM}");
        await using var server = await TestServer.Start(db);
        using var ready = await server.Client.GetAsync("/readyz");
        Assert.Equal(System.Net.HttpStatusCode.OK, ready.StatusCode);
        Assert.Contains($"The audit log: partitions only up to {month.AddMonths(2):yyyy-MM-dd}", await ready.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Contains(server.Logs.Lines, line => line.StartsWith("Error", StringComparison.Ordinal) && line.Contains("nothing is put on record from then on", StringComparison.Ordinal));
        Assert.Contains($"stele_audit_partition_horizon_timestamp_seconds {month.AddMonths(2).ToUnixTimeSeconds()}\n", await server.Client.GetStringAsync("/metrics"), StringComparison.Ordinal);

        await owner.Execute("GRANT EXECUTE ON FUNCTION stele.ensure_audit_partitions(int) TO stele_tail");
        await server.Services.GetRequiredService<AuditRetention>().RunOnce(CancellationToken.None);
        Assert.DoesNotContain("warnings", await server.Client.GetStringAsync("/readyz"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Years_end_and_leap_days_are_months_like_others_and_an_event_finds_its_own()
    {
        await using var db = await Postgres.NewDatabase();
        await using var owner = await db.As("stele_owner");
        Assert.Equal(4, await owner.Ask<int>("SELECT stele.make_event_partitions('2031-11-30', '2032-02-29')"));
        Assert.Equal(1, await owner.Ask<int>("SELECT stele.make_event_partitions('2031-12-01', '2032-03-01')"));
        Assert.Equal(0, await owner.Ask<int>("SELECT stele.make_event_partitions('2032-03-02', '2032-03-01')"));
        await JournalRows.CreateOrg(db, 1);
        await using var app = await db.AsApp(1);
        DateTime[] times = [new(2031, 12, 31, 23, 59, 59, DateTimeKind.Utc), new(2032, 1, 1, 0, 0, 0, DateTimeKind.Utc), new(2032, 2, 29, 23, 59, 59, DateTimeKind.Utc), new(2032, 3, 1, 0, 0, 0, DateTimeKind.Utc)];
        await JournalRows.Append(app, 1, 0, JournalRows.Chain(0), times);
        Assert.Equal(["1|stele.event_y2031m12", "2|stele.event_y2032m01", "3|stele.event_y2032m02", "4|stele.event_y2032m03"],
            await owner.Rows("SELECT revision, tableoid::regclass::text FROM stele.event ORDER BY 1"));
        // past the last one an append fails, and writes nothing
        var missing = await Assert.ThrowsAsync<PostgresException>(() => JournalRows.Append(app, 1, 4, JournalRows.Chain(4), [new(2032, 4, 1, 0, 0, 0, DateTimeKind.Utc)]));
        Assert.Equal(PostgresErrorCodes.CheckViolation, missing.SqlState);
        Assert.Equal(4L, await owner.Ask<long>("SELECT revision FROM stele.journal_head"));
    }

    [Fact]
    public async Task Only_the_owner_makes_partitions_of_other_months()
    {
        await using var db = await Postgres.NewDatabase();
        foreach (var role in (string[])["stele_app", "stele_tail", "stele_reader", "stele_journal"])
        {
            await using var session = await db.As(role);
            Assert.Equal("42501", await session.Refusal("SELECT stele.make_event_partitions('2031-01-01', '2031-02-01')"));
            Assert.Equal("42501", await session.Refusal("CALL stele.create_event_partition('2031-01-01')"));
        }
    }

    static ILogger<MonthPartitions> Logger(CapturedLogs logs) => LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(logs)).CreateLogger<MonthPartitions>();

    sealed class ClockAt : TimeProvider
    {
        public DateTimeOffset Now { get; set; }

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
