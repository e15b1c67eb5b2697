using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Stele.Client;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Client;

/// <summary>What goes wrong while an app runs: it says what, where and what to do, keeps what it has, and goes on when it can.</summary>
public sealed class BadInputTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task A_token_that_is_revoked_stops_no_running_app_and_another_in_its_file_goes_on()
    {
        using var home = new TempDirectory();
        var file = Path.Combine(home.Path, "token");
        await Put("services.payment.timeout", "50");
        var first = await Token();
        await File.WriteAllTextAsync(file, first.Token + "\n", TestContext.Current.CancellationToken);
        await using var app = await ClientApp.Start(server, more: options => (options.Token, options.TokenFile, options.Flags) = (null, file, false));
        Assert.Equal(50, app.Payment.CurrentValue.Timeout);
        (await server.Send("DELETE", $"/v1/tokens/{first.Id}", null)).Is(204);
        await Wait.Until(() => app.Said.Any(said => said.Contains("is not followed at the moment", StringComparison.Ordinal) && said.Contains("stays in use", StringComparison.Ordinal) && said.Contains("give the app another one", StringComparison.Ordinal)), "what it says");
        Assert.Equal((50, HealthStatus.Degraded), (app.Payment.CurrentValue.Timeout, (await app.Service<HealthCheckService>().CheckHealthAsync()).Status));
        await Put("services.payment.timeout", "51");
        await File.WriteAllTextAsync(file, (await Token()).Token, TestContext.Current.CancellationToken);
        await Wait.Until(() => app.Payment.CurrentValue.Timeout == 51, "what changed meanwhile");
        await Wait.Until(() => app.Said.Any(said => said.Contains("is followed again", StringComparison.Ordinal)), "that it goes on");
    }

    [Fact]
    public async Task Keys_without_a_name_or_with_one_name_that_come_while_it_runs_are_said_and_the_rest_goes_on()
    {
        await Put("services.late.one", "1");
        await using var app = await ClientApp.Start(server, more: options => options.Flags = false);
        await Put("services.late..x", "1");
        await Wait.Until(() => app.Said.Any(said => said.Contains("services.late..x has no name", StringComparison.Ordinal) && said.Contains("Rename it", StringComparison.Ordinal)), "the key without a name");
        await Put("services.late.One", "2");
        await Wait.Until(() => app.Said.Any(said => said.Contains("services.late.One and services.late.one both are services:late:", StringComparison.OrdinalIgnoreCase) && said.Contains("Rename one, or delete it", StringComparison.Ordinal)), "the two of one name");
        await Put("services.late.good", "3");
        await Wait.Until(() => app.Configuration["services:late:good"] == "3", "the rest");
        (await server.Send("DELETE", "/v1/config/services.late.One?env=production", null)).Is(200);
        await Put("services.late.one", "4");
        await Wait.Until(() => app.Configuration["services:late:one"] == "4", "the one that is left");
        // each was said once
        Assert.Single(app.Said, said => said.Contains("services.late..x", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_secret_of_the_cache_that_is_none_is_named_and_without_it_another_is_made()
    {
        using var cache = new TempDirectory();
        await Put("services.payment.timeout", "52");
        await using (await ClientApp.Start(server, cache.Path, options => options.Flags = false))
        {
        }
        var secret = Assert.Single(Directory.GetFiles(Path.Combine(cache.Path, "keys")));
        await File.WriteAllTextAsync(secret, "short", TestContext.Current.CancellationToken);
        await using (var app = await ClientApp.Start(server, cache.Path, options => options.Flags = false))
        {
            Assert.Equal(52, app.Payment.CurrentValue.Timeout);
            await Wait.Until(() => app.Said.Any(said => said.Contains("cannot be kept at", StringComparison.Ordinal) && said.Contains($"{secret} is no secret of Stele's: delete it", StringComparison.Ordinal)), "what it says");
            File.Delete(secret);
        }
        await using var again = await ClientApp.Start(LastKnownTests.Nowhere(), HttpServer.Token, cache.Path, options => options.Flags = false);
        Assert.Equal(52, again.Payment.CurrentValue.Timeout);
    }

    [Fact]
    public async Task Whatever_takes_a_connection_and_says_nothing_is_named_with_what_to_look_at()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var url = $"http://127.0.0.1:{((IPEndPoint)silent.LocalEndpoint).Port}";
        var refused = await Assert.ThrowsAsync<SteleException>(() => ClientApp.Start(url, HttpServer.Token, null, options => options.StartTimeout = TimeSpan.FromMilliseconds(300)));
        Assert.Equal(SteleException.TimedOut, refused.Code);
        Assert.Equal($"The configuration could not be read, so the app does not start: {url}/ did not answer within 0.3 seconds. Is something between that drops what is sent?", refused.Detail);
    }

    async Task Put(string key, string value) => (await server.Put(key, $$"""{"value":{{value}}}""", "?env=production")).Is(200);

    async Task<(string Id, string Token)> Token()
    {
        var made = (await server.Post("/v1/tokens", """{"name":"app","scopes":[{"permission":"config:read","environments":["*"],"prefix":""}]}""")).Is(201);
        return (made["id"].GetString()!, made["token"].GetString()!);
    }
}
