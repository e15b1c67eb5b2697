using System.Runtime.CompilerServices;
using Npgsql;
using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Configs;

/// <summary>A version of a key. A redacted one has lost its value, which reads as null.</summary>
/// <param name="Entry">The version; its value is null when it is a deletion.</param>
/// <param name="Redacted">Whether the value was taken out of the journal.</param>
/// <param name="Schema">Its schema, where it was read from history; what memory answers has it in the state.</param>
internal sealed record ConfigVersion(ConfigEntry Entry, bool Redacted, ConfigSchema? Schema = null);

/// <summary>
/// Configuration as it was. What has not changed since the moment asked for is answered from memory: an entry knows the
/// revision that made it, so only keys that changed later cost SQL.
/// </summary>
internal sealed class ConfigQueries(DatabaseConnections database, StatementTimer statements)
{
    const int ChunkKeys = 500;

    /// <summary>A key at a revision that the state has reached; null if it did not exist then or was deleted.</summary>
    public async Task<ConfigVersion?> At(OrgState state, EnvironmentState environment, string key, long revision, CancellationToken cancellation)
    {
        if (Known.Of(environment, key) is not { } known || known.CreatedRevision > revision) return null;
        if (known.Revision <= revision) return known.Entry is { } entry ? new ConfigVersion(entry, false) : null;
        var found = await Versions(state.Org, environment.Name, [known], revision, cancellation);
        return found is [{ Entry.Deleted: false } version] ? version : null;
    }

    /// <summary>What there was under a prefix at a revision that the state has reached, in order of key, without what was deleted.</summary>
    public async IAsyncEnumerable<ConfigVersion> At(
        OrgState state, EnvironmentState environment, string prefix, string? after, long revision, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var chunk = new List<Known>();
        var changed = new List<Known>();
        await foreach (var known in Keys(state, environment, prefix, after, revision, cancellation))
        {
            if (known.CreatedRevision > revision) continue;
            if (known.Revision > revision) changed.Add(known);
            else if (changed.Count == 0)
            {
                yield return new ConfigVersion(known.Entry!, false);
                continue;
            }
            chunk.Add(known);
            if (chunk.Count < ChunkKeys) continue;
            await foreach (var version in Resolve(state, environment, chunk, changed, revision, cancellation)) yield return version;
            chunk.Clear();
            changed.Clear();
        }
        await foreach (var version in Resolve(state, environment, chunk, changed, revision, cancellation)) yield return version;
    }

    /// <summary>The keys that there are, and among them, in one order, those that a revision later than the one asked for deleted.</summary>
    async IAsyncEnumerable<Known> Keys(
        OrgState state, EnvironmentState environment, string prefix, string? after, long revision, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var live = (after is null ? environment.Configs.StartingWith(prefix) : environment.Configs.StartingWith(prefix, after)).GetEnumerator();
        var isLive = live.MoveNext();
        // memory knows deleted keys by their hashes only
        if (environment.Deleted.Count > 0 && revision < environment.ChangedRevision)
            await foreach (var key in DeletedKeys(state, environment.Name, prefix, after, revision, cancellation))
            {
                // deleted and made again: it is among the others
                if (environment.Config(key) is not null || Known.Of(environment, key) is not { } known || known.Revision <= revision) continue;
                for (; isLive && string.CompareOrdinal(live.Current.Key, key) < 0; isLive = live.MoveNext()) yield return Known.Of(live.Current);
                yield return known;
            }
        for (; isLive; isLive = live.MoveNext()) yield return Known.Of(live.Current);
    }

    async IAsyncEnumerable<string> DeletedKeys(
        OrgState state, string environment, string prefix, string? after, long revision, [EnumeratorCancellation] CancellationToken cancellation)
    {
        // no character of a key is below U+0001 or above U+007E
        var (lower, upper) = (after is null || string.CompareOrdinal(after, prefix) < 0 ? prefix : after + '\u0001', prefix + '\u007f');
        while (true)
        {
            var command = PostgresParameters.Command(DeletedKeysSql, state.Org.Value, environment, lower, upper, revision, state.Revision, ChunkKeys);
            var keys = await Run("config_deleted_keys", state.Org, command, reader => reader.GetString(0), cancellation);
            foreach (var key in keys) yield return key;
            if (keys.Count < ChunkKeys) yield break;
            lower = keys[^1] + '\u0001';
        }
    }

    // of history, whose rows stay: the current table may have gone on since the state was taken
    const string DeletedKeysSql = """
        SELECT DISTINCT h.key FROM stele.configuration_history h
        WHERE h.org_id = $1 AND h.environment = $2 AND h.key >= $3 AND h.key < $4 AND h.deleted AND h.revision > $5 AND h.revision <= $6
        ORDER BY h.key LIMIT $7
        """;

    /// <summary>One version of a key; null if there is none of that number.</summary>
    public async Task<ConfigVersion?> Version(OrgId org, string environment, string key, int version, CancellationToken cancellation) =>
        await History(org, environment, key, version + 1, 1, cancellation) is [var found, ..] && found.Entry.Version == version ? found : null;

    /// <summary>
    /// The versions of a key below one, newest first; fewer than asked for if they are larger than
    /// <see cref="SteleLimits.PageBytes"/>, but at least one if there is one.
    /// </summary>
    public Task<List<ConfigVersion>> History(OrgId org, string environment, string key, int below, int limit, CancellationToken cancellation) =>
        Run("config_history", org, PostgresParameters.Command(HistorySql, org.Value, environment, key, (long)below, limit, SteleLimits.PageBytes.Value), Read, cancellation);

    // the sum reads lengths, not values: it ends the page before they are fetched
    const string HistorySql = """
        SELECT s.key, s.version, s.revision, s.value, s.value_type, s.updated_at, s.updated_by, s.change_log, s.deleted, s.schema_definition
        FROM (SELECT h.key, h.version, h.revision, h.value, h.value_type, h.updated_at, h.updated_by, h.change_log, h.deleted, h.schema_definition,
                     coalesce(sum(octet_length(h.value) + coalesce(octet_length(h.schema_definition), 0)) OVER (ORDER BY h.version DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
              FROM stele.configuration_history h
              WHERE h.org_id = $1 AND h.environment = $2 AND h.key = $3 AND h.version < $4
              ORDER BY h.version DESC LIMIT $5) AS s
        WHERE s.before <= $6
        ORDER BY s.version DESC
        """;

    /// <summary>
    /// The versions that keys had at a revision, in the order of the keys; those that did not exist are absent. They
    /// were changed by a later revision. Values past <see cref="SteleLimits.PageBytes"/> are left for the next call.
    /// </summary>
    Task<List<ConfigVersion>> Versions(OrgId org, string environment, List<Known> all, long revision, CancellationToken cancellation)
    {
        var (keys, below) = (new string[all.Count], new long[all.Count]);
        for (var i = 0; i < keys.Length; i++) (keys[i], below[i]) = (all[i].Key, all[i].Version);
        var command = PostgresParameters.Command(VersionsSql, org.Value, environment);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = keys });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = below });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = revision });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = SteleLimits.PageBytes.Value });
        return Run("config_versions_at", org, command, Read, cancellation);
    }

    // Bisects the gapless versions of each key: revisions rise with versions, and a key may have a hundred thousand. An
    // index on revision would answer the same, and would cost every write. Each LIMIT 1 keeps its look-up a look-up: as
    // plain joins, before the first ANALYZE of a table, these became merges over every key of the environment.
    const string VersionsSql = """
        SELECT s.key, s.version, s.revision, s.value, s.value_type, s.updated_at, s.updated_by, s.change_log, s.deleted, s.schema_definition
        FROM (SELECT k.key, found.low AS version, h.revision, h.value, h.value_type, h.updated_at, h.updated_by, h.change_log, h.deleted, h.schema_definition,
                     coalesce(sum(octet_length(h.value)) OVER (ORDER BY k.key ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
              FROM unnest($3::text[], $4::bigint[]) AS k (key, below)
              CROSS JOIN LATERAL (
                  WITH RECURSIVE bisection (low, high) AS (
                      SELECT 0::bigint, k.below
                      UNION ALL
                      SELECT CASE WHEN m.revision <= $5 THEN m.version ELSE b.low END, CASE WHEN m.revision <= $5 THEN b.high ELSE m.version END
                      FROM bisection b
                      CROSS JOIN LATERAL (SELECT c.version, c.revision FROM stele.configuration_history c
                          WHERE c.org_id = $1 AND c.environment = $2 AND c.key = k.key AND c.version = (b.low + b.high) / 2 LIMIT 1) AS m
                      WHERE b.high - b.low > 1
                  )
                  SELECT b.low FROM bisection b WHERE b.high - b.low = 1
              ) AS found
              CROSS JOIN LATERAL (SELECT c.revision, c.value, c.value_type, c.updated_at, c.updated_by, c.change_log, c.deleted, c.schema_definition
                  FROM stele.configuration_history c
                  WHERE c.org_id = $1 AND c.environment = $2 AND c.key = k.key AND c.version = found.low LIMIT 1) AS h) AS s
        WHERE s.before <= $6
        ORDER BY s.key COLLATE "C"
        """;

    // in the order of the chunk; `changed` are those of its entries that memory cannot answer
    async IAsyncEnumerable<ConfigVersion> Resolve(OrgState state, EnvironmentState environment, List<Known> chunk, List<Known> changed,
        long revision, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var found = new Queue<ConfigVersion>();
        var (next, asked) = (0, 0);
        foreach (var known in chunk)
        {
            if (known.Revision <= revision)
            {
                yield return new ConfigVersion(known.Entry!, false);
                continue;
            }
            if (next == asked)
            {
                var versions = await Versions(state.Org, environment.Name, changed[asked..], revision, cancellation);
                asked = IsPartial(versions) ? changed.FindIndex(asked, other => other.Key == versions[^1].Entry.Key) + 1 : changed.Count;
                found = new Queue<ConfigVersion>(versions);
            }
            next++;
            if (found.TryPeek(out var version) && version.Entry.Key == known.Key && !found.Dequeue().Entry.Deleted) yield return version;
        }
    }

    // the statement stops after the row that passes the bound
    static bool IsPartial(List<ConfigVersion> versions)
    {
        long bytes = 0;
        foreach (var version in versions) bytes += version.Entry.Value?.Length ?? 0;
        return bytes > SteleLimits.PageBytes.Value;
    }

    async Task<List<T>> Run<T>(string name, OrgId org, NpgsqlBatchCommand command, Func<NpgsqlDataReader, T> read, CancellationToken cancellation)
    {
        using var timing = statements.Start(name);
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, command);
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellation)) rows.Add(read(reader));
        return rows;
    }

    static ConfigVersion Read(NpgsqlDataReader reader)
    {
        if (!ConfigValueTypes.TryParse(reader.GetString(4), out var type)) throw new InvalidDataException("configuration_history.value_type is none");
        var text = reader.IsDBNull(3) ? null : reader.GetString(3);
        var deleted = reader.GetBoolean(8);
        var value = deleted ? null : text is null ? "null"u8.ToArray() : ConfigProjection.Value(text, type);
        var at = Timestamp.From(reader.GetDateTime(5));
        return new ConfigVersion(
            new ConfigEntry(reader.GetString(0), value, type, (int)reader.GetInt64(1), reader.GetInt64(2), at, reader.GetString(6),
                reader.IsDBNull(7) ? null : reader.GetString(7), at, 0),
            Redacted: !deleted && text is null,
            reader.IsDBNull(9) ? null : ConfigSchema.Stored(System.Text.Encoding.UTF8.GetBytes(reader.GetString(9))));
    }

    /// <summary>What memory knows of a key, be it there or deleted.</summary>
    /// <param name="Key">The key.</param>
    /// <param name="Entry">Null when it is deleted.</param>
    /// <param name="Version">Its last version.</param>
    /// <param name="Revision">The revision that made it.</param>
    /// <param name="CreatedRevision">The revision that first made the key.</param>
    readonly record struct Known(string Key, ConfigEntry? Entry, int Version, long Revision, long CreatedRevision)
    {
        public static Known Of(ConfigEntry entry) => new(entry.Key, entry, entry.Version, entry.Revision, entry.Id >> 14);

        public static Known? Of(EnvironmentState environment, string key) => environment.Config(key) is { } entry ? Of(entry)
            : environment.Deleted.Find(key) is { } deleted ? new Known(key, null, deleted.Version, deleted.Revision, deleted.Id >> 14)
            : null;
    }
}
