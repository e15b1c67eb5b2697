namespace Stele.Core.Limits;

/// <summary>What is written outside at a time.</summary>
public static class OutboundLimits
{
    /// <summary>Bytes of a message to Kafka.</summary>
    public static readonly Limit KafkaMessageBytes = new("kafka.message_bytes", 921_600, "bytes",
        "an event that makes a larger one is written without its data, and with a reference; at most what the topic's max.message.bytes allows", true);

    /// <summary>All of them, in the order in which <c>stele limits</c> shows them.</summary>
    public static IReadOnlyList<Limit> All { get; } = [KafkaMessageBytes];
}
