using System.Text;
using Npgsql;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Secrets;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Secrets;

/// <summary>A version of a secret, without its value.</summary>
/// <param name="Entry">As of this version.</param>
/// <param name="Kind">set, deleted or undeleted.</param>
/// <param name="ChangeLog">Why, or null.</param>
/// <param name="BroughtBy">The version that brought its value; of a deletion: the value that it hides.</param>
internal sealed record SecretVersion(SecretEntry Entry, string Kind, string? ChangeLog, int BroughtBy);

/// <summary>A value as it is stored, with what the journal says of it.</summary>
/// <param name="ValueId">Its id.</param>
/// <param name="Version">The version that brought it.</param>
/// <param name="Ciphertext">Null: destroyed.</param>
/// <param name="KeyVersion">The version of the org's key that wrapped its own; 0 when its key is gone.</param>
/// <param name="Wrapped">Its wrapped key, or null.</param>
/// <param name="Event">The data of the event that brought it; null when that is archived.</param>
/// <param name="EventHash">The hash that the journal's chain has of it.</param>
internal sealed record StoredValue(Guid ValueId, int Version, byte[]? Ciphertext, int KeyVersion, byte[]? Wrapped, byte[]? Event, byte[]? EventHash)
{
    /// <summary>The id under which it lies in Vault, of which <see cref="Ciphertext"/> says where; null: it is here.</summary>
    public Guid? VaultId { get; init; }

    /// <summary>Whether another event brought it to where it lies.</summary>
    public bool IsMoved { get; init; }

    /// <summary>The data of the event that moved it; null when there is none, or it is archived.</summary>
    public byte[]? Move { get; init; }

    /// <summary>The hash that the journal's chain has of that.</summary>
    public byte[]? MoveHash { get; init; }
}

/// <summary>Secrets as the tables have them: the current ones when an org is loaded, versions, and values as ciphertext.</summary>
internal sealed class SecretQueries(DatabaseConnections database, StatementTimer statements)
{
    /// <summary>Adds the statement that loads all secrets of an org; none of them for who looks at one key of configuration.</summary>
    public static NpgsqlBatchCommand Load(OrgId org, bool all) => PostgresParameters.Command(LoadSql, org.Value, all);

    const string LoadSql = """
        SELECT environment, path, version, step, revision, created_at, created_by, value_id, expires_at, metadata, rotation_days, value_bytes, id, is_text, deleted, destroyed, changed_revision
        FROM stele.secret WHERE org_id = $1 AND $2 ORDER BY environment, path
        """;

    /// <summary>Reads its result into the environments; about how many bytes of memory it takes. The reader stands on it.</summary>
    public static async Task<long> Read(NpgsqlDataReader reader, Dictionary<string, EnvironmentState> environments, CancellationToken cancellation)
    {
        var found = new Dictionary<string, List<SecretEntry>>(StringComparer.Ordinal);
        while (await reader.ReadAsync(cancellation))
        {
            var name = reader.GetString(0);
            if (!found.TryGetValue(name, out var entries)) found.Add(name, entries = []);
            entries.Add(Entry(reader));
        }
        long bytes = 0;
        foreach (var (name, entries) in found)
        {
            var secrets = EnvironmentSecrets.Of(entries);
            environments[name] = environments[name] with { Secrets = secrets, ChangedRevision = Math.Max(environments[name].ChangedRevision, secrets.ChangedRevision) };
            bytes += secrets.MemoryBytes;
        }
        return bytes;
    }

    /// <summary>Versions of a secret below one, newest first.</summary>
    public async Task<List<SecretVersion>> History(OrgId org, string environment, string path, int below, int limit, CancellationToken cancellation)
    {
        using var timing = statements.Start("secret_history");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(HistorySql, org.Value, environment, path, (long)below, limit));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var versions = new List<SecretVersion>();
        while (await reader.ReadAsync(cancellation))
            versions.Add(new SecretVersion(Entry(reader), reader.GetString(17), await reader.IsDBNullAsync(18, cancellation) ? null : reader.GetString(18), (int)reader.GetInt64(19)));
        return versions;
    }

    const string HistorySql = """
        SELECT v.environment, v.path, v.version, v.version, v.revision, v.created_at, v.created_by, v.value_id, v.expires_at, v.metadata, v.rotation_days, coalesce(octet_length(b.ciphertext), 28), v.id,
               v.is_text, v.kind = 'deleted', b.ciphertext IS NULL, v.revision, v.kind, v.change_log, b.version
        FROM stele.secret_version v JOIN stele.secret_value b ON b.org_id = v.org_id AND b.value_id = v.value_id
        WHERE v.org_id = $1 AND v.environment = $2 AND v.path = $3 AND v.version < $4 ORDER BY v.version DESC LIMIT $5
        """;

    /// <summary>
    /// The value of a version, by the last version up to it that brought one, so that no row which was changed by hand leads to
    /// another; null: there is none.
    /// </summary>
    public async Task<StoredValue?> Value(OrgId org, string environment, string path, int version, CancellationToken cancellation)
    {
        using var timing = statements.Start("secret_value");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(ValueSql, org.Value, environment, path, (long)version));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        if (!await reader.ReadAsync(cancellation)) return null;
        return new StoredValue(reader.GetGuid(0), (int)reader.GetInt64(1), Bytes(2), await reader.IsDBNullAsync(3, cancellation) ? 0 : reader.GetInt32(3), Bytes(4), Bytes(5), Bytes(6))
        {
            VaultId = await reader.IsDBNullAsync(7, cancellation) ? null : reader.GetGuid(7), IsMoved = !await reader.IsDBNullAsync(8, cancellation), Move = Bytes(9), MoveHash = Bytes(10),
        };

        byte[]? Bytes(int column) => reader.IsDBNull(column) ? null : (byte[])reader[column];
    }

    const string ValueSql = """
        SELECT v.value_id, v.version, b.ciphertext, k.key_version, k.wrapped, e.data, e.data_hash, b.vault_id, b.moved_id, m.data, m.data_hash
        FROM (SELECT * FROM stele.secret_version WHERE org_id = $1 AND environment = $2 AND path = $3 AND version <= $4 AND kind = 'set' ORDER BY version DESC LIMIT 1) v
        LEFT JOIN stele.secret_value b ON b.org_id = $1 AND b.value_id = v.value_id
        LEFT JOIN stele.secret_key k ON k.org_id = $1 AND k.value_id = v.value_id
        LEFT JOIN stele.event e ON e.org_id = $1 AND e.revision = v.revision AND e.ordinal = (v.id % 16384)::int AND e.at = v.created_at
        LEFT JOIN stele.event m ON m.org_id = $1 AND m.revision = b.moved_id / 16384 AND m.ordinal = (b.moved_id % 16384)::int AND m.at = b.moved_at
        """;

    static SecretEntry Entry(NpgsqlDataReader reader) => new(
        reader.GetString(1), (int)reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4), Timestamp.From(reader.GetDateTime(5)), reader.GetString(6), reader.GetGuid(7),
        reader.IsDBNull(8) ? null : Timestamp.From(reader.GetDateTime(8)), SecretEntry.Shared(Encoding.UTF8.GetBytes(reader.GetString(9))), reader.IsDBNull(10) ? null : reader.GetInt32(10), reader.GetInt32(11), reader.GetInt64(12))
    {
        IsText = reader.GetBoolean(13), IsDeleted = reader.GetBoolean(14), IsDestroyed = reader.GetBoolean(15), ChangedRevision = reader.GetInt64(16),
    };
}
