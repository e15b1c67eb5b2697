using StackExchange.Redis;

namespace Stele.Server.Outbound.Redis;

/// <summary>
/// How it is noticed that Redis forgot something. A server that was restarted, or a replica that took over and may lack what was written last, has
/// another run id than the one before. One that was emptied lacks our markers: keys that fall, in a cluster, on all of its masters.
/// </summary>
internal sealed class RedisMarkers
{
    const int ClusterMarkers = 96;

    readonly string mark = Guid.NewGuid().ToString("N");
    HashSet<string> runs = [];

    /// <summary>Whether something was forgotten since the last <see cref="Set"/>; true before the first.</summary>
    public async Task<bool> AreGone(ConnectionMultiplexer redis)
    {
        if (!(await Runs(redis)).SetEquals(runs)) return true;
        var found = await Task.WhenAll(Names(redis).Select(name => redis.GetDatabase().StringGetAsync(name)));
        return Array.Exists(found, value => value != mark);
    }

    /// <summary>Begins to look: what is written after this call will not be forgotten unnoticed.</summary>
    public async Task Set(ConnectionMultiplexer redis, TimeSpan life)
    {
        var now = await Runs(redis);
        await Task.WhenAll(Names(redis).Select(name => redis.GetDatabase().StringSetAsync(name, mark, life)));
        runs = now;
    }

    static IEnumerable<RedisKey> Names(ConnectionMultiplexer redis) =>
        Enumerable.Range(0, IsCluster(redis) ? ClusterMarkers : 1).Select(number => (RedisKey)$"stele:mark:{number}");

    static bool IsCluster(ConnectionMultiplexer redis) => Masters(redis).Any(server => server.ServerType == ServerType.Cluster);

    /// <summary>The servers that take writes.</summary>
    public static IEnumerable<IServer> Masters(ConnectionMultiplexer redis) =>
        redis.GetEndPoints().Select(endPoint => redis.GetServer(endPoint)).Where(server => server.IsConnected && !server.IsSlave);

    static async Task<HashSet<string>> Runs(ConnectionMultiplexer redis)
    {
        try
        {
            var found = await Task.WhenAll(Masters(redis).Select(server => server.InfoAsync("server")));
            return [.. found.SelectMany(info => info).SelectMany(section => section).Where(line => line.Key == "run_id").Select(line => line.Value)];
        }
        catch (RedisServerException e) when (e.Message.StartsWith("NOPERM", StringComparison.Ordinal))
        {
            // the markers must do for a user who may not ask: a restart is noticed by what it forgot
            return [];
        }
    }
}
