using StackExchange.Redis;
using Stele.Server.Journal.Hints;

namespace Stele.Server.Redis;

/// <summary>Hints by Redis' publish and subscribe, on one channel. The connection subscribes anew by itself when it comes back.</summary>
internal sealed class RedisHints(RedisLink link) : IHintCarrier
{
    const string Channel = "stele:hints";

    // the driver may leave what it sent on a connection that broke without an end
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <inheritdoc/>
    public string Name => "redis";

    /// <inheritdoc/>
    public async Task Send(IReadOnlyCollection<Hint> hints, CancellationToken cancellation)
    {
        var subscriber = (await link.Open(cancellation)).GetSubscriber();
        foreach (var hint in hints) await subscriber.PublishAsync(Channel, hint.ToString()).WaitAsync(Patience, cancellation);
    }

    /// <inheritdoc/>
    public async Task Listen(Action<Hint> heard, CancellationToken cancellation)
    {
        var subscriber = (await link.Open(cancellation)).GetSubscriber();
        void Hear(RedisChannel channel, RedisValue payload)
        {
            if (Hint.TryParse((string)payload, out var hint)) heard(hint);
        }
        await subscriber.SubscribeAsync(Channel, Hear).WaitAsync(Patience, cancellation);
        try
        {
            await Task.Delay(Timeout.Infinite, cancellation);
        }
        finally
        {
            _ = subscriber.UnsubscribeAsync(Channel, Hear, CommandFlags.FireAndForget);
        }
    }
}
