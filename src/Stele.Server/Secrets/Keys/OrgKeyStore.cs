using Npgsql;
using Stele.Core.Journal;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Secrets.Keys;

/// <summary>The versions of orgs' keys and the wrapped data keys, as the tables have them.</summary>
internal sealed class OrgKeyStore(DatabaseConnections database, StatementTimer statements)
{
    /// <summary>Every version of an org's key, the oldest first.</summary>
    public async Task<List<OrgKey>> Keys(OrgId org, CancellationToken cancellation)
    {
        using var timing = statements.Start("secret_org_keys");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(KeysSql, org.Value));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var keys = new List<OrgKey>();
        while (await reader.ReadAsync(cancellation))
            keys.Add(new OrgKey(org, reader.GetInt32(0), reader.GetString(1), reader.GetString(2), reader.GetInt32(3), (byte[])reader[4]));
        return keys;
    }

    const string KeysSql = """
        SELECT version, provider, key_id, provider_version, salt FROM stele.secret_org_key WHERE org_id = $1 ORDER BY version
        """;

    /// <summary>Adds a version, unless another node was faster.</summary>
    public Task Add(OrgKey key, CancellationToken cancellation) => Execute("secret_org_key_add", key.Org,
        PostgresParameters.Command(AddSql, key.Org.Value, key.Version, key.Provider, key.KeyId, key.ProviderVersion, key.Salt), cancellation);

    const string AddSql = """
        INSERT INTO stele.secret_org_key (org_id, version, provider, key_id, provider_version, salt) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (org_id, version) DO NOTHING
        """;

    /// <summary>Takes a block of wraps of a version; false when it would have made more than it may.</summary>
    public async Task<bool> Reserve(OrgKey key, long wraps, long most, CancellationToken cancellation) => await Execute("secret_wraps", key.Org,
        PostgresParameters.Command(ReserveSql, key.Org.Value, key.Version, wraps, most), cancellation) > 0;

    const string ReserveSql = """
        UPDATE stele.secret_org_key SET wraps = wraps + $3, unused_since = NULL WHERE org_id = $1 AND version = $2 AND wraps + $3 <= $4
        """;

    /// <summary>The wrapped key of a value, with the version that wrapped it; null: it is destroyed, or never was.</summary>
    public async Task<(int Version, byte[] Wrapped)?> Find(OrgId org, Guid valueId, CancellationToken cancellation)
    {
        using var timing = statements.Start("secret_key");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(FindSql, org.Value, valueId));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        return await reader.ReadAsync(cancellation) ? (reader.GetInt32(0), (byte[])reader[1]) : null;
    }

    const string FindSql = """
        SELECT key_version, wrapped FROM stele.secret_key WHERE org_id = $1 AND value_id = $2
        """;

    /// <summary>Keeps a wrapped key for what is no value of the journal, unless there is one already.</summary>
    public Task Keep(OrgId org, WrappedKey key, int version, CancellationToken cancellation) => Execute("secret_key_keep", org,
        PostgresParameters.Command(KeepSql, org.Value, key.ValueId, version, key.Wrapped), cancellation);

    const string KeepSql = """
        INSERT INTO stele.secret_key (org_id, value_id, key_version, wrapped) VALUES ($1, $2, $3, $4) ON CONFLICT (org_id, value_id) DO NOTHING
        """;

    /// <summary>Data keys that are not wrapped by a version yet.</summary>
    public async Task<List<(int Version, WrappedKey Key)>> Behind(OrgId org, int version, int limit, CancellationToken cancellation)
    {
        using var timing = statements.Start("secret_keys_behind");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(BehindSql, org.Value, version, limit));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var keys = new List<(int, WrappedKey)>();
        while (await reader.ReadAsync(cancellation)) keys.Add((reader.GetInt32(1), new WrappedKey(reader.GetGuid(0), (byte[])reader[2])));
        return keys;
    }

    const string BehindSql = """
        SELECT value_id, key_version, wrapped FROM stele.secret_key WHERE org_id = $1 AND key_version < $2 ORDER BY key_version, value_id LIMIT $3
        """;

    /// <summary>Puts wraps by another version in place, of keys that are still there and still wrapped as they were; how many.</summary>
    public Task<int> Replace(OrgId org, int from, int to, IReadOnlyList<WrappedKey> keys, CancellationToken cancellation) => Execute("secret_keys_replace", org,
        PostgresParameters.Command(ReplaceSql, org.Value, from, to, keys.Select(key => key.ValueId).ToArray(), keys.Select(key => key.Wrapped).ToArray()), cancellation);

    const string ReplaceSql = """
        UPDATE stele.secret_key k SET key_version = $3, wrapped = n.wrapped FROM unnest($4::uuid[], $5::bytea[]) AS n (value_id, wrapped)
        WHERE k.org_id = $1 AND k.value_id = n.value_id AND k.key_version = $2
        """;

    /// <summary>Notes since when versions before one are not used.</summary>
    public Task NoteUnused(OrgId org, int before, CancellationToken cancellation) => Execute("secret_keys_unused", org, PostgresParameters.Command(NoteUnusedSql, org.Value, before), cancellation);

    const string NoteUnusedSql = """
        UPDATE stele.secret_org_key o SET unused_since = now() WHERE o.org_id = $1 AND o.version < $2 AND o.unused_since IS NULL
            AND NOT EXISTS (SELECT FROM stele.secret_key k WHERE k.org_id = $1 AND k.key_version = o.version)
        """;

    /// <summary>How many data keys each version wraps, how often it has wrapped, and since when it is not used.</summary>
    public async Task<Dictionary<int, (long DataKeys, long Wraps, Timestamp CreatedAt, Timestamp? UnusedSince)>> Uses(OrgId org, CancellationToken cancellation)
    {
        using var timing = statements.Start("secret_key_uses");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(UsesSql, org.Value));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var uses = new Dictionary<int, (long, long, Timestamp, Timestamp?)>();
        while (await reader.ReadAsync(cancellation))
            uses[reader.GetInt32(0)] = (reader.GetInt64(1), reader.GetInt64(2), Timestamp.From(reader.GetDateTime(3)), await reader.IsDBNullAsync(4, cancellation) ? null : Timestamp.From(reader.GetDateTime(4)));
        return uses;
    }

    const string UsesSql = """
        SELECT o.version, (SELECT count(*) FROM stele.secret_key k WHERE k.org_id = $1 AND k.key_version = o.version), o.wraps, o.created_at, o.unused_since
        FROM stele.secret_org_key o WHERE o.org_id = $1
        """;

    /// <summary>An org that a provider's key is still needed for: it wraps data keys, or did within so many days, so that a backup may need it. Null: none.</summary>
    public async Task<int?> NeededBy(string provider, ProviderKey key, int days, CancellationToken cancellation)
    {
        using var timing = statements.Start("secret_key_needed");
        await using var connection = await database.Tail.OpenConnectionAsync(cancellation);
        await using var command = PostgresParameters.Command(connection, NeededBySql, provider, key.Id, key.Version, days);
        return await command.ExecuteScalarAsync(cancellation) as int?;
    }

    // few rows: one for each version of each org's key
    const string NeededBySql = """
        SELECT o.org_id FROM stele.secret_org_key o
        WHERE o.provider = $1 AND o.key_id = $2 AND o.provider_version = $3 AND (o.unused_since IS NULL OR o.unused_since > now() - make_interval(days => $4)
            OR EXISTS (SELECT FROM stele.secret_key k WHERE k.org_id = o.org_id AND k.key_version = o.version))
        ORDER BY o.org_id LIMIT 1
        """;

    async Task<int> Execute(string name, OrgId org, NpgsqlBatchCommand command, CancellationToken cancellation)
    {
        using var timing = statements.Start(name);
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, command);
        await batch.ExecuteNonQueryAsync(cancellation);
        return (int)command.RecordsAffected;
    }
}
