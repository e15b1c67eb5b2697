using Npgsql;
using NpgsqlTypes;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Audit;

/// <summary>A line of either log.</summary>
/// <param name="Revision">Of the journal; 0: it is of the audit log.</param>
/// <param name="Ordinal">In the revision.</param>
/// <param name="Sequence">Of the audit log; 0: it is of the journal.</param>
internal sealed record AuditRow(
    long Revision, int Ordinal, long Sequence, Timestamp At, string Action, string Actor, string? Target, string? Environment, string Outcome, string? Code, int Times,
    Guid RequestId, string? Address, string? Detail)
{
    /// <summary>Which log it is of.</summary>
    public bool IsOfJournal => Revision != 0;
}

/// <summary>Between what a question's answer lies.</summary>
/// <param name="AfterRevision">Exclusive.</param>
/// <param name="LastRevision">Inclusive.</param>
/// <param name="AfterSequence">Exclusive.</param>
/// <param name="LastSequence">Inclusive.</param>
/// <param name="Floor">What has left.</param>
internal sealed record AuditBounds(long AfterRevision, long LastRevision, long AfterSequence, long LastSequence, AuditFloor Floor);

/// <summary>What has left the logs: revisions that were archived, entries that retention dropped.</summary>
/// <param name="Revision">The last revision whose events are archived; 0: none.</param>
/// <param name="RevisionAt">When it was.</param>
/// <param name="Sequence">The last entry that was dropped; 0: none.</param>
/// <param name="SequenceAt">From when on no entry was dropped.</param>
internal sealed record AuditFloor(long Revision, Timestamp RevisionAt, long Sequence, Timestamp SequenceAt);

/// <summary>Reads both logs, a window at a time, each in a transaction of its own: nothing is held between two windows.</summary>
internal sealed class AuditQueries(DatabaseConnections database, StatementTimer statements)
{
    /// <summary>Revisions or entries that one statement looks at.</summary>
    public const int Window = 1_000;

    /// <summary>Where a question begins and ends.</summary>
    public async Task<AuditBounds> Bounds(OrgId org, long revision, Timestamp? from, Timestamp? to, CancellationToken cancellation)
    {
        using var timing = statements.Start("audit_bounds");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        var bounds = PostgresParameters.Command(BoundsSql, org.Value);
        bounds.Parameters.Add(Time(from?.ToDateTime() ?? DateTime.MinValue));
        bounds.Parameters.Add(Time(to?.ToDateTime() ?? DateTime.MaxValue));
        await using var batch = JournalQueries.InOrg(connection, org, bounds);
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        await reader.ReadAsync(cancellation);
        var floor = new AuditFloor(reader.GetInt64(0), reader.IsDBNull(1) ? Timestamp.Epoch : Timestamp.From(reader.GetDateTime(1)),
            reader.GetInt64(2), reader.IsDBNull(3) ? Timestamp.Epoch : Timestamp.From(reader.GetDateTime(3)));
        return new AuditBounds(Math.Max(floor.Revision, reader.GetInt64(4)), Math.Min(revision, reader.GetInt64(5)), reader.GetInt64(6), reader.GetInt64(7), floor);
    }

    static NpgsqlParameter Time(DateTime utc) => new NpgsqlParameter<DateTime> { TypedValue = DateTime.SpecifyKind(utc, DateTimeKind.Utc), NpgsqlDbType = NpgsqlDbType.TimestampTz };

    // without a bound the parameters are infinities
    const string BoundsSql = """
        SELECT f.revision, (SELECT r.at FROM stele.revision r WHERE r.org_id = $1 AND r.revision = f.revision),
               f.sequence, (SELECT (max(d.month) + interval '1 month') AT TIME ZONE 'UTC' FROM stele.audit_dropped d WHERE d.org_id = $1),
               stele.revision_at($1, $2::timestamptz - interval '1 microsecond'), stele.revision_at($1, $3::timestamptz - interval '1 microsecond'),
               stele.audit_before($1, $2), stele.audit_before($1, $3)
        FROM (SELECT stele.journal_floor($1) AS revision, stele.audit_floor($1) AS sequence) f
        """;

    /// <summary>Events of the journal after a place, oldest first, of revisions up to one.</summary>
    public Task<List<AuditRow>> EventsAfter(OrgId org, AuditParameters asked, long revision, int ordinal, long last, int rows, CancellationToken cancellation) =>
        Events(EventsAfterSql, org, asked, revision, ordinal, last, rows, cancellation);

    const string EventsAfterSql = """
        SELECT e.revision, e.ordinal, e.at, e.type, r.actor, e.stream, r.request_id, r.reason
        FROM stele.event e JOIN stele.revision r ON r.org_id = e.org_id AND r.revision = e.revision
        WHERE e.org_id = $1 AND e.revision >= $2 AND e.revision <= $4 AND (e.revision, e.ordinal) > ($2, $3)
          AND ($5 = '' OR e.type = $5) AND starts_with(e.type, $6) AND ($7 = '' OR e.stream = $7) AND starts_with(e.stream, $8) AND ($9 = '' OR r.actor = $9)
          AND ($10 = '' OR (split_part(e.stream, '/', 1) IN ('config', 'flag', 'secret', 'environment') AND split_part(e.stream, '/', 2) = $10))
        ORDER BY e.revision, e.ordinal LIMIT $11
        """;

    /// <summary>The same before a place, newest first, of revisions down to one.</summary>
    public Task<List<AuditRow>> EventsBefore(OrgId org, AuditParameters asked, long revision, int ordinal, long first, int rows, CancellationToken cancellation) =>
        Events(EventsBeforeSql, org, asked, revision, ordinal, first, rows, cancellation);

    const string EventsBeforeSql = """
        SELECT e.revision, e.ordinal, e.at, e.type, r.actor, e.stream, r.request_id, r.reason
        FROM stele.event e JOIN stele.revision r ON r.org_id = e.org_id AND r.revision = e.revision
        WHERE e.org_id = $1 AND e.revision <= $2 AND e.revision >= $4 AND (e.revision, e.ordinal) < ($2, $3)
          AND ($5 = '' OR e.type = $5) AND starts_with(e.type, $6) AND ($7 = '' OR e.stream = $7) AND starts_with(e.stream, $8) AND ($9 = '' OR r.actor = $9)
          AND ($10 = '' OR (split_part(e.stream, '/', 1) IN ('config', 'flag', 'secret', 'environment') AND split_part(e.stream, '/', 2) = $10))
        ORDER BY e.revision DESC, e.ordinal DESC LIMIT $11
        """;

    /// <summary>Entries of the audit log after one, oldest first, up to one.</summary>
    public Task<List<AuditRow>> EntriesAfter(OrgId org, AuditParameters asked, long sequence, long last, int rows, CancellationToken cancellation) =>
        Entries(EntriesAfterSql, org, asked, sequence, last, rows, cancellation);

    const string EntriesAfterSql = """
        SELECT sequence, at, action, actor, target, environment, outcome, code, times, request_id, address, detail FROM stele.audit_entry
        WHERE org_id = $1 AND sequence > $2 AND sequence <= $3
          AND ($4 = '' OR action = $4) AND starts_with(action, $5) AND ($6 = '' OR target = $6) AND starts_with(coalesce(target, ''), $7) AND ($8 = '' OR actor = $8)
          AND ($9 = '' OR environment = $9) AND ($10 = '' OR outcome = $10)
        ORDER BY sequence LIMIT $11
        """;

    /// <summary>The same before one, newest first, down to one.</summary>
    public Task<List<AuditRow>> EntriesBefore(OrgId org, AuditParameters asked, long sequence, long first, int rows, CancellationToken cancellation) =>
        Entries(EntriesBeforeSql, org, asked, sequence, first, rows, cancellation);

    const string EntriesBeforeSql = """
        SELECT sequence, at, action, actor, target, environment, outcome, code, times, request_id, address, detail FROM stele.audit_entry
        WHERE org_id = $1 AND sequence < $2 AND sequence >= $3
          AND ($4 = '' OR action = $4) AND starts_with(action, $5) AND ($6 = '' OR target = $6) AND starts_with(coalesce(target, ''), $7) AND ($8 = '' OR actor = $8)
          AND ($9 = '' OR environment = $9) AND ($10 = '' OR outcome = $10)
        ORDER BY sequence DESC LIMIT $11
        """;

    async Task<List<AuditRow>> Events(string sql, OrgId org, AuditParameters asked, long revision, int ordinal, long end, int limit, CancellationToken cancellation)
    {
        using var timing = statements.Start("audit_events");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(sql, org.Value, revision, ordinal, end,
            asked.Action.Exact, asked.Action.Prefix, asked.Target.Exact, asked.Target.Prefix, asked.Actor, asked.Environment, limit));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var rows = new List<AuditRow>();
        while (await reader.ReadAsync(cancellation))
        {
            var stream = reader.GetString(5);
            rows.Add(new AuditRow(reader.GetInt64(0), reader.GetInt32(1), 0, Timestamp.From(reader.GetDateTime(2)), reader.GetString(3), reader.GetString(4), stream,
                EnvironmentOf(stream), "allowed", null, 1, reader.GetGuid(6), null, Text(reader, 7)));
        }
        return rows;
    }

    async Task<List<AuditRow>> Entries(string sql, OrgId org, AuditParameters asked, long sequence, long end, int limit, CancellationToken cancellation)
    {
        using var timing = statements.Start("audit_entries");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(sql, org.Value, sequence, end,
            asked.Action.Exact, asked.Action.Prefix, asked.Target.Exact, asked.Target.Prefix, asked.Actor, asked.Environment, asked.Outcome, limit));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var rows = new List<AuditRow>();
        while (await reader.ReadAsync(cancellation))
            rows.Add(new AuditRow(0, 0, reader.GetInt64(0), Timestamp.From(reader.GetDateTime(1)), reader.GetString(2), reader.GetString(3), Text(reader, 4), Text(reader, 5),
                reader.GetString(6), Text(reader, 7), reader.GetInt32(8), reader.GetGuid(9), Text(reader, 10), Text(reader, 11)));
        return rows;
    }

    static string? EnvironmentOf(string stream) => stream.Split('/', 3) is ["config" or "flag" or "secret" or "environment", var environment, ..] ? environment : null;

    static string? Text(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
}
