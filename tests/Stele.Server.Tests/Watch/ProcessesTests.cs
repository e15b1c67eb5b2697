using System.Text;
using System.Text.Json;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Watch;

/// <summary>Two processes of the server on one PostgreSQL, started at once: they share nothing else, not even a clock's tick of start-up.</summary>
public sealed class ProcessesTests
{
    [Theory]
    [InlineData("notify")]
    [InlineData("none")]
    public async Task What_one_process_writes_the_other_reads_tells_and_waits_for(string hints)
    {
        await using var db = await Postgres.NewDatabase();
        var both = await Task.WhenAll(Start(db, "one", hints), Start(db, "other", hints));
        await using var one = both[0];
        await using var other = both[1];
        using var stream = await EventStream.Open(other.Client.BaseAddress!, "?prefix=app.", TestServer.Token);
        await stream.Named("synced");
        for (var i = 1; i <= 10; i++)
        {
            var cursor = await Put(one, "app.k", i);
            // what the other has, which without the cursor may be older
            using var local = new HttpRequestMessage(HttpMethod.Get, "/v1/config/app.k?consistency=local") { Headers = { { "Stele-Min-Cursor", cursor } } };
            using var answer = await other.Client.SendAsync(local);
            Assert.Equal(i, Value(await answer.Content.ReadAsStringAsync()));
            Assert.Equal(i, Value(await other.Client.GetStringAsync("/v1/config/app.k")));
            Assert.EndsWith($"app.k={i}", await stream.Change(), StringComparison.Ordinal);
        }
        var heard = Sample(await other.Client.GetStringAsync("/metrics"), "stele_hints_heard_total{carrier=\"notify\"}");
        Assert.True(hints == "notify" ? heard > 0 : heard is 0 or null, $"{heard}");

        // who watches there is listed here, and waited for here
        Assert.Contains(stream.Subscription, await one.Client.GetStringAsync("/v1/subscriptions"), StringComparison.Ordinal);
        var writing = Send(one, "POST", "/v1/changes?wait_for=subscribers&min_subscribers=1&timeout=20s", """{"changes":[{"op":"set","key":"app.k","value":11}]}""");
        var change = await stream.Named("change");
        await Send(one, "POST", $"/v1/subscriptions/{stream.Subscription}/ack", $$"""{"revision":{{change.Data.GetProperty("revision").GetInt64()}}}""");
        Assert.True((await writing).GetProperty("convergence").GetProperty("complete").GetBoolean());

        // the process that it was on is gone, without a word; what happened meanwhile comes from the other
        await other.Kill();
        await Put(one, "app.k", 12);
        await Put(one, "app.l", 13);
        using var resumed = await EventStream.Open(one.Client.BaseAddress!, "?prefix=app.", TestServer.Token, change.Id);
        Assert.EndsWith("app.k=12", await resumed.Change(), StringComparison.Ordinal);
        Assert.EndsWith("app.l=13", await resumed.Change(), StringComparison.Ordinal);
        await resumed.Named("synced");
    }

    static Task<ServerProcess> Start(TestDatabase db, string node, string hints) => ServerProcess.Start(ServerProcess.Binary, db, node, ("STELE_HINTS", hints));

    static int Value(string json) => JsonDocument.Parse(json).RootElement.GetProperty("value").GetInt32();

    static double? Sample(string metrics, string name) => metrics.Split('\n').Where(line => line.StartsWith(name + " ", StringComparison.Ordinal))
        .Select(line => (double?)double.Parse(line[(name.Length + 1)..], System.Globalization.CultureInfo.InvariantCulture)).FirstOrDefault();

    /// <summary>The cursor at which a key was set.</summary>
    static async Task<string> Put(ServerProcess server, string key, int value)
    {
        using var answer = await server.Client.PutAsync($"/v1/config/{key}", new StringContent($$"""{"value":{{value}}}""", Encoding.UTF8, "application/json"));
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return answer.Headers.GetValues("Stele-Cursor").Single();
    }

    static async Task<JsonElement> Send(ServerProcess server, string method, string path, string body)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        using var answer = await server.Client.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return text.Length == 0 ? default : JsonDocument.Parse(text).RootElement;
    }
}
