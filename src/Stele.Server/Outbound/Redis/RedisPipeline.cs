using StackExchange.Redis;
using Stele.Server.Redis;

namespace Stele.Server.Outbound.Redis;

/// <summary>Commands that are on their way together: so many, or so many bytes, and then it waits for all of them.</summary>
internal sealed class RedisPipeline(RedisOutOptions options)
{
    readonly List<Task> tasks = [];
    readonly HashSet<string> keys = new(StringComparer.Ordinal);
    long bytes;

    /// <summary>Sends what concerns a key, after what was sent before of the same key has arrived.</summary>
    public async ValueTask Add(string key, long size, Func<Task> send)
    {
        if (tasks.Count >= options.InFlight || bytes + size > options.InFlightBytes || !keys.Add(key))
        {
            await Flush();
            keys.Add(key);
        }
        bytes += size;
        tasks.Add(send());
    }

    /// <summary>Waits for all. Throws <see cref="OutboundAwayException"/> when Redis does not take one of them.</summary>
    public async Task Flush()
    {
        var all = Task.WhenAll(tasks);
        tasks.Clear();
        keys.Clear();
        bytes = 0;
        await Bounded(all, options.Patience);
    }

    /// <summary>Waits for Redis, but not for ever; what it throws says no more than that Redis is away.</summary>
    public static async Task Bounded(Task task, TimeSpan patience)
    {
        try
        {
            await task.WaitAsync(patience);
        }
        catch (Exception e) when (RedisLink.IsAway(e))
        {
            // whoever is not waited for any more may still fail
            _ = task.ContinueWith(static failed => _ = failed.Exception, TaskScheduler.Default);
            throw new OutboundAwayException(e is RedisServerException ? e.Message : e.GetType().Name, e);
        }
    }
}
