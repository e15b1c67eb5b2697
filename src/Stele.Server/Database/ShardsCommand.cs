using System.Globalization;
using System.Text.Json;
using Npgsql;
using Stele.Core.Limits;

namespace Stele.Server.Database;

/// <summary>
/// <c>stele shards [--json]</c>: the rows and bytes of each hash partition of configuration and configuration_history, over
/// all orgs. Counts, and does not estimate, so it reads everything once. <c>stele shards --set N</c> makes it N partitions
/// of each, while servers run. Exit codes as <see cref="MigrateCommand"/>.
/// </summary>
internal static class ShardsCommand
{
    /// <summary>One partition.</summary>
    internal sealed record Shard(string Table, string Partition, long Rows, long Bytes);

    /// <summary>Runs the command on the database of the owner's connection string.</summary>
    public static async Task<int> Run(string[] args, string ownerConnectionString, TextWriter output, ProgressText progress, CancellationToken cancellation)
    {
        try
        {
            switch (args)
            {
                case [] or ["--json"]:
                    var shards = await Count(ownerConnectionString, cancellation);
                    await output.WriteAsync(args.Length > 0 ? Json(shards) : Table(shards));
                    if (args.Length == 0 && await TableSuccession.Leftover(ownerConnectionString, cancellation) is var bytes and > 0)
                        await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{bytes} bytes in schema stele_next: a 'shards --set' or 'projections rebuild' is at work, or was killed; then the next one removes them"));
                    return MigrateCommand.Done;
                case ["--set", var text]:
                    if (Parse(text, out var count) is { } refusal)
                    {
                        await output.WriteLineAsync($"error: {refusal}");
                        return MigrateCommand.Usage;
                    }
                    await Set(count, ownerConnectionString, output, progress, cancellation);
                    return MigrateCommand.Done;
                default:
                    await output.WriteLineAsync("usage: stele shards [--json | --set N]");
                    return MigrateCommand.Usage;
            }
        }
        catch (Exception failure) when (failure is NpgsqlException or DatabaseSetupException)
        {
            await output.WriteLineAsync($"error: {failure.Message}");
            return MigrateCommand.Failed;
        }
    }

    // null: it is a number of partitions
    static string? Parse(string text, out int count)
    {
        var most = SteleLimits.Shards.Value;
        if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out count))
            return $"--set takes a number of partitions from 1 to {most}, and '{text}' is none.";
        if (count < 1) return $"--set {count}: the rows need at least 1 partition to lie in, and at most {most} are allowed.";
        if (count > most)
            return $"--set {count}: at most {most} partitions are allowed. A statement that names no key locks each of them, and PostgreSQL has room for some 6,400 locks (max_locks_per_transaction).";
        return null;
    }

    static async Task Set(int count, string ownerConnectionString, TextWriter output, ProgressText progress, CancellationToken cancellation)
    {
        await using var succession = await TableSuccession.Open(ownerConnectionString, TimeProvider.System, cancellation);
        if (succession.ShardsBefore == count)
        {
            await output.WriteLineAsync($"there are {count} partitions already");
            return;
        }
        var (rows, lockedOut) = await new Repartitioning(succession, progress, TimeProvider.System).Run(count, cancellation);
        foreach (var (table, number) in rows)
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{table}: {number} rows in {count} partitions, the same as in the {succession.ShardsBefore} before"));
        await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"readers and writers were locked out for at most {lockedOut.TotalMilliseconds:0} ms"));
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
