using Stele.Core.Tests.Client;
using Xunit;

namespace Stele.Core.Tests.Cli;

public sealed class VerbTests
{
    readonly FakeServer server = new();

    [Theory]
    [InlineData("30", "30")]
    [InlineData("1.10", "1.10")]
    [InlineData("true", "true")]
    [InlineData("\"x\"", "\"x\"")]
    [InlineData("x y", "\"x y\"")]
    [InlineData("007", "\"007\"")]
    [InlineData("-5", "-5")]
    [InlineData("@x", "\"@x\"")]
    [InlineData("/h", "\"/h\"")]
    [InlineData("a=b:c", "\"a=b:c\"")]
    [InlineData("", "\"\"")]
    [InlineData("null", "null")]
    [InlineData("{\"a\": [1.0]}", "{\"a\":[1.0]}")]
    public async Task Set_takes_json_as_json_and_anything_else_as_text(string word, string json)
    {
        var (code, output, error) = await server.Run("set", "a.b", word);
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("version 1", output, StringComparison.Ordinal);
        Assert.Equal([$"a.b={json}"], server.Values("development"));
    }

    [Fact]
    public async Task Set_can_be_told_what_the_value_is()
    {
        Assert.Equal(0, (await server.Run("set", "a.text", "30", "--string")).Code);
        Assert.Equal(0, (await server.Run("set", "a.dashes", "--", "--forec")).Code);
        Assert.Equal(2, (await server.Run("set", "a.json", "nonsense", "--json-value")).Code);
        server.Answers = "{\"from\": \"stdin\"}\n";
        Assert.Equal(0, (await server.Run("set", "a.file", "--file", "-", "--type", "json", "--message", "why")).Code);
        Assert.Equal(["a.dashes=\"--forec\"", "a.file={\"from\":\"stdin\"}", "a.text=\"30\""], server.Values("development"));
        Assert.Contains("\"value_type\":\"json\",\"change_log\":\"why\"", server.Handler.Requests[^1].Body, StringComparison.Ordinal);
        var (code, _, error) = await server.Run("set", "a.broken", "{\"a\":");
        Assert.Equal(0, code);
        Assert.Contains("begins like JSON", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("set", "a.b")]
    [InlineData("set", "a b", "x")]
    [InlineData("set", "a.b", "x", "--force", "--expect-version", "1")]
    [InlineData("set", "a.b", "x", "--file", "y")]
    [InlineData("set", "a.b", "x", "--type", "int")]
    [InlineData("set", "a.b", "--forec")]
    [InlineData("list", "-x")]
    [InlineData("get", "")]
    [InlineData("get", "a.b", "--at", "yesterday")]
    [InlineData("get", "a.b", "--version", "one")]
    [InlineData("rollback", "a.b")]
    [InlineData("rollback", "a.b", "--revision", "3")]
    [InlineData("rollback", "--revision", "3")]
    [InlineData("rollback", "--revision", "3", "--yes", "--force")]
    [InlineData("environments", "create", "with space")]
    [InlineData("list", "--limit", "0")]
    [InlineData("get", "a", "--url", "nonsense")]
    [InlineData("nonsense")]
    [InlineData("verify")]
    [InlineData("shards", "--anything")]
    [InlineData]
    public async Task A_wrong_command_line_is_exit_2_and_asks_the_server_nothing(params string[] arguments)
    {
        var (code, output, error) = await server.Run(arguments);
        Assert.Equal((2, ""), (code, output));
        Assert.NotEmpty(error);
        Assert.Empty(server.Handler.Requests);
    }

    [Fact]
    public async Task Set_and_delete_are_conditional_on_what_was_there()
    {
        server.Put("development", "a.b", "1");
        server.Intercept = sent =>
        {
            if (sent.Method == "GET" && sent.Path.StartsWith("/v1/config/a.b", StringComparison.Ordinal))
            {
                server.Intercept = null;
                var answer = StubHandler.Json("""{"key":"a.b","environment":"development","value":1,"version":1,"revision":1}""");
                server.Put("development", "a.b", "2"); // somebody else, between our read and our write
                return answer;
            }
            return null;
        };
        var (code, _, error) = await server.Run("set", "a.b", "3");
        Assert.Equal(4, code);
        Assert.Contains("stele history", error, StringComparison.Ordinal);
        Assert.Equal(["a.b=2"], server.Values("development"));
        Assert.Equal(0, (await server.Run("set", "a.b", "3", "--force")).Code);
        Assert.Equal(4, (await server.Run("set", "a.b", "4", "--expect-version", "2")).Code);
        Assert.Equal(4, (await server.Run("delete", "a.b", "--expect-version", "2")).Code);
        Assert.Equal(0, (await server.Run("delete", "a.b")).Code);
        Assert.Contains("expected_version=3", server.Handler.Requests[^1].Path, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Get_prints_the_bare_value_or_the_whole_answer()
    {
        server.Put("production", "a.text", "\"x \\\"y\\\"\"");
        server.Put("production", "a.number", "1.10");
        server.Variables["STELE_ENV"] = "production";
        Assert.Equal((0, "x \"y\"\n", ""), await server.Run("get", "a.text"));
        Assert.Equal((0, "1.10\n", ""), await server.Run("get", "a.number"));
        var (_, json, _) = await server.Run("get", "a.number", "--json");
        Assert.Contains("\"value\": 1.10", json, StringComparison.Ordinal);
        Assert.Equal(3, (await server.Run("get", "a.text", "--env", "development")).Code);
        Assert.Equal((0, "a.number = 1.10\na.text = x \"y\"\n", ""), await server.Run("list"));
        Assert.Equal((0, "a.text\n", ""), await server.Run("list", "a.t", "--keys"));
    }

    [Fact]
    public async Task The_whole_answer_keeps_what_the_tool_does_not_know_and_how_times_are_written()
    {
        server.Intercept = _ => StubHandler.Json("""{"key":"a","environment":"e","value":[1.10],"value_type":"json","version":1,"revision":2,"updated_at":"2026-01-31T10:00:00.123456Z","updated_by":"u","redacted":true}""");
        var json = (await server.Run("get", "a", "--json")).Out;
        foreach (var part in new[] { "1.10", "\"2026-01-31T10:00:00.123456Z\"", "\"redacted\": true" }) Assert.Contains(part, json, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Times_may_be_moments_dates_or_ages()
    {
        foreach (var time in new[] { "2026-01-31T10:00:00Z", "2026-01-31T12:00:00+02:00", "2h" }) await server.Run("get", "a.b", "--at", time);
        await server.Run("get", "a.b", "--at", "2026-01-31");
        // beside those that look for a key that is meant
        var read = server.Handler.Requests.Where(sent => sent.Path.StartsWith("/v1/config/", StringComparison.Ordinal)).ToList();
        Assert.All(read.Take(3), sent => Assert.EndsWith("at=2026-01-31T10%3A00%3A00.000000Z", sent.Path, StringComparison.Ordinal));
        Assert.EndsWith("at=2026-01-31T00%3A00%3A00.000000Z", read[3].Path, StringComparison.Ordinal);
        server.Intercept = _ => StubHandler.Json("""{"items":[]}""");
        await server.Run("diff", "production@2h", "production@120");
        Assert.EndsWith("/v1/diff?from=production%402026-01-31T10%3A00%3A00.000000Z&to=production%40120&limit=1000", server.Handler.Requests[^1].Path, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(400, "invalid", 1, "")]
    [InlineData(401, "unauthenticated", 1, "STELE_TOKEN")]
    [InlineData(403, "forbidden", 1, "STELE_TOKEN")]
    [InlineData(404, "not_found", 3, "")]
    [InlineData(409, "conflict", 4, "")]
    [InlineData(410, "gone", 3, "")]
    [InlineData(412, "precondition_failed", 4, "")]
    [InlineData(500, "internal", 1, "r-1")]
    [InlineData(503, "unavailable", 5, "Try again")]
    [InlineData(503, "outcome_unknown", 5, "r-1")]
    [InlineData(429, "rate_limited", 5, "wait")]
    public async Task The_exit_code_says_what_kind_of_failure_it_was(int status, string code, int exit, string hint)
    {
        server.Intercept = _ => StubHandler.Problem(status, code);
        var (actual, output, error) = await server.Run("status");
        Assert.Equal((exit, ""), (actual, output));
        Assert.Contains($"because {code} ({code})", error, StringComparison.Ordinal);
        Assert.Contains(hint, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_server_is_exit_5_and_says_how_to_start_one()
    {
        server.Intercept = _ => throw new HttpRequestException("Connection refused");
        var (code, _, error) = await server.Run("list");
        Assert.Equal(5, code);
        Assert.Contains("./stele up", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Differences_are_exit_1_only_when_asked()
    {
        server.Intercept = _ => StubHandler.Json("""{"from":{"environment":"a","revision":1},"to":{"environment":"b","revision":1},"items":[{"kind":"config","key":"x.n","op":"added","to":1.10},{"kind":"config","key":"x.o","op":"removed","from":"t"},{"kind":"config","key":"x.c","op":"changed","from":{"value":1,"version":2},"to":{"value":null,"version":3}}]}""");
        Assert.Equal((0, "+ x.n = 1.10\n- x.o = t\n~ x.c: 1 → null\n", ""), await server.Run("diff", "a", "b"));
        Assert.Equal(1, (await server.Run("diff", "a", "b", "--exit-code")).Code);
        Assert.Equal(1, (await server.Run("diff", "a", "b", "--exit-code", "--json")).Code);
        server.Variables["TERM"] = "xterm";
        Assert.Contains("\u001b[32m+ x.n = 1.10", (await server.Run("diff", "a", "b")).Out, StringComparison.Ordinal);
        server.Variables["NO_COLOR"] = "1";
        Assert.DoesNotContain("\u001b", (await server.Run("diff", "a", "b")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_whole_rollback_asks_first()
    {
        server.Intercept = _ => StubHandler.Json("""{"revision":9,"cursor":"c","results":[{"kind":"config","key":"a","environment":"e","version":2}]}""");
        server.Answers = "n\n";
        Assert.Equal(1, (await server.Run("rollback", "--revision", "3")).Code);
        Assert.Empty(server.Handler.Requests);
        server.Answers = "y\n";
        Assert.Contains("1 values are as at revision 3", (await server.Run("rollback", "--revision", "3", "--prefix", "a.")).Out, StringComparison.Ordinal);
        Assert.Equal("""{"revision":3,"prefix":"a."}""", Assert.Single(server.Handler.Requests).Body);
    }

    [Theory]
    [InlineData("lst", "list")]
    [InlineData("histroy", "history")]
    [InlineData("enviroments", "environments")]
    public async Task A_misspelt_verb_gets_a_suggestion(string word, string meant)
    {
        var (_, _, error) = await server.Run(word);
        Assert.Equal($"stele: {word} is not known here.\n  {word}: did you mean {meant}?\nUsage: stele --help\n", error);
    }

    [Fact]
    public async Task A_misspelt_option_gets_a_suggestion() =>
        Assert.Contains("did you mean --revision", (await server.Run("list", "--revison", "3")).Error, StringComparison.Ordinal);

    [Theory]
    [InlineData("services.payment.timout", "services.payment.timeout")]
    [InlineData("service.payment.timeout", "services.payment.timeout")]
    [InlineData("Services.Payment.Timeout", "services.payment.timeout")]
    [InlineData("payment.timeout", "services.payment.timeout")]
    [InlineData("services.payment.retrys", "services.payment.retries")]
    [InlineData("something.else", null)]
    public async Task A_key_that_is_not_there_is_answered_with_those_that_look_alike(string key, string? meant)
    {
        server.Put("development", "services.payment.timeout", "1");
        server.Put("development", "services.payment.retries", "2");
        var (code, _, error) = await server.Run("get", key);
        Assert.Equal(3, code);
        Assert.Equal(meant is not null, error.Contains("did you mean", StringComparison.Ordinal));
        if (meant is not null) Assert.Contains($"{key}: did you mean {meant}?", error, StringComparison.Ordinal);
        var (_, _, elsewhere) = await server.Run("get", "services.payment.timeout", "--env", "developmnt");
        Assert.Contains("developmnt: did you mean development?", elsewhere, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_version_completion_and_what_belongs_to_the_server_explain_themselves()
    {
        var help = await server.Run("--help");
        Assert.Equal(0, help.Code);
        foreach (var word in new[] { "Exit codes", "conflict", "STELE_TOKEN", "import", "rollback" }) Assert.Contains(word, help.Out, StringComparison.Ordinal);
        Assert.Equal(0, (await server.Run("--version")).Code);
        Assert.Contains("complete", (await server.Run("completion", "bash")).Out, StringComparison.Ordinal);
        Assert.Contains("history", (await server.Run("[suggest:8]", "stele hi")).Out, StringComparison.Ordinal);
        Assert.Contains("./stele verify", (await server.Run("verify")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_and_limits_print_what_comes()
    {
        server.Intercept = sent => StubHandler.Json(sent.Path == "/v1/status" ? """{"node":"n1","primary":{"reachable":true,"lag":1.50},"orgs":[{"name":"default","revision":7}],"later":["x"]}""" : """{"items":[{"name":"value.bytes","value":8388608,"unit":"bytes","meaning":"refused","configurable":true}]}""");
        Assert.Equal("node  n1\nprimary\n  reachable  true\n  lag        1.50\norgs\n  name      default\n  revision  7\nlater\n  x\n", (await server.Run("status")).Out);
        Assert.Contains("value.bytes  8,388,608", (await server.Run("limits")).Out, StringComparison.Ordinal);
        Assert.Contains("\"lag\": 1.50", (await server.Run("status", "--json")).Out, StringComparison.Ordinal);
    }
}
