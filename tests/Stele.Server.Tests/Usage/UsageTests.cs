using System.Net.Http.Json;
using System.Reflection;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Stele.Core.Journal;
using Stele.Server.Tests.Audit;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Usage;
using Xunit;

namespace Stele.Server.Tests.Usage;

/// <summary>What an org used is counted, written once, and answered.</summary>
public sealed class UsageTests
{
    [Fact]
    public async Task Requests_are_counted_by_what_they_may_change_and_written_on_shutdown()
    {
        await using var db = await Postgres.NewDatabase();
        await using (var server = await TestServer.Start(db))
        {
            for (var i = 0; i < 3; i++) await server.Client.PutAsync("/v1/config/a.b", JsonContent.Create(new { value = i }));
            for (var i = 0; i < 5; i++) await server.Client.GetAsync("/v1/config/a.b");
            await server.Client.PostAsync("/v1/schema/validate", JsonContent.Create(new { schema = new { }, value = 1 }));
            // not answered with what was asked for, or not of /v1
            await server.Client.GetAsync("/v1/config/a.none");
            await server.Client.PutAsync("/v1/config/a.b", JsonContent.Create(new { value = 1, expected_version = 99 }));
            await server.Client.GetAsync("/metrics");
            var usage = server.Services.GetRequiredService<UsageCounters>().Of(OrgId.Default);
            usage.AddEvaluations(12);
            usage.AddWatch(TimeSpan.FromHours(1.5));
        }
        await using var owner = await db.As();
        Assert.Equal(["1|6|3|5400|1.500|12"], await owner.Rows("SELECT org_id, reads, writes, watch_seconds, watch_hours, evaluations FROM stele.usage"));
    }

    [Fact]
    public async Task A_flush_is_answered_by_the_api_adds_up_over_nodes_and_is_seen_by_the_orgs_readers_only()
    {
        await using var db = await Postgres.NewDatabase();
        await using var one = await TestServer.Start(db);
        await using var two = await TestServer.Start(db);
        foreach (var server in (TestServer[])[one, two])
            for (var i = 0; i < 4; i++) await server.Client.GetAsync("/v1/environments");
        Assert.True(await Flush(one));
        Assert.True(await Flush(two));
        Assert.True(await Flush(two));
        var day = Assert.Single(JsonDocument.Parse(await one.Client.GetStringAsync("/v1/usage")).RootElement.GetProperty("items").EnumerateArray());
        Assert.Equal((8, 0, DateTime.UtcNow.ToString("yyyy-MM-dd", null)), (day.GetProperty("reads").GetInt64(), day.GetProperty("writes").GetInt64(), day.GetProperty("day").GetString()));
        await using var app = await db.AsApp(2);
        Assert.Equal(0L, await app.Ask<long>("SELECT count(*) FROM stele.usage"));
        foreach (var (query, rule) in new[] { ("from=2026-13-01", "day"), ("from=2026-02-01&to=2026-01-01", "from.after_to"), ("env=production", "parameter.unknown") })
        {
            using var refused = await one.Client.GetAsync($"/v1/usage?{query}");
            Assert.Equal(400, (int)refused.StatusCode);
            Assert.Contains($"\"rule\":\"{rule}\"", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
        Assert.Equal(200, (int)(await one.Client.GetAsync("/v1/usage?to=0001-01-01")).StatusCode);
    }

    [Fact]
    public async Task Watchers_are_counted_while_they_watch()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        using var client = new HttpClient { BaseAddress = server.Client.BaseAddress };
        client.DefaultRequestHeaders.Authorization = server.Client.DefaultRequestHeaders.Authorization;
        using var one = await client.GetAsync("/v1/watch", HttpCompletionOption.ResponseHeadersRead);
        using var two = await client.GetAsync("/v1/watch", HttpCompletionOption.ResponseHeadersRead);
        var (counters, watched) = (server.Services.GetRequiredService<UsageCounters>(), 0L);
        await Wait.Until(() => (watched += counters.Collect().Sum(pair => pair.Count.WatchSeconds)) >= 4, "two watchers watch for two seconds");
        Assert.InRange(watched, 4, 8);
    }

    [Fact]
    public async Task Days_are_paged_newest_first()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        await using (var owner = await db.As()) await owner.Execute("INSERT INTO stele.usage (org_id, day, reads, updated_at) SELECT 1, date '2026-01-01' + n, n, now() FROM generate_series(0, 9) AS n");
        var (days, cursor) = (new List<string>(), "");
        do
        {
            var page = JsonDocument.Parse(await server.Client.GetStringAsync($"/v1/usage?from=2026-01-02&to=2026-01-31&limit=4{cursor}")).RootElement;
            days.AddRange(page.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("day").GetString()!));
            cursor = page.TryGetProperty("next_cursor", out var next) ? $"&cursor={next.GetString()}" : "";
        }
        while (cursor.Length > 0);
        Assert.Equal(Enumerable.Range(2, 9).Select(day => $"2026-01-{day:00}").Reverse(), days);
    }

    [Fact]
    public async Task A_session_that_is_killed_under_a_flush_neither_loses_nor_doubles_what_was_counted()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        var counters = server.Services.GetRequiredService<UsageCounters>();
        counters.Of(OrgId.Default).AddEvaluations(10);
        counters.Of(new OrgId(2)).AddEvaluations(20);
        Assert.True(await Flush(server));
        counters.Of(OrgId.Default).AddEvaluations(1);
        counters.Of(new OrgId(2)).AddEvaluations(2);
        await using var blocker = await db.As();
        await blocker.Execute("BEGIN");
        await blocker.Execute("SELECT FROM stele.usage WHERE org_id = 2 FOR UPDATE");
        var flushing = Flush(server);
        await Wait.Until(async () => await blocker.Ask<bool>("SELECT coalesce(bool_or(pg_terminate_backend(pid)), false) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%stele.usage%'"), "the flush waits, and its session is ended");
        Assert.False(await flushing);
        // it goes on being counted
        counters.Of(OrgId.Default).AddEvaluations(100);
        await blocker.Execute("ROLLBACK");
        Assert.True(await Flush(server));
        await using var owner = await db.As();
        Assert.Equal(["1|111", "2|22"], await owner.Rows("SELECT org_id, evaluations FROM stele.usage ORDER BY org_id"));
    }

    [Fact]
    public async Task A_batch_that_is_sent_again_after_an_unknown_outcome_is_added_once()
    {
        await using var db = await Postgres.NewDatabase();
        await using var app = await db.AsApp(1);
        var add = (string)typeof(UsageFlush).GetField("AddSql", BindingFlags.Static | BindingFlags.NonPublic)!.GetRawConstantValue()!;
        var node = Guid.NewGuid();
        foreach (var (number, rows) in new[] { (7L, 1), (7L, 0), (6L, 0), (8L, 1) })
            Assert.Equal(rows, await app.Execute(add, 1, node, number, new[] { new DateOnly(2026, 1, 1) }, new[] { 10L }, new[] { 1L }, new[] { 0L }, new[] { 0L }));
        // another node has numbers of its own
        Assert.Equal(1, await app.Execute(add, 1, Guid.NewGuid(), 7L, new[] { new DateOnly(2026, 1, 1) }, new[] { 10L }, new[] { 1L }, new[] { 0L }, new[] { 0L }));
        Assert.Equal(["30|3"], await app.Rows("SELECT reads, writes FROM stele.usage"));
    }

    [Fact]
    public async Task The_record_only_grows()
    {
        await using var db = await Postgres.NewDatabase();
        await using var superuser = await db.As();
        await superuser.Execute("INSERT INTO stele.usage (org_id, day, reads, updated_at) VALUES (1, '2026-01-01', 10, now())");
        await superuser.Execute("SET session_replication_role = replica");
        foreach (var sql in (string[])["UPDATE stele.usage SET reads = 9", "UPDATE stele.usage SET day = '2026-01-02'", "DELETE FROM stele.usage", "TRUNCATE stele.usage"]) Assert.Equal("ST003", await superuser.Refusal(sql));
        Assert.Equal(1, await superuser.Execute("UPDATE stele.usage SET reads = 11"));
    }

    [Fact]
    public async Task Counting_allocates_nothing_loses_nothing_and_idle_orgs_are_forgotten()
    {
        var clock = new SetClock();
        var counters = new UsageCounters(clock);
        counters.Of(OrgId.Default).AddRead();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 10_000; i++) counters.Of(OrgId.Default).AddRead();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        long collected = 0;
        using var done = new CancellationTokenSource();
        var collecting = Task.Run(() =>
        {
            while (!done.IsCancellationRequested) collected += counters.Collect().Sum(pair => pair.Count.Reads);
        });
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 100_000; i++) counters.Of(new OrgId(i % 3 + 1)).AddRead();
        })));
        await done.CancelAsync();
        await collecting;
        for (var i = 0; i < 3; i++) collected += counters.Collect().Sum(pair => pair.Count.Reads);
        Assert.Equal(10_001 + 400_000, collected);
        var kept = counters.Of(new OrgId(9));
        counters.Collect();
        Assert.Same(kept, counters.Of(new OrgId(9)));
        clock.Advance(TimeSpan.FromMinutes(5));
        counters.Collect();
        // whoever held it when it was forgotten is still counted
        kept.AddRead();
        Assert.Equal(1, Assert.Single(counters.Collect()).Count.Reads);
        Assert.NotSame(kept, counters.Of(new OrgId(9)));
    }

    static Task<bool> Flush(TestServer server) => server.Services.GetRequiredService<UsageFlush>().RunOnce(CancellationToken.None);
}
