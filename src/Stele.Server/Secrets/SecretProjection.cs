using System.Text;
using Npgsql;
using NpgsqlTypes;
using Stele.Core.Journal;
using Stele.Core.Secrets;
using Stele.Server.Journal;
using Stele.Server.Secrets.Store;

namespace Stele.Server.Secrets;

/// <summary>
/// Events of secrets → the tables that are read, and the wrapped keys that commit with them, in the transaction of the append. Of the
/// current state only the last row of each secret is written.
/// </summary>
internal static class SecretProjection
{
    /// <summary>Adds the statements that a batch needs; none when it holds no secrets.</summary>
    public static void Write(NpgsqlBatch batch, AppendBatch append)
    {
        WriteTables(batch, append);
        // in their order: what one command of a batch adds another may destroy
        var added = new List<SecretKeyRow>();
        foreach (var row in append.Rows)
            if (row is SecretKeyRow key) added.Add(key);
            else if (row is SecretKeysDestroyed destroyed)
            {
                AddKeys(batch, append.Org, added);
                added = [];
                batch.BatchCommands.Add(PostgresParameters.Command(RemoveKeysSql, append.Org.Value, destroyed.Ids.ToArray()));
            }
        AddKeys(batch, append.Org, added);
        StoreCopies.Write(batch, append);
    }

    const string RemoveKeysSql = """
        DELETE FROM stele.secret_key WHERE org_id = $1 AND value_id = ANY ($2)
        """;

    static void AddKeys(NpgsqlBatch batch, OrgId org, List<SecretKeyRow> keys)
    {
        if (keys.Count > 0)
            batch.BatchCommands.Add(PostgresParameters.Command(InsertKeysSql, org.Value, keys.Select(key => key.Id).ToArray(), keys.Select(key => key.KeyVersion).ToArray(), keys.Select(key => key.Wrapped).ToArray()));
    }

    const string InsertKeysSql = """
        INSERT INTO stele.secret_key (org_id, value_id, key_version, wrapped)
        SELECT $1, n.value_id, n.key_version, n.wrapped FROM unnest($2::uuid[], $3::int[], $4::bytea[]) AS n (value_id, key_version, wrapped)
        """;

    /// <summary>What can be made of the journal alone.</summary>
    public static void WriteTables(NpgsqlBatch batch, AppendBatch append)
    {
        var rows = Rows(append);
        if (rows.Count == 0) return;
        AddValues(batch, append, rows);
        MoveValues(batch, append, rows);
        AddVersions(batch, append, rows);
        var last = new Dictionary<(string, string), Row>(rows.Count);
        foreach (var row in rows) last[(row.Environment, row.Entry.Path)] = row;
        // one order for all nodes, so that two of them cannot lock rows crosswise
        AddCurrent(batch, append, [.. last.Values.OrderBy(row => row.Environment, StringComparer.Ordinal).ThenBy(row => row.Entry.Path, StringComparer.Ordinal)]);
        foreach (var row in rows)
            if (row.Payload is SecretDestroyed destroyed)
                batch.BatchCommands.Add(PostgresParameters.Command(DestroySql, append.Org.Value, destroyed.ValueIds.ToArray()));
    }

    const string DestroySql = """
        UPDATE stele.secret_value SET ciphertext = NULL WHERE org_id = $1 AND value_id = ANY ($2)
        """;

    /// <summary>Whether an event is one of secrets.</summary>
    public static bool IsOwn(JournalEvent? payload) => SecretDecider.Subject(payload) is not null;

    static void AddValues(NpgsqlBatch batch, AppendBatch append, List<Row> rows)
    {
        var values = rows.Where(row => row.Payload is SecretSet).Select(row => (Row: row, ((SecretSet)row.Payload).Value)).ToList();
        if (values.Count == 0) return;
        var command = PostgresParameters.Command(InsertValuesSql, append.Org.Value,
            values.Select(value => value.Value.Id).ToArray(), values.Select(value => value.Row.Environment).ToArray(), values.Select(value => value.Row.Entry.Path).ToArray(),
            values.Select(value => (long)value.Row.Entry.Version).ToArray(), values.Select(value => value.Row.EventId).ToArray(), Times(values.Select(value => (Timestamp?)value.Row.Entry.CreatedAt)),
            values.Select(value => value.Value.Ciphertext).ToArray(), values.Select(value => value.Value.Digest).ToArray());
        command.Parameters.Add(new NpgsqlParameter<Guid?[]> { TypedValue = [.. values.Select(value => value.Value.VaultId)] });
        batch.BatchCommands.Add(command);
    }

    const string InsertValuesSql = """
        INSERT INTO stele.secret_value (org_id, value_id, environment, path, version, id, at, ciphertext, digest, vault_id)
        SELECT $1, n.value_id, n.environment, n.path, n.version, n.id, n.at, n.ciphertext, n.digest, n.vault_id
        FROM unnest($2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::timestamptz[], $8::bytea[], $9::bytea[], $10::uuid[])
            AS n (value_id, environment, path, version, id, at, ciphertext, digest, vault_id)
        """;

    // of a value that moved more than once the last place; what is destroyed stays so
    static void MoveValues(NpgsqlBatch batch, AppendBatch append, List<Row> rows)
    {
        var moved = new Dictionary<Guid, (SealedValue Value, Row Row)>();
        foreach (var row in rows)
            if (row.Payload is SecretMoved move)
                foreach (var value in move.Values) moved[value.Id] = (value, row);
        if (moved.Count == 0) return;
        var command = PostgresParameters.Command(MoveValuesSql, append.Org.Value, moved.Keys.ToArray(), moved.Values.Select(one => one.Value.Ciphertext).ToArray(), moved.Values.Select(one => one.Row.EventId).ToArray(),
            Times(moved.Values.Select(one => (Timestamp?)one.Row.At)));
        command.Parameters.Add(new NpgsqlParameter<Guid?[]> { TypedValue = [.. moved.Values.Select(one => one.Value.VaultId)] });
        batch.BatchCommands.Add(command);
    }

    const string MoveValuesSql = """
        UPDATE stele.secret_value v SET ciphertext = n.ciphertext, moved_id = n.id, moved_at = n.at, vault_id = n.vault_id
        FROM unnest($2::uuid[], $3::bytea[], $4::bigint[], $5::timestamptz[], $6::uuid[]) AS n (value_id, ciphertext, id, at, vault_id)
        WHERE v.org_id = $1 AND v.value_id = n.value_id AND v.ciphertext IS NOT NULL
        """;

    static void AddVersions(NpgsqlBatch batch, AppendBatch append, List<Row> rows)
    {
        var versions = rows.Where(row => row.Payload is not (SecretDestroyed or SecretMoved)).ToList();
        if (versions.Count == 0) return;
        var command = new NpgsqlBatchCommand(InsertVersionsSql);
        AddCommon(command, append, versions, row => row.EventId);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. versions.Select(row => row.Payload.Type["secret.".Length..])] });
        command.Parameters.Add(new NpgsqlParameter<string?[]> { TypedValue = [.. versions.Select(row => row.ChangeLog)] });
        batch.BatchCommands.Add(command);
    }

    const string InsertVersionsSql = """
        INSERT INTO stele.secret_version (org_id, path, environment, version, revision, created_at, created_by, value_id, is_text, expires_at, metadata, rotation_days, id, kind, change_log)
        SELECT $1, n.path, n.environment, n.version, n.revision, n.created_at, n.created_by, n.value_id, n.is_text, n.expires_at, n.metadata, n.rotation_days, n.id, n.kind, n.change_log
        FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::text[], $8::uuid[], $9::boolean[], $10::timestamptz[], $11::text[], $12::int[], $13::bigint[], $14::text[], $15::text[])
            AS n (path, environment, version, revision, created_at, created_by, value_id, is_text, expires_at, metadata, rotation_days, id, kind, change_log)
        """;

    static void AddCurrent(NpgsqlBatch batch, AppendBatch append, List<Row> rows)
    {
        var command = new NpgsqlBatchCommand(UpsertCurrentSql);
        AddCommon(command, append, rows, row => row.Entry.Id);
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. rows.Select(row => row.Entry.StreamVersion)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. rows.Select(row => row.Entry.ChangedRevision)] });
        command.Parameters.Add(new NpgsqlParameter<int[]> { TypedValue = [.. rows.Select(row => row.Entry.ValueBytes)] });
        command.Parameters.Add(new NpgsqlParameter<bool[]> { TypedValue = [.. rows.Select(row => row.Entry.IsDeleted)] });
        command.Parameters.Add(new NpgsqlParameter<bool[]> { TypedValue = [.. rows.Select(row => row.Entry.IsDestroyed)] });
        batch.BatchCommands.Add(command);
    }

    const string UpsertCurrentSql = """
        INSERT INTO stele.secret (org_id, path, environment, version, revision, created_at, created_by, value_id, is_text, expires_at, metadata, rotation_days, id, step, changed_revision, value_bytes, deleted, destroyed)
        SELECT $1, n.path, n.environment, n.version, n.revision, n.created_at, n.created_by, n.value_id, n.is_text, n.expires_at, n.metadata, n.rotation_days, n.id, n.step, n.changed_revision, n.value_bytes, n.deleted, n.destroyed
        FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::text[], $8::uuid[], $9::boolean[], $10::timestamptz[], $11::text[], $12::int[], $13::bigint[],
                    $14::bigint[], $15::bigint[], $16::int[], $17::boolean[], $18::boolean[])
            AS n (path, environment, version, revision, created_at, created_by, value_id, is_text, expires_at, metadata, rotation_days, id, step, changed_revision, value_bytes, deleted, destroyed)
        ON CONFLICT (org_id, environment, path) DO UPDATE SET
            version = excluded.version, revision = excluded.revision, created_at = excluded.created_at, created_by = excluded.created_by, value_id = excluded.value_id, is_text = excluded.is_text,
            expires_at = excluded.expires_at, metadata = excluded.metadata, rotation_days = excluded.rotation_days, id = excluded.id, step = excluded.step, changed_revision = excluded.changed_revision,
            value_bytes = excluded.value_bytes, deleted = excluded.deleted, destroyed = excluded.destroyed
        """;

    static void AddCommon(NpgsqlBatchCommand command, AppendBatch append, List<Row> rows, Func<Row, long> id)
    {
        var p = command.Parameters;
        p.Add(new NpgsqlParameter<int> { TypedValue = append.Org.Value });
        p.Add(new NpgsqlParameter<string[]> { TypedValue = [.. rows.Select(row => row.Entry.Path)] });
        p.Add(new NpgsqlParameter<string[]> { TypedValue = [.. rows.Select(row => row.Environment)] });
        p.Add(new NpgsqlParameter<long[]> { TypedValue = [.. rows.Select(row => (long)row.Entry.Version)] });
        p.Add(new NpgsqlParameter<long[]> { TypedValue = [.. rows.Select(row => row.Entry.Revision)] });
        p.Add(Times(rows.Select(row => (Timestamp?)row.Entry.CreatedAt)));
        p.Add(new NpgsqlParameter<string[]> { TypedValue = [.. rows.Select(row => row.Entry.CreatedBy)] });
        p.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. rows.Select(row => row.Entry.ValueId)] });
        p.Add(new NpgsqlParameter<bool[]> { TypedValue = [.. rows.Select(row => row.Entry.IsText)] });
        p.Add(Times(rows.Select(row => row.Entry.ExpiresAt)));
        p.Add(new NpgsqlParameter<string[]> { TypedValue = [.. rows.Select(row => Encoding.UTF8.GetString(row.Entry.Metadata))] });
        p.Add(new NpgsqlParameter<int?[]> { TypedValue = [.. rows.Select(row => row.Entry.RotationDays)] });
        p.Add(new NpgsqlParameter<long[]> { TypedValue = [.. rows.Select(id)] });
    }

    static NpgsqlParameter Times(IEnumerable<Timestamp?> times) =>
        new NpgsqlParameter<DateTime?[]> { TypedValue = [.. times.Select(at => at?.ToDateTime())], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz };

    // Each row from the one before it, in the append or in the state that it was decided on, so that revisions give the same
    // rows however they are grouped.
    static List<Row> Rows(AppendBatch append)
    {
        var rows = new List<Row>();
        Dictionary<(string, string), SecretEntry>? latest = null;
        foreach (var revision in append.Revisions)
            foreach (var e in revision.Events)
            {
                if (SecretDecider.Subject(e.Payload) is not var (environment, path)) continue;
                latest ??= [];
                var before = latest.GetValueOrDefault((environment, path)) ?? append.Before.EnvironmentEver(environment)?.Secrets.Ever(path);
                var entry = latest[(environment, path)] = SecretDecider.Evolve(before, revision, e);
                rows.Add(new Row(environment, entry, e.Payload!, EventRecord.RowId(revision.Revision, e.Ordinal), revision.At, revision.Reason));
            }
        return rows;
    }

    sealed record Row(string Environment, SecretEntry Entry, JournalEvent Payload, long EventId, Timestamp At, string? ChangeLog);
}
