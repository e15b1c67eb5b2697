using System.Text.Json;
using StackExchange.Redis;
using Stele.Core.Journal;

namespace Stele.Server.Outbound.Redis;

/// <summary>
/// Takes away what nothing stands behind any more: keys of a history that was lost, and of an org that has another name now or is archived. Those
/// who listen are told that they are deleted. To be run after all that is current was written.
/// </summary>
internal sealed class RedisSweep(RedisState state, RedisOutOptions options, TimeProvider time)
{
    const int PageKeys = 1_000;

    /// <summary>One walk over all guards; how many keys were removed.</summary>
    public async Task<long> RunOnce(ConnectionMultiplexer redis, CancellationToken cancellation)
    {
        var (incarnation, counter) = await state.History(cancellation);
        long removed = 0;
        foreach (var master in RedisMarkers.Masters(redis).ToList())
        {
            // the driver's walk blocks its thread, a page at a time
            var pages = master.Keys(redis.GetDatabase().Database, RedisNames.GuardPattern, PageKeys).Chunk(PageKeys).GetEnumerator();
            while (await Task.Run(pages.MoveNext, cancellation))
            {
                var names = pages.Current.Select(guard => RedisNames.Guarded((string)guard!)).OfType<string>().Distinct(StringComparer.Ordinal).ToList();
                var live = await state.Live([.. names.Select(RedisNames.OrgOf).OfType<string>().Distinct(StringComparer.Ordinal)], cancellation);
                var removing = Task.WhenAll(names.Select(name => Remove(redis.GetDatabase(), name, incarnation, counter, !live.Contains(RedisNames.OrgOf(name) ?? ""))));
                await RedisPipeline.Bounded(removing, options.Patience);
                removed += (await removing).Sum();
            }
        }
        return removed;
    }

    async Task<int> Remove(IDatabase redis, string name, Guid incarnation, long counter, bool whatever)
    {
        if (await new RedisWriter(redis, options).Remove(name, incarnation, counter, whatever) is not { } text) return 0;
        if (RedisNames.Parse(name) is not var (kind, key, environment)) return 1;
        using var before = JsonDocument.Parse(text);
        if (before.RootElement.GetProperty("deleted").GetBoolean()) return 1;
        var gone = new RedisEntry(kind, key, environment, null, "", before.RootElement.GetProperty("version").GetInt64(), before.RootElement.GetProperty("revision").GetInt64(),
            Timestamp.From(time.GetUtcNow()), "", null);
        await redis.PublishAsync(new RedisNames(RedisNames.OrgOf(name) is { } org ? org + "/" : "").Updates(kind, key), gone.Message());
        return 1;
    }
}
