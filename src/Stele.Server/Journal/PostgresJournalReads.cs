using Npgsql;
using Stele.Core.Journal;

namespace Stele.Server.Journal;

/// <summary>The reading half: heads and revisions.</summary>
internal sealed partial class PostgresJournalStore
{
    public Task<HeadsAnswer> Heads(IReadOnlyCollection<OrgId> orgs, CancellationToken cancellation) => Read("heads", async () =>
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
    }, tail);

    public Task<IReadOnlyList<RevisionRecord>> Read(OrgId org, long afterRevision, int limit, CancellationToken cancellation) =>
        Revisions("read_revisions", org, sql => PostgresParameters.Command(sql, org.Value, afterRevision, afterRevision + limit), ReadSql, ReadEventsSql, cancellation);

    const string ReadSql = """
        SELECT revision, chain, at, actor, reason, request_id FROM stele.revision WHERE org_id = $1 AND revision > $2 AND revision <= $3 ORDER BY revision
        """;

    // one range of the primary key, where a join would look up every revision by itself. `at` bounds the partitions that are
    // looked at: it never falls with the revision
    const string ReadEventsSql = """
        SELECT revision, ordinal, event_id, stream, stream_version, type, data, data_hash FROM stele.event
        WHERE org_id = $1 AND revision > $2 AND revision <= $3
          AND at >= (SELECT r.at FROM stele.revision r WHERE r.org_id = $1 AND r.revision > $2 ORDER BY r.revision LIMIT 1)
          AND at <= (SELECT r.at FROM stele.revision r WHERE r.org_id = $1 AND r.revision <= $3 ORDER BY r.revision DESC LIMIT 1)
        ORDER BY revision, ordinal
        """;

    public Task<IReadOnlyList<RevisionRecord>> Read(OrgId org, IReadOnlyList<long> revisions, CancellationToken cancellation) => Revisions("read_some_revisions", org, sql =>
    {
        var command = PostgresParameters.Command(sql, org.Value);
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. revisions] });
        return command;
    }, ReadSomeSql, ReadSomeEventsSql, cancellation);

    const string ReadSomeSql = """
        SELECT revision, chain, at, actor, reason, request_id FROM stele.revision WHERE org_id = $1 AND revision = ANY ($2) ORDER BY revision
        """;

    const string ReadSomeEventsSql = """
        SELECT revision, ordinal, event_id, stream, stream_version, type, data, data_hash FROM stele.event
        WHERE org_id = $1 AND revision = ANY ($2)
          AND at >= (SELECT min(r.at) FROM stele.revision r WHERE r.org_id = $1 AND r.revision = ANY ($2))
          AND at <= (SELECT max(r.at) FROM stele.revision r WHERE r.org_id = $1 AND r.revision = ANY ($2))
        ORDER BY revision, ordinal
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
            WHERE v.org_id::bigint = $1::bigint AND v.stream >= s.first AND v.stream < s.last AND v.revision > $2 AND v.revision <= $3
              AND v.at >= coalesce((SELECT r.at FROM stele.revision r WHERE r.org_id = $1 AND r.revision = $2), '-infinity')
            LIMIT $6) AS e
        LIMIT $6
        """;

    const string FloorSql = """
        SELECT stele.journal_floor($1)
        """;

    // the events after the revisions, by a later snapshot: those of a revision that was not there yet are left for the next page,
    // and a revision whose events an archive has just taken away has none, as every archived one
    Task<IReadOnlyList<RevisionRecord>> Revisions(string name, OrgId org, Func<string, NpgsqlBatchCommand> command, string revisionsSql, string eventsSql,
        CancellationToken cancellation) => Read(name, async () =>
    {
        await using var connection = await app.OpenConnectionAsync(cancellation);
        await using var batch = InOrg(connection, org, SecondsForRead);
        batch.BatchCommands.Add(command(revisionsSql));
        batch.BatchCommands.Add(command(eventsSql));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var revisions = new List<RevisionRecord>();
        var events = new List<List<EventRecord>>();
        while (await reader.ReadAsync(cancellation))
        {
            events.Add([]);
            revisions.Add(new RevisionRecord(org, reader.GetInt64(0), Timestamp.From(reader.GetDateTime(2)), reader.GetString(3),
                reader.IsDBNull(4) ? null : reader.GetString(4), reader.GetGuid(5), (byte[])reader[1], events[^1]));
        }
        await reader.NextResultAsync(cancellation);
        for (var at = 0; await reader.ReadAsync(cancellation);)
        {
            var revision = reader.GetInt64(0);
            while (at < revisions.Count && revisions[at].Revision < revision) at++;
            if (at == revisions.Count) break;
            if (revisions[at].Revision == revision) events[at].Add(ReadEvent(reader));
        }
        return (IReadOnlyList<RevisionRecord>)revisions;
    });

    static EventRecord ReadEvent(NpgsqlDataReader reader)
    {
        var type = reader.GetString(5);
        var data = reader.IsDBNull(6) ? null : (byte[])reader[6];
        return new EventRecord(reader.GetInt32(1), reader.GetGuid(2), data is null ? EventCodec.Redacted(type, reader.GetString(3), reader.GetInt64(4)) : EventCodec.Decode(type, data), type, reader.GetString(3),
            reader.GetInt64(4), data, (byte[])reader[7]);
    }
}
