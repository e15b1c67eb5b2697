using System.Data;
using Npgsql;
using Stele.Core.Collections;
using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Configs;

namespace Stele.Server.Journal;

/// <summary>The reading half: heads, revisions, and the whole state of an org.</summary>
internal sealed partial class PostgresJournalStore
{
    public Task<HeadsAnswer> Heads(IReadOnlyCollection<OrgId> orgs, CancellationToken cancellation) => Guard("heads", async () =>
    {
        var ids = new int[orgs.Count];
        var next = 0;
        foreach (var org in orgs) ids[next++] = org.Value;
        await using var connection = await tail.OpenConnectionAsync(cancellation);
        await using var command = PostgresParameters.Command(connection, HeadsSql, ids);
        command.CommandTimeout = SecondsForHeads;
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var heads = new List<Head>(ids.Length);
        Timestamp now = default;
        ClusterIdentity? cluster = null;
        while (await reader.ReadAsync(cancellation))
        {
            cluster ??= new ClusterIdentity(reader.GetGuid(8), reader.GetInt64(9), reader.GetInt64(10), reader.GetInt32(11), reader.GetInt64(12), reader.GetInt32(13));
            now = Timestamp.From(reader.GetDateTime(7));
            if (!await reader.IsDBNullAsync(0, cancellation)) heads.Add(ReadHead(reader));
        }
        return new HeadsAnswer(heads, now, cluster ?? throw new StoreUnavailableException("the cluster row is missing"));
    });

    // left join: the primary says who it is even when it has none of the orgs
    const string HeadsSql = """
        SELECT h.org_id, h.incarnation, h.fence, h.revision, h.chain, h.last_at, h.format, clock_timestamp(),
               c.incarnation, c.counter, c.system_identifier, c.timeline, (pg_control_system()).system_identifier,
               ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int
        FROM stele.cluster c LEFT JOIN stele.journal_head h ON h.org_id = ANY ($1)
        """;

    public Task<IReadOnlyList<RevisionRecord>> Read(OrgId org, long afterRevision, int limit, CancellationToken cancellation) => Guard("read_revisions", async () =>
    {
        await using var connection = await app.OpenConnectionAsync(cancellation);
        await using var batch = InOrg(connection, org, SecondsForRead);
        batch.BatchCommands.Add(PostgresParameters.Command(ReadSql, org.Value, afterRevision, limit));
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
            events.Add(ReadEvent(reader));
        }
        return (IReadOnlyList<RevisionRecord>)revisions;
    });

    // `at` is there for the planner: events are partitioned by it
    const string ReadSql = """
        SELECT r.revision, r.chain, r.at, r.actor, r.reason, r.request_id, e.ordinal, e.event_id, e.stream, e.stream_version, e.type, e.data, e.data_hash
        FROM (SELECT v.org_id, v.revision, v.chain, v.at, v.actor, v.reason, v.request_id
              FROM stele.revision v WHERE v.org_id = $1 AND v.revision > $2 ORDER BY v.revision LIMIT $3) AS r
        JOIN stele.event e ON e.org_id = r.org_id AND e.revision = r.revision AND e.at = r.at
        ORDER BY r.revision, e.ordinal
        """;

    static EventRecord ReadEvent(NpgsqlDataReader reader)
    {
        var type = reader.GetString(10);
        var data = reader.IsDBNull(11) ? null : (byte[])reader[11];
        return new EventRecord(reader.GetInt32(6), reader.GetGuid(7), data is null ? null : EventCodec.Decode(type, data), type, reader.GetString(8),
            reader.GetInt64(9), data, (byte[])reader[12]);
    }

    public Task<OrgState?> Load(OrgId org, CancellationToken cancellation) => Guard("load", async () =>
    {
        await using var connection = await app.OpenConnectionAsync(cancellation);
        // one snapshot for head and tables
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellation);
        await using var batch = InOrg(connection, org, timeoutSeconds: 0);
        foreach (var sql in (string[])[LoadHeadSql, LoadOrgSql, LoadEnvironmentsSql, LoadConfigurationSql])
            batch.BatchCommands.Add(PostgresParameters.Command(sql, org.Value));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        if (!await reader.ReadAsync(cancellation)) return null;
        var head = ReadHead(reader);
        await reader.NextResultAsync(cancellation);
        var named = await reader.ReadAsync(cancellation);
        var (name, defaultEnvironment) = named ? (reader.GetString(0), reader.GetString(1)) : (null, null);
        await reader.NextResultAsync(cancellation);
        var environments = new List<EnvironmentState>();
        while (await reader.ReadAsync(cancellation))
            environments.Add(new EnvironmentState(reader.GetString(0), reader.IsDBNull(1) ? null : reader.GetString(1), reader.GetInt32(2), 1,
                Timestamp.From(reader.GetDateTime(3)), reader.GetInt64(4), SortedMap<ConfigEntry>.Empty, 0, 0));
        await reader.NextResultAsync(cancellation);
        return new OrgState
        {
            Org = org, Incarnation = head.Incarnation, Fence = head.Fence, Format = head.Format, LastAt = head.LastAt,
            Place = new JournalPlace(head.Revision, head.Chain),
            // the org's own stream has one event as long as an org can only be created
            Name = name, DefaultEnvironment = defaultEnvironment, Version = named ? 1 : 0,
            Environments = await ReadConfigurations(reader, environments, cancellation),
        };
    });

    const string LoadHeadSql = """
        SELECT org_id, incarnation, fence, revision, chain, last_at, format FROM stele.journal_head WHERE org_id = $1
        """;

    const string LoadOrgSql = """
        SELECT o.name, s.default_environment FROM stele.org o JOIN stele.org_setting s ON s.org_id = o.org_id WHERE o.org_id = $1
        """;

    const string LoadEnvironmentsSql = """
        SELECT name, description, ordinal, created_at, revision FROM stele.environment WHERE org_id = $1 ORDER BY name
        """;

    const string LoadConfigurationSql = """
        SELECT environment, key, value, value_type, version, revision, updated_at, updated_by, change_log, created_at, id
        FROM stele.configuration WHERE org_id = $1 ORDER BY environment, key
        """;

    static async Task<SortedMap<EnvironmentState>> ReadConfigurations(NpgsqlDataReader reader, List<EnvironmentState> environments, CancellationToken cancellation)
    {
        var entries = environments.ToDictionary(environment => environment.Name, _ => new List<ConfigEntry>(), StringComparer.Ordinal);
        // values of few kinds repeat in their thousands: one string for each
        var actors = new Dictionary<string, string>(StringComparer.Ordinal);
        while (await reader.ReadAsync(cancellation))
        {
            if (!ConfigValueTypes.TryParse(reader.GetString(3), out var type)) throw new InvalidDataException("configuration.value_type is none");
            var by = reader.GetString(7);
            if (actors.TryGetValue(by, out var known)) by = known;
            else actors.Add(by, by);
            entries[reader.GetString(0)].Add(new ConfigEntry(reader.GetString(1), reader.IsDBNull(2) ? null : ConfigProjection.Value(reader.GetString(2), type),
                type, (int)reader.GetInt64(4), reader.GetInt64(5), Timestamp.From(reader.GetDateTime(6)), by,
                reader.IsDBNull(8) ? null : reader.GetString(8), Timestamp.From(reader.GetDateTime(9)), reader.GetInt64(10)));
        }
        var map = SortedMap<EnvironmentState>.Empty;
        foreach (var environment in environments)
        {
            var own = entries[environment.Name];
            map = map.Set(environment with
            {
                Configs = SortedMap<ConfigEntry>.FromSorted(own),
                LiveConfigs = own.Count(entry => !entry.Deleted),
                ValueBytes = own.Sum(entry => (long)(entry.Value?.Length ?? 0)),
                ChangedRevision = own.Aggregate(environment.ChangedRevision, (max, entry) => Math.Max(max, entry.Revision)),
            });
        }
        return map;
    }
}
