using System.Data;
using System.Runtime.CompilerServices;
using Npgsql;
using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Server.Configs;
using Stele.Server.Database;
using Stele.Server.Journal;

namespace Stele.Server.Outbound.Redis;

/// <summary>What is current, from PostgreSQL: row by row, so that no org has to fit into memory.</summary>
internal sealed class RedisState(DatabaseConnections connections)
{
    /// <summary>All configuration of an org, and what was deleted lately: a consumer may have missed it.</summary>
    public async IAsyncEnumerable<RedisEntry> Configs(OrgId org, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await using var connection = await connections.App.OpenConnectionAsync(cancellation);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(PostgresParameters.SetOrg(org));
        batch.BatchCommands.Add(PostgresParameters.Command(ConfigsSql, org.Value));
        await using var reader = await batch.ExecuteReaderAsync(CommandBehavior.SequentialAccess, cancellation);
        await reader.NextResultAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            var (environment, key, type) = (reader.GetString(0), reader.GetString(1), reader.GetString(2));
            if (!ConfigValueTypes.TryParse(type, out var valueType)) throw new InvalidDataException("configuration.value_type is none");
            var value = reader.IsDBNull(3) ? null : ConfigProjection.Value(reader.GetString(3), valueType);
            yield return new RedisEntry(RedisNames.Config, key, environment, value, type, reader.GetInt64(4), reader.GetInt64(5),
                Timestamp.From(reader.GetDateTime(6)), reader.GetString(7), reader.IsDBNull(8) ? null : reader.GetString(8)) { HasSchema = reader.GetBoolean(9) };
        }
    }

    const string ConfigsSql = """
        SELECT environment, key, value_type, value, version, revision, updated_at, updated_by, change_log, schema_definition IS NOT NULL
        FROM stele.configuration
        WHERE org_id = $1 AND (NOT deleted OR updated_at > now() - interval '2 hours')
        """;

    /// <summary>All flags of an org, with what belongs to its sets of them, and what was put away or deleted lately.</summary>
    public async IAsyncEnumerable<RedisEntry> Flags(OrgId org, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await using var connection = await connections.App.OpenConnectionAsync(cancellation);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(PostgresParameters.SetOrg(org));
        batch.BatchCommands.Add(PostgresParameters.Command(FlagsSql, org.Value));
        await using var reader = await batch.ExecuteReaderAsync(CommandBehavior.SequentialAccess, cancellation);
        await reader.NextResultAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            var (environment, name, killed) = (reader.GetString(0), reader.GetString(1), reader.GetBoolean(2));
            var value = reader.IsDBNull(3) ? null : RedisEntry.FlagValue(System.Text.Encoding.UTF8.GetBytes(reader.GetString(3)), killed);
            yield return new RedisEntry(RedisNames.Flag, name, environment, value, "", reader.GetInt64(4), reader.GetInt64(5),
                Timestamp.From(reader.GetDateTime(6)), reader.GetString(7), reader.IsDBNull(8) ? null : reader.GetString(8));
        }
    }

    const string FlagsSql = """
        SELECT environment, name, killed, CASE WHEN NOT archived THEN definition END, version, revision, updated_at, updated_by, change_log
        FROM stele.flag
        WHERE org_id = $1 AND (NOT (deleted OR archived) OR updated_at > now() - interval '2 hours')
        """;

    /// <summary>The history that the database holds, and its counter.</summary>
    public async Task<(Guid Incarnation, long Counter)> History(CancellationToken cancellation)
    {
        await using var connection = await connections.Tail.OpenConnectionAsync(cancellation);
        await using var command = PostgresParameters.Command(connection, HistorySql);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation) ? (reader.GetGuid(0), reader.GetInt64(1)) : throw new StoreUnavailableException("the cluster row is missing");
    }

    const string HistorySql = """
        SELECT incarnation, counter FROM stele.cluster
        """;

    /// <summary>Which of some names are those of orgs that can be read, as they are called now; the default org has no prefix, and so no name here.</summary>
    public async Task<HashSet<string>> Live(IReadOnlyCollection<string> names, CancellationToken cancellation)
    {
        await using var connection = await connections.Tail.OpenConnectionAsync(cancellation);
        await using var command = PostgresParameters.Command(connection, LiveSql, (object)names.ToArray());
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var live = new HashSet<string>(StringComparer.Ordinal);
        while (await reader.ReadAsync(cancellation)) live.Add(reader.GetInt32(1) == OrgId.Default.Value ? "" : reader.GetString(0));
        return live;
    }

    const string LiveSql = """
        SELECT name, org_id FROM stele.org WHERE (name = ANY ($1) OR org_id = 1) AND archived_at IS NULL
        """;
}
