using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Stele.Server.Options;

namespace Stele.Server.Outbound.Kafka;

/// <summary>What producers and consumers of this node have in common: how they reach the brokers, and what they log.</summary>
internal sealed class KafkaLink(SteleOptions all, ILogger<KafkaLink> log)
{
    const int RetentionOfHintsMilliseconds = 60_000;
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    readonly KafkaOptions options = all.Kafka ?? throw new InvalidOperationException("no Kafka is configured");

    /// <summary>What is set.</summary>
    public KafkaOptions Options => options;

    /// <summary>A producer. What it is told here wins over the file.</summary>
    public IProducer<string, byte[]> Producer(params ReadOnlySpan<(string Name, string Value)> more) => new ProducerBuilder<string, byte[]>(Config(more)).SetLogHandler((_, line) => Log(line)).SetErrorHandler(static (_, _) => { }).Build();

    /// <summary>A consumer of no group: each reads everything.</summary>
    public IConsumer<Ignore, byte[]> Consumer() => new ConsumerBuilder<Ignore, byte[]>(Config(("group.id", $"stele-hints-{Guid.NewGuid():N}"), ("enable.auto.commit", "false"),
            // a broker that has nothing is asked again soon: some keep what comes meanwhile until the question has run out
            ("fetch.wait.max.ms", "50"), ("socket.nagle.disable", "true")))
        .SetLogHandler((_, line) => Log(line)).SetErrorHandler(static (_, _) => { }).Build();

    /// <summary>How many partitions a topic has; made if it is not there, and that is allowed. Throws <see cref="OutboundAwayException"/>.</summary>
    public async Task<int> Ensure(string topic, bool ofHints)
    {
        KafkaLibrary.Use();
        using var admin = new AdminClientBuilder(Config()).SetLogHandler((_, line) => Log(line)).SetErrorHandler(static (_, _) => { }).Build();
        try
        {
            if (PartitionsOf(admin, topic) is > 0 and var there) return there;
            if (!options.CreateTopics) throw new OutboundAwayException($"There is no topic '{topic}', and {OutboundSettings.KafkaCreateTopics.Variable} is off.");
            // as many as the broker gives by default; hints are few, and their order is of no matter
            var wanted = new TopicSpecification { Name = topic, NumPartitions = ofHints ? 1 : -1, ReplicationFactor = -1 };
            if (ofHints) wanted.Configs = new Dictionary<string, string> { ["retention.ms"] = $"{RetentionOfHintsMilliseconds}" };
            await admin.CreateTopicsAsync([wanted], new CreateTopicsOptions { RequestTimeout = Patience, OperationTimeout = Patience });
        }
        catch (CreateTopicsException e) when (e.Results.All(result => result.Error.Code is ErrorCode.TopicAlreadyExists or ErrorCode.NoError))
        {
            // another node made it
        }
        catch (KafkaException e)
        {
            throw new OutboundAwayException(e.Error.Reason, e);
        }
        return Math.Max(1, PartitionsOf(admin, topic));
    }

    static int PartitionsOf(IAdminClient admin, string topic) =>
        admin.GetMetadata(topic, Patience).Topics.FirstOrDefault(found => found.Topic == topic && found.Error.Code == ErrorCode.NoError)?.Partitions.Count ?? 0;

    Dictionary<string, string> Config(params ReadOnlySpan<(string Name, string Value)> more)
    {
        KafkaLibrary.Use();
        var config = new Dictionary<string, string>(options.Config, StringComparer.Ordinal) { ["bootstrap.servers"] = options.Servers, ["client.id"] = $"stele-{all.Node.Replace(':', '-')}" };
        foreach (var (name, value) in more) config[name] = value;
        return config;
    }

    // what librdkafka says of brokers that come and go; it names hosts, and no password
    void Log(LogMessage line) => log.Said(line.Level <= SyslogLevel.Error ? LogLevel.Warning : LogLevel.Debug, line.Message);
}
