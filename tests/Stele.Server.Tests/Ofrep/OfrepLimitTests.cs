using System.Globalization;
using System.Text.Json;
using Stele.Server.Limits;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Ofrep;

/// <summary>What the gate refuses below /ofrep/, it refuses in the protocol's form.</summary>
public sealed class OfrepLimitTests
{
    [Fact]
    public async Task Who_asks_too_often_is_told_when_to_ask_again()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db, limits: new LimitOptions { TokenPerSecond = 20, RootIsFree = false });
        foreach (var path in (string[])["/ofrep/v1/evaluate/flags/limit.flag", "/ofrep/v1/evaluate/flags"])
        {
            HttpResponseMessage? refused = null;
            for (var i = 0; i < 1_000 && refused is null; i++)
            {
                var response = await server.Client.PostAsync(path, null, TestContext.Current.CancellationToken);
                if ((int)response.StatusCode == 429) refused = response;
                else response.Dispose();
            }
            Assert.NotNull(refused);
            Assert.True(int.Parse(refused.Headers.GetValues("Retry-After").Single(), CultureInfo.InvariantCulture) >= 1);
            var body = JsonDocument.Parse(await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).RootElement;
            Assert.Equal("GENERAL", body.GetProperty("errorCode").GetString());
            Assert.Equal(path.EndsWith("limit.flag", StringComparison.Ordinal), body.TryGetProperty("key", out _));
            refused.Dispose();
        }
    }

    [Theory]
    [InlineData("GET", "/ofrep/v1/evaluate/flags/a", 405)]
    [InlineData("GET", "/ofrep/v1/configuration", 404)]
    public async Task What_there_is_not_is_refused_in_that_form_too(string method, string path, int status)
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        using var client = new HttpClient { BaseAddress = server.Client.BaseAddress };
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Headers.TryAddWithoutValidation("X-API-Key", TestServer.Token);
        using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("GENERAL", JsonDocument.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).RootElement.GetProperty("errorCode").GetString());
    }
}
