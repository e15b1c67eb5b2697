using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using StackExchange.Redis;
using Stele.Core.Access;
using Stele.Core.Collections;
using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Journal;
using Stele.Server.Redis;

namespace Stele.Server.Outbound.Redis;

/// <summary>
/// Answers local reads of keys whose org is not in memory, from Redis, where SQL would have to be asked for each. What somebody may see is what
/// SQL said of him a moment ago, or, while the primary is away, for as long as unconfirmed rights are trusted. What is not there, has a
/// schema, or takes more than a moment is SQL's to answer; and a strong read never comes here.
/// </summary>
internal sealed class RedisReads(RedisLink link, TimeProvider time, JournalOptions journal)
{
    // as soon as a stream would have ended for it
    static readonly TimeSpan RightsHold = TimeSpan.FromSeconds(1), Patience = TimeSpan.FromMilliseconds(200);

    const int SeenMax = 20_000;

    static readonly RedisValue[] fields = ["t", "u", "b", "l", "L", "s", "r"];

    readonly ConcurrentDictionary<(OrgId, Principal), (OrgState State, long At)> seen = new();
    long answered;

    /// <summary>How many it has answered.</summary>
    public long Answered => Volatile.Read(ref answered);

    /// <summary>What SQL showed somebody.</summary>
    public void Saw(OrgId org, Principal principal, OrgState state)
    {
        if (seen.Count >= SeenMax) seen.Clear();
        seen[(org, principal)] = (state, time.GetTimestamp());
    }

    /// <summary>A state with the one key, or null: SQL is to be asked.</summary>
    public async Task<Snapshot?> Read(OrgId org, Principal principal, ReadOptions read, string? environment, string key, bool primaryIsAway)
    {
        if (!seen.TryGetValue((org, principal), out var known) || time.GetElapsedTime(known.At) > (primaryIsAway ? journal.AccessUnconfirmed : RightsHold)
            || known.State.Environment(environment ?? known.State.DefaultEnvironment ?? "") is not { } there) return null;
        try
        {
            if (await Ask(known.State, there, key).WaitAsync(Patience, time) is not { } snapshot) return null;
            if (read.MaxStaleness < snapshot.ConfirmedAgo || read.MinCursor?.Revision > snapshot.State.Revision) return null;
            Interlocked.Increment(ref answered);
            return snapshot;
        }
        catch (Exception e) when (RedisLink.IsAway(e))
        {
            return null;
        }
    }

    async Task<Snapshot?> Ask(OrgState state, EnvironmentState environment, string key)
    {
        var redis = (await link.Open(CancellationToken.None)).GetDatabase();
        var name = RedisNames.Of(state.Org, state.Name!).Value(RedisNames.Config, key, environment.Name);
        // in this order: what was reached before the value is read, it has
        var (reached, level) = (redis.StringGetAsync(RedisNames.Reached(state.Org)), redis.StringGetAsync(RedisNames.Level));
        if ((string?)await reached is not { } place || Place(place) is not { } at || !(await level).TryParse(out long levelAt) || levelAt == 0) return null;
        var (value, guard) = (redis.StringGetAsync(name), redis.HashGetAsync(RedisNames.Guard(name), fields));
        if ((byte[]?)await value is not { } text || Entry(key, text, await guard, out var deleted) is not { } entry) return null;
        var configs = deleted ? SortedMap<ConfigEntry>.Empty : SortedMap<ConfigEntry>.Empty.Set(entry);
        var shown = state with
        {
            Place = at,
            Environments = state.Environments.Set(environment with { Configs = configs, Schemas = SortedMap<KeySchema>.Empty, Deleted = Tombstones.None }),
        };
        var ago = time.GetUtcNow() - DateTimeOffset.FromUnixTimeMilliseconds(levelAt);
        return new Snapshot(shown, ago > TimeSpan.Zero ? ago : TimeSpan.Zero);
    }

    // null: the two were written by different changes, or there is more to it than is here
    static ConfigEntry? Entry(string key, byte[] text, RedisValue[] guard, out bool deleted)
    {
        using var json = JsonDocument.Parse(text);
        var (root, revision) = (json.RootElement, json.RootElement.GetProperty("revision").GetInt64());
        deleted = root.GetProperty("deleted").GetBoolean();
        if (guard is not [var type, var updatedAt, var by, var log, var hasLog, var hasSchema, var placed] || placed != revision || hasSchema != 0) return null;
        ConfigValueType valueType = default;
        if (!deleted && !ConfigValueTypes.TryParse((string)type!, out valueType)) return null;
        return new ConfigEntry(key, deleted ? null : Encoding.UTF8.GetBytes(root.GetProperty("value").GetRawText()), valueType, root.GetProperty("version").GetInt32(), revision,
            new Timestamp((long)updatedAt), (string)by!, hasLog == 0 ? null : (string)log!, new Timestamp((long)updatedAt), 0);
    }

    static JournalPlace? Place(string text) => text.Split(':') is [var revision, var chain] && long.TryParse(revision, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        ? new JournalPlace(number, Convert.FromHexString(chain)) : null;
}
