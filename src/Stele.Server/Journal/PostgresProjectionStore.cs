using Npgsql;
using Stele.Core.Journal;

namespace Stele.Server.Journal;

/// <summary>How an asynchronous projection writes itself: statements for some revisions of one org, and for emptying it.</summary>
/// <param name="Name">Its name: that of its checkpoint.</param>
/// <param name="Write">Adds the statements that some revisions need, perhaps none.</param>
/// <param name="Empty">Adds the statements that empty it for an org.</param>
internal sealed record AsyncProjection(string Name, Action<NpgsqlBatch, OrgId, IReadOnlyList<RevisionRecord>> Write, Action<NpgsqlBatch, OrgId> Empty);

/// <summary>Checkpoints and work of asynchronous projections in PostgreSQL; the right to run one is an advisory lock.</summary>
internal sealed class PostgresProjectionStore(
    IReadOnlyList<AsyncProjection> projections, IJournalStore journal, NpgsqlDataSource app, NpgsqlDataSource tail) : IProjectionStore
{
    const int LagPage = 100;

    public Task<IAsyncDisposable?> Lead(string projection, CancellationToken cancellation) => Guard<IAsyncDisposable?>(async () =>
    {
        var connection = await tail.OpenConnectionAsync(cancellation);
        await using var command = PostgresParameters.Command(connection, LockSql, projection);
        if ((bool)(await command.ExecuteScalarAsync(cancellation))!) return new Lease(connection, projection);
        await connection.DisposeAsync();
        return null;
    });

    const string LockSql = """
        SELECT pg_try_advisory_lock(hashtext('stele.projection'), hashtext($1))
        """;

    public Task<IReadOnlyList<ProjectionLag>> Lags(string projection, CancellationToken cancellation) => Guard<IReadOnlyList<ProjectionLag>>(async () =>
    {
        await using var connection = await tail.OpenConnectionAsync(cancellation);
        await using var command = PostgresParameters.Command(connection, LagsSql, projection, LagPage);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var lags = new List<ProjectionLag>();
        while (await reader.ReadAsync(cancellation)) lags.Add(new ProjectionLag(new OrgId(reader.GetInt32(0)), reader.GetInt64(1), reader.GetInt64(2)));
        return lags;
    });

    // a sweep over the heads by design: one row an org
    const string LagsSql = """
        SELECT h.org_id, coalesce(p.revision, 0), h.revision
        FROM stele.journal_head h LEFT JOIN stele.projection_checkpoint p ON p.org_id = h.org_id AND p.projection = $1
        WHERE h.revision > coalesce(p.revision, 0)
        ORDER BY h.org_id LIMIT $2
        """;

    public Task<IReadOnlyList<RevisionRecord>> Read(OrgId org, long afterRevision, int limit, CancellationToken cancellation) =>
        journal.Read(org, afterRevision, limit, cancellation);

    public Task<bool> Advance(string projection, OrgId org, IReadOnlyList<RevisionRecord> revisions, CancellationToken cancellation) => Guard(async () =>
    {
        await using var connection = await app.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await using (var move = InOrg(connection, org))
        {
            move.BatchCommands.Add(PostgresParameters.Command(MoveSql, org.Value, projection, revisions[0].Revision - 1, revisions[^1].Revision, revisions[^1].Chain));
            await using var reader = await move.ExecuteReaderAsync(cancellation);
            await reader.NextResultAsync(cancellation);
            if (!await reader.ReadAsync(cancellation)) return false;
        }
        await using (var write = InOrg(connection, org))
        {
            Find(projection).Write(write, org, revisions);
            await write.ExecuteNonQueryAsync(cancellation);
        }
        await transaction.CommitAsync(cancellation);
        return true;
    });

    // compare-and-set: returns a row only if the checkpoint was where the caller read it, and what he read still stands in the
    // journal: a primary that took over since may have lost it, and the checkpoint with it
    const string MoveSql = """
        INSERT INTO stele.projection_checkpoint AS p (org_id, projection, incarnation, revision, updated_at)
        SELECT $1, $2, h.incarnation, $4, now() FROM stele.journal_head h WHERE h.org_id = $1 AND ($3 = 0 OR EXISTS (
            SELECT FROM stele.projection_checkpoint q WHERE q.org_id = $1 AND q.projection = $2))
          AND EXISTS (SELECT FROM stele.revision r WHERE r.org_id = $1 AND r.revision = $4 AND r.chain = $5)
        ON CONFLICT (org_id, projection) DO UPDATE SET incarnation = excluded.incarnation, revision = excluded.revision, updated_at = excluded.updated_at
        WHERE p.revision = $3
        RETURNING revision
        """;

    public Task Restart(string projection, OrgId org, CancellationToken cancellation) => Guard(async () =>
    {
        await using var connection = await app.OpenConnectionAsync(cancellation);
        await using var batch = InOrg(connection, org);
        Find(projection).Empty(batch, org);
        batch.BatchCommands.Add(PostgresParameters.Command(ForgetSql, org.Value, projection));
        return await batch.ExecuteNonQueryAsync(cancellation);
    });

    const string ForgetSql = """
        DELETE FROM stele.projection_checkpoint WHERE org_id = $1 AND projection = $2
        """;

    AsyncProjection Find(string name) => projections.FirstOrDefault(projection => projection.Name == name)
        ?? throw new InvalidOperationException($"there is no asynchronous projection '{name}'");

    static NpgsqlBatch InOrg(NpgsqlConnection connection, OrgId org)
    {
        var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(PostgresParameters.SetOrg(org));
        return batch;
    }

    static async Task<T> Guard<T>(Func<Task<T>> run)
    {
        try
        {
            return await run();
        }
        catch (Exception e) when (StoreFaults.IsAway(e))
        {
            throw new StoreUnavailableException(e.Message, e);
        }
    }

    /// <summary>Holds the lock with its session: if the node dies, so does the lock.</summary>
    sealed class Lease(NpgsqlConnection connection, string projection) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            try
            {
                await using var command = PostgresParameters.Command(connection, UnlockSql, projection);
                await command.ExecuteNonQueryAsync();
            }
            catch (Exception e) when (StoreFaults.IsDatabase(e))
            {
                // the session is gone, and the lock with it
            }
            finally
            {
                await connection.DisposeAsync();
            }
        }

        const string UnlockSql = """
            SELECT pg_advisory_unlock(hashtext('stele.projection'), hashtext($1))
            """;
    }
}
