using Npgsql;
using Stele.Core.Journal;
using Stele.Server.Journal;

namespace Stele.Server.Stats;

/// <summary>One line of the daily counts.</summary>
internal sealed record ChangeCount(DateOnly Day, string Environment, string Actor, long Changes);

/// <summary>Reads the daily counts, and how far they have come.</summary>
internal static class StatsQueries
{
    /// <summary>Counts between two days, both included, newest day first, after a line; and the revision that they are at.</summary>
    public static async Task<(long Checkpoint, IReadOnlyList<ChangeCount> Counts)> Changes(
        NpgsqlDataSource app, OrgId org, DateOnly from, DateOnly to, string? environment, ChangeCount? after, int limit, CancellationToken cancellation)
    {
        await using var connection = await app.OpenConnectionAsync(cancellation);
        await using var batch = new NpgsqlBatch(connection) { Timeout = 10 };
        batch.BatchCommands.Add(PostgresParameters.SetOrg(org));
        batch.BatchCommands.Add(PostgresParameters.Command(CheckpointSql, org.Value, StatsProjection.Name));
        batch.BatchCommands.Add(PostgresParameters.Command(ChangesSql, org.Value, from, to, environment ?? "",
            after?.Day ?? (to == DateOnly.MaxValue ? to : to.AddDays(1)), after?.Environment ?? "", after?.Actor ?? "", limit));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var checkpoint = await reader.ReadAsync(cancellation) ? reader.GetInt64(0) : 0;
        await reader.NextResultAsync(cancellation);
        var counts = new List<ChangeCount>();
        while (await reader.ReadAsync(cancellation))
            counts.Add(new ChangeCount(reader.GetFieldValue<DateOnly>(0), reader.GetString(1), reader.GetString(2), reader.GetInt64(3)));
        return (checkpoint, counts);
    }

    const string CheckpointSql = """
        SELECT revision FROM stele.projection_checkpoint WHERE org_id = $1 AND projection = $2
        """;

    const string ChangesSql = """
        SELECT day, environment, actor, changes FROM stele.change_count
        WHERE org_id = $1 AND day BETWEEN $2 AND $3 AND ($4 = '' OR environment = $4)
          AND (day < $5 OR (day = $5 AND (environment, actor) > ($6, $7)))
        ORDER BY day DESC, environment, actor LIMIT $8
        """;
}
