namespace Stele.Server.Options;

/// <summary>A Kafka, and what is written to it. A class and not a record, so that nothing prints its secrets.</summary>
internal sealed class KafkaOptions
{
    /// <summary>Brokers to begin with, as librdkafka's <c>bootstrap.servers</c>.</summary>
    public required string Servers { get; init; }

    /// <summary>What else librdkafka is told: TLS, SASL, compression. Values may be secrets.</summary>
    public IReadOnlyDictionary<string, string> Config { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether changes are written to <see cref="Topic"/>; hints may go by a Kafka to which they are not.</summary>
    public bool Out { get; init; } = true;

    /// <summary>Where changes are written.</summary>
    public string Topic { get; init; } = "stele.changes";

    /// <summary>By which nodes tell each other.</summary>
    public string HintTopic { get; init; } = "stele.hints";

    /// <summary>Whether topics that are not there are created.</summary>
    public bool CreateTopics { get; init; } = true;

    /// <summary>How long a message may take to be acknowledged; then it, and all behind it, is sent again from the checkpoint. Tests are less patient.</summary>
    public TimeSpan MessageTimeout { get; init; } = TimeSpan.FromSeconds(15);
}
