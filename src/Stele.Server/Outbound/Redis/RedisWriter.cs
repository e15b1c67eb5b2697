using System.Globalization;
using StackExchange.Redis;
using Stele.Core.Journal;

namespace Stele.Server.Outbound.Redis;

/// <summary>How a value is written.</summary>
internal enum RedisWrite
{
    /// <summary>It changed: it is told, once.</summary>
    Change,
    /// <summary>It may be there already: it is written without a word.</summary>
    Again,
    /// <summary>The history is another one than before: it is written over whatever another history left, and told if that was something else.</summary>
    Anew,
}

/// <summary>
/// Writes values so that nothing older ever comes to stand over something newer: each key has a guard beside it with the place of what was
/// written, (incarnation counter, revision), compared in the same script. What was told last is there too, so that a
/// change is told once, by whichever runner comes to it first, even if the value that it brings has been overtaken.
/// </summary>
internal sealed class RedisWriter(IDatabase redis, RedisOutOptions options)
{
    /// <summary>Sends one value, with its version and its messages.</summary>
    public ValueTask Put(RedisPipeline pipeline, OutboundOrg org, RedisEntry entry, RedisWrite how)
    {
        var names = RedisNames.Of(org.Id, org.Name);
        var name = names.Value(entry.Kind, entry.Key, entry.Environment);
        var text = entry.Text();
        var tells = how != RedisWrite.Again;
        return pipeline.Add(name, text.Length * 2L, () => Task.WhenAll(
            Put(name, org, entry.Revision, text, how,
                tells ? names.Updates(entry.Kind, entry.Key) : "", tells ? entry.Message() : [],
                tells && entry.Kind == RedisNames.Config ? names.Service(entry.Key) : "", tells ? entry.VersionMessage() : "",
                "t", entry.ValueType, "u", entry.At.Microseconds, "b", entry.By, "l", entry.Log ?? "", "L", entry.Log is null ? 0 : 1, "s", entry.HasSchema ? 1 : 0),
            Put(names.Version(entry.Kind, entry.Key, entry.Environment), org, entry.Revision, entry.VersionText(), how, "", "", "", "")));
    }

    /// <summary>Removes a key that was written in some history, unless it has been written in another one since; what was there, or null. The guard stays, so that nothing of before comes back.</summary>
    public async Task<string?> Remove(string name, string written, Guid incarnation, long counter) =>
        (string?)await redis.ScriptEvaluateAsync(RemoveScript, [name, RedisNames.Guard(name)],
            [written, counter, incarnation.ToString("N"), (long)(options.Life + options.GuardLife).TotalMilliseconds]);

    /// <summary>The history in which what stands at a key was written; empty: none.</summary>
    public async Task<string> Written(string name) => (string?)await redis.HashGetAsync(RedisNames.Guard(name), "i") ?? "";

    /// <summary>Everything of an org up to a revision is there.</summary>
    public Task Reached(OrgId org, long revision, byte[] chain) => redis.StringSetAsync(RedisNames.Reached(org), string.Create(CultureInfo.InvariantCulture, $"{revision}:{Convert.ToHexString(chain)}"), options.Life);

    Task Put(string name, OutboundOrg org, long revision, RedisValue text, RedisWrite how, params RedisValue[] rest) => redis.ScriptEvaluateAsync(PutScript, [name, RedisNames.Guard(name)],
        [org.Counter, revision, org.Incarnation.ToString("N"), text, (long)options.Life.TotalMilliseconds, (long)(options.Life + options.GuardLife).TotalMilliseconds, (int)how, .. rest]);

    // c and r: the place of what is there, i: its history; tc and tr: the place of what was told last
    const string PutScript = """
        local c, r, how = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[7])
        local kept = redis.call('HMGET', KEYS[2], 'c', 'r', 'i', 'tc', 'tr')
        local kc, kr = tonumber(kept[1] or -1), tonumber(kept[2] or -1)
        local older = c < kc or (c == kc and r < kr)
        if how == 2 and kept[3] ~= ARGV[3] then older = false end
        local tell = false
        if how == 0 then
            local tc, tr = tonumber(kept[4] or -1), tonumber(kept[5] or -1)
            tell = c > tc or (c == tc and r > tr)
        elseif how == 2 and not older then
            local before = redis.pcall('GET', KEYS[1])
            tell = type(before) == 'string' and before ~= ARGV[4]
            redis.call('HSET', KEYS[2], 'tc', ARGV[1], 'tr', ARGV[2])
        end
        if not older then
            redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
            redis.call('HSET', KEYS[2], 'c', ARGV[1], 'r', ARGV[2], 'i', ARGV[3], unpack(ARGV, 12))
        end
        if tell and ARGV[8] ~= '' then
            redis.call('HSET', KEYS[2], 'tc', ARGV[1], 'tr', ARGV[2])
            redis.call('PUBLISH', ARGV[8], ARGV[9])
            if ARGV[10] ~= '' then redis.call('PUBLISH', ARGV[10], ARGV[11]) end
        end
        redis.call('PEXPIRE', KEYS[2], ARGV[6])
        return older and 0 or 1
        """;

    const string RemoveScript = """
        if redis.call('HGET', KEYS[2], 'i') ~= ARGV[1] then return false end
        local before = redis.pcall('GET', KEYS[1])
        redis.call('DEL', KEYS[1], KEYS[2])
        redis.call('HSET', KEYS[2], 'c', ARGV[2], 'r', 0, 'i', ARGV[3])
        redis.call('PEXPIRE', KEYS[2], ARGV[4])
        if type(before) == 'string' then return before end
        return false
        """;
}
