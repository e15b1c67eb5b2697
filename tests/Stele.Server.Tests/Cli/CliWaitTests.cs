using Stele.Server.Tests.Client;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Cli;

/// <summary><c>--wait-for subscribers</c>: who writes hears what became of it in the apps.</summary>
public sealed class CliWaitTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task A_write_is_over_when_the_apps_have_applied_it_and_says_who_refuses_it()
    {
        var nobody = await Set("services.payment.timeout", "30");
        Assert.Equal((0, "nobody watches it\n"), (nobody.Code, nobody.Error));
        var few = await Set("services.payment.timeout", "31", "--min-subscribers", "1", "--wait-seconds", "1");
        Assert.Equal((1, true), (few.Code, few.Error.Contains("fewer than were asked for", StringComparison.Ordinal)));
        await using var app = await ClientApp.Start(server, more: options => options.Application = "waited-for");
        await Wait.Until(() => app.Client.Values.Status.Connected, "the stream");
        var applied = await Set("services.payment.timeout", "45");
        Assert.True(applied.Code == 0, applied.Error);
        Assert.Equal("applied by all who watch it, 1\n", applied.Error);
        Assert.Equal(45, app.Payment.CurrentValue.Timeout);
        Assert.StartsWith("services.payment.timeout = 45 (production, version 3, revision ", applied.Out, StringComparison.Ordinal);
        var refused = await Set("services.payment.timeout", "-1");
        Assert.Equal(1, refused.Code);
        Assert.Contains("applied by 0 of 1", refused.Error, StringComparison.Ordinal);
        Assert.Matches("waited-for.* refuses it: A timeout is not negative.", refused.Error);
        // another key is none of its business
        Assert.Equal("nobody watches it\n", (await Set("elsewhere.key", "1")).Error);
    }

    [Fact]
    public async Task Who_has_not_said_anything_is_named()
    {
        using var silent = ToolProcess.Start(server, "watch", "silent.");
        await Wait.Until(async () => (await server.Run("subscriptions")).Out.Contains("silent.", StringComparison.Ordinal), "the one who watches");
        var answer = await Set("silent.key", "1", "--wait-seconds", "1");
        Assert.Equal(1, answer.Code);
        Assert.Contains("has not said anything yet", answer.Error, StringComparison.Ordinal);
        (await server.Get("/v1/config/silent.key?env=production")).Is(200);
        Assert.Equal(2, (await server.Run("set", "silent.key", "2", "--wait-seconds", "1")).Code);
        Assert.Equal(2, (await server.Run("set", "silent.key", "2", "--wait-for", "subscribers", "--wait-seconds", "100")).Code);
    }

    Task<CliAnswer> Set(string key, string value, params string[] more) => server.Run(["set", key, "--env", "production", "--wait-for", "subscribers", .. more, "--", value]);
}
