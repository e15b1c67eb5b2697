using Npgsql;
using Stele.Core.Journal;
using Stele.Server.Journal;

namespace Stele.Server.Usage;

/// <summary>What an org used on a day.</summary>
internal sealed record UsageDay(DateOnly Day, UsageCount Count, Timestamp UpdatedAt);

/// <summary>Reads the record of usage.</summary>
internal static class UsageQueries
{
    /// <summary>Days between two, both included, newest first.</summary>
    public static async Task<IReadOnlyList<UsageDay>> Days(NpgsqlDataSource app, OrgId org, DateOnly from, DateOnly to, int limit, CancellationToken cancellation)
    {
        await using var connection = await app.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(DaysSql, org.Value, from, to, limit));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var days = new List<UsageDay>();
        while (await reader.ReadAsync(cancellation))
            days.Add(new UsageDay(reader.GetFieldValue<DateOnly>(0), new UsageCount(reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4)), Timestamp.From(reader.GetDateTime(5))));
        return days;
    }

    const string DaysSql = """
        SELECT day, reads, writes, watch_seconds, evaluations, updated_at FROM stele.usage
        WHERE org_id = $1 AND day BETWEEN $2 AND $3 ORDER BY day DESC LIMIT $4
        """;
}
