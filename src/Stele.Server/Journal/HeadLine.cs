using Npgsql;
using Stele.Core.Journal;
using Stele.Core.Orgs;

namespace Stele.Server.Journal;

/// <summary>
/// A connection that asks for heads and nothing else, some thousand times a second: its statement is prepared once, and who
/// is at the other end is asked once, since a server that is demoted ends its connections, and one that is not yet promoted
/// refuses the question.
/// </summary>
internal sealed class HeadLine : IAsyncDisposable
{
    readonly NpgsqlConnection connection;
    readonly NpgsqlCommand command;
    readonly NpgsqlBatch proving;
    readonly NpgsqlParameter<int[]> ids = new();
    readonly long system;
    readonly int timeline;

    HeadLine(NpgsqlConnection connection, int timeoutSeconds, long system, int timeline)
    {
        (this.connection, this.system, this.timeline) = (connection, system, timeline);
        command = new NpgsqlCommand(HeadsSql, connection) { CommandTimeout = timeoutSeconds };
        command.Parameters.Add(ids);
        proving = new NpgsqlBatch(connection) { Timeout = timeoutSeconds, BatchCommands = { new NpgsqlBatchCommand(HeadsSql) { Parameters = { ids.Clone() } }, new NpgsqlBatchCommand(ProofSql) } };
    }

    /// <summary>Over a connection that is its own from here on.</summary>
    public static async Task<HeadLine> Over(NpgsqlConnection connection, int timeoutSeconds, CancellationToken cancellation)
    {
        try
        {
            await using var identity = new NpgsqlCommand(IdentitySql, connection) { CommandTimeout = timeoutSeconds };
            await using var reader = await identity.ExecuteReaderAsync(cancellation);
            await reader.ReadAsync(cancellation);
            return new HeadLine(connection, timeoutSeconds, reader.GetInt64(0), reader.GetInt32(1));
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    // the control file's timeline lags after a promotion, the name of the file that is written does not
    const string IdentitySql = """
        SELECT (pg_control_system()).system_identifier, ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int
        """;

    public async Task<HeadsAnswer> Ask(IReadOnlyCollection<OrgId> orgs, bool proved, CancellationToken cancellation)
    {
        var numbers = ids.TypedValue is { } used && used.Length == orgs.Count ? used : new int[orgs.Count];
        var next = 0;
        foreach (var org in orgs) numbers[next++] = org.Value;
        ids.TypedValue = numbers;
        if (proved) return await AskProved(numbers, cancellation);
        if (!command.IsPrepared) await command.PrepareAsync(cancellation);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        return await Read(reader, numbers.Length, cancellation);
    }

    // one implicit transaction: the heads, and a record that its commit has to bring to a synchronous standby. A server that was
    // deposed waits for that in vain, since who follows it no more confirms nothing
    async Task<HeadsAnswer> AskProved(int[] numbers, CancellationToken cancellation)
    {
        ((NpgsqlParameter<int[]>)proving.BatchCommands[0].Parameters[0]).TypedValue = numbers;
        using var watch = new CommitWatch(connection);
        HeadsAnswer answer;
        await using (var reader = await proving.ExecuteReaderAsync(cancellation))
        {
            answer = await Read(reader, numbers.Length, cancellation);
            await reader.NextResultAsync(cancellation);
            await reader.ReadAsync(cancellation);
            if (!reader.GetBoolean(1)) throw new StoreUnavailableException("commits wait for no standby here, so nothing proves that this is the primary (STELE_STRICT_READS)");
            // to the end, which comes after the commit
            await reader.NextResultAsync(cancellation);
        }
        watch.RequireReplicated();
        return answer;
    }

    const string ProofSql = """
        SELECT pg_logical_emit_message(true, 'stele', '')::text,
               current_setting('synchronous_standby_names') <> '' AND current_setting('synchronous_commit') NOT IN ('off', 'local')
        """;

    async Task<HeadsAnswer> Read(NpgsqlDataReader reader, int count, CancellationToken cancellation)
    {
        var heads = new List<Head>(count);
        Timestamp now = default;
        ClusterIdentity? cluster = null;
        while (await reader.ReadAsync(cancellation))
        {
            cluster ??= new ClusterIdentity(reader.GetGuid(8), reader.GetInt64(9), reader.GetInt64(10), reader.GetInt32(11), system, timeline);
            now = Timestamp.From(reader.GetDateTime(7));
            if (!reader.IsDBNull(0)) heads.Add(PostgresJournalStore.ReadHead(reader));
        }
        return new HeadsAnswer(heads, now, cluster ?? throw new StoreUnavailableException("the cluster row is missing"));
    }

    // left join: the primary says who it is even when it has none of the orgs
    const string HeadsSql = """
        SELECT h.org_id, h.incarnation, h.fence, h.revision, h.chain, h.last_at, h.format, clock_timestamp(),
               c.incarnation, c.counter, c.system_identifier, c.timeline
        FROM stele.cluster c LEFT JOIN stele.journal_head h ON h.org_id = ANY ($1)
        """;

    public async ValueTask DisposeAsync()
    {
        await command.DisposeAsync();
        await proving.DisposeAsync();
        await connection.DisposeAsync();
    }
}
