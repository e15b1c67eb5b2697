using Npgsql;

namespace Stele.Server.Database;

/// <summary>
/// Keeps the monthly partitions of a log made well ahead, by <see cref="RunOnce"/> at start and every few hours. What is written past
/// the last one fails, so an error is logged long before: whenever fewer than three months are left after trying.
/// </summary>
internal sealed class MonthPartitions
{
    /// <summary>How many months after this one are made.</summary>
    public const int MonthsAhead = 12;

    const int CommandSeconds = 60;

    /// <summary>With less than this left, an error is logged: one would have failed to make some for nine months.</summary>
    static readonly TimeSpan AlarmBefore = TimeSpan.FromDays(90);

    readonly NpgsqlDataSource tail;
    readonly TimeProvider time;
    readonly ILogger log;
    readonly string what, failing, ensureSql, horizonSql;

    MonthPartitions(NpgsqlDataSource tail, TimeProvider time, ILogger log, string what, string failing, string ensureSql, string horizonSql) =>
        (this.tail, this.time, this.log, this.what, this.failing, this.ensureSql, this.horizonSql) = (tail, time, log, what, failing, ensureSql, horizonSql);

    /// <summary>Those of the journal's events.</summary>
    public static MonthPartitions OfEvents(NpgsqlDataSource tail, TimeProvider time, ILogger log) => new(tail, time, log, "Events", "writes fail", EnsureEventsSql, EventHorizonSql);

    const string EnsureEventsSql = """SELECT stele.ensure_partitions($1)""";

    const string EventHorizonSql = """SELECT stele.partition_horizon($1)""";

    /// <summary>Those of the audit log.</summary>
    public static MonthPartitions OfAudit(NpgsqlDataSource tail, TimeProvider time, ILogger log) => new(tail, time, log, "The audit log", "nothing is put on record", EnsureAuditSql, AuditHorizonSql);

    const string EnsureAuditSql = """SELECT stele.ensure_audit_partitions($1)""";

    const string AuditHorizonSql = """SELECT stele.audit_horizon($1)""";

    /// <summary>From when on there is no partition, as of the last look; for a gauge.</summary>
    public DateTime? Horizon { get; private set; }

    /// <summary>What is wrong with them, in a sentence, as of the last look and the clock; null normally.</summary>
    public string? Warning => Horizon is not { } horizon || Left(horizon) >= AlarmBefore ? null
        : Left(horizon) <= TimeSpan.Zero ? $"{what}: no partition from {horizon:u} on, {failing}."
        : $"{what}: partitions only up to {horizon:u}, {failing} from then on.";

    /// <summary>Makes what is missing; false: the alarm was raised.</summary>
    public async Task<bool> RunOnce(CancellationToken cancellation)
    {
        var (made, failure) = (0, default(PostgresException));
        try
        {
            await using var ensure = Command(ensureSql, MonthsAhead);
            made = (int)(await ensure.ExecuteScalarAsync(cancellation))!;
        }
        catch (PostgresException refused)
        {
            // a lock that somebody holds, a full disk: the horizon decides how bad that is
            failure = refused;
        }
        await using var ask = Command(horizonSql, time.GetUtcNow().UtcDateTime);
        var horizon = (DateTime)(await ask.ExecuteScalarAsync(cancellation))!;
        Horizon = horizon;
        if (made > 0)
            log.PartitionsMade(what, made, horizon);
        if (Warning is null)
            return true;
        log.PartitionsRunOut(what, horizon, failing, failure);
        return false;
    }

    TimeSpan Left(DateTime horizon) => horizon - time.GetUtcNow().UtcDateTime;

    NpgsqlCommand Command(string sql, object value)
    {
        var command = tail.CreateCommand(sql);
        command.CommandTimeout = CommandSeconds;
        command.Parameters.Add(new() { Value = value });
        return command;
    }
}
