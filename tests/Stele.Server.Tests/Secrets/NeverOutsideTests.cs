using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Text;
using StackExchange.Redis;
using Stele.Server.Options;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Outbound.Kafka;
using Stele.Server.Tests.Outbound.Webhooks;
using Xunit;

namespace Stele.Server.Tests.Secrets;

/// <summary>The marks of <see cref="NeverInTheClearTests"/> once more, looked for in what leaves a node: Redis, Kafka, webhooks, and traces. Alone, because who listens to traces hears the whole process.</summary>
[Collection(nameof(AloneInTheProcess))]
public sealed class NeverOutsideTests
{
    [Fact]
    public async Task Marks_are_in_no_redis_no_kafka_no_webhook_and_no_trace()
    {
        var kept = new ConcurrentQueue<string>();
        using var traces = Listen(kept);
        using var kafka = new MockKafka();
        await using var redis = await RedisServer.Start();
        await using var receiver = await WebhookReceiver.Start();
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db, kafka: new KafkaOptions { Servers = kafka.Servers }, redis: redis.Configuration, hints: ["notify", "redis", "kafka"]);
        using var looking = await ConnectionMultiplexer.ConnectAsync(redis.Configuration + ",allowAdmin=true");
        await looking.GetSubscriber().SubscribeAsync(new RedisChannel("*", RedisChannel.PatternMode.Pattern), (channel, value) => kept.Enqueue($"{channel} {value}"));
        using (var hook = await server.Client.PostAsJsonAsync("/v1/webhooks", new { url = receiver.Url })) Assert.True(hook.IsSuccessStatusCode, await hook.Content.ReadAsStringAsync());
        await NeverInTheClearTests.Drive(server.Client, _ => { });
        // the last thing that happens: who has it has had all before it
        using (var last = await server.Client.PutAsJsonAsync("/v1/config/the.end", new { value = "end-of-it-all" })) Assert.True(last.IsSuccessStatusCode);
        await Wait.Until(() => receiver.All.Any(message => Encoding.UTF8.GetString(message.Body).Contains("the.end", StringComparison.Ordinal)), "the webhook has all");
        await Wait.Until(() => kafka.Read("stele.changes").Any(line => line.Text.Contains("the.end", StringComparison.Ordinal)), "Kafka has all");
        await Wait.Until(async () => (await Contents(looking)).Contains("end-of-it-all", StringComparison.Ordinal), "Redis has all");
        var text = string.Join('\n', [.. kept, .. receiver.All.Select(message => Encoding.UTF8.GetString(message.Body)), .. kafka.Read("stele.changes").Select(line => $"{line.Key} {line.Text} {string.Join(' ', line.Headers)}"), await Contents(looking)]);
        Assert.Equal([], NeverInTheClearTests.Found(text));
        // what is looked through is what it is said to be
        Assert.Contains("secret/development/a/deep", text, StringComparison.Ordinal);
        Assert.Contains(kept, line => line.StartsWith("Microsoft.AspNetCore", StringComparison.Ordinal));
        Assert.Contains(kept, line => line.StartsWith("Npgsql", StringComparison.Ordinal) && line.Contains("secret_value", StringComparison.Ordinal));
        Assert.Contains(kept, line => line.StartsWith("System.Net.Http", StringComparison.Ordinal) && line.Contains("/v1/secrets/", StringComparison.Ordinal));
    }

    // every source there is, with all that its spans say
    static ActivityListener Listen(ConcurrentQueue<string> kept)
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = _ => true, Sample = (ref _) => ActivitySamplingResult.AllDataAndRecorded, SampleUsingParentId = (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = span => kept.Enqueue($"{span.Source.Name} {span.OperationName} {span.DisplayName} {span.StatusDescription} {string.Join(' ', span.TagObjects)} {string.Join(' ', span.Baggage)} "
                + string.Join(' ', span.Events.Select(one => $"{one.Name} {string.Join(' ', one.Tags)}"))),
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }

    static async Task<string> Contents(ConnectionMultiplexer redis)
    {
        var all = new StringBuilder();
        var keys = redis.GetDatabase();
        foreach (var endpoint in redis.GetEndPoints())
            foreach (var key in redis.GetServer(endpoint).Keys(pattern: "*"))
                all.AppendLine($"{key} " + await keys.KeyTypeAsync(key) switch
                {
                    RedisType.String => await keys.StringGetAsync(key),
                    RedisType.Hash => string.Join(' ', await keys.HashGetAllAsync(key)),
                    RedisType.Set => string.Join(' ', await keys.SetMembersAsync(key)),
                    RedisType.SortedSet => string.Join(' ', await keys.SortedSetRangeByRankAsync(key)),
                    RedisType.List => string.Join(' ', await keys.ListRangeAsync(key)),
                    // gone since it was listed
                    RedisType.None => "",
                    var other => throw new InvalidOperationException($"nobody looks into a {other}"),
                });
        return all.ToString();
    }
}
