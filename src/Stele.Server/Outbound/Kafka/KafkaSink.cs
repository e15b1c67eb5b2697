using Confluent.Kafka;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Journal;

namespace Stele.Server.Outbound.Kafka;

/// <summary>
/// The journal, written to a topic: one message an event, keyed by organization and stream. What it promises:
/// <list type="bullet">
/// <item>Every event, from the first one on, at least once: the checkpoint moves after the brokers have acknowledged.</item>
/// <item>In order for each key: an idempotent producer that stops at the first message that does not arrive, and begins again at the checkpoint.
/// While one runner is frozen and another has taken over, the two may be mixed; each message has the version of its stream.</item>
/// <item>No verifiers, no ciphertext, no addresses of people: of such events only that they happened.</item>
/// </list>
/// While Kafka is away nothing waits for it. After a lost history, or an archived gap, a stele.reset is written, and then all that there is.
/// </summary>
internal sealed class KafkaSink(KafkaLink link, IJournalStore journal, TimeProvider time) : OutboundSink, IDisposable
{
    // messages that wait for their acknowledgement
    const int UnderWayMax = 1_000, PageRevisions = 100;
    const long UnderWayBytesMax = 16 << 20;

    IProducer<string, byte[]>? producer;

    /// <inheritdoc/>
    public override string Name => "kafka";

    /// <inheritdoc/>
    public override bool ReadsFromTheStart => true;

    /// <inheritdoc/>
    public override async Task Begin(CancellationToken cancellation) => await link.Ensure(link.Options.Topic, ofHints: false);

    /// <inheritdoc/>
    public override Task Write(OutboundOrg org, IReadOnlyList<RevisionRecord> revisions, CancellationToken cancellation) =>
        Send(revisions.SelectMany(revision => revision.Events.Select(e => KafkaMessage.Of(org, revision, e))), cancellation);

    /// <inheritdoc/>
    public override async Task Rewrite(OutboundOrg org, RewriteReason reason, CancellationToken cancellation)
    {
        await Send([KafkaMessage.Reset(org, reason, Stele.Core.Journal.Timestamp.From(time.GetUtcNow()))], cancellation);
        for (long after = 0; after < org.Head;)
        {
            var page = await journal.Read(org.Id, after, PageRevisions, cancellation);
            if (page.Count == 0) return;
            await Write(org, [.. page.Where(record => record.Revision <= org.Head)], cancellation);
            after = page[^1].Revision;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Interlocked.Exchange(ref producer, null)?.Dispose();

    async Task Send(IEnumerable<Message<string, byte[]>> messages, CancellationToken cancellation)
    {
        var sending = Open();
        var underWay = new List<Task>();
        long bytes = 0;
        try
        {
            foreach (var message in messages)
            {
                underWay.Add(Produce(sending, message));
                bytes += message.Value.Length;
                if (underWay.Count < UnderWayMax && bytes < UnderWayBytesMax) continue;
                await Task.WhenAll(underWay).WaitAsync(cancellation);
                (underWay, bytes) = ([], 0);
            }
            await Task.WhenAll(underWay).WaitAsync(cancellation);
        }
        catch (KafkaException e)
        {
            Forget(sending);
            throw new OutboundAwayException(e.Error.Reason, e);
        }
        catch (OperationCanceledException)
        {
            Forget(sending);
            throw;
        }
    }

    // what comes of it is told from a thread of the client's
    Task Produce(IProducer<string, byte[]> sending, Message<string, byte[]> message)
    {
        var reported = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        sending.Produce(link.Options.Topic, message, report =>
        {
            if (report.Error.IsError) reported.TrySetException(new KafkaException(report.Error));
            else reported.TrySetResult();
        });
        return reported.Task;
    }

    // gapless: when one message cannot be delivered, none after it is; then a new producer goes on from the checkpoint
    IProducer<string, byte[]> Open()
    {
        if (Volatile.Read(ref producer) is { } open) return open;
        var made = link.Producer(("enable.idempotence", "true"), ("enable.gapless.guarantee", "true"), ("acks", "all"), ("partitioner", "murmur2_random"), ("linger.ms", "2"),
            ("message.timeout.ms", $"{(long)link.Options.MessageTimeout.TotalMilliseconds}"), ("message.max.bytes", $"{OutboundLimits.KafkaMessageBytes.Value + (64 << 10)}"));
        if (Interlocked.CompareExchange(ref producer, made, null) is not { } other) return made;
        made.Dispose();
        return other;
    }

    void Forget(IProducer<string, byte[]> failed)
    {
        if (Interlocked.CompareExchange(ref producer, null, failed) == failed) failed.Dispose();
    }
}
