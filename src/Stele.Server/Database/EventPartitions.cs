using Npgsql;

namespace Stele.Server.Database;

/// <summary>
/// Keeps the partitions of events made well ahead, by <see cref="RunOnce"/> at start and every few hours. An append past
/// the last one fails, so an error is logged long before: whenever fewer than three months are left after trying.
/// </summary>
internal sealed class EventPartitions(NpgsqlDataSource tail, TimeProvider time, ILogger log)
{
    /// <summary>How many months after this one are made.</summary>
    public const int MonthsAhead = 12;

    /// <summary>With less than this left, an error is logged: one would have failed to make some for nine months.</summary>
    static readonly TimeSpan AlarmBefore = TimeSpan.FromDays(90);

    /// <summary>From when on there is no partition, as of the last look; for a gauge.</summary>
    public DateTime? Horizon { get; private set; }

    /// <summary>What is wrong with them, in a sentence, as of the last look and the clock; null normally.</summary>
    public string? Warning => Horizon is not { } horizon || Left(horizon) >= AlarmBefore ? null
        : Left(horizon) <= TimeSpan.Zero ? $"Events have no partition from {horizon:u} on: writes fail."
        : $"Events have partitions only up to {horizon:u}: writes fail from then on.";

    /// <summary>Makes what is missing; false: the alarm was raised.</summary>
    public async Task<bool> RunOnce(CancellationToken cancellation)
    {
        var (made, failure) = (0, default(PostgresException));
        try
        {
            await using var ensure = tail.CreateCommand(EnsureSql);
            ensure.Parameters.Add(new() { Value = MonthsAhead });
            made = (int)(await ensure.ExecuteScalarAsync(cancellation))!;
        }
        catch (PostgresException refused)
        {
            // a lock that somebody holds, a full disk: the horizon decides how bad that is
            failure = refused;
        }
        await using var ask = tail.CreateCommand(HorizonSql);
        ask.Parameters.Add(new() { Value = time.GetUtcNow().UtcDateTime });
        var horizon = (DateTime)(await ask.ExecuteScalarAsync(cancellation))!;
        Horizon = horizon;
        if (made > 0)
            log.PartitionsMade(made, horizon);
        if (Warning is null)
            return true;
        log.PartitionsRunOut(horizon, failure);
        return false;
    }

    TimeSpan Left(DateTime horizon) => horizon - time.GetUtcNow().UtcDateTime;

    const string EnsureSql = """SELECT stele.ensure_partitions($1)""";

    const string HorizonSql = """SELECT stele.partition_horizon($1)""";
}
