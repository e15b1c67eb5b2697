using Stele.Core.Journal;
using Stele.Server.Flags;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Flags;

/// <summary>How flags are used: counted, told by others, written once, and what is stale.</summary>
public sealed class FlagUseTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task Evaluations_are_counted_written_once_and_shown()
    {
        (await Put("counted")).Is(200);
        var use = server.Service<FlagUse>().Of(OrgId.Default);
        for (var i = 0; i < 3; i++) use.Add(new FlagUseKey("development", "counted", "on"), 1, Timestamp.From(TimeProvider.System.GetUtcNow()));
        use.Add(new FlagUseKey("development", "counted", ""), 1, Timestamp.From(TimeProvider.System.GetUtcNow()));
        var shown = (await server.Get("/v1/flags/counted")).Is(200);
        Assert.Equal(4, shown["use"].GetProperty("variants").EnumerateArray().Sum(variant => variant.GetProperty("evaluations").GetInt32()));
        Assert.True(await server.Service<FlagUseFlush>().RunOnce(CancellationToken.None));
        Assert.True(await server.Service<FlagUseFlush>().RunOnce(CancellationToken.None));
        Assert.Equal(["|1", "on|3"], await server.Rows("SELECT variant, evaluations FROM stele.flag_use WHERE flag = 'counted' ORDER BY variant"));
        Assert.Equal(shown["last_evaluated_at"].GetString(), (await server.Get("/v1/flags/counted")).Is(200)["last_evaluated_at"].GetString());
        Assert.Equal("active", (await server.Get("/v1/flags/counted")).Is(200)["use"].GetProperty("status").GetString());
    }

    [Fact]
    public async Task Evaluators_elsewhere_tell_what_they_did()
    {
        (await Put("told")).Is(200);
        var answer = (await server.Post("/v1/flags/usage", """{"items":[{"flag":"told","variant":"on","count":7,"last_evaluated_at":"2026-01-31T14:03:00Z"},{"flag":"told","variant":"none","count":1},{"flag":"nobody","count":1}]}""")).Is(200);
        Assert.Equal((1, "told nobody"), (answer["accepted"].GetInt32(), string.Join(' ', answer["unknown"].EnumerateArray().Select(name => name.GetString()))));
        Assert.Equal("2026-01-31T14:03:00.000000Z", (await server.Get("/v1/flags/told")).Is(200)["last_evaluated_at"].GetString());
        (await server.Post("/v1/flags/usage", """{"items":[{"flag":"told","count":0}]}""")).IsProblem(400, "invalid", "member.range@/items/0/count");
        (await server.Post("/v1/flags/usage", """{"items":[{"flag":"told","count":1,"last_evaluated_at":"yesterday"}]}""")).IsProblem(400, "invalid", "time@/items/0/last_evaluated_at");
    }

    [Fact]
    public async Task Stale_is_what_gives_one_variant_or_none_and_not_what_nobody_tells_of()
    {
        foreach (var name in (string[])["stale/one", "stale/two", "stale/none", "stale/young"]) (await Put(name, "staging")).Is(200);
        // as if they had been written long ago
        await server.Execute("UPDATE stele.flag SET updated_at = now() - interval '40 days' WHERE name LIKE 'stale/%' AND name <> 'stale/young'");
        await using var later = await server.Another();
        var use = later.Service<FlagUse>().Of(OrgId.Default);
        use.Add(new FlagUseKey("staging", "stale/one", "on"), 1, Timestamp.From(TimeProvider.System.GetUtcNow()));
        use.Add(new FlagUseKey("staging", "stale/two", "on"), 1, Timestamp.From(TimeProvider.System.GetUtcNow()));
        use.Add(new FlagUseKey("staging", "stale/two", "off"), 1, Timestamp.From(TimeProvider.System.GetUtcNow()));
        Assert.Equal(["stale/none not_evaluated", "stale/one one_variant"], await Stale(later));
        Assert.Empty(await Stale(later, "&days=60"));
        // a provider evaluates in its own process, and tells nothing
        use.Serving("staging", 0);
        Assert.True(await later.Service<FlagUseFlush>().RunOnce(CancellationToken.None));
        Assert.Equal(["stale/one one_variant"], await Stale(later));
        Assert.Equal("unknown", (await later.Get("/v1/flags/stale/none?env=staging")).Is(200)["use"].GetProperty("status").GetString());
        Assert.Equal("new", (await later.Get("/v1/flags/stale/young?env=staging")).Is(200)["use"].GetProperty("status").GetString());
        // now it tells
        (await later.Post("/v1/flags/usage?env=staging", """{"items":[]}""")).Is(200);
        Assert.True(await later.Service<FlagUseFlush>().RunOnce(CancellationToken.None));
        Assert.Equal(["stale/none not_evaluated", "stale/one one_variant"], await Stale(later));
        (await later.Get("/v1/flags?days=3")).IsProblem(400, "invalid", "days.stale@query:days");
    }

    [Fact]
    public async Task A_local_read_waits_for_no_count()
    {
        (await Put("local")).Is(200);
        Assert.Equal("new", (await server.Get("/v1/flags/local")).Is(200)["use"].GetProperty("status").GetString());
        // as if the database answered nothing more
        await using var session = await server.As();
        await session.Execute("BEGIN; LOCK TABLE stele.flag_use IN ACCESS EXCLUSIVE MODE");
        foreach (var path in (string[])["/v1/flags/local?consistency=local", "/v1/flags?prefix=local&consistency=local"])
        {
            var answer = (await server.Get(path).WaitAsync(TimeSpan.FromSeconds(10))).Is(200);
            Assert.DoesNotContain("\"use\"", answer.Text, StringComparison.Ordinal);
        }
        await session.Execute("ROLLBACK");
    }

    [Fact]
    public async Task Counts_are_kept_for_as_many_days_as_the_limit_says_and_no_longer()
    {
        (await Put("old")).Is(200);
        await server.Execute("""
            INSERT INTO stele.flag_use (org_id, environment, flag, day, variant, evaluations, last_at)
            SELECT 1, 'development', 'old', current_date - d, 'on', 1, now() - make_interval(days => d) FROM unnest(ARRAY[0, 399, 400, 401, 900]) d;
            INSERT INTO stele.flag_served (org_id, environment, day, reported) SELECT 1, 'production', current_date - d, false FROM unnest(ARRAY[400, 401]) d
            """);
        await server.Service<FlagUseFlush>().Sweep(CancellationToken.None);
        Assert.Equal(["0", "399", "400"], await server.Rows("SELECT current_date - day FROM stele.flag_use WHERE flag = 'old' ORDER BY day DESC"));
        Assert.Equal(["400"], await server.Rows("SELECT current_date - day FROM stele.flag_served WHERE environment = 'production'"));
        Assert.Equal(400, Core.Limits.SteleLimits.FlagUseDays.Value);
        (await server.Get("/v1/flags?stale=true&days=400")).Is(200);
        (await server.Get("/v1/flags?stale=true&days=401")).IsProblem(400, "invalid", "days.range@query:days");
    }

    static async Task<List<string>> Stale(HttpServer server, string more = "") =>
        [.. (await server.Get($"/v1/flags?env=staging&stale=true&prefix=stale/{more}")).Is(200)["items"].EnumerateArray().Select(item => $"{item.GetProperty("name").GetString()} {item.GetProperty("use").GetProperty("reason").GetString()}")];

    Task<HttpAnswer> Put(string name, string environment = "development") => server.Send("PUT", $"/v1/flags/{name}?env={environment}", """{"enabled":true}""");
}
