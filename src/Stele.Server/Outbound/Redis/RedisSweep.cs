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

    /// <summary>
    /// One walk over all guards, after everything was written in a history; how many keys were removed. It ends when the database has another history than
    /// that: then all will be written again, and walked over again.
    /// </summary>
    public async Task<long> RunOnce(ConnectionMultiplexer redis, Guid incarnation, CancellationToken cancellation)
    {
        long removed = 0;
        foreach (var master in RedisMarkers.Masters(redis).ToList())
        {
            // the driver's walk blocks its thread, a page at a time
            var pages = master.Keys(redis.GetDatabase().Database, RedisNames.GuardPattern, PageKeys).Chunk(PageKeys).GetEnumerator();
            while (await Task.Run(pages.MoveNext, cancellation))
            {
                var page = Page(new RedisWriter(redis.GetDatabase(), options), redis.GetDatabase(), [.. pages.Current.Select(guard => RedisNames.Guarded((string)guard!)).OfType<string>().Distinct(StringComparer.Ordinal)], incarnation, cancellation);
                await RedisPipeline.Bounded(page, options.Patience);
                if (await page is not { } some) return removed;
                removed += some;
            }
        }
        return removed;
    }

    // null: the database has another history by now
    async Task<long?> Page(RedisWriter writer, IDatabase redis, List<string> names, Guid incarnation, CancellationToken cancellation)
    {
        var written = await Task.WhenAll(names.Select(writer.Written));
        // after the above: what a later history wrote is not among it
        var (now, counter) = await state.History(cancellation);
        if (now != incarnation) return null;
        var live = await state.Live([.. names.Select(RedisNames.OrgOf).OfType<string>().Distinct(StringComparer.Ordinal)], cancellation);
        var current = incarnation.ToString("N");
        var removing = names.Zip(written).Where(one => one.Second != current || !live.Contains(RedisNames.OrgOf(one.First) ?? ""));
        return (await Task.WhenAll(removing.Select(one => Remove(writer, redis, one.First, one.Second, incarnation, counter)))).Sum();
    }

    async Task<long> Remove(RedisWriter writer, IDatabase redis, string name, string written, Guid incarnation, long counter)
    {
        if (await writer.Remove(name, written, incarnation, counter) is not { } text) return 0;
        if (RedisNames.Parse(name) is not var (kind, key, environment)) return 1;
        using var before = JsonDocument.Parse(text);
        if (before.RootElement.GetProperty("deleted").GetBoolean()) return 1;
        var gone = new RedisEntry(kind, key, environment, null, "", before.RootElement.GetProperty("version").GetInt64(), before.RootElement.GetProperty("revision").GetInt64(),
            Timestamp.From(time.GetUtcNow()), "", null);
        await redis.PublishAsync(new RedisNames(RedisNames.OrgOf(name) is { } org ? org + "/" : "").Updates(kind, key), gone.Message());
        return 1;
    }
}
