using StackExchange.Redis;
using Stele.Server.Journal.Hints;

namespace Stele.Server.Redis;

/// <summary>Hints by Redis' publish and subscribe, on one channel. The connection subscribes anew by itself when it comes back.</summary>
internal sealed class RedisHints(RedisLink link) : IHintCarrier
{
    const string Channel = "stele:hints";

    /// <inheritdoc/>
    public string Name => "redis";

    /// <inheritdoc/>
    public async Task Send(IReadOnlyCollection<Hint> hints, CancellationToken cancellation)
    {
        var subscriber = (await link.Open(cancellation)).GetSubscriber();
        foreach (var hint in hints) await subscriber.PublishAsync(Channel, hint.ToString()).WaitAsync(cancellation);
    }

    /// <inheritdoc/>
    public async Task Listen(Action<Hint> heard, CancellationToken cancellation)
    {
        var subscriber = (await link.Open(cancellation)).GetSubscriber();
        void Hear(RedisChannel channel, RedisValue payload)
        {
            if (Hint.TryParse((string)payload, out var hint)) heard(hint);
        }
        await subscriber.SubscribeAsync(Channel, Hear);
        try
        {
            await Task.Delay(Timeout.Infinite, cancellation);
        }
        finally
        {
            await subscriber.UnsubscribeAsync(Channel, Hear);
        }
    }
}
