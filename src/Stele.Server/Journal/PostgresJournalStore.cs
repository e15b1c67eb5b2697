using System.Collections.Concurrent;
using Npgsql;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Access;
using Stele.Server.Configs;
using Stele.Server.Database;
using Stele.Server.Flags;
using Stele.Server.Operation;
using Stele.Server.Orgs;
using Stele.Server.Outbound.Webhooks;
using Stele.Server.Secrets;

namespace Stele.Server.Journal;

/// <summary>
/// The journal in PostgreSQL. Appends run as stele_app in one round trip: a batch without BEGIN is one implicit transaction,
/// which commits at its end. Heads are read as stele_tail, across orgs. Fencing has a pool of its own, so that it works when
/// appends have used up theirs.
/// </summary>
internal sealed partial class PostgresJournalStore(NpgsqlDataSource app, NpgsqlDataSource tail, NpgsqlDataSource settle, StatementTimer statements, HostStates? hosts = null) : IJournalStore
{
    // backends that an append of this node runs on: whose blockers Unblock ends
    readonly ConcurrentDictionary<int, OrgId> appending = new();
    HeadLine? spareLine;
    // cancelled when another server than before answers as the primary: what waits for the old one, over a connection that nobody
    // resets, would wait for as long as TCP tries
    CancellationTokenSource replaced = new();
    (long System, int Timeline)? primary;

    /// <summary>How long one transaction blocks an append, after it was seen to, until it is ended.</summary>
    public TimeSpan BlockerPatience { get; init; } = TimeSpan.FromMilliseconds(700);

    const int SecondsForHeads = 2, SecondsForRead = 10, SecondsToSettle = 5;

    public async Task<AppendAnswer> Append(AppendBatch append)
    {
        NpgsqlConnection connection;
        try
        {
            connection = await Open(app, CancellationToken.None);
        }
        catch (Exception e) when (StoreFaults.IsDatabase(e))
        {
            return new AppendAnswer(AppendStatus.NotWritten, e.Message);
        }
        await using (connection)
        {
            using var timing = statements.Start("append");
            var watch = new CommitWatch(connection);
            // asked once: a connection that broke does not tell any more
            var session = connection.ProcessID;
            appending[session] = append.Org;
            try
            {
                await using var batch = Statements(connection, append);
                await batch.ExecuteNonQueryAsync(Volatile.Read(ref replaced).Token);
                return watch.Answer();
            }
            catch (Exception e) when (StoreFaults.IsDatabase(e) || StoreFaults.IsCut(e, connection.State))
            {
                return StoreFaults.Classify(e);
            }
            finally
            {
                appending.TryRemove(session, out _);
                watch.Dispose();
            }
        }
    }

    public async Task<AppendAnswer> AppendLocked(OrgId org, Func<Head, Task<AppendBatch?>> decide)
    {
        NpgsqlConnection connection;
        try
        {
            connection = await Open(app, CancellationToken.None);
        }
        catch (Exception e) when (StoreFaults.IsDatabase(e))
        {
            return new AppendAnswer(AppendStatus.NotWritten, e.Message);
        }
        await using (connection)
        {
            using var timing = statements.Start("append_locked");
            var watch = new CommitWatch(connection);
            var session = connection.ProcessID;
            appending[session] = org;
            var sent = false;
            var cut = Volatile.Read(ref replaced).Token;
            try
            {
                await using var transaction = await connection.BeginTransactionAsync(cut);
                if (await Lock(connection, org) is not { } head) return new AppendAnswer(AppendStatus.NotWritten, "the org has no head");
                if (await decide(head) is not { } append) return new AppendAnswer(AppendStatus.NotWritten);
                await using (var batch = Statements(connection, append)) await batch.ExecuteNonQueryAsync(cut);
                sent = true;
                await transaction.CommitAsync(cut);
                return watch.Answer();
            }
            catch (Exception e) when (StoreFaults.IsDatabase(e) || e is StoreUnavailableException || StoreFaults.IsCut(e, connection.State))
            {
                // before the commit was sent, a broken connection means a rolled back transaction
                var answer = e is StoreUnavailableException ? new AppendAnswer(AppendStatus.NotWritten, e.Message) : StoreFaults.Classify(e);
                return answer.Status == AppendStatus.Unknown && !sent ? answer with { Status = AppendStatus.NotWritten } : answer;
            }
            finally
            {
                appending.TryRemove(session, out _);
                watch.Dispose();
            }
        }
    }

    const string LockHeadSql = """
        SELECT org_id, incarnation, fence, revision, chain, last_at, format FROM stele.lock_head($1)
        """;

    public Task<AppendAnswer> RaiseLastAt(OrgId org, Guid incarnation, long fence, JournalPlace place, Timestamp at) => Try("raise_last_at", async () =>
    {
        await using var connection = await Open(app, CancellationToken.None);
        using var watch = new CommitWatch(connection);
        await using var batch = InOrg(connection, org, SecondsToSettle);
        batch.BatchCommands.Add(PostgresParameters.Command(RaiseLastAtSql, org.Value, incarnation, fence, place.Revision, place.Chain, at.ToDateTime()));
        await batch.ExecuteNonQueryAsync();
        return watch.Answer();
    });

    const string RaiseLastAtSql = """
        SELECT stele.raise_last_at($1, $2, $3, $4, $5, $6)
        """;

    public Task<IReadOnlyDictionary<Guid, long>> Settle(OrgId org, long fence, IReadOnlyCollection<Guid> requestIds, CancellationToken cancellation) => Guard("settle", async () =>
    {
        await using var connection = await Open(settle, cancellation);
        // an org without a head has nothing to fence
        while (await RaiseFence(connection, org, cancellation) is { } raised && raised <= fence) continue;
        // only after that commit: what is not in the journal now cannot come any more
        await using var look = InOrg(connection, org, SecondsToSettle);
        look.BatchCommands.Add(PostgresParameters.Command(FindRequestsSql, org.Value, requestIds.ToArray()));
        var landed = new Dictionary<Guid, long>();
        await using var reader = await look.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        while (await reader.ReadAsync(cancellation)) landed[reader.GetGuid(0)] = reader.GetInt64(1);
        return (IReadOnlyDictionary<Guid, long>)landed;
    });

    const string FindRequestsSql = """
        SELECT request_id, revision FROM stele.revision WHERE org_id = $1 AND request_id = ANY ($2)
        """;

    static async Task<long?> RaiseFence(NpgsqlConnection connection, OrgId org, CancellationToken cancellation)
    {
        // a fence whose wait for the standby is given up, by our own timeout too, says nothing of what stood before it: what it let
        // be acknowledged would be lost with this server
        using var watch = new CommitWatch(connection);
        await using var batch = InOrg(connection, org, SecondsToSettle);
        batch.BatchCommands.Add(PostgresParameters.Command(RaiseFenceSql, org.Value));
        long? raised;
        await using (var reader = await batch.ExecuteReaderAsync(cancellation))
        {
            await reader.NextResultAsync(cancellation);
            await reader.ReadAsync(cancellation);
            raised = await reader.IsDBNullAsync(0, cancellation) ? null : reader.GetInt64(0);
        }
        watch.RequireReplicated();
        return raised;
    }

    const string RaiseFenceSql = """
        SELECT stele.raise_fence($1)
        """;

    public Task<IdempotentOutcome?> FindOutcome(OrgId org, string principal, string key, CancellationToken cancellation) => Read("find_outcome", async () =>
    {
        await using var connection = await Open(app, cancellation);
        using var watch = new CommitWatch(connection);
        await using var batch = InOrg(connection, org, SecondsToSettle);
        batch.BatchCommands.Add(PostgresParameters.Command(FindOutcomeSql, org.Value, principal, key));
        IdempotentOutcome? found;
        await using (var reader = await batch.ExecuteReaderAsync(cancellation))
        {
            await reader.NextResultAsync(cancellation);
            found = await reader.ReadAsync(cancellation) ? new IdempotentOutcome((byte[])reader[0], reader.GetInt64(1), reader.GetGuid(2)) : null;
        }
        watch.RequireReplicated();
        return found;
    });

    // what is found is acknowledged, and may have been committed here only, by one who no longer waited for the standby: where
    // something is found, the message has this transaction wait for the standby in its place
    const string FindOutcomeSql = """
        SELECT i.fingerprint, i.revision, r.request_id, pg_logical_emit_message(true, 'stele', '')::text
        FROM stele.idempotency i JOIN stele.revision r ON r.org_id = i.org_id AND r.revision = i.revision
        WHERE i.org_id = $1 AND i.principal = $2 AND i.key = $3 AND i.created_at >= now() - interval '24 hours'
        """;

    public Task<bool> BeginIncarnation(Guid expected, Guid next, CancellationToken cancellation) => Guard("begin_incarnation", async () =>
    {
        await using var connection = await Open(tail, cancellation);
        await using var command = PostgresParameters.Command(connection, BeginIncarnationSql, expected, next);
        command.CommandTimeout = SecondsForRead;
        return (bool)(await command.ExecuteScalarAsync(cancellation))!;
    });

    const string BeginIncarnationSql = """
        SELECT stele.begin_incarnation($1, $2, (pg_control_system()).system_identifier,
            ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int)
        """;

    public Task<int> WrittenFormat(CancellationToken cancellation) => Read("written_format", async () =>
    {
        await using var connection = await Open(tail, cancellation);
        await using var command = PostgresParameters.Command(connection, WrittenFormatSql);
        return (int)(await command.ExecuteScalarAsync(cancellation))!;
    });

    const string WrittenFormatSql = """
        SELECT format FROM stele.cluster
        """;

    public Task RaiseCounter(long expectedCounter, int timeline, CancellationToken cancellation) => Guard("raise_counter", async () =>
    {
        await using var connection = await Open(tail, cancellation);
        await using var command = PostgresParameters.Command(connection, RaiseCounterSql, expectedCounter, timeline);
        return (bool)(await command.ExecuteScalarAsync(cancellation))!;
    });

    const string RaiseCounterSql = """
        SELECT stele.raise_counter($1, $2)
        """;

    public async Task Unblock(OrgId org, CancellationToken cancellation)
    {
        var waiting = appending.Where(pair => pair.Value == org).Select(pair => pair.Key).ToArray();
        if (waiting.Length == 0) return;
        var (sessions, transactions) = await Guard("find_blockers", () => Blockers(waiting, cancellation));
        if (sessions.Length == 0) return;
        await Task.Delay(BlockerPatience, TimeProvider.System, cancellation);
        await Guard("unblock", async () =>
        {
            await using var connection = await Open(tail, cancellation);
            await using var command = PostgresParameters.Command(connection, UnblockSql, sessions, transactions);
            return await command.ExecuteNonQueryAsync(cancellation);
        });
    }

    // a session that works shows a wait event other than the client's, or none; one whose client is frozen shows ClientRead. Where the role may not
    // see that, what tells them apart is how long a transaction holds what others wait for: of several who take the head in turns one always does
    const string UnblockSql = """
        SELECT pg_terminate_backend(b.pid)
        FROM unnest($1::int[], $2::text[]) AS b (pid, transaction)
        JOIN pg_stat_activity a ON a.pid = b.pid
        WHERE coalesce(a.backend_type, 'client backend') = 'client backend' AND coalesce(a.wait_event, 'ClientRead') = 'ClientRead'
          AND EXISTS (SELECT FROM pg_locks l WHERE l.pid = b.pid AND l.virtualtransaction = b.transaction)
        """;

    async Task<(int[] Sessions, string[] Transactions)> Blockers(int[] waiting, CancellationToken cancellation)
    {
        await using var connection = await Open(tail, cancellation);
        await using var command = PostgresParameters.Command(connection, BlockersSql, waiting);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var (sessions, transactions) = (new List<int>(), new List<string>());
        while (await reader.ReadAsync(cancellation))
        {
            sessions.Add(reader.GetInt32(0));
            transactions.Add(reader.GetString(1));
        }
        return ([.. sessions], [.. transactions]);
    }

    const string BlockersSql = """
        SELECT DISTINCT l.pid, l.virtualtransaction
        FROM (SELECT DISTINCT unnest(pg_blocking_pids(w.pid)) AS pid FROM unnest($1::int[]) AS w (pid)) AS b
        JOIN pg_locks l ON l.pid = b.pid
        LIMIT 100
        """;

    // what a head check heard of who is the primary
    void Note(ClusterIdentity cluster)
    {
        var now = (cluster.System, cluster.Timeline);
        lock (appending)
        {
            if (primary is { } before && before != now) _ = Interlocked.Exchange(ref replaced, new CancellationTokenSource()).CancelAsync();
            primary = now;
        }
    }

    async Task<Head?> Lock(NpgsqlConnection connection, OrgId org)
    {
        await using var batch = InOrg(connection, org, SecondsToSettle);
        batch.BatchCommands.Add(PostgresParameters.Command(LockHeadSql, org.Value));
        await using var reader = await batch.ExecuteReaderAsync();
        await reader.NextResultAsync();
        return await reader.ReadAsync() ? ReadHead(reader) : null;
    }

    internal static Head ReadHead(NpgsqlDataReader reader) => new(new OrgId(reader.GetInt32(0)), reader.GetGuid(1), reader.GetInt64(2), reader.GetInt64(3),
        (byte[])reader[4], Timestamp.From(reader.GetDateTime(5)), reader.GetInt32(6));

    NpgsqlBatch Statements(NpgsqlConnection connection, AppendBatch append)
    {
        var batch = InOrg(connection, append.Org, timeoutSeconds: 0);
        if (append.Before.Revision == 0) batch.BatchCommands.Add(PostgresParameters.Command(CreateHeadSql, append.Org.Value, append.Before.Format));
        OrgProjection.Write(batch, append);
        AccessProjection.Write(batch, append);
        WebhookProjection.Write(batch, append);
        ConfigProjection.Write(batch, append);
        FlagProjection.Write(batch, append);
        SecretProjection.Write(batch, append);
        if (append.Idempotency.Count > 0) AppendStatement.WriteIdempotency(batch, append);
        AppendStatement.Write(batch, append);
        return batch;
    }

    const string CreateHeadSql = """
        SELECT stele.create_head($1, $2)
        """;

    // the setting lasts for the transaction, which the batch is
    static NpgsqlBatch InOrg(NpgsqlConnection connection, OrgId org, int timeoutSeconds)
    {
        var batch = new NpgsqlBatch(connection) { Timeout = timeoutSeconds };
        batch.BatchCommands.Add(PostgresParameters.SetOrg(org));
        return batch;
    }

    ValueTask<NpgsqlConnection> Open(NpgsqlDataSource pool, CancellationToken cancellation) => hosts is null ? pool.OpenConnectionAsync(cancellation) : hosts.Open(pool, cancellation);

    async Task<T> Guard<T>(string statement, Func<Task<T>> run)
    {
        using var timing = statements.Start(statement);
        try
        {
            return await run();
        }
        catch (Exception e) when (StoreFaults.IsAway(e))
        {
            throw new StoreUnavailableException(e.Message, e);
        }
    }

    /// <summary>
    /// A statement that only reads: where the connection that the pool gave had been ended before (PostgreSQL was restarted, or an
    /// administrator ended its sessions), it is asked once more on a new one, since nothing is lost by asking twice.
    /// </summary>
    Task<T> Read<T>(string statement, Func<Task<T>> run, NpgsqlDataSource? pool = null) => Guard(statement, async () =>
    {
        try
        {
            return await run();
        }
        catch (Exception e) when (StoreFaults.IsEnded(e))
        {
            (pool ?? app).Clear();
            return await run();
        }
    });

    async Task<AppendAnswer> Try(string statement, Func<Task<AppendAnswer>> run)
    {
        using var timing = statements.Start(statement);
        try
        {
            return await run();
        }
        catch (Exception e) when (StoreFaults.IsDatabase(e))
        {
            return StoreFaults.Classify(e);
        }
    }
}
