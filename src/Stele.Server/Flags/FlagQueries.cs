using Npgsql;
using Stele.Core.Configs;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Flags;

/// <summary>Flags as the tables have them: the current ones when an org is loaded, and those of the past.</summary>
internal sealed class FlagQueries(DatabaseConnections database, StatementTimer statements)
{
    /// <summary>Adds the statement that loads all flags of an org; none of them for who looks at one key of configuration.</summary>
    public static NpgsqlBatchCommand Load(OrgId org, bool all) => PostgresParameters.Command(LoadSql, org.Value, all);

    const string LoadSql = """
        SELECT environment, name, definition, version, revision, updated_at, updated_by, change_log, created_at, id, killed, archived
        FROM stele.flag WHERE org_id = $1 AND $2 ORDER BY environment, name
        """;

    /// <summary>Reads its result into the environments; about how many bytes of memory it takes. The reader stands on it.</summary>
    public static async Task<long> Read(NpgsqlDataReader reader, Dictionary<string, EnvironmentState> environments, CancellationToken cancellation)
    {
        long bytes = 0;
        var (items, deleted, changed) = (new List<FlagEntry>(), Tombstones.None.ToBuilder(), 0L);
        string? name = null;
        while (await reader.ReadAsync(cancellation))
        {
            if (name != reader.GetString(0))
            {
                Finish();
                name = reader.GetString(0);
            }
            var (version, revision) = ((int)reader.GetInt64(3), reader.GetInt64(4));
            changed = Math.Max(changed, revision);
            if (await reader.IsDBNullAsync(2, cancellation)) deleted.Add(reader.GetString(1), new Tombstone(version, revision, reader.GetInt64(9)));
            else items.Add(Entry(reader));
        }
        Finish();
        return bytes;

        void Finish()
        {
            if (name is null) return;
            var flags = EnvironmentFlags.Of(items, deleted.ToTombstones(), changed);
            environments[name] = environments[name] with { Flags = flags, ChangedRevision = Math.Max(environments[name].ChangedRevision, changed) };
            bytes += flags.MemoryBytes;
            (items, deleted, changed) = ([], Tombstones.None.ToBuilder(), 0);
        }
    }

    /// <summary>Versions of an item below one, newest first.</summary>
    public async Task<List<FlagEntry>> History(OrgId org, string environment, string key, int below, int limit, CancellationToken cancellation) =>
        await Read("flag_history", org, PostgresParameters.Command(HistorySql, org.Value, environment, key, (long)below, limit), cancellation);

    const string HistorySql = """
        SELECT environment, name, definition, version, revision, updated_at, updated_by, change_log, updated_at, id, killed, archived
        FROM stele.flag_history WHERE org_id = $1 AND environment = $2 AND name = $3 AND version < $4 ORDER BY version DESC LIMIT $5
        """;

    /// <summary>Every item of an environment that there was at a revision, in order of key.</summary>
    public async Task<List<FlagEntry>> At(OrgId org, string environment, long revision, CancellationToken cancellation)
    {
        var versions = await Read("flags_at", org, PostgresParameters.Command(AtSql, org.Value, environment, revision), cancellation);
        versions.RemoveAll(version => version.Deleted);
        return versions;
    }

    // all items that ever were: bounded by the limit flag.count and by how many were deleted
    const string AtSql = """
        SELECT DISTINCT ON (name) environment, name, definition, version, revision, updated_at, updated_by, change_log, updated_at, id, killed, archived
        FROM stele.flag_history WHERE org_id = $1 AND environment = $2 AND revision <= $3 ORDER BY name, version DESC
        """;

    async Task<List<FlagEntry>> Read(string name, OrgId org, NpgsqlBatchCommand command, CancellationToken cancellation)
    {
        using var timing = statements.Start(name);
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, command);
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var entries = new List<FlagEntry>();
        while (await reader.ReadAsync(cancellation)) entries.Add(Entry(reader));
        return entries;
    }

    static FlagEntry Entry(NpgsqlDataReader reader) => new(
        reader.GetString(1), reader.IsDBNull(2) ? null : System.Text.Encoding.UTF8.GetBytes(reader.GetString(2)), (int)reader.GetInt64(3), reader.GetInt64(4), Timestamp.From(reader.GetDateTime(5)),
        reader.GetString(6), reader.IsDBNull(7) ? null : reader.GetString(7), Timestamp.From(reader.GetDateTime(8)), reader.GetInt64(9)) { Killed = reader.GetBoolean(10), Archived = reader.GetBoolean(11) };
}
