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
    public static void Write(NpgsqlBatch batch, AppendBatch append)
    {
        var rows = Rows(append);
        if (rows.Count == 0) return;
        var history = new NpgsqlBatchCommand(InsertHistorySql);
        AddCommon(history, append, rows);
        history.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = Column(rows, row => row.HistoryId) });
        batch.BatchCommands.Add(history);

        var last = LastPerKey(rows);
        var current = new NpgsqlBatchCommand(UpsertCurrentSql);
        AddCommon(current, append, last);
        current.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = Column(last, row => row.Entry.Id) });
        current.Parameters.Add(new NpgsqlParameter<DateTime[]> { TypedValue = Column(last, row => row.Entry.CreatedAt.ToDateTime()), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz });
        batch.BatchCommands.Add(current);
    }

    // all but the ids and created_at are the same columns in both tables
    const string InsertHistorySql = """
        INSERT INTO stele.configuration_history (org_id, key, environment, version, value, value_type, updated_at, updated_by, change_log, revision, deleted, id)
        SELECT $1, n.key, n.environment, n.version, n.value, n.value_type, n.updated_at, n.updated_by, n.change_log, n.revision, n.value IS NULL, n.id
        FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::text[], $10::bigint[], $11::bigint[])
            AS n (key, environment, version, value, value_type, updated_at, updated_by, change_log, revision, id)
        """;

    const string UpsertCurrentSql = """
        INSERT INTO stele.configuration AS c (org_id, key, environment, version, value, value_type, updated_at, updated_by, change_log, revision, deleted, id, created_at)
        SELECT $1, n.key, n.environment, n.version, n.value, n.value_type, n.updated_at, n.updated_by, n.change_log, n.revision, n.value IS NULL, n.id, n.created_at
        FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::timestamptz[])
            AS n (key, environment, version, value, value_type, updated_at, updated_by, change_log, revision, id, created_at)
        ON CONFLICT (org_id, environment, key) DO UPDATE SET
            version = excluded.version, value = excluded.value, value_type = excluded.value_type, updated_at = excluded.updated_at,
            updated_by = excluded.updated_by, change_log = excluded.change_log, revision = excluded.revision,
            deleted = excluded.deleted, created_at = excluded.created_at
        """;

    /// <summary>The bare text that a column holds for a value: strings without quotes, everything else as JSON; null for a deletion.</summary>
    public static string? Text(byte[]? value, ConfigValueType type) => value is null ? null
        : type == ConfigValueType.String ? CanonicalJson.ToBareString(value)
        : System.Text.Encoding.UTF8.GetString(value);

    /// <summary>The canonical JSON of a column's text.</summary>
    public static byte[] Value(string text, ConfigValueType type) =>
        type == ConfigValueType.String ? CanonicalJson.FromString(text) : System.Text.Encoding.UTF8.GetBytes(text);

    readonly record struct Row(string Environment, ConfigEntry Entry, long HistoryId);

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
    }

    static T[] Column<T>(List<Row> rows, Func<Row, T> select)
    {
        var column = new T[rows.Count];
        for (var i = 0; i < column.Length; i++) column[i] = select(rows[i]);
        return column;
    }

    static List<Row> Rows(AppendBatch append)
    {
        var rows = new List<Row>(append.Revisions.Count);
        foreach (var revision in append.Revisions)
            foreach (var e in revision.Events)
            {
                var id = EventRecord.RowId(revision.Revision, e.Ordinal);
                switch (e.Payload)
                {
                    case ConfigSet set:
                        rows.Add(new Row(set.Environment, Entry(append, revision, set.Environment, set.Key, set.Version, set.Value, set.ValueType), id));
                        break;
                    case ConfigDeleted deleted:
                        rows.Add(new Row(deleted.Environment, Entry(append, revision, deleted.Environment, deleted.Key, deleted.Version, null, null), id));
                        break;
                }
            }
        return rows;
    }

    // id and created_at are those of the key; the rest is of this version
    static ConfigEntry Entry(AppendBatch append, RevisionRecord revision, string environment, string key, int version, byte[]? value, ConfigValueType? type)
    {
        var then = append.After.Environment(environment)!;
        var after = then.Config(key);
        if (after is { Reference: null } && after.Version == version) return after;
        var before = append.Before.Environment(environment)?.Config(key);
        // all revisions of an append have one time: what was not there before it, or made anew in it, was made then
        var madeAnew = before is null || version - before.Version > 1 && DeletedBetween(append, environment, key, before.Version, version);
        var createdAt = madeAnew ? revision.At : before!.CreatedAt;
        var kind = type ?? (before?.Version == version - 1 ? before.ValueType : TypeBefore(append, environment, key, version)) ?? ConfigValueType.Json;
        return new ConfigEntry(key, value, kind, version, revision.Revision, revision.At, revision.Actor, revision.Reason, createdAt, after?.Id ?? then.Deleted.Find(key)!.Value.Id);
    }

    static bool DeletedBetween(AppendBatch append, string environment, string key, int low, int high) =>
        append.Revisions.Any(revision => revision.Events.Any(e => e.Payload is ConfigDeleted deleted
            && deleted.Environment == environment && deleted.Key == key && deleted.Version > low && deleted.Version < high));

    // what a deletion deleted, when the same append set it
    static ConfigValueType? TypeBefore(AppendBatch append, string environment, string key, int version) =>
        append.Revisions.SelectMany(revision => revision.Events).Select(e => e.Payload).OfType<ConfigSet>()
            .LastOrDefault(set => set.Environment == environment && set.Key == key && set.Version < version)?.ValueType;

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
