using Npgsql;
using Stele.Server.Database;

namespace Stele.Server.Audit;

/// <summary>Keeps the audit log's months: makes them ahead, and drops those that are older than the option says. Part of the node's upkeep.</summary>
internal sealed class AuditRetention(NpgsqlDataSource tail, int keepMonths, TimeProvider time, ILogger log)
{
    const int SweepRowsMax = 10_000, CommandSeconds = 60;

    /// <summary>The months to come.</summary>
    public MonthPartitions Months { get; } = MonthPartitions.OfAudit(tail, time, log);

    /// <summary>Every few hours. Throws when the database refuses, a reader that holds the months for long included: next time, then.</summary>
    public async Task RunOnce(CancellationToken cancellation)
    {
        await Months.RunOnce(cancellation);
        if (await Ask(DropSql, keepMonths, cancellation) is > 0 and var dropped) log.AuditDropped(dropped, keepMonths);
        await using var sweep = tail.CreateCommand(SweepSql);
        sweep.CommandTimeout = CommandSeconds;
        sweep.Parameters.Add(new NpgsqlParameter<int> { TypedValue = SweepRowsMax });
        while (await sweep.ExecuteNonQueryAsync(cancellation) == SweepRowsMax)
        {
            // there are more
        }
    }

    async Task<int> Ask(string sql, int months, CancellationToken cancellation)
    {
        await using var command = tail.CreateCommand(sql);
        command.CommandTimeout = CommandSeconds;
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = months });
        return (int)(await command.ExecuteScalarAsync(cancellation))!;
    }

    const string DropSql = """
        SELECT stele.drop_audit_months($1)
        """;

    // the role's policy shows it no younger ones, and so does the index
    const string SweepSql = """
        DELETE FROM stele.node_flush AS f USING (
            SELECT org_id, log, node FROM stele.node_flush WHERE at < now() - interval '1 day' ORDER BY at LIMIT $1) AS old
        WHERE f.org_id = old.org_id AND f.log = old.log AND f.node = old.node
        """;
}
