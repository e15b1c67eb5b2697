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

    async Task<int> Execute(string name, OrgId org, NpgsqlBatchCommand command, CancellationToken cancellation)
    {
        using var timing = statements.Start(name);
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, command);
        await batch.ExecuteNonQueryAsync(cancellation);
        return (int)command.RecordsAffected;
    }
}
