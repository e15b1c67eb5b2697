using Npgsql;
using NpgsqlTypes;
using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Core.Json;
using Stele.Server.Journal;

namespace Stele.Server.Configs;

/// <summary>
/// Configuration events → the tables that people query, in the transaction of the append. History gets every version; of
/// the current state only the last row of each key is written, however often a batch touches it.
/// </summary>
internal static class ConfigProjection
{
    /// <summary>Adds the statements that a batch needs; none when it holds no configuration.</summary>
    public static void Write(NpgsqlBatch batch, AppendBatch append) => Write(batch, append, InsertHistorySql, UpsertCurrentSql);

    /// <summary>
    /// The same rows into the tables that are being made anew (<see cref="Database.TableSuccession"/>), from revisions of the
    /// journal. What is there already was written through by a later append, and stays.
    /// </summary>
    public static void WriteSuccessors(NpgsqlBatch batch, AppendBatch append) => Write(batch, append, insertSuccessorHistory, upsertSuccessorCurrent);

    static readonly string insertSuccessorHistory = ToSuccessor(InsertHistorySql) + " ON CONFLICT DO NOTHING";
    static readonly string upsertSuccessorCurrent = ToSuccessor(UpsertCurrentSql) + " WHERE c.revision < excluded.revision";

    static string ToSuccessor(string sql) => sql.Replace("stele.configuration", "stele_next.configuration", StringComparison.Ordinal);

    static void Write(NpgsqlBatch batch, AppendBatch append, string insertHistory, string upsertCurrent)
    {
        var rows = Rows(append);
        if (rows.Count == 0) return;
        var history = new NpgsqlBatchCommand(insertHistory);
        AddCommon(history, append, rows);
        history.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = Column(rows, row => row.HistoryId) });
        history.Parameters.Add(new NpgsqlParameter<bool[]> { TypedValue = Column(rows, row => row.Deleted) });
        batch.BatchCommands.Add(history);

        var last = LastPerKey(rows);
        var current = new NpgsqlBatchCommand(upsertCurrent);
        AddCommon(current, append, last);
        current.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = Column(last, row => row.Entry.Id) });
        current.Parameters.Add(new NpgsqlParameter<DateTime[]> { TypedValue = Column(last, row => row.Entry.CreatedAt.ToDateTime()), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz });
        batch.BatchCommands.Add(current);
    }

    // all but the ids and created_at are the same columns in both tables
    const string InsertHistorySql = """
        INSERT INTO stele.configuration_history (org_id, key, environment, version, value, value_type, updated_at, updated_by, change_log, revision, deleted, schema_definition, id)
        SELECT $1, n.key, n.environment, n.version, n.value, n.value_type, n.updated_at, n.updated_by, n.change_log, n.revision, n.deleted, n.schema_definition, n.id
        FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::text[], $10::bigint[], $11::text[], $12::bigint[], $13::boolean[])
            AS n (key, environment, version, value, value_type, updated_at, updated_by, change_log, revision, schema_definition, id, deleted)
        """;

    const string UpsertCurrentSql = """
        INSERT INTO stele.configuration AS c (org_id, key, environment, version, value, value_type, updated_at, updated_by, change_log, revision, deleted, schema_definition, id, created_at)
        SELECT $1, n.key, n.environment, n.version, n.value, n.value_type, n.updated_at, n.updated_by, n.change_log, n.revision, n.value IS NULL, n.schema_definition, n.id, n.created_at
        FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::text[], $10::bigint[], $11::text[], $12::bigint[], $13::timestamptz[])
            AS n (key, environment, version, value, value_type, updated_at, updated_by, change_log, revision, schema_definition, id, created_at)
        ON CONFLICT (org_id, environment, key) DO UPDATE SET
            version = excluded.version, value = excluded.value, value_type = excluded.value_type, updated_at = excluded.updated_at,
            updated_by = excluded.updated_by, change_log = excluded.change_log, revision = excluded.revision,
            deleted = excluded.deleted, schema_definition = excluded.schema_definition, created_at = excluded.created_at, id = excluded.id
        """;

    /// <summary>The bare text that a column holds for a value: strings without quotes, everything else as JSON; null for a deletion.</summary>
    public static string? Text(byte[]? value, ConfigValueType type) => value is null ? null
        : type == ConfigValueType.String ? CanonicalJson.ToBareString(value)
        : System.Text.Encoding.UTF8.GetString(value);

    /// <summary>The canonical JSON of a column's text.</summary>
    public static byte[] Value(string text, ConfigValueType type) =>
        type == ConfigValueType.String ? CanonicalJson.FromString(text) : System.Text.Encoding.UTF8.GetBytes(text);

    static void AddCommon(NpgsqlBatchCommand command, AppendBatch append, List<Row> rows)
    {
        var p = command.Parameters;
        p.Add(new NpgsqlParameter<int> { TypedValue = append.Org.Value });
        p.Add(new NpgsqlParameter<string[]> { TypedValue = Column(rows, row => row.Entry.Key) });
        p.Add(new NpgsqlParameter<string[]> { TypedValue = Column(rows, row => row.Environment) });
        p.Add(new NpgsqlParameter<long[]> { TypedValue = Column(rows, row => (long)row.Entry.Version) });
        p.Add(new NpgsqlParameter<string?[]> { TypedValue = Column(rows, row => Text(row.Entry.Value, row.Entry.ValueType)) });
        p.Add(new NpgsqlParameter<string[]> { TypedValue = Column(rows, row => row.Entry.ValueType.Name()) });
        p.Add(new NpgsqlParameter<DateTime[]> { TypedValue = Column(rows, row => row.Entry.UpdatedAt.ToDateTime()), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz });
        p.Add(new NpgsqlParameter<string[]> { TypedValue = Column(rows, row => row.Entry.UpdatedBy) });
        p.Add(new NpgsqlParameter<string?[]> { TypedValue = Column(rows, row => row.Entry.ChangeLog) });
        p.Add(new NpgsqlParameter<long[]> { TypedValue = Column(rows, row => row.Entry.Revision) });
        p.Add(new NpgsqlParameter<string?[]> { TypedValue = Column(rows, row => row.Schema is { } schema ? System.Text.Encoding.UTF8.GetString(schema.Text) : null) });
    }

    static T[] Column<T>(List<Row> rows, Func<Row, T> select)
    {
        var column = new T[rows.Count];
        for (var i = 0; i < column.Length; i++) column[i] = select(rows[i]);
        return column;
    }

    // Each row from the one before it of the same key, in the append or in the state that it was decided on. Not from the state
    // after it, so that revisions give the same rows however they are grouped: in appends by chance, in a rebuild by pages.
    static List<Row> Rows(AppendBatch append)
    {
        var rows = new List<Row>(append.Revisions.Count);
        var latest = new Dictionary<(string Environment, string Key), Row>();
        foreach (var revision in append.Revisions)
            foreach (var e in revision.Events)
            {
                var row = e.Payload switch
                {
                    ConfigSet set => Row.Of(append, latest, revision, e, set.Environment, set.Key, set.Value, set.ValueType),
                    ConfigDeleted deleted => Row.Of(append, latest, revision, e, deleted.Environment, deleted.Key, null, null),
                    // a value that is gone: its type went with it
                    null when e.Stream.Split('/', 3) is ["config", var environment, var key] => Row.Of(append, latest, revision, e, environment, key, null, ConfigValueType.Json),
                    _ => (Row?)null,
                };
                if (row is not { } found) continue;
                latest[(found.Environment, found.Entry.Key)] = found;
                rows.Add(found);
            }
        return rows;
    }

    // Redacted: only when the journal is read again, since an append has its values
    readonly record struct Row(string Environment, ConfigEntry Entry, long HistoryId, bool Redacted)
    {
        public ConfigSchema? Schema { get; init; }

        public bool Deleted => Entry.Deleted && !Redacted;

        /// <param name="type">Null for a deletion, which has that of the version before it.</param>
        public static Row Of(AppendBatch append, Dictionary<(string, string), Row> latest, RevisionRecord revision, EventRecord e,
            string environment, string key, byte[]? value, ConfigValueType? type)
        {
            var historyId = EventRecord.RowId(revision.Revision, e.Ordinal);
            var state = append.Before.EnvironmentEver(environment);
            var (before, id) = latest.TryGetValue((environment, key), out var row)
                ? (row.Deleted ? null : row.Entry, row.Entry.Id)
                : state?.Config(key) is { } entry ? (entry, entry.Id) : (null, state?.Deleted.Find(key)?.Id ?? historyId);
            return new Row(environment, new ConfigEntry(key, value, type ?? before?.ValueType ?? ConfigValueType.Json, (int)e.StreamVersion, revision.Revision,
                revision.At, revision.Actor, revision.Reason, before?.CreatedAt ?? revision.At, id), historyId, value is null && type is not null) { Schema = (e.Payload as ConfigSet)?.Schema };
        }
    }

    static List<Row> LastPerKey(List<Row> rows)
    {
        if (rows.Count == 1) return rows;
        var last = new Dictionary<(string, string), Row>(rows.Count);
        foreach (var row in rows) last[(row.Environment, row.Entry.Key)] = row;
        // one order for all nodes, so that two of them cannot lock rows crosswise
        var ordered = last.Values.ToList();
        ordered.Sort((a, b) => string.CompareOrdinal(a.Environment, b.Environment) is var c && c != 0 ? c : string.CompareOrdinal(a.Entry.Key, b.Entry.Key));
        return ordered;
    }
}
