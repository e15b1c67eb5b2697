using System.Text.Json;
using Stele.Server.Tests.Cli;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Outbound.Webhooks;

/// <summary>The words of webhooks, against a real server and a real receiver.</summary>
public sealed class WebhookCliTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task A_webhook_is_made_tried_followed_and_removed()
    {
        await using var receiver = await WebhookReceiver.Start();
        var made = await server.Run("webhook", "create", receiver.Url, "--env", "staging", "--prefix", "cli.", "--kind", "config");
        Assert.True(made.Code == 0, made.Error);
        Assert.StartsWith("whsec_", made.Out, StringComparison.Ordinal);
        var id = JsonDocument.Parse((await server.Run("webhook", "list", "--json")).Out).RootElement.GetProperty("items")[0].GetProperty("id").GetString()!;
        Assert.StartsWith("arrived after", (await server.Run("webhook", "test", id)).Out, StringComparison.Ordinal);
        var ping = await receiver.Next();
        Assert.Equal(("stele.ping", 1), (ping.Type, ping.SignedWith(made.Out.Trim())));
        await server.Run("set", "cli.a", "1", "--env", "staging");
        Assert.Equal(["cli.a"], (await receiver.Next()).Keys);
        Assert.Contains("staging, config, cli.", (await server.Run("webhook", "get", id)).Out, StringComparison.Ordinal);
        Assert.Matches($@"(?m)^{id}  {System.Text.RegularExpressions.Regex.Escape(receiver.Url)} +staging +config +cli\. ", (await server.Run("webhook", "list")).Out);
        Assert.StartsWith("whsec_", (await server.Run("webhook", "rotate", id, "--overlap-seconds", "0")).Out, StringComparison.Ordinal);
        Assert.Equal(0, (await server.Run("webhook", "replay", id, "1")).Code);
        Assert.Equal(["cli.a"], (await receiver.Next()).Keys);
        foreach (var word in (string[])["deliveries", "dead-letters", "resume", "discard"]) Assert.Equal(0, (await server.Run("webhook", word, id)).Code);
        Assert.Equal(3, (await server.Run("webhook", "redeliver", id, "1")).Code);
        Assert.Contains("disabled", (await server.Run("webhook", "update", id, "--enabled", "false")).Out, StringComparison.Ordinal);
        Assert.Contains("disabled", (await server.Run("webhook", "list")).Out, StringComparison.Ordinal);
        Assert.Equal(0, (await server.Run("webhook", "delete", id)).Code);
    }
}
