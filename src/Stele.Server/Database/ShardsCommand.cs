using System.Globalization;
using System.Text.Json;
using Npgsql;

namespace Stele.Server.Database;

/// <summary>
/// <c>stele shards [--json]</c>: the rows and bytes of each hash partition of configuration and configuration_history, over
/// all orgs. Counts, and does not estimate, so it reads everything once. Exit codes as <see cref="MigrateCommand"/>.
/// </summary>
internal static class ShardsCommand
{
    /// <summary>One partition.</summary>
    internal sealed record Shard(string Table, string Partition, long Rows, long Bytes);

    /// <summary>Runs the command on the database of the owner's connection string.</summary>
    public static async Task<int> Run(string[] args, string ownerConnectionString, TextWriter output, CancellationToken cancellation)
    {
        if (args is not ([] or ["--json"]))
        {
            await output.WriteLineAsync("usage: stele shards [--json]");
            return MigrateCommand.Usage;
        }
        try
        {
            var shards = await Count(ownerConnectionString, cancellation);
            await output.WriteAsync(args.Length > 0 ? Json(shards) : Table(shards));
            return MigrateCommand.Done;
        }
        catch (NpgsqlException failure)
        {
            await output.WriteLineAsync($"error: {failure.Message}");
            return MigrateCommand.Failed;
        }
    }

    /// <summary>Every partition, empty ones too, in order.</summary>
    internal static async Task<IReadOnlyList<Shard>> Count(string ownerConnectionString, CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(ownerConnectionString) { Pooling = false, CommandTimeout = 0 }.ConnectionString);
        await connection.OpenAsync(cancellation);
        await DatabaseRoles.Become(connection, DatabaseRoles.Owner, cancellation);
        await using var command = new NpgsqlCommand(ShardsSql, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var shards = new List<Shard>();
        while (await reader.ReadAsync(cancellation))
            shards.Add(new Shard(reader.GetString(0), reader.GetString(1), reader.GetInt64(2), reader.GetInt64(3)));
        return shards;
    }

    const string ShardsSql =
        """
        WITH counted AS (
            SELECT tableoid AS oid, count(*) AS rows FROM stele.configuration GROUP BY tableoid
            UNION ALL
            SELECT tableoid, count(*) FROM stele.configuration_history GROUP BY tableoid)
        SELECT p.relname::text, c.relname::text, coalesce(n.rows, 0), pg_total_relation_size(c.oid)
        FROM pg_inherits i
        JOIN pg_class p ON p.oid = i.inhparent
        JOIN pg_class c ON c.oid = i.inhrelid
        LEFT JOIN counted n ON n.oid = c.oid
        WHERE i.inhparent IN ('stele.configuration'::regclass, 'stele.configuration_history'::regclass)
        ORDER BY p.relname, c.relname
        LIMIT 10000
        """;

    static string Table(IReadOnlyList<Shard> shards)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        var width = shards.Max(shard => shard.Partition.Length);
        foreach (var table in shards.GroupBy(shard => shard.Table))
        {
            text.WriteLine($"{table.Key.PadRight(width)}  {"rows",12}  {"share",6}  {"bytes",14}");
            var rows = table.Sum(shard => shard.Rows);
            foreach (var shard in table)
                text.WriteLine($"{shard.Partition.PadRight(width)}  {shard.Rows,12}  {(rows == 0 ? 0 : (double)shard.Rows / rows),6:P0}  {shard.Bytes,14}");
            text.WriteLine($"{"total".PadRight(width)}  {rows,12}  {"",6}  {table.Sum(shard => shard.Bytes),14}");
            text.WriteLine();
        }
        return text.ToString();
    }

    static string Json(IReadOnlyList<Shard> shards) =>
        JsonSerializer.Serialize(new
        {
            tables = shards.GroupBy(shard => shard.Table).Select(table => new
            {
                table = table.Key,
                rows = table.Sum(shard => shard.Rows),
                partitions = table.Select(shard => new { partition = shard.Partition, rows = shard.Rows, bytes = shard.Bytes }),
            }),
        }) + "\n";
}
