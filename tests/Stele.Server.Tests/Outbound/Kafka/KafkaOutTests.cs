using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Stele.Core.Limits;
using Stele.Server.Journal.Hints;
using Stele.Server.Options;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Outbound.Kafka;

/// <summary>What stands in the topic, as a consumer of another program in another process reads it.</summary>
public sealed class KafkaOutTests
{
    [Fact]
    public async Task Every_event_stands_there_in_order_and_nothing_that_may_not()
    {
        using var kafka = new MockKafka();
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db, kafka: new KafkaOptions { Servers = kafka.Servers });
        for (var n = 0; n < 60; n++) await Put(server, $"order.k{n % 7}", n);
        await Ok(server.Client.PostAsJsonAsync("/v1/users", new { email = "somebody@example.com", name = "Somebody", role = "viewer" }));
        await Ok(server.Client.PostAsJsonAsync("/v1/webhooks", new { url = "https://hooks.example.com/of-a-receiver", enabled = false }));
        await Ok(server.Client.PostAsJsonAsync("/v1/tokens", new { name = "a token", scopes = new[] { new { permission = "config:read" } } }));
        var events = await Events(server);
        var lines = await Read(kafka, "stele.changes", events.Count);

        Assert.Equal(events.Select(e => e.GetProperty("event_id").GetString()).Order(), lines.Select(line => line.Id).Distinct().Order());
        Assert.Equal(events.Count, lines.Count);
        foreach (var key in lines.GroupBy(line => line.Key))
        {
            Assert.Single(key.Select(line => line.Partition).Distinct());
            Assert.Equal(key.Select(line => line.Version).Order(), key.OrderBy(line => line.Offset).Select(line => line.Version));
        }
        var shown = lines.First(line => line.Key == "default/config/development/order.k3");
        var item = events.First(e => e.GetProperty("event_id").GetString() == shown.Id);
        Assert.Equal(item.ToString(), shown.Data.ToString(), ignoreLineEndingDifferences: true);
        Assert.Equal(("1.0", "/orgs/default", "stele.config.set", "config/development/order.k3"),
            (shown.Json.GetProperty("specversion").GetString(), shown.Json.GetProperty("source").GetString(), shown.Json.GetProperty("type").GetString(), shown.Json.GetProperty("subject").GetString()));
        Assert.Equal((shown.Version.ToString(), "application/cloudevents+json; charset=UTF-8"), (shown.Headers["stele-stream-version"], shown.Headers["content-type"]));
        foreach (var kind in (string[])["user/", "webhook/"])
            Assert.Equal("private", lines.Single(line => line.Key.StartsWith("default/" + kind, StringComparison.Ordinal)).Data.GetProperty("data_omitted").GetString());
        Assert.DoesNotContain(lines, line => line.Text.Contains("somebody@example.com", StringComparison.Ordinal) || line.Text.Contains("of-a-receiver", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Brokers_that_stop_and_start_lose_nothing_and_no_write_waits_for_them()
    {
        using var kafka = new MockKafka();
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db, kafka: new KafkaOptions { Servers = kafka.Servers });
        for (var n = 0; n < 20; n++) await Put(server, $"away.k{n % 3}", n);
        await Read(kafka, "stele.changes", (await Events(server)).Count);
        for (var round = 0; round < 3; round++)
        {
            kafka.Stop();
            for (var n = 0; n < 20; n++) await Put(server, $"away.k{n % 3}", n);
            kafka.Start();
            for (var n = 0; n < 20; n++) await Put(server, $"away.k{n % 3}", n);
        }
        var events = await Events(server);
        var lines = await Read(kafka, "stele.changes", events.Count);
        Assert.Equal(events.Select(e => e.GetProperty("event_id").GetString()).Order(), lines.Select(line => line.Id).Distinct().Order());
        Ordered(lines);
    }

    [Fact]
    public async Task Messages_that_time_out_are_sent_again_from_the_checkpoint_by_a_new_producer()
    {
        using var kafka = new MockKafka();
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db, kafka: new KafkaOptions { Servers = kafka.Servers, MessageTimeout = TimeSpan.FromSeconds(1) });
        await Put(server, "late.k0", -1);
        await Read(kafka, "stele.changes", (await Events(server)).Count);
        kafka.Stop();
        for (var n = 0; n < 30; n++) await Put(server, $"late.k{n % 3}", n);
        await Wait.Until(() => server.Logs.Lines.Any(line => line.Contains("kafka does not take what is to be written (Local: Message timed out)", StringComparison.Ordinal)), "a message has timed out");
        Assert.DoesNotContain("\nstele_outbound_lag_revisions{sink=\"kafka\"} 0\n", await server.Client.GetStringAsync("/metrics"), StringComparison.Ordinal);
        kafka.Start();
        var events = await Events(server);
        var lines = await Read(kafka, "stele.changes", events.Count);
        Assert.Equal(events.Select(e => e.GetProperty("event_id").GetString()).Order(), lines.Select(line => line.Id).Distinct().Order());
        Ordered(lines);
        await Wait.Until(async () => (await server.Client.GetStringAsync("/metrics")).Contains("\nstele_outbound_lag_revisions{sink=\"kafka\"} 0\n", StringComparison.Ordinal), "it is level");
    }

    // doubled perhaps; but who drops what is not newer has each version once, in order
    static void Ordered(List<KafkaLine> lines)
    {
        foreach (var key in lines.GroupBy(line => line.Key))
        {
            long last = 0;
            foreach (var line in key.OrderBy(line => line.Offset))
                if (line.Version > last) Assert.Equal(++last, line.Version);
        }
    }

    [Fact]
    public async Task A_message_is_as_large_as_may_be_and_one_byte_more_is_a_reference()
    {
        using var kafka = new MockKafka();
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db, kafka: new KafkaOptions { Servers = kafka.Servers });
        await Put(server, "large.a", "");
        var frame = (await Read(kafka, "stele.changes", (await Events(server)).Count)).Single(line => line.Key.EndsWith("large.a", StringComparison.Ordinal)).Text.Length;
        var filler = (int)OutboundLimits.KafkaMessageBytes.Value - frame;
        await Put(server, "large.b", new string('x', filler));
        await Put(server, "large.c", new string('x', filler + 1));
        var lines = await Read(kafka, "stele.changes", (await Events(server)).Count);
        Assert.Equal(OutboundLimits.KafkaMessageBytes.Value, lines.Single(line => line.Key.EndsWith("large.b", StringComparison.Ordinal)).Text.Length);
        var reference = lines.Single(line => line.Key.EndsWith("large.c", StringComparison.Ordinal)).Data;
        Assert.Equal(("size", JsonValueKind.Null), (reference.GetProperty("data_omitted").GetString(), reference.GetProperty("data").ValueKind));
        Assert.StartsWith("/v1/events?after_revision=", reference.GetProperty("reference").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hints_by_Kafka_alone_reach_the_other_node_and_no_password_is_logged()
    {
        using var kafka = new MockKafka();
        await using var db = await Postgres.NewDatabase();
        var options = new KafkaOptions { Servers = kafka.Servers, Out = false, Config = new Dictionary<string, string> { ["sasl.username"] = "me", ["sasl.password"] = "secret-of-a-broker" } };
        await using var one = await TestServer.Start(db, kafka: options, hints: ["kafka"]);
        await using var other = await TestServer.Start(db, kafka: options, hints: ["kafka"]);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var heard = new TaskCompletionSource<Hint>();
        other.Services.GetRequiredService<HintExchange>().OnHint(hint => heard.TrySetResult(hint));
        // one that is sent before the other listens need not come
        while (!heard.Task.IsCompleted)
        {
            patience.Token.ThrowIfCancellationRequested();
            await Put(one, "hint.a", 1);
        }
        Assert.NotNull((await heard.Task).Revision);
        Assert.DoesNotContain(one.Logs.Lines.Concat(other.Logs.Lines), line => line.Contains("secret-of-a-broker", StringComparison.Ordinal));
    }

    [Fact]
    public async Task After_a_lost_history_it_is_said_and_all_that_there_is_comes_again()
    {
        using var kafka = new MockKafka();
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db, kafka: new KafkaOptions { Servers = kafka.Servers });
        for (var n = 0; n < 5; n++) await Put(server, "lost.a", n);
        var events = await Events(server);
        await Read(kafka, "stele.changes", events.Count);
        await using (var owner = await db.As()) await owner.Execute("UPDATE stele.projection_checkpoint SET incarnation = gen_random_uuid() WHERE projection = 'outbound.kafka'");
        var lines = await Read(kafka, "stele.changes", events.Count + 1, least: 2 * events.Count + 1);
        var reset = lines.Single(line => line.Json.GetProperty("type").GetString() == "stele.reset");
        Assert.Equal(("default/", "history"), (reset.Key, reset.Data.GetProperty("reason").GetString()));
        Assert.All(lines.Where(line => line != reset).GroupBy(line => line.Id), copies => Assert.Equal(2, copies.Count()));
    }

    static async Task<List<KafkaLine>> Read(MockKafka kafka, string topic, int distinct, int least = 0)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            // each question is a process of its own
            var lines = await Task.Run(() => kafka.Read(topic), patience.Token);
            if (lines.Select(line => line.Id).Distinct().Count() >= distinct && lines.Count >= least) return lines;
            patience.Token.ThrowIfCancellationRequested();
        }
    }

    static async Task<List<JsonElement>> Events(TestServer server) =>
        [.. JsonDocument.Parse(await server.Client.GetStringAsync("/v1/events?limit=1000")).RootElement.GetProperty("items").EnumerateArray()];

    static Task Put<T>(TestServer server, string key, T value) => Ok(server.Client.PutAsJsonAsync($"/v1/config/{key}", new { value }));

    static async Task Ok(Task<HttpResponseMessage> sending)
    {
        using var answer = await sending;
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }
}
