using Npgsql;
using NpgsqlTypes;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Server.Database;
using Stele.Server.Operation;

namespace Stele.Server.Journal;

/// <summary>A place in the past of a journal, and when it was.</summary>
/// <param name="Place">The place.</param>
/// <param name="At">When.</param>
/// <param name="Floor">The last revision whose events are archived, 0 when there is none: what was before it is not answered.</param>
internal sealed record PastPlace(JournalPlace Place, Timestamp At, long Floor = 0);

/// <summary>A page of events.</summary>
/// <param name="Rows">The events.</param>
/// <param name="Floor">As of the reading: a page after an earlier revision has lost events.</param>
internal sealed record EventPage(List<EventRow> Rows, long Floor);

/// <summary>An event as <c>GET /v1/events</c> shows it: its data is passed through as it is stored.</summary>
internal sealed record EventRow(
    long Revision, int Ordinal, Guid EventId, string Stream, long StreamVersion, string Type, byte[]? Data, string Actor, string? Reason, Timestamp At, Guid RequestId);

/// <summary>Reads of the journal for people, and the past's places. Each runs in a transaction of its own, in one org.</summary>
internal sealed class JournalQueries(DatabaseConnections database, StatementTimer statements)
{
    /// <summary>A revision's place; null if there is no such revision.</summary>
    public Task<PastPlace?> Place(OrgId org, long revision, CancellationToken cancellation) =>
        Place("revision_place", org, PostgresParameters.Command(PlaceSql, org.Value, revision), cancellation);

    const string PlaceSql = """
        SELECT r.revision, r.chain, r.at, stele.journal_floor($1) FROM stele.revision r WHERE r.org_id = $1 AND r.revision = $2
        """;

    /// <summary>The place of the greatest revision that is not later than a moment; null before the first one.</summary>
    public Task<PastPlace?> PlaceAt(OrgId org, Timestamp at, CancellationToken cancellation)
    {
        var command = PostgresParameters.Command(PlaceAtSql, org.Value);
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = at.ToDateTime(), NpgsqlDbType = NpgsqlDbType.TimestampTz });
        return Place("revision_at", org, command, cancellation);
    }

    const string PlaceAtSql = """
        SELECT r.revision, r.chain, r.at, stele.journal_floor($1) FROM stele.revision r WHERE r.org_id = $1 AND r.revision = stele.revision_at($1, $2)
        """;

    /// <summary>
    /// The events after a revision and up to another, oldest first, whole revisions: those in which the first so many events
    /// lie. A page also ends after the revision in which its data passes <see cref="SteleLimits.PageBytes"/>.
    /// </summary>
    public async Task<EventPage> Events(OrgId org, long after, long upTo, int limit, CancellationToken cancellation)
    {
        using var timing = statements.Start("events");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = InOrg(connection, org, PostgresParameters.Command(EventsSql, org.Value, after, upTo, limit, SteleLimits.PageBytes.Value));
        // after the events: an archive that commits in between is seen by whoever lost some to it
        batch.BatchCommands.Add(PostgresParameters.Command(FloorSql, org.Value));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var rows = new List<EventRow>();
        while (await reader.ReadAsync(cancellation))
            rows.Add(new EventRow(reader.GetInt64(0), reader.GetInt32(1), reader.GetGuid(2), reader.GetString(3), reader.GetInt64(4), reader.GetString(5),
                reader.IsDBNull(6) ? null : reader.GetFieldValue<byte[]>(6), reader.GetString(7), reader.IsDBNull(8) ? null : reader.GetString(8),
                Timestamp.From(reader.GetDateTime(9)), reader.GetGuid(10)));
        await reader.NextResultAsync(cancellation);
        await reader.ReadAsync(cancellation);
        return new EventPage(rows, reader.GetInt64(0));
    }

    const string FloorSql = """
        SELECT stele.journal_floor($1)
        """;

    // `at` bounds the partitions that are looked at: it never falls with the revision
    const string EventsSql = """
        WITH first AS (
            SELECT e.revision, sum(octet_length(e.data)) OVER (ORDER BY e.revision, e.ordinal) - octet_length(e.data) AS before
            FROM stele.event e
            WHERE e.org_id = $1 AND e.revision > $2 AND e.revision <= $3
              AND e.at >= coalesce((SELECT r.at FROM stele.revision r WHERE r.org_id = $1 AND r.revision = $2), '-infinity')
            ORDER BY e.revision, e.ordinal LIMIT $4
        )
        SELECT e.revision, e.ordinal, e.event_id, e.stream, e.stream_version, e.type, e.data, r.actor, r.reason, r.at, r.request_id
        FROM stele.revision r
        JOIN stele.event e ON e.org_id = r.org_id AND e.revision = r.revision AND e.at = r.at
        WHERE r.org_id = $1 AND r.revision > $2 AND r.revision <= (SELECT max(first.revision) FROM first WHERE coalesce(first.before, 0) <= $5)
        ORDER BY e.revision, e.ordinal
        """;

    async Task<PastPlace?> Place(string name, OrgId org, NpgsqlBatchCommand command, CancellationToken cancellation)
    {
        using var timing = statements.Start(name);
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = InOrg(connection, org, command);
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        return await reader.ReadAsync(cancellation)
            ? new PastPlace(new JournalPlace(reader.GetInt64(0), reader.GetFieldValue<byte[]>(1)), Timestamp.From(reader.GetDateTime(2)), reader.GetInt64(3))
            : null;
    }

    /// <summary>A statement in an org: one round trip, and one transaction without a BEGIN, because a batch is one.</summary>
    public static NpgsqlBatch InOrg(NpgsqlConnection connection, OrgId org, NpgsqlBatchCommand command)
    {
        var batch = new NpgsqlBatch(connection) { Timeout = (int)SteleLimits.RequestSeconds.Value };
        batch.BatchCommands.Add(PostgresParameters.SetOrg(org));
        batch.BatchCommands.Add(command);
        return batch;
    }
}
