using Stele.Server.Tests.Access;
using Stele.Server.Tests.Http;
using Xunit;
using static Stele.Server.Tests.Access.AccessServer;

namespace Stele.Server.Tests.Ofrep;

/// <summary>The ETag of bulk answers: the same only where every answer is, and who may see what.</summary>
public sealed class OfrepTagTests(HttpServer server) : IClassFixture<HttpServer>
{
    const string Bulk = "/ofrep/v1/evaluate/flags";

    [Fact]
    public async Task A_tag_is_of_the_set_and_the_context()
    {
        await Environment("tags");
        await Put("a", """{"enabled":true,"percentage":50}""", "tags");
        const string Ada = """{"context":{"targetingKey":"ada"}}""";
        var first = await Evaluate("tags", Ada);
        var tag = first.Headers["ETag"];
        Assert.Equal(tag, (await Evaluate("tags", Ada)).Headers["ETag"]);
        var unchanged = await Evaluate("tags", Ada, tag);
        Assert.Equal((304, ""), ((int)unchanged.Status, unchanged.Text));
        Assert.Equal(tag, unchanged.Headers["ETag"]);
        Assert.Equal(304, (int)(await Evaluate("tags", Ada, $"\"other\", W/{tag}")).Status);
        // the web provider sends it although another attribute changed
        Assert.Equal(200, (int)(await Evaluate("tags", """{"context":{"targetingKey":"ada","plan":"pro"}}""", tag)).Status);
        // what is no flag of this environment changes nothing
        (await server.Put("tags.config", """{"value":1}""", "?env=tags")).Is(200);
        await Put("elsewhere", """{"enabled":true}""", "development");
        Assert.Equal(304, (int)(await Evaluate("tags", Ada, tag)).Status);
        // nor does a query that is answered for another environment
        Assert.Equal(200, (int)(await Evaluate("development", Ada, tag)).Status);
        await Put("b", """{"enabled":true}""", "tags");
        Assert.Equal(200, (int)(await Evaluate("tags", Ada, tag)).Status);
    }

    [Fact]
    public async Task A_tag_is_of_all_that_evaluation_reads()
    {
        await Environment("reads");
        await Put("$evaluators/ballmer", """{"ends_with":[{"var":"email"},"@microsoft.com"]}""", "reads");
        await Put("a", """{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"$ref":"ballmer"},"on","off"]}}""", "reads");
        await Put("other", """{"enabled":true}""", "reads");
        const string Body = """{"context":{"email":"ballmer@example.com"}}""";
        var tag = (await Evaluate("reads", Body)).Headers["ETag"];
        foreach (var (item, definition, value, since) in (IEnumerable<(string, string, bool, string)>)[
            ("$evaluators/ballmer", """{"ends_with":[{"var":"email"},"@example.com"]}""", true, "a"), ("$metadata", """{"team":"x"}""", true, "a other"), ("$kill_switch", "true", false, "a other")])
        {
            var revision = await Put(item, definition, "reads");
            var answer = await Evaluate("reads", Body, tag);
            Assert.Equal(200, (int)answer.Status);
            tag = answer.Headers["ETag"];
            var flags = answer["flags"].EnumerateArray().ToDictionary(flag => flag.GetProperty("key").GetString()!);
            Assert.Equal(value, flags["a"].TryGetProperty("value", out var on) && on.GetBoolean());
            // only those that it concerns say that they answer differently since
            foreach (var (name, flag) in flags) Assert.Equal(since.Contains(name, StringComparison.Ordinal), flag.GetProperty("metadata").GetProperty("revision").GetInt64() == revision);
        }
    }

    [Fact]
    public async Task A_tag_of_rules_that_read_the_clock_is_good_for_a_second()
    {
        await Environment("clock");
        await Put("a", """{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{">":[{"var":"$flagd.timestamp"},1]},"on","off"]}}""", "clock");
        Assert.NotEqual((await Evaluate("clock", "{}", query: "&at=2030-01-01T00:00:00Z")).Headers["ETag"], (await Evaluate("clock", "{}", query: "&at=2030-01-01T00:00:01Z")).Headers["ETag"]);
        await Environment("steps");
        await Put("a", """{"enabled":true,"schedule":[["2031-01-01T00:00:00Z",10],["2031-02-01T00:00:00Z",100]]}""", "steps");
        var before = (await Evaluate("steps", "{}", query: "&at=2030-06-01T00:00:00Z")).Headers["ETag"];
        Assert.Equal(before, (await Evaluate("steps", "{}", query: "&at=2030-12-31T23:59:59Z")).Headers["ETag"]);
        Assert.NotEqual(before, (await Evaluate("steps", "{}", query: "&at=2031-01-01T00:00:00Z")).Headers["ETag"]);
    }

    [Fact]
    public async Task Bulk_leaves_out_what_may_not_be_read_and_the_tag_is_of_that_too()
    {
        await Environment("rights");
        foreach (var flag in (string[])["web.a", "web.b", "api.a"]) await Put(flag, """{"enabled":true}""", "rights");
        var (web, _) = await server.NewToken($"[{Scope("flag:read", "rights", "web.")}]", ""","environment":"rights" """);
        var (all, _) = await server.NewToken($"[{Scope("flag:read", "rights")}]");
        var (none, _) = await server.NewToken(Scopes("config:read"));
        // the environment is the token's own
        var seen = (await server.Post(Bulk, "{}", As(web))).Is(200);
        Assert.Equal(["web.a", "web.b"], seen["flags"].EnumerateArray().Select(flag => flag.GetProperty("key").GetString()));
        Assert.Equal(3, (await server.Post(Bulk + "?env=rights", "{}", As(all))).Is(200)["flags"].GetArrayLength());
        Assert.NotEqual(seen.Headers["ETag"], (await server.Post(Bulk + "?env=rights", "{}", As(all))).Headers["ETag"]);
        (await server.Post(Bulk + "/web.a", "{}", As(web))).Is(200);
        // not whether it exists
        OfrepTests.Failed(await server.Post(Bulk + "/api.a", "{}", As(web)), 403, "GENERAL", "api.a");
        OfrepTests.Failed(await server.Post(Bulk + "/api.none", "{}", As(web)), 403, "GENERAL", "api.none");
        OfrepTests.Failed(await server.Post(Bulk + "?env=rights", "{}", As(none)), 403, "GENERAL", null);
        OfrepTests.Failed(await server.Post(Bulk + "?env=development", "{}", As(web)), 403, "GENERAL", null);
        OfrepTests.Failed(await server.Post(Bulk + "?env=rights&revision=999999", "{}", As(none)), 403, "GENERAL", null);
        // what was withdrawn is gone from the next answer on
        var tag = (await server.Post(Bulk + "?env=rights", "{}", As(all))).Headers["ETag"];
        Assert.Equal(304, (int)(await server.Post(Bulk + "?env=rights", "{}", As(all), ("If-None-Match", tag))).Status);
    }

    [Fact]
    public async Task A_key_comes_in_either_header_and_who_has_none_is_refused_in_the_protocols_form()
    {
        await Put("header.flag", """{"enabled":true}""", "development");
        var (token, _) = await server.NewToken(Scopes("flag:read"));
        using var bare = new HttpClient { BaseAddress = server.Client.BaseAddress };
        foreach (var (name, value, status) in (IEnumerable<(string, string, int)>)[("X-API-Key", token, 200), ("X-API-Key", HttpServer.Token, 200), ("Authorization", $"bearer {token}", 200), ("X-API-Key", "nobody", 401), ("X-Other", token, 401)])
            foreach (var path in (string[])[Bulk + "/header.flag", Bulk])
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, path);
                request.Headers.TryAddWithoutValidation(name, value);
                using var response = await bare.SendAsync(request, TestContext.Current.CancellationToken);
                var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
                Assert.True((int)response.StatusCode == status, $"{name} {path}: {text}");
                if (status != 401) continue;
                Assert.StartsWith(path == Bulk ? "{\"errorCode\":\"GENERAL\"" : "{\"key\":\"header.flag\",\"errorCode\":\"GENERAL\"", text, StringComparison.Ordinal);
                Assert.Equal("Bearer", response.Headers.WwwAuthenticate.ToString());
            }
        // elsewhere there is one header
        using var other = new HttpRequestMessage(HttpMethod.Get, "/v1/limits");
        other.Headers.TryAddWithoutValidation("X-API-Key", token);
        using var refused = await bare.SendAsync(other, TestContext.Current.CancellationToken);
        Assert.Equal(401, (int)refused.StatusCode);
    }

    async Task Environment(string name) => (await server.Post("/v1/environments", $$"""{"name":"{{name}}"}""")).Is(201);

    async Task<long> Put(string flag, string definition, string environment) =>
        (await server.Send("PUT", $"/v1/flags/{flag.Replace("/", "%2F", StringComparison.Ordinal)}?env={environment}", $$"""{"definition":{{definition}}}""")).Is(200)["revision"].GetInt64();

    Task<HttpAnswer> Evaluate(string environment, string body, string? tag = null, string query = "") =>
        server.Post($"{Bulk}?env={environment}{query}", body, tag is null ? [] : [("If-None-Match", tag)]);
}
