using System.Net.Sockets;
using Npgsql;
using NpgsqlTypes;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Usage;

/// <summary>Writes what <see cref="UsageCounters"/> counted: on the minute, and once more at the end of the node.</summary>
internal sealed class UsageFlush(UsageCounters counters, DatabaseConnections pools, StatementTimer statements, Metrics metrics, TimeProvider time, ILogger<UsageFlush> log) : BackgroundService
{
    const int OrgsOfOne = 50;
    static readonly TimeSpan Soon = TimeSpan.FromSeconds(1);
    static readonly TimeSpan Minute = TimeSpan.FromSeconds(SteleLimits.UsageFlushSeconds.Value);

    // of this process: a batch's number means something only together with it
    readonly Guid node = Guid.NewGuid();
    readonly SemaphoreSlim one = new(1);
    readonly Counter flushes = metrics.AddCounter("stele_usage_flushes_total", "Times that this node wrote what it had counted.");
    DateOnly day = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
    Dictionary<(OrgId Org, DateOnly Day), UsageCount> collected = [];
    Sent? sent;
    long numbers;
    bool isFailing;

    /// <summary>Some orgs' days that are written together, under a number by which a second attempt is known.</summary>
    sealed record Sent(long Number, IReadOnlyList<IGrouping<OrgId, KeyValuePair<(OrgId Org, DateOnly Day), UsageCount>>> Orgs);

    /// <summary>Writes what was counted. False: it could not be, now; nothing is lost.</summary>
    public async Task<bool> RunOnce(CancellationToken cancellation)
    {
        await one.WaitAsync(cancellation);
        try
        {
            foreach (var (org, count) in counters.Collect()) collected[(org, day)] = collected.GetValueOrDefault((org, day)) + count;
            day = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
            // first what was sent and not answered, under its number
            if (sent is not null && !await Write(sent, cancellation)) return false;
            if (collected.Count == 0) return true;
            sent = new Sent(++numbers, [.. collected.GroupBy(pair => pair.Key.Org).OrderBy(org => org.Key.Value)]);
            collected = [];
            return await Write(sent, cancellation);
        }
        finally
        {
            one.Release();
        }
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(SteleLimits.ShutdownSeconds.Value), time);
            if (!await RunOnce(limit.Token)) log.UsageLeft();
        }
        catch (OperationCanceledException)
        {
            log.UsageLeft();
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
                // on the minute, so that one flush falls on midnight
                var into = TimeSpan.FromTicks(time.GetUtcNow().UtcTicks % Minute.Ticks);
                await Task.Delay(into > Minute - Soon ? Minute + Minute - into : Minute - into, time, stoppingToken);
                await RunOnce(stoppingToken);
            }
        }
        catch (OperationCanceledException)
        {
            // the end of the node: StopAsync writes what is left
        }
    }

    async Task<bool> Write(Sent batch, CancellationToken cancellation)
    {
        try
        {
            foreach (var orgs in batch.Orgs.Chunk(OrgsOfOne)) await Write(batch.Number, orgs, cancellation);
            sent = null;
            flushes.Add();
            isFailing = false;
            return true;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or SocketException or IOException)
        {
            if (!isFailing) log.UsageFails(e.Message);
            isFailing = true;
            return false;
        }
    }

    /// <summary>Several orgs in one transaction, each under its own setting, in the order of their numbers, so that two nodes do not lock each other out.</summary>
    async Task Write(long number, IReadOnlyList<IGrouping<OrgId, KeyValuePair<(OrgId Org, DateOnly Day), UsageCount>>> orgs, CancellationToken cancellation)
    {
        using var timing = statements.Start("add_usage");
        await using var connection = await pools.App.OpenConnectionAsync(cancellation);
        await using var batch = new NpgsqlBatch(connection) { Timeout = (int)SteleLimits.RequestSeconds.Value };
        foreach (var days in orgs)
        {
            batch.BatchCommands.Add(PostgresParameters.SetOrg(days.Key));
            var add = PostgresParameters.Command(AddSql, days.Key.Value, node, number);
            add.Parameters.Add(new NpgsqlParameter { Value = days.Select(pair => pair.Key.Day).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Date });
            foreach (var count in (Func<UsageCount, long>[])[count => count.Reads, count => count.Writes, count => count.WatchSeconds, count => count.Evaluations])
                add.Parameters.Add(new NpgsqlParameter { Value = days.Select(pair => count(pair.Value)).ToArray() });
            batch.BatchCommands.Add(add);
        }
        await batch.ExecuteNonQueryAsync(cancellation);
    }

    // adds nothing when the org has taken this node's number, or a later one, already
    const string AddSql = """
        WITH fresh AS (
            INSERT INTO stele.node_flush AS f (org_id, log, node, number, at) VALUES ($1, 'usage', $2, $3, now())
            ON CONFLICT (org_id, log, node) DO UPDATE SET number = excluded.number, at = excluded.at WHERE f.number < excluded.number
            RETURNING number)
        INSERT INTO stele.usage AS u (org_id, day, reads, writes, watch_seconds, evaluations, updated_at)
        SELECT $1, n.day, n.reads, n.writes, n.watch_seconds, n.evaluations, now()
        FROM fresh, unnest($4::date[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[]) AS n (day, reads, writes, watch_seconds, evaluations)
        ON CONFLICT (org_id, day) DO UPDATE SET reads = u.reads + excluded.reads, writes = u.writes + excluded.writes,
            watch_seconds = u.watch_seconds + excluded.watch_seconds, evaluations = u.evaluations + excluded.evaluations, updated_at = excluded.updated_at
        """;
}
