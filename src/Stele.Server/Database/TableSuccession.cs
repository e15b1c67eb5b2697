using System.Data;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Stele.Server.Database;

/// <summary>
/// The configuration tables made anew beside themselves while servers read and write, and put in their place. Used by
/// `stele shards --set` and `stele projections rebuild`, which differ in where the rows come from.
///
/// 1. <see cref="Begin"/>: empty successors in schema stele_next, and triggers that write every change through to them.
/// 2. The caller fills them, in as many transactions as it likes; a row that is there already is newer than the caller's.
/// 3. <see cref="Compare"/>: both in one snapshot.
/// 4. <see cref="Swap"/>: waits for the transactions whose snapshots are older than the filling, then swaps under a lock
///    that it asks for briefly and often. No row is touched under it.
///
/// One at a time, by an advisory lock that ends with the session. Whatever is left of a run that was killed is consistent,
/// costs each write a second one, and is removed by the next run, which starts over.
/// </summary>
internal sealed class TableSuccession : IAsyncDisposable
{
    /// <summary>The tables, in the order in which a write touches them.</summary>
    public static IReadOnlyList<string> Tables { get; } = ["stele.configuration_history", "stele.configuration"];

    const string ShortWait = "300ms";
    const string PatientWait = "10s";
    const string SwapLockMax = "700ms";
    const int AttemptsMax = 300, LockAttemptsMax = 10;
    static readonly TimeSpan PauseMin = TimeSpan.FromMilliseconds(100);
    static readonly TimeSpan PauseMax = TimeSpan.FromSeconds(2);

    readonly NpgsqlConnection connection;
    readonly TimeProvider time;
    int migration;
    bool made;

    TableSuccession(NpgsqlConnection connection, TimeProvider time) => (this.connection, this.time) = (connection, time);

    /// <summary>The session of stele_owner, for filling.</summary>
    public NpgsqlConnection Connection => connection;

    /// <summary>The number of partitions that each table has now.</summary>
    public int ShardsBefore { get; private set; }

    /// <summary>Takes the right to do it, and removes what an earlier run left. Throws when another one is at it.</summary>
    public static async Task<TableSuccession> Open(string ownerConnectionString, TimeProvider time, CancellationToken cancellation)
    {
        var settings = new NpgsqlConnectionStringBuilder(ownerConnectionString)
        {
            Pooling = false, CommandTimeout = 0, ApplicationName = "stele-succession", KeepAlive = 5,
            // a killed command is noticed while its statement runs; what is copied is flushed by the swap's commit; a lock
            // is given up before deadlock_timeout, so that in a deadlock it is never a server's write that is ended
            Options = "-c client_connection_check_interval=1000 -c synchronous_commit=off -c jit=off -c lock_timeout=500",
        };
        var connection = new NpgsqlConnection(settings.ConnectionString);
        var opened = new TableSuccession(connection, time);
        try
        {
            await connection.OpenAsync(cancellation);
            if (!await opened.TryLock(cancellation))
                throw new DatabaseSetupException("Another 'stele shards --set' or 'stele projections rebuild configuration' is at work on this database. Wait for its end, or end it; a run that is ended leaves nothing behind that the next one does not remove.");
            if ((await new Migrator(ownerConnectionString, NullLogger.Instance).Check(cancellation)).Migrations is [var first, ..])
                throw new DatabaseSetupException($"The schema lacks {first.Name}, and so is older than this binary. Run 'stele migrate' first.");
            // a database that was restored or copied lacks stele_owner's right to make a schema
            await DatabaseRoles.Ensure(connection, NullLogger.Instance, cancellation);
            await DatabaseRoles.Become(connection, DatabaseRoles.Owner, cancellation);
            opened.ShardsBefore = (int)(long)(await opened.Ask(CountSql, cancellation))!;
            await opened.Remove(cancellation);
            return opened;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    // a session that has just been killed may hold it for a moment yet
    async Task<bool> TryLock(CancellationToken cancellation)
    {
        for (var attempt = 1; attempt < LockAttemptsMax; attempt++)
        {
            if ((bool)(await Ask(LockSql, cancellation))!) return true;
            await Task.Delay(PauseMin, time, cancellation);
        }
        return (bool)(await Ask(LockSql, cancellation))!;
    }

    // of the database, and of the session: whoever is killed lets go of it
    const string LockSql = """
        SELECT pg_try_advisory_lock(7378696530)
        """;

    const string CountSql = """
        SELECT count(*) FROM pg_inherits WHERE inhparent = 'stele.configuration'::regclass
        """;

    /// <summary>Bytes of successors that are being made, or were left by a run that was killed; 0: there are none.</summary>
    public static async Task<long> Leftover(string ownerConnectionString, CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(ownerConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync(cancellation);
        await using var command = new NpgsqlCommand(LeftoverSql, connection);
        return (long)(await command.ExecuteScalarAsync(cancellation))!;
    }

    const string LeftoverSql = """
        SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class WHERE relnamespace = to_regnamespace('stele_next') AND relkind = 'r'
        """;

    /// <summary>Makes the successors with so many partitions. From its end on, every change goes into both.</summary>
    public async Task Begin(int shards, CancellationToken cancellation)
    {
        await RefuseForeignViews(cancellation);
        migration = (int)(await Ask(MigrationSql, cancellation))!;
        made = true;
        await using (var transaction = await connection.BeginTransactionAsync(cancellation))
        {
            await Execute("CREATE SCHEMA stele_next; GRANT USAGE ON SCHEMA stele_next TO stele_backup; CREATE TABLE stele_next.barrier (n int)", cancellation);
            foreach (var table in Tables) await Execute($"CALL stele.make_successor('{table}', {shards.ToString(CultureInfo.InvariantCulture)})", cancellation);
            await transaction.CommitAsync(cancellation);
        }
        await Locked("SHARE ROW EXCLUSIVE", async () =>
        {
            foreach (var table in Tables) await Execute($"CALL stele.write_through('{table}')", cancellation);
        }, cancellation);
    }

    const string MigrationSql = """
        SELECT max(version) FROM stele.schema_migration
        """;

    /// <summary>Rows per org in both, in one snapshot, and whether they are the same.</summary>
    public async Task<IReadOnlyList<TableComparison>> Compare(CancellationToken cancellation)
    {
        foreach (var table in Tables) await Execute($"ANALYZE {table.Replace("stele.", "stele_next.", StringComparison.Ordinal)}", cancellation);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellation);
        var all = new List<TableComparison>();
        foreach (var table in Tables)
        {
            await using var command = new NpgsqlCommand(CompareSql, connection);
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = table });
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            while (await reader.ReadAsync(cancellation))
                all.Add(new TableComparison(table["stele.".Length..], reader.GetInt32(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetBoolean(3)));
        }
        return all;
    }

    const string CompareSql = """
        SELECT org_id, rows_before, rows_after, equal FROM stele.compare_successor($1::text::regclass)
        """;

    /// <summary>Puts the successors in place; how long readers and writers were locked out.</summary>
    public async Task<TimeSpan> Swap(Action<string> say, CancellationToken cancellation)
    {
        // CREATE INDEX CONCURRENTLY ends when no snapshot is left that is older than its own, and needs no rights to see
        // whose: a reader with an older one would not see in the successors what was filled in after it
        say("waiting for transactions that began before");
        await Execute("SET lock_timeout = 0", cancellation);
        await Execute("CREATE INDEX CONCURRENTLY barrier_passed ON stele_next.barrier (n)", cancellation);
        say("waiting for a moment without long statements on the tables");
        var took = await Locked("ACCESS EXCLUSIVE", async () =>
        {
            if ((int)(await Ask(MigrationSql, cancellation))! != migration)
                throw new DatabaseSetupException("The schema was migrated meanwhile, so the tables that were made may lack something. Nothing was changed; run this again.");
            await Execute("SET LOCAL synchronous_commit = on; CALL stele.swap_successors()", cancellation);
        }, cancellation);
        made = false;
        return took;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (made && connection.State == ConnectionState.Open) await Remove(CancellationToken.None);
            // a session ends a moment after its connection, and the next run may come at once
            if (connection.State == ConnectionState.Open) await Ask(UnlockSql, CancellationToken.None);
        }
        catch (Exception e) when (e is NpgsqlException or DatabaseSetupException)
        {
            // the next run removes it; why this one ended is said by what is thrown
        }
        await connection.DisposeAsync();
    }

    const string UnlockSql = """
        SELECT pg_advisory_unlock(7378696530)
        """;

    async Task Remove(CancellationToken cancellation)
    {
        await Locked("ACCESS EXCLUSIVE", () => Execute("DROP SCHEMA IF EXISTS stele_next CASCADE", cancellation), cancellation);
        made = false;
    }

    // Views of others depend on the old tables, and only their owners could make them anew.
    async Task RefuseForeignViews(CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(ForeignViewsSql, connection);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. Tables] });
        if (await command.ExecuteScalarAsync(cancellation) is string views)
            throw new DatabaseSetupException($"These stand on the tables and would have to be made anew by their owners: {views}. Drop them, run this again, and create them again.");
    }

    const string ForeignViewsSql = """
        SELECT string_agg(format('%s of %s', view, owner), ', ' ORDER BY view::text)
        FROM stele.views_over($1::text[]::regclass[]) WHERE kind <> 'v' OR NOT pg_has_role(current_user, owner, 'USAGE')
        """;

    /// <summary>
    /// Runs a step under a lock on the tables, in one transaction. First the lock that keeps vacuum off, with patience and
    /// disturbing nobody; then the one that is needed, for which everybody queues behind us: so only briefly, again and again.
    /// Gives the time from asking for that one to the commit.
    /// </summary>
    async Task<TimeSpan> Locked(string mode, Func<Task> step, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var transaction = await connection.BeginTransactionAsync(cancellation);
                await Execute($"SET LOCAL lock_timeout = '{PatientWait}'; CALL stele.lock_for_swap('SHARE UPDATE EXCLUSIVE')", cancellation);
                var asked = time.GetTimestamp();
                await Execute($"SET LOCAL lock_timeout = '{ShortWait}'; SET LOCAL statement_timeout = '{SwapLockMax}'; CALL stele.lock_for_swap('{mode}'); SET LOCAL statement_timeout = 0", cancellation);
                await step();
                await transaction.CommitAsync(cancellation);
                return time.GetElapsedTime(asked);
            }
            catch (PostgresException busy) when (busy.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.QueryCanceled or PostgresErrorCodes.DeadlockDetected
                && !cancellation.IsCancellationRequested)
            {
                if (attempt == AttemptsMax) throw new DatabaseSetupException($"The tables were in use at each of {attempt} attempts to lock them: {await Holders()}. Nothing was changed.", busy);
                var pause = TimeSpan.FromTicks(Math.Min(PauseMax.Ticks, PauseMin.Ticks * attempt));
                await Task.Delay(pause, time, cancellation);
            }
        }
    }

    async Task<string> Holders()
    {
        await using var command = new NpgsqlCommand(HoldersSql, connection);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. Tables] });
        return await command.ExecuteScalarAsync() as string ?? "by sessions that have ended since";
    }

    const string HoldersSql = """
        SELECT string_agg(DISTINCT format('process %s (%s, %s)', a.pid, a.usename, a.application_name), ', ')
        FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
        WHERE l.relation = ANY ($1::text[]::regclass[]) AND l.granted AND l.pid <> pg_backend_pid()
        """;

    async Task<object?> Ask(string sql, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(cancellation);
    }

    async Task Execute(string statement, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(statement, connection);
        await command.ExecuteNonQueryAsync(cancellation);
    }
}

/// <summary>One org's rows of a table and of its successor.</summary>
internal sealed record TableComparison(string Table, int Org, long RowsBefore, long RowsAfter, bool Equal);
