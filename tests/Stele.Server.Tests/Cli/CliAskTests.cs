using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Cli;

/// <summary>Words that only ask: what flags answer, who one is, how the node is, single items.</summary>
public sealed class CliAskTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task A_flag_is_evaluated_explained_and_compared_for_somebody()
    {
        const string rule = """{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"==":[{"var":"country"},"NL"]},"on",null]}}""";
        (await server.Send("PUT", "/v1/flags/ask?env=staging", $$"""{"definition":{{rule}}}""")).Is(200);
        (await server.Send("PUT", "/v1/flags/ask?env=production", """{"enabled":false}""")).Is(200);
        var on = await server.Run("flag", "evaluate", "ask", "--env", "staging", "--key", "ada", "--attributes", """{"country":"NL"}""");
        Assert.Equal(("true\n", true), (on.Out, on.Error.Contains("TARGETING_MATCH, variant on", StringComparison.Ordinal)));
        Assert.Equal("false\n", (await server.Run("flag", "evaluate", "ask", "--env", "staging", "--key", "bob")).Out);
        Assert.Contains("ask", (await server.Run("flag", "evaluate", "--env", "staging", "--key", "bob")).Out, StringComparison.Ordinal);
        var missing = await server.Run("flag", "evaluate", "none", "--env", "staging");
        Assert.Equal(3, missing.Code);
        Assert.Contains("none", missing.Error, StringComparison.Ordinal);
        Assert.Equal(2, (await server.Run("flag", "evaluate", "ask", "--attributes", "[]")).Code);
        Assert.Contains("\"reason\": \"TARGETING_MATCH\"", (await server.Run("flag", "explain", "ask", "--env", "staging", "--attributes", """{"country":"NL"}""")).Out, StringComparison.Ordinal);
        Assert.Contains("ask   true  false", (await server.Run("flag", "compare", "staging", "production", "--attributes", """{"country":"NL"}""")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_node_and_single_items_are_shown()
    {
        foreach (var words in (string[][])[["health"], ["health", "--local"], ["health", "--alive", "--json"]]) Assert.Equal((0, ""), (await server.Run(words)) is var health ? (health.Code, health.Error) : default);
        Assert.Contains("# TYPE", (await server.Run("metrics")).Out, StringComparison.Ordinal);
        Assert.Contains("\"openapi\"", (await server.Run("openapi")).Out, StringComparison.Ordinal);
        Assert.StartsWith("root", (await server.Run("whoami")).Out, StringComparison.Ordinal);
        Assert.Equal("staging\n", (await server.Run("env", "get", "staging")).Out);
        Assert.Contains("built in", (await server.Run("role", "get", "viewer")).Out, StringComparison.Ordinal);
        foreach (var (kind, words) in ((string, string[])[])[("user", ["grace@example.com", "Grace"]), ("service-account", ["robot"])])
        {
            var id = (await server.Run([kind, "create", .. words, "--role", "viewer"])).Out.Split(' ')[0];
            Assert.Contains(words[^1], (await server.Run(kind, "get", id)).Out, StringComparison.Ordinal);
        }
        Assert.Contains("DAY", (await server.Run("usage", "changes")).Out, StringComparison.Ordinal);
        Assert.Equal(3, (await server.Run("webhook", "get", "0198c0de-0000-7000-8000-000000000001")).Code);
        Assert.Equal(3, (await server.Run("subscriptions", "ack", "0198c0de-0000-7000-8000-000000000001", "1")).Code);
    }
}
