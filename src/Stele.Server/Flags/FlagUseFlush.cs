using System.Net.Sockets;
using Npgsql;
using NpgsqlTypes;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Flags;

/// <summary>Writes what <see cref="FlagUse"/> counted: about once a minute, and once more at the end of the node. As <c>UsageFlush</c> does, each batch once.</summary>
internal sealed class FlagUseFlush(FlagUse use, DatabaseConnections pools, StatementTimer statements, TimeProvider time, ILogger<FlagUseFlush> log) : BackgroundService
{
    readonly Guid node = Guid.NewGuid();
    readonly SemaphoreSlim one = new(1);
    Queue<Batch> waiting = [];
    long numbers;
    DateOnly swept;
    bool isFailing;

    /// <summary>One org's counts, under a number by which a second attempt is known.</summary>
    sealed record Batch(OrgId Org, long Number, DateOnly Day, List<(FlagUseKey Key, FlagUseCount Count)> Counts, List<(string Environment, bool Reported)> Served);

    /// <summary>Writes what was counted. False: it could not be, now; nothing is lost.</summary>
    public async Task<bool> RunOnce(CancellationToken cancellation)
    {
        await one.WaitAsync(cancellation);
        try
        {
            // while the database is away, what is counted stays where it is counted, and takes no more room
            if (waiting.Count == 0)
            {
                var day = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
                waiting = new Queue<Batch>(use.Collect().Select(org => new Batch(org.Org, ++numbers, day, org.Counts, org.Served)));
            }
            for (; waiting.TryPeek(out var batch); waiting.Dequeue()) await Write(batch, cancellation);
            isFailing = false;
            return true;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or SocketException or IOException)
        {
            if (!isFailing) log.UseFails(e.Message);
            isFailing = true;
            return false;
        }
        finally
        {
            one.Release();
        }
    }

    /// <summary>Deletes what is older than the limit flag.use_days. On several nodes at once it does no harm.</summary>
    public async Task Sweep(CancellationToken cancellation)
    {
        using var timing = statements.Start("flag_use_sweep");
        foreach (var sql in (string[])[SweepUseSql, SweepServedSql])
        {
            await using var sweep = pools.Tail.CreateCommand(sql);
            sweep.CommandTimeout = SweepSeconds;
            sweep.Parameters.Add(new NpgsqlParameter<int> { TypedValue = SweepRowsMax });
            while (await sweep.ExecuteNonQueryAsync(cancellation) == SweepRowsMax)
            {
                // there are more
            }
        }
    }

    const int SweepRowsMax = 10_000, SweepSeconds = 60;

    // the role's policy shows it no younger ones, and so does the index
    const string SweepUseSql = """
        DELETE FROM stele.flag_use AS u USING (
            SELECT org_id, environment, flag, day, variant FROM stele.flag_use WHERE day < current_date - 400 ORDER BY day LIMIT $1) AS old
        WHERE u.org_id = old.org_id AND u.environment = old.environment AND u.flag = old.flag AND u.day = old.day AND u.variant = old.variant
        """;

    const string SweepServedSql = """
        DELETE FROM stele.flag_served AS s USING (
            SELECT org_id, environment, day, reported FROM stele.flag_served WHERE day < current_date - 400 ORDER BY day LIMIT $1) AS old
        WHERE s.org_id = old.org_id AND s.environment = old.environment AND s.day = old.day AND s.reported = old.reported
        """;

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(SteleLimits.ShutdownSeconds.Value), time);
            await RunOnce(limit.Token);
        }
        catch (OperationCanceledException)
        {
            // counted since the last minute, and lost: it is no bill
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        one.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                await Task.Delay(TimeSpan.FromSeconds(SteleLimits.UsageFlushSeconds.Value), time, stoppingToken);
                if (await RunOnce(stoppingToken)) await SweepOnceADay(stoppingToken);
            }
        }
        catch (OperationCanceledException)
        {
            // the end of the node: StopAsync writes what is left
        }
    }

    async Task SweepOnceADay(CancellationToken cancellation)
    {
        var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        if (swept == today) return;
        swept = today;
        try
        {
            await Sweep(cancellation);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or SocketException or IOException)
        {
            // tomorrow, or another node
            log.SweepFails(e.Message);
        }
    }

    async Task Write(Batch batch, CancellationToken cancellation)
    {
        using var timing = statements.Start("add_flag_use");
        await using var connection = await pools.App.OpenConnectionAsync(cancellation);
        await using var statement = new NpgsqlBatch(connection) { Timeout = (int)SteleLimits.RequestSeconds.Value };
        statement.BatchCommands.Add(PostgresParameters.SetOrg(batch.Org));
        // in one order, so that two nodes do not lock each other out
        var counts = batch.Counts.OrderBy(count => count.Key.Environment, StringComparer.Ordinal).ThenBy(count => count.Key.Flag, StringComparer.Ordinal).ThenBy(count => count.Key.Variant, StringComparer.Ordinal).ToList();
        var add = PostgresParameters.Command(AddSql, batch.Org.Value, node, batch.Number, batch.Day);
        add.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. counts.Select(count => count.Key.Environment)] });
        add.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. counts.Select(count => count.Key.Flag)] });
        add.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. counts.Select(count => count.Key.Variant)] });
        add.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. counts.Select(count => count.Count.Evaluations)] });
        add.Parameters.Add(new NpgsqlParameter<DateTime[]> { TypedValue = [.. counts.Select(count => count.Count.LastAt.ToDateTime())], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz });
        statement.BatchCommands.Add(add);
        var served = PostgresParameters.Command(ServedSql, batch.Org.Value, batch.Day);
        served.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. batch.Served.Select(day => day.Environment)] });
        served.Parameters.Add(new NpgsqlParameter<bool[]> { TypedValue = [.. batch.Served.Select(day => day.Reported)] });
        statement.BatchCommands.Add(served);
        await statement.ExecuteNonQueryAsync(cancellation);
    }

    // adds nothing when the org has taken this node's number, or a later one, already
    const string AddSql = """
        WITH fresh AS (
            INSERT INTO stele.node_flush AS f (org_id, log, node, number, at) VALUES ($1, 'flags', $2, $3, now())
            ON CONFLICT (org_id, log, node) DO UPDATE SET number = excluded.number, at = excluded.at WHERE f.number < excluded.number
            RETURNING number)
        INSERT INTO stele.flag_use AS u (org_id, environment, flag, day, variant, evaluations, last_at)
        SELECT $1, n.environment, n.flag, $4::date, n.variant, n.evaluations, n.last_at
        FROM fresh, unnest($5::text[], $6::text[], $7::text[], $8::bigint[], $9::timestamptz[]) AS n (environment, flag, variant, evaluations, last_at)
        ON CONFLICT (org_id, environment, flag, day, variant) DO UPDATE SET evaluations = u.evaluations + excluded.evaluations, last_at = greatest(u.last_at, excluded.last_at)
        """;

    const string ServedSql = """
        INSERT INTO stele.flag_served (org_id, environment, day, reported)
        SELECT $1, n.environment, $2::date, n.reported FROM unnest($3::text[], $4::boolean[]) AS n (environment, reported)
        ON CONFLICT DO NOTHING
        """;
}
