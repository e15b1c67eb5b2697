using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Ofrep;

/// <summary>The OpenFeature remote evaluation protocol as it is on the wire: shapes, statuses, contexts, keys.</summary>
public sealed class OfrepTests(HttpServer server) : IClassFixture<HttpServer>
{
    const string Single = "/ofrep/v1/evaluate/flags/", Bulk = "/ofrep/v1/evaluate/flags";

    [Theory]
    [InlineData("on", "boolean", """{"on":true,"off":false}""", "true")]
    [InlineData("hi", "string", """{"hi":"grüß dich \ud83d\udc4b \"\\","bye":""}""", "\"grüß dich 👋 \\\"\\\\\"")]
    [InlineData("huge", "number", """{"huge":9007199254740991,"half":0.5}""", "9007199254740991")]
    [InlineData("ten", "float", """{"ten":10.0,"half":0.5}""", "10.0")]
    [InlineData("a", "object", """{"a":{"title":"Check","n":[1,{"x":null}]},"b":{}}""", """{"title":"Check","n":[1,{"x":null}]}""")]
    public async Task A_flag_that_is_the_same_for_everybody_is_answered_to_the_letter(string variant, string name, string variants, string value)
    {
        var revision = await Put($"shape.{name}", $$"""{"state":"ENABLED","variants":{{variants}},"defaultVariant":"{{variant}}"}""");
        var answer = await Evaluate($"shape.{name}", "{}");
        Assert.Equal($$$"""{"key":"shape.{{{name}}}","value":{{{value}}},"variant":"{{{variant}}}","reason":"STATIC","metadata":{"revision":{{{revision}}}}}""", answer.Is(200).Text);
        Assert.Equal("application/json; charset=utf-8", answer.Headers["Content-Type"]);
        Assert.Equal(answer.Text, Item(await EvaluateAll("{}"), $"shape.{name}"));
    }

    [Fact]
    public async Task Reasons_rules_and_buckets_are_told()
    {
        await Put("reason.rule", """{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"==":[{"var":"plan"},"pro"]},"on",null]}}""");
        await Put("reason.split", """{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"fractional":[["on",50],["off",50]]}}""");
        await Put("reason.off", """{"state":"DISABLED","variants":{"on":true,"off":false},"defaultVariant":"on"}""");
        await Put("reason.none", """{"state":"ENABLED","variants":{"on":true,"off":false}}""");
        await Put("reason.short", """{"enabled":false}""");
        var match = (await Evaluate("reason.rule", """{"plan":"pro"}""")).Is(200);
        Assert.Equal(("TARGETING_MATCH", "on", "/targeting/if/1"), (match["reason"].GetString(), match["variant"].GetString(), match["metadata"].GetProperty("rule").GetString()));
        var none = (await Evaluate("reason.rule", "{}")).Is(200);
        Assert.Equal(("DEFAULT", "off"), (none["reason"].GetString(), none["variant"].GetString()));
        var split = (await Evaluate("reason.split", """{"targetingKey":"ada"}""")).Is(200);
        Assert.Equal("SPLIT", split["reason"].GetString());
        Assert.InRange(split["metadata"].GetProperty("bucket").GetInt32(), 0, 99);
        // the caller's own default: an answer without a value
        foreach (var (flag, reason) in (IEnumerable<(string, string)>)[("reason.off", "DISABLED"), ("reason.none", "DEFAULT")])
        {
            var answer = (await Evaluate(flag, "{}")).Is(200);
            Assert.Equal(reason, answer["reason"].GetString());
            Assert.False(answer.Json.TryGetProperty("value", out _) || answer.Json.TryGetProperty("variant", out _));
        }
        Assert.False((await Evaluate("reason.short", "{}"))["value"].GetBoolean());
    }

    [Fact]
    public async Task What_is_wrong_has_a_status_and_a_code_of_the_protocol()
    {
        await Put("wrong.split", """{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"fractional":[["on",50],["off",50]]}}""");
        await Put("wrong.variant", """{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"var":"choice"}}""");
        Failed(await Evaluate("wrong.none", "{}"), 404, "FLAG_NOT_FOUND", "wrong.none");
        Failed(await Evaluate("wrong.split", "{}"), 400, "TARGETING_KEY_MISSING", "wrong.split");
        Failed(await Evaluate("wrong.split", """{"targetingKey":""}"""), 400, "TARGETING_KEY_MISSING", "wrong.split");
        Failed(await Evaluate("wrong.variant", """{"choice":"purple"}"""), 400, "GENERAL", "wrong.variant");
        Failed(await Post(Single + "wrong.split", "{"), 400, "PARSE_ERROR", "wrong.split");
        Failed(await Post(Single + "wrong.split", "[]"), 400, "PARSE_ERROR", "wrong.split");
        Failed(await Post(Single + "wrong.split", "{} {}"), 400, "PARSE_ERROR", "wrong.split");
        foreach (var context in (string[])["null", "1", "\"x\"", "[]", """{"targetingKey":1}""", """{"a":1,"a":2}"""]) Failed(await Evaluate("wrong.split", context), 400, "INVALID_CONTEXT", "wrong.split");
        Failed(await Post(Single + "wrong.split?env=nowhere", "{}"), 404, "FLAG_NOT_FOUND", "wrong.split");
        Failed(await Post(Single + "wrong.split?nonsense=1", "{}"), 400, "GENERAL", "wrong.split");
        Failed(await Post(Bulk + "?env=nowhere", "{}"), 400, "GENERAL", null);
        Failed(await Post(Bulk, """{"context":7}"""), 400, "INVALID_CONTEXT", null);
        Failed(await Post(Bulk, "no json"), 400, "PARSE_ERROR", null);
        // one flag's error is its own
        var all = (await EvaluateAll("{}")).Is(200);
        Assert.Contains("\"errorCode\":\"TARGETING_KEY_MISSING\"", Item(all, "wrong.split"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_may_be_absent_and_its_type_is_its_own_affair()
    {
        await Put("body.flag", """{"enabled":true}""");
        foreach (var (body, type) in (IEnumerable<(string?, string)>)[(null, ""), ("", "application/json"), ("{}", "text/plain"), ("""{"context":{},"more":[1]}""", "application/json;charset=UTF-8")])
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, Single + "body.flag") { Content = body is null ? null : new StringContent(body) };
            if (request.Content is { } content) content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
            using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.True((int)response.StatusCode == 200, $"{type}: {await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)}");
        }
    }

    [Fact]
    public async Task Contexts_from_anyone_have_an_answer_in_bounded_time()
    {
        await Put("hostile.split", """{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"fractional":[["on",50],["off",50]]}}""");
        await Put("hostile.number", """{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"==":[{"var":"n"},9007199254740993]},"on","off"]}}""");
        var long10 = new string('k', 10_000);
        foreach (var key in (string[])[long10, "👩‍👩‍👧‍👦", "\\u0000", "\\ud800", " ", "ü\\u0308"])
        {
            var answer = await Evaluate("hostile.split", $$"""{"targetingKey":"{{key}}"}""");
            if (key == "\\ud800") Failed(answer, 400, "INVALID_CONTEXT", "hostile.split");
            else Assert.Equal("SPLIT", answer.Is(200)["reason"].GetString());
        }
        Assert.True((await Evaluate("hostile.number", """{"n":9007199254740992,"a":null,"b":[1,[2,{"c":null}]]}""")).Is(200)["value"].GetBoolean());
        var large = new StringBuilder("{");
        for (var i = 0; large.Length < 1_000_000; i++) large.Append(CultureInfo.InvariantCulture, $"{(i > 0 ? "," : "")}\"attribute{i}\":\"{i}\"");
        (await Evaluate("hostile.split", large.Append(",\"targetingKey\":\"x\"}").ToString())).Is(200);
        Failed(await Evaluate("hostile.split", $$"""{"targetingKey":"{{new string('x', 1 << 20)}}"}"""), 400, "INVALID_CONTEXT", "hostile.split");
        var deep = string.Concat(Enumerable.Repeat("[", 10_000)) + string.Concat(Enumerable.Repeat("]", 10_000));
        Failed(await Evaluate("hostile.split", $$"""{"targetingKey":"x","deep":{{deep}}}"""), 400, "INVALID_CONTEXT", "hostile.split");
    }

    [Fact]
    public async Task Keys_with_slashes_are_found_escaped_or_not()
    {
        await Put("slashed%2Fflag%2Fone", """{"enabled":true}""");
        foreach (var path in (string[])["slashed/flag/one", "slashed%2Fflag%2Fone", "slashed%2fflag/one"])
        {
            using var response = await Raw(path);
            var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            Assert.True((int)response.StatusCode == 200, $"{path}: {text}");
            Assert.Equal("slashed/flag/one", JsonDocument.Parse(text).RootElement.GetProperty("key").GetString());
        }
        // escaped once more it is another key
        foreach (var (path, key) in (IEnumerable<(string, string)>)[("slashed%252Fflag%252Fone", "slashed%2Fflag%2Fone"), ("no/such%20flag", "no/such flag"), ("%00", "\uFFFD")])
        {
            using var response = await Raw(path);
            var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            Assert.True((int)response.StatusCode is 404 or 400, $"{path}: {text}");
            if (text.StartsWith('{')) Assert.Equal(key, JsonDocument.Parse(text).RootElement.GetProperty("key").GetString());
        }
    }

    [Fact]
    public async Task Metadata_is_the_flags_and_the_sets()
    {
        (await server.Post("/v1/environments", """{"name":"meta"}""")).Is(201);
        (await server.Send("PUT", "/v1/flags/$metadata?env=meta", """{"definition":{"team":"core","version":1}}""")).Is(200);
        var revision = await Put("meta.own", """{"enabled":true,"metadata":{"team":"web","beta":true}}""", "meta");
        var plain = await Put("meta.plain", """{"enabled":true}""", "meta");
        Assert.Equal($$"""{"version":1,"team":"web","beta":true,"revision":{{revision}}}""", (await Post(Single + "meta.own?env=meta", "{}")).Is(200)["metadata"].GetRawText());
        Assert.Equal($$"""{"team":"core","version":1,"revision":{{plain}}}""", (await Post(Single + "meta.plain?env=meta", "{}")).Is(200)["metadata"].GetRawText());
        Assert.Equal($$"""{"team":"core","version":1,"revision":{{plain}}}""", (await Post(Bulk + "?env=meta", "{}")).Is(200)["metadata"].GetRawText());
    }

    [Fact]
    public async Task An_answer_is_strong_and_says_so_when_it_is_not()
    {
        for (var i = 0; i < 20; i++)
        {
            await Put("fresh.flag", $$"""{"enabled":{{(i % 2 == 0 ? "true" : "false")}}}""");
            Assert.Equal(i % 2 == 0, (await Evaluate("fresh.flag", "{}"))["value"].GetBoolean());
        }
        Assert.False((await Evaluate("fresh.flag", "{}")).Headers.ContainsKey("Stele-Confirmed-Ms"));
        var local = (await Post(Single + "fresh.flag?consistency=local", "{}")).Is(200);
        Assert.True(local.Headers.ContainsKey("Stele-Confirmed-Ms"));
        // an event's etag, or an answer's own, is the least that must be in the answer
        await using var other = await server.Another();
        var revision = await Put("fresh.flag", """{"enabled":true}""");
        var tag = (await EvaluateAll("{}")).Headers["ETag"];
        Assert.StartsWith($"\"{revision}-", tag, StringComparison.Ordinal);
        var there = (await other.Post(Single + "fresh.flag?consistency=local&flagConfigEtag=" + Uri.EscapeDataString(tag), "{}")).Is(200);
        Assert.True(there["value"].GetBoolean());
        Assert.Equal(revision, there["metadata"].GetProperty("revision").GetInt64());
        Failed(await Post(Single + "fresh.flag?flagConfigEtag=nonsense", "{}"), 400, "GENERAL", "fresh.flag");
        (await Post(Single + "fresh.flag?flagConfigLastModified=1771622898", "{}")).Is(200);
    }

    internal static void Failed(HttpAnswer answer, int status, string code, string? key)
    {
        answer.Is(status);
        Assert.Equal("application/json; charset=utf-8", answer.Headers["Content-Type"]);
        Assert.True(answer["errorCode"].GetString() == code, answer.Text);
        Assert.NotEqual("", answer["errorDetails"].GetString());
        Assert.Equal(key, answer.Json.TryGetProperty("key", out var found) ? found.GetString() : null);
    }

    static string Item(HttpAnswer all, string key) => all.Is(200)["flags"].EnumerateArray().Single(flag => flag.GetProperty("key").GetString() == key).GetRawText();

    async Task<long> Put(string flag, string definition, string environment = "development") =>
        (await server.Send("PUT", $"/v1/flags/{flag}?env={environment}", $$"""{"definition":{{definition}}}""")).Is(200)["revision"].GetInt64();

    Task<HttpAnswer> Evaluate(string flag, string context) => Post(Single + flag, $$"""{"context":{{context}}}""");

    Task<HttpAnswer> EvaluateAll(string context) => Post(Bulk, $$"""{"context":{{context}}}""");

    Task<HttpAnswer> Post(string path, string body) => server.Post(path, body);

    // a client that sends paths as they are; what the document says of a path with slashes inside a key nobody can look up
    async Task<HttpResponseMessage> Raw(string path)
    {
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"{server.Client.BaseAddress!.AbsoluteUri.TrimEnd('/')}{Single}{path}", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", HttpServer.Token);
        return await client.SendAsync(request);
    }
}
