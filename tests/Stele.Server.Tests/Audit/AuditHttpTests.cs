using System.Globalization;
using System.Text.Json;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Audit;

/// <summary>Journal and audit log as one list, over HTTP.</summary>
public sealed class AuditHttpTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task Changes_and_administrative_reads_are_one_list_newest_first_without_values()
    {
        await server.Put("audited.one", """{"value":"very secret value","change_log":"because"}""");
        (await server.Get("/v1/events")).Is(200);
        var answer = (await server.Get("/v1/audit?limit=1000")).Is(200);
        var items = answer["items"].EnumerateArray().ToList();
        var read = items.FindIndex(item => item.GetProperty("action").GetString() == "journal.read");
        var change = items.FindIndex(item => item.GetProperty("target").GetString() == "config/development/audited.one");
        Assert.True(read >= 0 && change > read, answer.Text);
        Assert.Equal(("journal", "config.set", "root", "development", "allowed", "because"), (Text(items[change], "log"), Text(items[change], "action"), Text(items[change], "actor"), Text(items[change], "environment"), Text(items[change], "outcome"), Text(items[change], "detail")));
        Assert.Equal(("audit", "GET /v1/events", "127.0.0.1"), (Text(items[read], "log"), Text(items[read], "target"), Text(items[read], "address")));
        Assert.DoesNotContain("very secret value", answer.Text, StringComparison.Ordinal);
        var times = items.Select(item => item.GetProperty("at").GetDateTimeOffset()).ToList();
        Assert.Equal(times.OrderDescending(), times);
        // reading it is on record itself, and moves no revision
        var revision = await server.Revision();
        Assert.NotEmpty((await server.Get("/v1/audit?action=audit.read")).Is(200)["items"].EnumerateArray());
        Assert.Equal(revision, await server.Revision());
    }

    [Theory]
    [InlineData("order=newest")]
    [InlineData("order=oldest")]
    [InlineData("order=newest&log=journal")]
    [InlineData("order=oldest&log=journal&action=config.*")]
    [InlineData("order=newest&target=config/development/paged.*")]
    public async Task Pages_are_the_whole_list_once_however_long_they_are(string query)
    {
        for (var i = 0; i < 5; i++) await server.Put($"paged.k{i}", """{"value":1}""");
        // an entry beside a revision of several events, so that pages end in the middle of it
        (await server.Get("/v1/usage")).Is(200);
        await server.Post("/v1/changes", """{"changes":[{"op":"set","key":"paged.a","value":1},{"op":"set","key":"paged.b","value":1},{"op":"set","key":"paged.c","value":1}]}""");
        var to = Uri.EscapeDataString(DateTimeOffset.UtcNow.ToString("O", CultureInfo.InvariantCulture)[..26] + "Z");
        var whole = Positions((await server.Get($"/v1/audit?{query}&to={to}&limit=1000")).Is(200));
        Assert.True(whole.Count >= 8);
        foreach (var limit in (int[])[1, 2, 3, 4, 5, 7])
        {
            var paged = new List<string>();
            string? cursor = null;
            do
            {
                var page = (await server.Get($"/v1/audit?{query}&to={to}&limit={limit}{(cursor is null ? "" : $"&cursor={cursor}")}")).Is(200);
                Assert.InRange(page["items"].GetArrayLength(), 0, limit);
                paged.AddRange(Positions(page));
                cursor = page.Json.TryGetProperty("next_cursor", out var next) ? next.GetString() : null;
            }
            while (cursor is not null);
            Assert.Equal(whole, paged);
        }
    }

    [Fact]
    public async Task A_follower_goes_on_from_the_newest_and_misses_nothing()
    {
        await server.Put("followed.a", """{"value":1}""");
        var first = (await server.Get("/v1/audit?target=config/development/followed.*&limit=5")).Is(200);
        var cursor = first["resume_cursor"].GetString();
        Assert.Empty((await server.Get($"/v1/audit?target=config/development/followed.*&order=oldest&cursor={cursor}")).Is(200)["items"].EnumerateArray());
        await server.Put("followed.b", """{"value":1}""");
        await server.Put("other.b", """{"value":1}""");
        await server.Put("followed.c", """{"value":1}""");
        var more = (await server.Get($"/v1/audit?target=config/development/followed.*&order=oldest&cursor={cursor}")).Is(200);
        Assert.Equal(["followed.b", "followed.c"], more["items"].EnumerateArray().Select(item => Text(item, "target")!.Split('/')[2]));
        Assert.Empty((await server.Get($"/v1/audit?target=config/development/followed.*&order=oldest&cursor={more["resume_cursor"].GetString()}")).Is(200)["items"].EnumerateArray());
        // a cursor belongs to its question
        (await server.Get($"/v1/audit?target=config/*&order=oldest&cursor={cursor}")).IsProblem(400, "invalid", "cursor.mismatch@query:cursor");
        (await server.Get($"/v1/audit?target=config/development/followed.*&cursor={cursor}")).IsProblem(400, "invalid", "cursor.mismatch@query:cursor");
        (await server.Get("/v1/audit?cursor=nonsense")).IsProblem(400, "invalid", "cursor.malformed@query:cursor");
    }

    [Fact]
    public async Task Filters_narrow_to_actor_action_target_environment_outcome_and_time()
    {
        await server.Put("filtered.a", """{"value":1}""");
        await server.Put("filtered.a", """{"value":2}""", "?env=production");
        var between = (await server.Put("filtered.b", """{"value":1}""")).Is(200)["updated_at"].GetString()!;
        await server.Send("DELETE", "/v1/config/filtered.b", null);
        async Task<List<string>> Found(string query) => [.. (await server.Get($"/v1/audit?{query}&limit=1000")).Is(200)["items"].EnumerateArray().Select(item => $"{Text(item, "action")} {Text(item, "target")}").Where(text => text.Contains("filtered", StringComparison.Ordinal))];
        Assert.Equal(["config.set config/production/filtered.a"], await Found("env=production"));
        Assert.Equal(["config.deleted config/development/filtered.b"], await Found("action=config.deleted"));
        Assert.Equal(["config.set config/development/filtered.b", "config.set config/production/filtered.a", "config.set config/development/filtered.a"], await Found("action=config.s*"));
        Assert.Equal(["config.set config/production/filtered.a"], await Found("target=config/production/filtered.a"));
        Assert.Equal(4, (await Found("actor=root")).Count);
        Assert.Empty(await Found("actor=roo"));
        Assert.Empty(await Found("outcome=refused"));
        Assert.Equal(4, (await Found("outcome=allowed")).Count);
        Assert.Equal(["config.deleted config/development/filtered.b", "config.set config/development/filtered.b"], await Found($"from={between}"));
        Assert.Equal(["config.set config/production/filtered.a", "config.set config/development/filtered.a"], await Found($"to={between}"));
        Assert.Empty(await Found("log=audit&action=config.*"));
    }

    [Fact]
    public async Task Who_is_not_known_is_counted_and_sampled_in_the_log_of_the_installation()
    {
        using var bare = new HttpClient { BaseAddress = server.Client.BaseAddress };
        for (var i = 0; i < 50; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/config/some.key{i}");
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer made-up-token");
            using var refused = await bare.SendAsync(request);
            Assert.Equal(401, (int)refused.StatusCode);
        }
        var answer = (await server.Get("/v1/audit?scope=installation&action=authentication.refused")).Is(200);
        var item = Assert.Single(answer["items"].EnumerateArray());
        Assert.Equal(("refused", "malformed", "nobody", "GET /v1/config/some.key0"), (Text(item, "outcome"), Text(item, "code"), Text(item, "actor"), Text(item, "target")));
        Assert.DoesNotContain("made-up-token", answer.Text, StringComparison.Ordinal);
        // and not in an org's
        Assert.Empty((await server.Get("/v1/audit?action=authentication.refused")).Is(200)["items"].EnumerateArray());
        using var metrics = await server.Client.GetAsync("/metrics");
        Assert.Matches("""stele_authentication_refused_total\{reason="malformed"\} 5\d\n""", await metrics.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("?order=sideways", "choice@query:order")]
    [InlineData("?format=xml", "choice@query:format")]
    [InlineData("?outcome=maybe", "choice@query:outcome")]
    [InlineData("?log=diary", "choice@query:log")]
    [InlineData("?scope=world", "choice@query:scope")]
    [InlineData("?from=yesterday", "from.time@query:from")]
    [InlineData("?to=2026-01-31", "to.time@query:to")]
    [InlineData("?from=2026-01-31T00:00:00Z&to=2026-01-31T00:00:00Z", "from.after_to@query:from")]
    [InlineData("?actor=a%00b", "filter.characters@query:actor")]
    [InlineData("?format=csv&cursor=x", "parameter.exclusive@query:cursor")]
    [InlineData("?limit=0", "limit.range@query:limit")]
    [InlineData("?prefix=a", "parameter.unknown@query:prefix")]
    public async Task What_is_asked_wrongly_is_refused(string query, string error) => (await server.Get("/v1/audit" + query)).IsProblem(400, "invalid", error);

    [Fact]
    public async Task Extremes_of_time_and_environments_that_are_not_there_any_more_are_answered()
    {
        (await server.Get("/v1/audit?from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z&limit=1")).Is(200);
        await server.Post("/v1/environments", """{"name":"passing"}""");
        await server.Send("DELETE", "/v1/environments/passing", null);
        Assert.NotEmpty((await server.Get("/v1/audit?env=passing")).Is(200)["items"].EnumerateArray());
        Assert.Empty((await server.Get("/v1/audit?env=nowhere")).Is(200)["items"].EnumerateArray());
        (await server.Get($"/v1/audit?target={new string('x', 513)}")).IsProblem(400, "invalid", "filter.length@query:target");
    }

    static List<string> Positions(HttpAnswer page) => [.. page["items"].EnumerateArray().Select(item => $"{item.GetProperty("revision")}.{item.GetProperty("ordinal")}/{item.GetProperty("sequence")}")];

    static string? Text(JsonElement item, string member) => item.GetProperty(member).GetString();
}
