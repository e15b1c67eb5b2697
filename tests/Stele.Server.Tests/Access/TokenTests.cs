using System.Globalization;
using Stele.Core.Journal;
using Stele.Server.Access;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;
using static Stele.Server.Tests.Access.AccessServer;

namespace Stele.Server.Tests.Access;

public sealed class TokenTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task A_token_may_what_its_scopes_say_and_nothing_else()
    {
        foreach (var key in (string[])["scoped.a", "scoped.b", "other.a"])
            foreach (var env in (string[])["development", "staging"])
                (await server.Put(key, """{"value":1}""", $"?env={env}")).Is(200);
        var (token, id) = await server.NewToken($"[{Scope("config:read", "development", "scoped.")},{Scope("config:write", "development", "scoped.a")},{Scope("journal:read")}]");
        var me = As(token);
        (await server.Get("/v1/config/scoped.a", me)).Is(200);
        (await server.Get("/v1/config/scoped.never", me)).IsProblem(404, "not_found");
        (await server.Get("/v1/config/other.a", me)).IsProblem(403, "forbidden");
        (await server.Get("/v1/config/other.a?version=1", me)).IsProblem(403, "forbidden");
        (await server.Get("/v1/config/other.a/history", me)).IsProblem(403, "forbidden");
        (await server.Get("/v1/config/other.never", me)).IsProblem(403, "forbidden");
        // which environments there are is not for it to know
        Assert.Equal((await server.Get("/v1/config/scoped.a?env=staging", me)).IsProblem(403, "forbidden").Bare().Replace("staging", "nowhere", StringComparison.Ordinal),
            (await server.Get("/v1/config/scoped.a?env=nowhere", me)).IsProblem(403, "forbidden").Bare());
        Assert.Equal(["scoped.a", "scoped.b"], (await server.Get("/v1/config", me)).Is(200).Keys());
        Assert.Equal(["scoped.a", "scoped.b"], (await server.Get($"/v1/config?keys_only=true&revision={await server.Revision()}", me)).Is(200).Keys());
        (await server.Get("/v1/diff?from=development&to=staging", me)).IsProblem(403, "forbidden");
        (await server.Get("/v1/environments", me)).IsProblem(403, "forbidden");
        var streams = (await server.Get("/v1/events?limit=1000", me)).Is(200).Keys("stream");
        Assert.Equal(["config/development/scoped.a", "config/development/scoped.b"], streams.Distinct().Order());
        // writes are decided one by one, and a set with one that is not allowed writes nothing
        Assert.Equal($"token:{id}", (await server.Put("scoped.a", """{"value":2}""", "", me)).Is(200)["updated_by"].GetString());
        (await server.Put("scoped.b", """{"value":2}""", "", me)).IsProblem(403, "forbidden");
        (await server.Send("DELETE", "/v1/config/scoped.b", null, me)).IsProblem(403, "forbidden");
        (await server.Post("/v1/changes", """{"changes":[{"op":"set","key":"scoped.a","value":3},{"op":"set","key":"scoped.b","value":3}]}""", me)).IsProblem(403, "forbidden");
        (await server.Post("/v1/config/scoped.a/rollback", """{"version":1}""", me)).IsProblem(403, "forbidden");
        (await server.Post("/v1/rollback", """{"revision":1}""", me)).IsProblem(403, "forbidden");
        Assert.Equal(2, (await server.Get("/v1/config/scoped.a", me))["value"].GetInt32());
        (await server.Post("/v1/environments", """{"name":"mine"}""", me)).IsProblem(403, "forbidden");
        (await server.Get("/v1/tokens", me)).IsProblem(403, "forbidden");
        (await server.Get("/metrics", me)).IsProblem(403, "forbidden");
    }

    [Fact]
    public async Task Who_may_roll_back_under_a_prefix_does_so_there_and_hears_of_nothing_else()
    {
        (await server.Put("back.mine", """{"value":1}""")).Is(200);
        var then = (await server.Put("back.theirs", """{"value":1}""")).Is(200)["revision"].GetInt64();
        foreach (var key in (string[])["back.mine", "back.theirs"]) (await server.Put(key, """{"value":2}""")).Is(200);
        var me = As((await server.NewToken($"[{Scope("config:rollback", "*", "back.m")}]")).Token);
        var refused = (await server.Post("/v1/rollback", $$"""{"revision":{{then}},"prefix":"back."}""", me)).IsProblem(403, "forbidden");
        Assert.DoesNotContain("theirs", refused.Text, StringComparison.Ordinal);
        (await server.Post("/v1/rollback", $$"""{"revision":{{then}},"prefix":"back.m"}""", me)).Is(200);
        Assert.Equal((1, 2), ((await server.Get("/v1/config/back.mine"))["value"].GetInt32(), (await server.Get("/v1/config/back.theirs"))["value"].GetInt32()));
    }

    [Fact]
    public async Task A_comparison_shows_the_keys_that_may_be_read_on_both_sides()
    {
        foreach (var key in (string[])["both.a", "both.b"]) (await server.Put(key, """{"value":1}""", "?env=production")).Is(200);
        var me = As((await server.NewToken($"[{Scope("config:read", "production", "both.")},{Scope("config:read", "staging", "both.a")}]")).Token);
        Assert.Equal(["both.a"], (await server.Get("/v1/diff?from=production&to=staging", me)).Is(200).Keys());
    }

    [Fact]
    public async Task Whatever_is_wrong_with_a_token_the_answer_is_the_same_and_why_is_counted()
    {
        var (token, id) = await server.NewToken(Scopes("config:read"));
        var (revoked, revokedId) = await server.NewToken(Scopes("config:read"));
        (await server.Send("DELETE", $"/v1/tokens/{revokedId}", null)).Is(204);
        var end = DateTimeOffset.UtcNow.AddSeconds(1);
        var (expired, _) = await server.NewToken(Scopes("config:read"), $",\"expires_at\":\"{end.ToString("o", CultureInfo.InvariantCulture)}\"");
        (await server.Get("/v1/config", As(expired))).Is(200);
        await Wait.Until(() => DateTimeOffset.UtcNow > end, "the token has ended");
        var before = await Refused();
        var flipped = token[..20] + (char)(token[20] ^ 1) + token[21..];
        var answers = new HashSet<string>(StringComparer.Ordinal);
        string[] wrong = [revoked, expired, token[..^1], token[1..], flipped, TokenText.New("default"), TokenText.New("nowhere"), "x", "stele_", new string('x', 5_000), "stele_default_" + id];
        foreach (var one in wrong)
            foreach (var path in (string[])["/v1/config", "/v1/limits", "/v1/nowhere"]) answers.Add((await server.Get(path, As(one))).IsProblem(401, "unauthenticated").Bare());
        Assert.Single(answers);
        var after = await Refused();
        Assert.Equal((3 * 3, 3, 3 * 7), (after["unknown"] - before["unknown"], after["expired"] - before["expired"], after["malformed"] - before["malformed"]));
        (await server.Get("/v1/config", As(token))).Is(200);
    }

    [Fact]
    public async Task A_token_of_one_org_is_nothing_in_another()
    {
        await server.NewOrg(71, "elsewhere");
        var (token, id) = await server.NewToken(Everything, org: "elsewhere");
        Assert.StartsWith("stele_elsewhere_", token, StringComparison.Ordinal);
        Assert.Equal("elsewhere", (await server.Get("/v1/session", As(token))).Is(200)["org"].GetString());
        Assert.Equal("elsewhere", (await server.Get("/v1/session", As(token), ("Stele-Org", "elsewhere"))).Is(200)["org"].GetString());
        // an org that is there and one that is not look the same
        var there = (await server.Get("/v1/config", As(token), ("Stele-Org", "default"))).IsProblem(403, "forbidden", "org.other@header:Stele-Org");
        Assert.Equal(there.Bare(), (await server.Get("/v1/config", As(token), ("Stele-Org", "no-such-org"))).Bare());
        (await server.Send("DELETE", $"/v1/tokens/{id}", null)).IsProblem(404, "not_found");
        var status = (await server.Get("/v1/status", As(token))).Is(200);
        Assert.Equal(["elsewhere"], status["orgs"].EnumerateArray().Select(org => org.GetProperty("name").GetString()));
    }

    [Fact]
    public async Task A_token_that_is_revoked_is_refused_at_once_here_and_within_a_second_elsewhere()
    {
        await using var other = await server.Another();
        var (token, id) = await server.NewToken(Scopes("config:read"));
        // known to both, and on the other one by its memory alone
        foreach (var node in (HttpServer[])[server, other])
            foreach (var path in (string[])["/v1/config", "/v1/limits"]) (await node.Get(path, As(token))).Is(200);
        (await server.Send("DELETE", $"/v1/tokens/{id}", null)).Is(204);
        var since = System.Diagnostics.Stopwatch.StartNew();
        (await server.Get("/v1/limits", As(token))).IsProblem(401, "unauthenticated");
        (await other.Get("/v1/config", As(token))).IsProblem(401, "unauthenticated");
        while ((int)(await other.Get("/v1/limits", As(token))).Status != 401) Assert.True(since.Elapsed < TimeSpan.FromSeconds(2), "still let in elsewhere");
    }

    [Fact]
    public async Task A_token_that_was_made_elsewhere_a_moment_ago_is_good_here()
    {
        await using var other = await server.Another();
        (await other.Get("/v1/config")).Is(200);
        for (var i = 0; i < 5; i++) (await other.Get("/v1/config", As((await server.NewToken(Scopes("config:read"))).Token))).Is(200);
    }

    [Fact]
    public async Task A_token_that_was_never_made_loads_no_org()
    {
        await server.NewOrg(72, "sleeping");
        await using var other = await server.Another();
        for (var i = 0; i < 20; i++) (await other.Get("/v1/config", As(TokenText.New("sleeping")))).IsProblem(401, "unauthenticated");
        Assert.DoesNotContain(other.Journal.Orgs, org => org.Org == new OrgId(72));
    }

    [Fact]
    public async Task No_token_is_made_that_may_what_its_maker_may_not()
    {
        var (maker, makerId) = await server.NewToken($"[{Scope("config:read", "development", "made.")},{Scope("token:write")}]");
        foreach (var scope in (string[])[Scope("config:read"), Scope("config:read", "development"), Scope("config:read", "staging", "made."), Scope("config:write", "development", "made."), Scope("operate")])
            (await server.Post("/v1/tokens", $$"""{"name":"more","scopes":[{{Scope("config:read", "development", "made.")}},{{scope}}]}""", As(maker))).IsProblem(403, "forbidden", "scope.exceeds@/scopes/1");
        var (child, childId) = await server.NewToken($"[{Scope("config:read", "development", "made.a")}]", by: maker);
        (await server.Get("/v1/config/made.b", As(child))).IsProblem(403, "forbidden");
        (await server.Get("/v1/config/made.a", As(child))).IsProblem(404, "not_found");
        var listed = (await server.Get("/v1/tokens?limit=1000")).Is(200).Item(childId);
        Assert.Equal(("token", makerId), (listed.GetProperty("owner").GetProperty("kind").GetString(), listed.GetProperty("owner").GetProperty("id").GetString()));
        // it ends with the one that it was made with
        (await server.Send("DELETE", $"/v1/tokens/{makerId}", null, As(maker))).Is(204);
        (await server.Get("/v1/config/made.a", As(child))).IsProblem(401, "unauthenticated");
        (await server.Send("DELETE", $"/v1/tokens/{childId}", null)).IsProblem(404, "not_found");
    }

    [Fact]
    public async Task A_retry_finds_the_token_and_is_not_shown_it_again()
    {
        const string body = """{"name":"once","scopes":[{"permission":"config:read"}]}""";
        var first = (await server.Post("/v1/tokens", body, ("Idempotency-Key", "token-once"))).Is(201);
        var again = (await server.Post("/v1/tokens", body, ("Idempotency-Key", "token-once"))).Is(201);
        Assert.Equal(first["id"].GetString(), again["id"].GetString());
        Assert.False(again.Json.TryGetProperty("token", out _));
        Assert.DoesNotContain(first["token"].GetString()!, (await server.Get("/v1/tokens?limit=1000")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_has_an_environment_of_its_own()
    {
        (await server.Put("own.a", """{"value":"staged"}""", "?env=staging")).Is(200);
        var me = As((await server.NewToken(Scopes("config:read", "config:write"), ",\"environment\":\"staging\"")).Token);
        Assert.Equal("staging", (await server.Get("/v1/config/own.a", me)).Is(200)["environment"].GetString());
        Assert.Equal("staging", (await server.Put("own.b", """{"value":1}""", "", me)).Is(200)["environment"].GetString());
        (await server.Get("/v1/config/own.a?env=development", me)).IsProblem(404, "not_found");
    }

    [Fact]
    public async Task Neither_the_journal_nor_any_table_that_the_server_reads_holds_a_token_or_its_hash()
    {
        var (token, id) = await server.NewToken(Scopes("config:read"));
        var hash = Convert.ToHexStringLower(Stele.Server.Gateway.RootTokens.Hash(token));
        foreach (var table in (string[])["event", "revision", "token", "token_use"])
            Assert.Empty(await server.Rows($"SELECT 1 FROM stele.{table} AS t WHERE t::text LIKE '%{token[^40..]}%' OR t::text LIKE '%{hash}%'"));
        Assert.Equal(["1"], await server.Rows($"SELECT count(*) FROM stele.token_lookup WHERE token_id = '{id}'"));
    }

    [Fact]
    public async Task When_a_token_was_last_used_is_written_now_and_then()
    {
        var (token, id) = await server.NewToken(Scopes("config:read"));
        Assert.False((await server.Get("/v1/tokens?limit=1000")).Item(id).TryGetProperty("last_used_at", out _));
        var before = DateTime.UtcNow.AddSeconds(-5);
        var revision = await server.Revision();
        (await server.Get("/v1/config", As(token))).Is(200);
        await server.Uses.RunOnce(CancellationToken.None);
        Assert.InRange((await server.Get("/v1/tokens?limit=1000")).Item(id).GetProperty("last_used_at").GetDateTime(), before, DateTime.UtcNow.AddSeconds(5));
        Assert.Equal(revision, await server.Revision());
    }

    [Theory]
    [InlineData("""{"name":"","scopes":[]}""", "name.blank@/name", "grants.count@/scopes")]
    [InlineData("""{"name":"a\u202eb","scopes":[{"permission":"config:fly"}]}""", "name.characters@/name", "permission.unknown@/scopes/0/permission")]
    [InlineData("""{"name":"a","scopes":[{"permission":"config:read","environments":[]}]}""", "environments@/scopes/0/environments")]
    [InlineData("""{"name":"a","scopes":[{"permission":"config:read","environments":["*","staging"]}]}""", "environments@/scopes/0/environments")]
    [InlineData("""{"name":"a","scopes":[{"permission":"config:read","environments":["nowhere"]}]}""", "environment.unknown@/scopes/0/environments/0")]
    [InlineData("""{"name":"a","scopes":[{"permission":"org:write","environments":["staging"]}]}""", "grant.binding@/scopes/0/environments")]
    [InlineData("""{"name":"a","scopes":[{"permission":"config:read","prefix":"a b"}]}""", "prefix@/scopes/0/prefix")]
    [InlineData("""{"name":"a","scopes":[{"permission":"config:read"}],"expires_at":"2001-01-01T00:00:00Z"}""", "expires_at.past@/expires_at")]
    [InlineData("""{"name":"a","scopes":[{"permission":"config:read"}],"environment":"nowhere"}""", "environment.unknown@/environment")]
    [InlineData("""{"name":"a","scopes":[{"permission":"config:read"}],"service_account":"01890000-0000-7000-8000-000000000000"}""", "service_account.unknown@/service_account")]
    public async Task A_token_that_cannot_be_is_refused_with_every_rule_it_breaks(string body, params string[] errors) =>
        (await server.Post("/v1/tokens", body)).IsProblem(400, "invalid", errors);

    async Task<Dictionary<string, double>> Refused()
    {
        using var answer = await server.Client.GetAsync("/metrics");
        return (await answer.Content.ReadAsStringAsync()).Split('\n').Where(line => line.StartsWith("stele_authentication_refused_total{", StringComparison.Ordinal))
            .ToDictionary(line => line.Split('"')[1], line => double.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture));
    }
}
