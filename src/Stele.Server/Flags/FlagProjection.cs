using System.Text;
using Npgsql;
using NpgsqlTypes;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Server.Journal;

namespace Stele.Server.Flags;

/// <summary>
/// Flag events → the tables that people query, in the transaction of the append. History gets every version; of the current
/// state only the last row of each item is written.
/// </summary>
internal static class FlagProjection
{
    /// <summary>Adds the statements that a batch needs; none when it holds no flags.</summary>
    public static void Write(NpgsqlBatch batch, AppendBatch append)
    {
        var rows = Rows(append);
        if (rows.Count == 0) return;
        var history = new NpgsqlBatchCommand(InsertHistorySql);
        AddCommon(history, append, rows, row => row.HistoryId);
        batch.BatchCommands.Add(history);

        var last = LastOfEach(rows);
        var current = new NpgsqlBatchCommand(UpsertCurrentSql);
        AddCommon(current, append, last, row => row.Entry.Id);
        current.Parameters.Add(new NpgsqlParameter<DateTime[]> { TypedValue = [.. last.Select(row => row.Entry.CreatedAt.ToDateTime())], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz });
        batch.BatchCommands.Add(current);
    }

    /// <summary>Whether an event is one of flags.</summary>
    public static bool IsOwn(JournalEvent? payload) => payload is FlagDefined or FlagArchived or FlagDeleted;

    const string InsertHistorySql = """
        INSERT INTO stele.flag_history (org_id, name, environment, version, definition, killed, archived, updated_at, updated_by, change_log, revision, id, deleted)
        SELECT $1, n.name, n.environment, n.version, n.definition, n.killed, n.archived, n.updated_at, n.updated_by, n.change_log, n.revision, n.id, n.definition IS NULL
        FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::boolean[], $7::boolean[], $8::timestamptz[], $9::text[], $10::text[], $11::bigint[], $12::bigint[])
            AS n (name, environment, version, definition, killed, archived, updated_at, updated_by, change_log, revision, id)
        """;

    const string UpsertCurrentSql = """
        INSERT INTO stele.flag AS f (org_id, name, environment, version, definition, killed, archived, updated_at, updated_by, change_log, revision, id, created_at, deleted)
        SELECT $1, n.name, n.environment, n.version, n.definition, n.killed, n.archived, n.updated_at, n.updated_by, n.change_log, n.revision, n.id, n.created_at, n.definition IS NULL
        FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::boolean[], $7::boolean[], $8::timestamptz[], $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::timestamptz[])
            AS n (name, environment, version, definition, killed, archived, updated_at, updated_by, change_log, revision, id, created_at)
        ON CONFLICT (org_id, environment, name) DO UPDATE SET
            version = excluded.version, definition = excluded.definition, killed = excluded.killed, archived = excluded.archived, updated_at = excluded.updated_at,
            updated_by = excluded.updated_by, change_log = excluded.change_log, revision = excluded.revision, id = excluded.id, created_at = excluded.created_at, deleted = excluded.deleted
        """;

    static void AddCommon(NpgsqlBatchCommand command, AppendBatch append, List<Row> rows, Func<Row, long> id)
    {
        var p = command.Parameters;
        p.Add(new NpgsqlParameter<int> { TypedValue = append.Org.Value });
        p.Add(new NpgsqlParameter<string[]> { TypedValue = [.. rows.Select(row => row.Entry.Key)] });
        p.Add(new NpgsqlParameter<string[]> { TypedValue = [.. rows.Select(row => row.Environment)] });
        p.Add(new NpgsqlParameter<long[]> { TypedValue = [.. rows.Select(row => (long)row.Entry.Version)] });
        p.Add(new NpgsqlParameter<string?[]> { TypedValue = [.. rows.Select(row => row.Entry.Text is { } text ? Encoding.UTF8.GetString(text) : null)] });
        p.Add(new NpgsqlParameter<bool[]> { TypedValue = [.. rows.Select(row => row.Entry.Killed)] });
        p.Add(new NpgsqlParameter<bool[]> { TypedValue = [.. rows.Select(row => row.Entry.Archived)] });
        p.Add(new NpgsqlParameter<DateTime[]> { TypedValue = [.. rows.Select(row => row.Entry.UpdatedAt.ToDateTime())], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz });
        p.Add(new NpgsqlParameter<string[]> { TypedValue = [.. rows.Select(row => row.Entry.UpdatedBy)] });
        p.Add(new NpgsqlParameter<string?[]> { TypedValue = [.. rows.Select(row => row.Entry.ChangeLog)] });
        p.Add(new NpgsqlParameter<long[]> { TypedValue = [.. rows.Select(row => row.Entry.Revision)] });
        p.Add(new NpgsqlParameter<long[]> { TypedValue = [.. rows.Select(id)] });
    }

    // Each row from the one before it, in the append or in the state that it was decided on, so that revisions give the same
    // rows however they are grouped.
    static List<Row> Rows(AppendBatch append)
    {
        var rows = new List<Row>();
        var latest = new Dictionary<(string Environment, string Key), FlagEntry>();
        foreach (var revision in append.Revisions)
            foreach (var e in revision.Events)
            {
                if (!IsOwn(e.Payload) || e.Stream.Split('/', 3) is not [_, var environment, var key]) continue;
                var historyId = EventRecord.RowId(revision.Revision, e.Ordinal);
                var flags = append.Before.EnvironmentEver(environment)?.Flags;
                var before = latest.GetValueOrDefault((environment, key)) ?? flags?.Item(key);
                var id = before?.Id ?? flags?.Deleted.Find(key)?.Id ?? historyId;
                var live = before is { Deleted: false } ? before : null;
                var set = e.Payload as FlagDefined;
                var text = e.Payload is FlagDeleted ? null : set?.Definition ?? live!.Text;
                var entry = new FlagEntry(key, text, (int)e.StreamVersion, revision.Revision, revision.At, revision.Actor, revision.Reason, live?.CreatedAt ?? revision.At, id)
                {
                    Killed = text is not null && (set?.Killed ?? live!.Killed), Archived = e.Payload is FlagArchived,
                };
                latest[(environment, key)] = entry;
                rows.Add(new Row(environment, entry, historyId));
            }
        return rows;
    }

    static List<Row> LastOfEach(List<Row> rows)
    {
        var last = new Dictionary<(string, string), Row>(rows.Count);
        foreach (var row in rows) last[(row.Environment, row.Entry.Key)] = row;
        // one order for all nodes, so that two of them cannot lock rows crosswise
        return [.. last.Values.OrderBy(row => row.Environment, StringComparer.Ordinal).ThenBy(row => row.Entry.Key, StringComparer.Ordinal)];
    }

    sealed record Row(string Environment, FlagEntry Entry, long HistoryId);
}
