using System.Globalization;
using System.Text.Json;
using Stele.Core.Access;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Server.Gateway;
using Stele.Server.Limits;
using Stele.Server.Ofrep;
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

    [Fact]
    public void What_is_kept_to_answer_with_is_in_the_memory_that_is_counted()
    {
        // a set's metadata may be larger than all of its flags: it is kept once
        var items = new List<FlagEntry> { Item("$metadata", $$"""{"team":"x","text":"{{new string('m', 100_000)}}"}""") };
        for (var i = 0; i < 1_000; i++)
            items.Add(Item($"flag-{i:D4}", i % 2 == 0 ? """{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"on"}""" : """{"state":"ENABLED","variants":{"on":true},"metadata":{"team":"y","more":1}}"""));
        var flags = EnvironmentFlags.Of(items, Core.Configs.Tombstones.None, 1);
        _ = OfrepSet.Of(EnvironmentFlags.Of(items, Core.Configs.Tombstones.None, 1), "development").VisibleTo(Rights.Everything);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var visible = OfrepSet.Of(flags, "development").VisibleTo(Rights.Everything);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(1_000, visible.Flags.Length);
        Assert.InRange(allocated, 1, flags.MemoryBytes);
        using var json = new JsonText();
        visible.Flags[1].WriteStatic(json);
        var metadata = JsonDocument.Parse(json.Written.ToArray()).RootElement.GetProperty("metadata");
        Assert.Equal(("y", 1, 100_000, 1), (metadata.GetProperty("team").GetString(), metadata.GetProperty("more").GetInt32(), metadata.GetProperty("text").GetString()!.Length, metadata.GetProperty("revision").GetInt32()));

        static FlagEntry Item(string key, string text) => new(key, System.Text.Encoding.UTF8.GetBytes(text), 1, 1, Timestamp.Epoch, "root", null, Timestamp.Epoch, 1);
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
