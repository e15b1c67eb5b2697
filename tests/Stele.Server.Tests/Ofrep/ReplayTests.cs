using System.Text.Json;
using Stele.Server.Tests.Access;
using Stele.Server.Tests.Http;
using Xunit;
using static Stele.Server.Tests.Access.AccessServer;

namespace Stele.Server.Tests.Ofrep;

/// <summary>Answers that can be given again: at a revision, at a moment, past or to come; the way to one; what differs between two.</summary>
public sealed class ReplayTests(HttpServer server) : IClassFixture<HttpServer>
{
    const string Single = "/ofrep/v1/evaluate/flags/", Bulk = "/ofrep/v1/evaluate/flags";

    [Fact]
    public async Task An_answer_is_given_again_by_the_revision_that_it_names()
    {
        var first = await Put("replay.flag", """{"enabled":true,"percentage":50}""");
        const string Ada = """{"context":{"targetingKey":"ada"}}""";
        var then = (await server.Post(Single + "replay.flag", Ada)).Is(200);
        Assert.Equal(first, then["metadata"].GetProperty("revision").GetInt64());
        var second = await Put("replay.flag", """{"enabled":false}""");
        Assert.False((await server.Post(Single + "replay.flag", Ada))["value"].GetBoolean());
        Assert.Equal(then.Text, (await server.Post($"{Single}replay.flag?revision={first}", Ada)).Is(200).Text);
        Assert.Equal(then.Text, (await server.Post($"{Single}replay.flag?revision={second - 1}", Ada)).Is(200).Text);
        (await server.Send("DELETE", "/v1/flags/replay.flag", null)).Is(200);
        OfrepTests.Failed(await server.Post(Single + "replay.flag", Ada), 404, "FLAG_NOT_FOUND", "replay.flag");
        Assert.Equal(then.Text, (await server.Post($"{Single}replay.flag?revision={first}", Ada)).Is(200).Text);
        OfrepTests.Failed(await server.Post($"{Single}replay.flag?revision={first - 1}", Ada), 404, "FLAG_NOT_FOUND", "replay.flag");
        OfrepTests.Failed(await server.Post($"{Single}replay.flag?revision=999999", Ada), 400, "GENERAL", "replay.flag");
        var all = (await server.Post($"{Bulk}?revision={first}", Ada)).Is(200);
        Assert.Equal(then.Text, all["flags"].EnumerateArray().Single(flag => flag.GetProperty("key").GetString() == "replay.flag").GetRawText());
        // who looks at the past is told nothing of what is to come
        Assert.False(all.Json.TryGetProperty("eventStreams", out _));
    }

    [Fact]
    public async Task An_answer_is_given_again_by_its_moment_and_one_to_come_before_it()
    {
        await Put("moment.flag", """{"enabled":true}""");
        var at = (await server.Get("/v1/flags/moment.flag")).Is(200)["updated_at"].GetString()!;
        await Put("moment.flag", """{"enabled":true,"schedule":[["2001-01-01T00:00:00Z",0],["2031-01-01T00:00:00Z",100]]}""");
        const string Ada = """{"context":{"targetingKey":"ada"}}""";
        Assert.True((await Evaluate($"?at={at}")).Is(200)["value"].GetBoolean());
        Assert.False((await Evaluate("")).Is(200)["value"].GetBoolean());
        Assert.False((await Evaluate("?at=2030-12-31T23:59:59Z")).Is(200)["value"].GetBoolean());
        Assert.True((await Evaluate("?at=2031-01-01T00:00:00Z")).Is(200)["value"].GetBoolean());
        OfrepTests.Failed(await Evaluate("?at=1999-01-01T00:00:00Z"), 400, "GENERAL", "moment.flag");
        OfrepTests.Failed(await Evaluate("?at=yesterday"), 400, "GENERAL", "moment.flag");
        // a revision for another moment than its own
        var revision = (await server.Get("/v1/flags/moment.flag"))["revision"].GetInt64();
        Assert.True((await Evaluate($"?revision={revision}&at=2031-01-01T00:00:00Z")).Is(200)["value"].GetBoolean());
        Assert.False((await Evaluate($"?revision={revision}&at=2000-01-01T00:00:00Z")).Is(200)["value"].GetBoolean());

        Task<HttpAnswer> Evaluate(string query) => server.Post(Single + "moment.flag" + query, Ada);
    }

    [Fact]
    public async Task The_way_through_a_rule_is_shown()
    {
        await Put("$evaluators%2Fpaid", """{"in":[{"var":"plan"},["pro","team"]]}""");
        var revision = await Put("way.flag", """{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"$ref":"paid"},{"fractional":[["on",30],["off",70]]},"off"]}}""");
        var answer = (await server.Post("/v1/flags/explain", """{"flag":"way.flag","context":{"targetingKey":"ada","plan":"pro"},"env":"development"}""")).Is(200);
        Assert.Equal((revision, "SPLIT", 100), (answer["revision"].GetInt64(), answer["reason"].GetString(), answer["bucket_total"].GetInt32()));
        var path = answer["path"];
        Assert.Equal(("if", "/targeting"), (path.GetProperty("operation").GetString(), path.GetProperty("pointer").GetString()));
        var condition = path.GetProperty("inputs")[0];
        Assert.Equal(("$ref", "true"), (condition.GetProperty("operation").GetString(), condition.GetProperty("result").GetString()));
        var membership = condition.GetProperty("inputs")[0];
        Assert.Equal("/$evaluators/paid", membership.GetProperty("pointer").GetString());
        Assert.Equal(["\"pro\"", "[\"pro\",\"team\"]"], membership.GetProperty("inputs").EnumerateArray().Select(input => input.GetProperty("result").GetString()));
        var split = path.GetProperty("inputs")[1];
        Assert.Equal("way.flagada", split.GetProperty("bucket_key").GetString());
        Assert.Equal([30, 100], split.GetProperty("split").GetProperty("ends").EnumerateArray().Select(end => end.GetInt32()));
        Assert.Equal(answer["bucket"].GetInt32(), split.GetProperty("split").GetProperty("bucket").GetInt32());
        // as it was, and as it cannot be
        await Put("way.flag", """{"enabled":false}""");
        var off = (await server.Post("/v1/flags/explain", """{"flag":"way.flag"}""")).Is(200);
        Assert.Equal("DISABLED", off["reason"].GetString());
        Assert.False(off.Json.TryGetProperty("path", out _));
        Assert.Equal(answer["path"].GetRawText(), (await server.Post("/v1/flags/explain", $$$"""{"flag":"way.flag","context":{"targetingKey":"ada","plan":"pro"},"revision":{{{revision}}}}""")).Is(200)["path"].GetRawText());
        (await server.Post("/v1/flags/explain", """{"flag":"way.none"}""")).IsProblem(404, "not_found", "flag.unknown@/flag");
        (await server.Post("/v1/flags/explain", """{"flag":"way.flag","context":7,"at":"never","env":"?"}""")).IsProblem(400, "invalid", "flag.context@/context", "at.time@/at", "environment.name@/env");
    }

    [Fact]
    public async Task What_answers_a_subject_differently_is_found()
    {
        (await server.Post("/v1/environments", """{"name":"blue"}""")).Is(201);
        (await server.Post("/v1/environments", """{"name":"green"}""")).Is(201);
        foreach (var (flag, definition, environment) in (IEnumerable<(string, string, string)>)[
            ("same", """{"enabled":true}""", "blue"), ("same", """{"enabled":true,"percentage":100}""", "green"),
            ("value", """{"enabled":true}""", "blue"), ("value", """{"enabled":false}""", "green"),
            ("only.blue", """{"enabled":true}""", "blue"), ("secret.value", """{"enabled":true}""", "blue"),
            ("ramp", """{"enabled":true,"schedule":[["2031-01-01T00:00:00Z",100]]}""", "green"), ("ramp", """{"enabled":true,"schedule":[["2031-01-01T00:00:00Z",100]]}""", "blue")])
            await Put(flag, definition, environment);
        var answer = await Compare("blue", "green");
        Assert.Equal(["only.blue", "secret.value", "value"], Flags(answer));
        Assert.Equal(JsonValueKind.Null, answer["items"][0].GetProperty("to").ValueKind);
        Assert.Equal((true, false), (answer["items"][2].GetProperty("from").GetProperty("value").GetBoolean(), answer["items"][2].GetProperty("to").GetProperty("value").GetBoolean()));
        Assert.Equal(["ramp"], Flags(await Compare("green", "green@2031-06-01T00:00:00Z")));
        var revision = answer["to"].GetProperty("revision").GetInt64();
        await Put("value", """{"enabled":true}""", "green");
        Assert.Equal(["value"], Flags(await Compare($"green@{revision}", "green")));
        var (token, _) = await server.NewToken($"[{Scope("flag:read", "blue")},{Scope("flag:read", "green", "only")},{Scope("flag:read", "green", "value")}]");
        Assert.Equal(["only.blue"], Flags((await server.Post("/v1/flags/compare", Body("blue", "green"), As(token))).Is(200)));
        (await server.Post("/v1/flags/compare", Body("development", "green"), As(token))).IsProblem(403, "forbidden");
        (await server.Post("/v1/flags/compare", Body("nowhere", "green"))).IsProblem(404, "not_found");
        (await server.Post("/v1/flags/compare", Body("blue@0", "green"))).IsProblem(400, "invalid", "diff.moment@/from");
        (await server.Post("/v1/flags/compare", Body("blue@999999", "green"))).IsProblem(400, "invalid", "revision.future@/from");

        static string Body(string from, string to) => $$$"""{"context":{"targetingKey":"ada"},"from":"{{{from}}}","to":"{{{to}}}"}""";
        async Task<HttpAnswer> Compare(string from, string to) => (await server.Post("/v1/flags/compare", Body(from, to))).Is(200);
        static IEnumerable<string?> Flags(HttpAnswer answer) => answer["items"].EnumerateArray().Select(item => item.GetProperty("flag").GetString());
    }

    async Task<long> Put(string flag, string definition, string environment = "development") =>
        (await server.Send("PUT", $"/v1/flags/{flag}?env={environment}", $$"""{"definition":{{definition}}}""")).Is(200)["revision"].GetInt64();
}
