using Npgsql;
using Stele.Core.Journal;

namespace Stele.Server.Journal;

/// <summary>The reading half: heads and revisions.</summary>
internal sealed partial class PostgresJournalStore
{
    public Task<HeadsAnswer> Heads(IReadOnlyCollection<OrgId> orgs, CancellationToken cancellation) => Guard("heads", async () =>
    {
        var line = Interlocked.Exchange(ref spareLine, null) ?? await HeadLine.Open(tail, SecondsForHeads, cancellation);
        try
        {
            var answer = await line.Ask(orgs, cancellation);
            line = Interlocked.Exchange(ref spareLine, line);
            return answer;
        }
        finally
        {
            // one that broke, or a second one
            if (line is not null) await line.DisposeAsync();
        }
    });

    public Task<IReadOnlyList<RevisionRecord>> Read(OrgId org, long afterRevision, int limit, CancellationToken cancellation) =>
        Revisions("read_revisions", org, () => PostgresParameters.Command(ReadSql, org.Value, afterRevision, limit), cancellation);

    // `at` is there for the planner: events are partitioned by it. Outer, because the revisions stay when their events are
    // archived: without them the rest would seem to join on to what it does not
    const string ReadSql = """
        SELECT r.revision, r.chain, r.at, r.actor, r.reason, r.request_id, e.ordinal, e.event_id, e.stream, e.stream_version, e.type, e.data, e.data_hash
        FROM (SELECT v.org_id, v.revision, v.chain, v.at, v.actor, v.reason, v.request_id
              FROM stele.revision v WHERE v.org_id = $1 AND v.revision > $2 ORDER BY v.revision LIMIT $3) AS r
        LEFT JOIN stele.event e ON e.org_id = r.org_id AND e.revision = r.revision AND e.at = r.at
        ORDER BY r.revision, e.ordinal
        """;

    public Task<IReadOnlyList<RevisionRecord>> Read(OrgId org, IReadOnlyList<long> revisions, CancellationToken cancellation) => Revisions("read_some_revisions", org, () =>
    {
        var command = PostgresParameters.Command(ReadSomeSql, org.Value);
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. revisions] });
        return command;
    }, cancellation);

    const string ReadSomeSql = """
        SELECT r.revision, r.chain, r.at, r.actor, r.reason, r.request_id, e.ordinal, e.event_id, e.stream, e.stream_version, e.type, e.data, e.data_hash
        FROM (SELECT v.org_id, v.revision, v.chain, v.at, v.actor, v.reason, v.request_id
              FROM stele.revision v WHERE v.org_id = $1 AND v.revision = ANY ($2)) AS r
        LEFT JOIN stele.event e ON e.org_id = r.org_id AND e.revision = r.revision AND e.at = r.at
        ORDER BY r.revision, e.ordinal
        """;

    public Task<FoundRevisions> Find(OrgId org, long after, long upTo, IReadOnlyList<(string From, string To)> streams, int most, CancellationToken cancellation) => Read("find_revisions", async () =>
    {
        var command = PostgresParameters.Command(FindSql, org.Value, after, upTo);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. streams.Select(range => range.From)] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. streams.Select(range => range.To)] });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = most + 1 });
        await using var connection = await app.OpenConnectionAsync(cancellation);
        await using var batch = InOrg(connection, org, SecondsForRead);
        batch.BatchCommands.Add(command);
        // after it: an archive that commits in between is seen by whoever lost something to it
        batch.BatchCommands.Add(PostgresParameters.Command(FloorSql, org.Value));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var found = new SortedSet<long>();
        var rows = 0;
        for (; await reader.ReadAsync(cancellation); rows++) found.Add(reader.GetInt64(0));
        await reader.NextResultAsync(cancellation);
        await reader.ReadAsync(cancellation);
        return new FoundRevisions(rows > most ? null : [.. found], reader.GetInt64(0));
    });

    // one range of the index for each of the filter's; `at` bounds the partitions that are looked at
    const string FindSql = """
        SELECT e.revision
        FROM unnest($4::text[], $5::text[]) AS s (first, last)
        CROSS JOIN LATERAL (SELECT v.revision FROM stele.event v
            WHERE v.org_id = $1 AND v.stream >= s.first AND v.stream < s.last AND v.revision > $2 AND v.revision <= $3
              AND v.at >= coalesce((SELECT r.at FROM stele.revision r WHERE r.org_id = $1 AND r.revision = $2), '-infinity')
            LIMIT $6) AS e
        LIMIT $6
        """;

    const string FloorSql = """
        SELECT stele.journal_floor($1)
        """;

    Task<IReadOnlyList<RevisionRecord>> Revisions(string name, OrgId org, Func<NpgsqlBatchCommand> command, CancellationToken cancellation) => Read(name, async () =>
    {
        await using var connection = await app.OpenConnectionAsync(cancellation);
        await using var batch = InOrg(connection, org, SecondsForRead);
        batch.BatchCommands.Add(command());
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var revisions = new List<RevisionRecord>();
        var events = new List<EventRecord>();
        while (await reader.ReadAsync(cancellation))
        {
            var revision = reader.GetInt64(0);
            if (revisions.Count == 0 || revisions[^1].Revision != revision)
            {
                events = [];
                revisions.Add(new RevisionRecord(org, revision, Timestamp.From(reader.GetDateTime(2)), reader.GetString(3),
                    reader.IsDBNull(4) ? null : reader.GetString(4), reader.GetGuid(5), (byte[])reader[1], events));
            }
            // no event: archived
            if (!reader.IsDBNull(6)) events.Add(ReadEvent(reader));
        }
        return (IReadOnlyList<RevisionRecord>)revisions;
    });

    static EventRecord ReadEvent(NpgsqlDataReader reader)
    {
        var type = reader.GetString(10);
        var data = reader.IsDBNull(11) ? null : (byte[])reader[11];
        return new EventRecord(reader.GetInt32(6), reader.GetGuid(7), data is null ? null : EventCodec.Decode(type, data), type, reader.GetString(8),
            reader.GetInt64(9), data, (byte[])reader[12]);
    }
}
