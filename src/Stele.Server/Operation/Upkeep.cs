using Npgsql;
using Stele.Server.Archive;
using Stele.Server.Audit;
using Stele.Server.Database;

namespace Stele.Server.Operation;

/// <summary>What every node does now and then: root tokens taken over, partitions made, old months of the audit log dropped, old idempotency records swept.</summary>
internal sealed class Upkeep(TokenStore tokens, MonthPartitions partitions, AuditRetention audit, ArchiveArrears arrears, DatabaseConnections pools, StatementTimer statements, TimeProvider time, ILogger<Upkeep> log) : BackgroundService
{
    static readonly TimeSpan TokensPause = TimeSpan.FromSeconds(5);
    static readonly TimeSpan PartitionsPause = TimeSpan.FromHours(6);
    static readonly TimeSpan SweepPause = TimeSpan.FromMinutes(10);
    const int SweepRowsMax = 10_000, SweepSeconds = 30;

    /// <summary>Removes idempotency records that are older than the limit idempotency.hours; how many.</summary>
    public async Task<int> Sweep(CancellationToken cancellation)
    {
        using var timing = statements.Start("idempotency_sweep");
        await using var command = pools.Tail.CreateCommand(SweepSql);
        command.CommandTimeout = SweepSeconds;
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = SweepRowsMax });
        return await command.ExecuteNonQueryAsync(cancellation);
    }

    // the role's policy shows it no younger ones, and so does the index
    const string SweepSql = """
        DELETE FROM stele.idempotency AS i USING (
            SELECT org_id, principal, key FROM stele.idempotency WHERE created_at < now() - interval '24 hours' ORDER BY created_at LIMIT $1) AS old
        WHERE i.org_id = old.org_id AND i.principal = old.principal AND i.key = old.key
        """;

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(
        Repeat("Reading root tokens", TokensPause, tokens.RunOnce, stoppingToken),
        Repeat("Making event partitions", PartitionsPause, partitions.RunOnce, stoppingToken),
        Repeat("Making and dropping months of the audit log", PartitionsPause, audit.RunOnce, stoppingToken),
        Repeat("Looking what holds the archive back", SweepPause, arrears.RunOnce, stoppingToken, atOnce: true),
        Repeat("Sweeping idempotency records", SweepPause, Sweep, stoppingToken));

    async Task Repeat(string what, TimeSpan pause, Func<CancellationToken, Task> run, CancellationToken stopping, bool atOnce = false)
    {
        using var timer = new PeriodicTimer(pause, time);
        var failed = false;
        try
        {
            while (atOnce || await timer.WaitForNextTickAsync(stopping))
            {
                atOnce = false;
                try
                {
                    await run(stopping);
                    failed = false;
                }
                catch (Exception e) when (e is not OperationCanceledException || !stopping.IsCancellationRequested)
                {
                    // once, and not every five seconds for as long as the database is away
                    if (!failed) log.UpkeepFailed(what, e.Message);
                    failed = true;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // the end of the node
        }
    }
}
