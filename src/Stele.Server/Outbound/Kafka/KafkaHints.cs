using System.Text;
using Confluent.Kafka;
using Stele.Server.Journal.Hints;

namespace Stele.Server.Outbound.Kafka;

/// <summary>Hints by a topic of which each node reads all that comes from now on; nothing is kept of it.</summary>
internal sealed class KafkaHints(KafkaLink link) : IHintCarrier, IDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    IProducer<string, byte[]>? producer;

    /// <inheritdoc/>
    public string Name => "kafka";

    /// <inheritdoc/>
    public async Task Send(IReadOnlyCollection<Hint> hints, CancellationToken cancellation)
    {
        // no acknowledgement by replicas, and soon given up: a hint that is late is of no use
        producer ??= link.Producer(("acks", "1"), ("linger.ms", "0"), ("socket.nagle.disable", "true"), ("message.timeout.ms", "5000"));
        await Task.WhenAll(hints.Select(hint => producer.ProduceAsync(link.Options.HintTopic, new Message<string, byte[]> { Value = Encoding.ASCII.GetBytes(hint.ToString()) }, cancellation)));
    }

    /// <inheritdoc/>
    public async Task Listen(Action<Hint> heard, CancellationToken cancellation)
    {
        var partitions = await link.Ensure(link.Options.HintTopic, ofHints: true);
        // the client waits on the thread that asks it, so it gets one of its own
        await Task.Factory.StartNew(() => Hear(partitions, heard, cancellation), cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <inheritdoc/>
    public void Dispose() => producer?.Dispose();

    void Hear(int partitions, Action<Hint> heard, CancellationToken cancellation)
    {
        using var consumer = link.Consumer();
        // where each ends now is asked, and not when the first message is fetched: what is sent from here on comes
        consumer.Assign(Enumerable.Range(0, partitions).Select(partition => new TopicPartition(link.Options.HintTopic, partition))
            .Select(partition => new TopicPartitionOffset(partition, consumer.QueryWatermarkOffsets(partition, Patience).High)));
        try
        {
            while (true)
                if (Hint.TryParse(Encoding.ASCII.GetString(consumer.Consume(cancellation).Message.Value ?? []), out var hint)) heard(hint);
        }
        finally
        {
            consumer.Close();
        }
    }
}
