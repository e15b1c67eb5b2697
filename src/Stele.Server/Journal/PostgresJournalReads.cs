using Npgsql;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;

namespace Stele.Server.Journal;

/// <summary>The reading half: heads and revisions.</summary>
internal sealed partial class PostgresJournalStore
{
    public Task<HeadsAnswer> Heads(IReadOnlyCollection<OrgId> orgs, bool proved, CancellationToken cancellation) => Read(proved ? "proved_heads" : "heads", async () =>
    {
        var line = Interlocked.Exchange(ref spareLine, null) ?? await HeadLine.Over(await Open(tail, cancellation), SecondsForHeads, cancellation);
        try
        {
            var answer = await line.Ask(orgs, proved, cancellation);
            line = Interlocked.Exchange(ref spareLine, line);
            Note(answer.Cluster);
            return answer;
        }
        finally
        {
            // one that broke, or a second one
            if (line is not null) await line.DisposeAsync();
        }
    }, tail);

    public Task<IReadOnlyList<RevisionRecord>> Read(OrgId org, long afterRevision, int limit, CancellationToken cancellation) =>
        Revisions("read_revisions", org, () => PostgresParameters.Command(ReadSql, org.Value, afterRevision, afterRevision + limit),
            () => PostgresParameters.Command(ReadEventsSql, org.Value, afterRevision, afterRevision + limit, SteleLimits.JournalPageBytes.Value), cancellation);

    const string ReadSql = """
        SELECT revision, chain, at, actor, reason, request_id FROM stele.revision WHERE org_id = $1 AND revision > $2 AND revision <= $3 ORDER BY revision
        """;

    // one range of the primary key, where a join would look up every revision by itself. `at` bounds the partitions that are
    // looked at: it never falls with the revision. Past so many bytes of the revisions before it no revision's data is sent
    const string ReadEventsSql = """
        SELECT e.revision, e.ordinal, e.event_id, e.stream, e.stream_version, e.type, CASE WHEN e.before IS NULL OR e.before < $4 THEN e.data END, e.data_hash, e.before >= $4
        FROM (
            SELECT revision, ordinal, event_id, stream, stream_version, type, data, data_hash,
                   sum(octet_length(data)) OVER (ORDER BY revision GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
            FROM stele.event
            WHERE org_id = $1 AND revision > $2 AND revision <= $3
              AND at >= (SELECT r.at FROM stele.revision r WHERE r.org_id = $1 AND r.revision > $2 ORDER BY r.revision LIMIT 1)
              AND at <= (SELECT r.at FROM stele.revision r WHERE r.org_id = $1 AND r.revision <= $3 ORDER BY r.revision DESC LIMIT 1)
        ) AS e
        ORDER BY e.revision, e.ordinal
        """;

    public Task<IReadOnlyList<RevisionRecord>> Read(OrgId org, IReadOnlyList<long> revisions, CancellationToken cancellation)
    {
        var numbers = revisions.ToArray();
        return Revisions("read_some_revisions", org, () => PostgresParameters.Command(ReadSomeSql, org.Value, new NpgsqlParameter<long[]> { TypedValue = numbers }),
            () => PostgresParameters.Command(ReadSomeEventsSql, org.Value, new NpgsqlParameter<long[]> { TypedValue = numbers }, SteleLimits.JournalPageBytes.Value), cancellation);
    }

    const string ReadSomeSql = """
        SELECT revision, chain, at, actor, reason, request_id FROM stele.revision WHERE org_id = $1 AND revision = ANY ($2) ORDER BY revision
        """;

    const string ReadSomeEventsSql = """
        SELECT e.revision, e.ordinal, e.event_id, e.stream, e.stream_version, e.type, CASE WHEN e.before IS NULL OR e.before < $3 THEN e.data END, e.data_hash, e.before >= $3
        FROM (
            SELECT revision, ordinal, event_id, stream, stream_version, type, data, data_hash,
                   sum(octet_length(data)) OVER (ORDER BY revision GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
            FROM stele.event
            WHERE org_id = $1 AND revision = ANY ($2)
              AND at >= (SELECT min(r.at) FROM stele.revision r WHERE r.org_id = $1 AND r.revision = ANY ($2))
              AND at <= (SELECT max(r.at) FROM stele.revision r WHERE r.org_id = $1 AND r.revision = ANY ($2))
        ) AS e
        ORDER BY e.revision, e.ordinal
        """;

    public Task<IReadOnlyList<JournalPlace>> Places(OrgId org, IReadOnlyList<long> revisions, CancellationToken cancellation) => Read("read_places", async () =>
    {
        await using var connection = await app.OpenConnectionAsync(cancellation);
        await using var batch = InOrg(connection, org, SecondsForRead);
        batch.BatchCommands.Add(PostgresParameters.Command(PlacesSql, org.Value, new NpgsqlParameter<long[]> { TypedValue = [.. revisions] }));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var places = new List<JournalPlace>();
        while (await reader.ReadAsync(cancellation)) places.Add(new JournalPlace(reader.GetInt64(0), (byte[])reader[1]));
        return (IReadOnlyList<JournalPlace>)places;
    });

    const string PlacesSql = """
        SELECT revision, chain FROM stele.revision WHERE org_id = $1 AND revision = ANY ($2) ORDER BY revision
        """;

    public Task<FoundRevisions> Find(OrgId org, long after, long upTo, IReadOnlyList<(string From, string To)> streams, int most, CancellationToken cancellation) => Read("find_revisions", async () =>
    {
        var command = PostgresParameters.Command(FindSql, org.Value, after, upTo);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. streams.Select(range => range.From)] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. streams.Select(range => range.To)] });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = most + 1 });
        await using var connection = await Open(app, cancellation);
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

    public Task<FoundRevisions> FindNext(OrgId org, long after, long upTo, IReadOnlyList<(string From, string To)> streams, int most, CancellationToken cancellation) => Read("find_next_revisions", async () =>
    {
        var command = PostgresParameters.Command(FindNextSql, org.Value, after, upTo);
        // where each range begins and ends, in order: between an odd number of them and the next lies what is wanted
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. streams.SelectMany(range => (string[])[range.From, range.To]).Order(StringComparer.Ordinal)] });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = most });
        await using var connection = await Open(app, cancellation);
        await using var batch = InOrg(connection, org, SecondsForRead);
        batch.BatchCommands.Add(command);
        // after it: an archive that commits in between is seen by whoever lost something to it
        batch.BatchCommands.Add(PostgresParameters.Command(FloorSql, org.Value));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var found = new List<long>();
        var rows = 0;
        for (; await reader.ReadAsync(cancellation); rows++)
            if (reader.GetInt64(0) is var revision && (found.Count == 0 || found[^1] != revision)) found.Add(revision);
        await reader.NextResultAsync(cancellation);
        await reader.ReadAsync(cancellation);
        return new FoundRevisions(found, reader.GetInt64(0)) { Through = rows == most ? found[^1] : upTo };
    });

    // in the order of the primary key, so that it ends as soon as there are enough; `at` bounds the partitions that are looked at
    const string FindNextSql = """
        SELECT v.revision
        FROM stele.event v
        WHERE v.org_id = $1 AND v.revision > $2 AND v.revision <= $3
          AND v.at >= coalesce((SELECT r.at FROM stele.revision r WHERE r.org_id = $1 AND r.revision = $2), '-infinity')
          AND v.at <= (SELECT r.at FROM stele.revision r WHERE r.org_id = $1 AND r.revision <= $3 ORDER BY r.revision DESC LIMIT 1)
          AND width_bucket(v.stream, $4::text[] COLLATE "C") % 2 = 1
        ORDER BY v.revision LIMIT $5
        """;

    const string FloorSql = """
        SELECT stele.journal_floor($1)
        """;

    // the events after the revisions, by a later snapshot: those of a revision that was not there yet are left for the next page,
    // and a revision whose events an archive has just taken away has none, as every archived one
    // (commands are made for each attempt: they remember what was prepared on the connection that they were sent over)
    Task<IReadOnlyList<RevisionRecord>> Revisions(string name, OrgId org, Func<NpgsqlBatchCommand> revisionsOf, Func<NpgsqlBatchCommand> eventsOf, CancellationToken cancellation) => Read(name, async () =>
    {
        await using var connection = await Open(app, cancellation);
        await using var batch = InOrg(connection, org, SecondsForRead);
        batch.BatchCommands.Add(revisionsOf());
        batch.BatchCommands.Add(eventsOf());
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
            if (revisions[at].Revision != revision) continue;
            if (!reader.IsDBNull(8) && reader.GetBoolean(8))
            {
                // the page is full: those from here on are for the next one
                revisions.RemoveRange(at, revisions.Count - at);
                break;
            }
            events[at].Add(ReadEvent(reader));
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
