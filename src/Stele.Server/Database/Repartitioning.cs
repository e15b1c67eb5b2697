using System.Globalization;
using Npgsql;

namespace Stele.Server.Database;

/// <summary>
/// <c>stele shards --set N</c>: configuration and configuration_history in N partitions, while servers read and write. The
/// rows are copied by key; what changes meanwhile is written through (<see cref="TableSuccession"/>). Nothing is swapped
/// unless old and new are the same, row for row, in one snapshot.
/// </summary>
internal sealed class Repartitioning(TableSuccession succession, ProgressText progress, TimeProvider time)
{
    // a write that meets a chunk's rows waits for the chunk: some tens of milliseconds
    const int ChunkRows = 5_000;
    const int AttemptsMax = 100;
    static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>Does it; the rows of each table, and how long readers and writers were locked out.</summary>
    public async Task<(IReadOnlyDictionary<string, long> Rows, TimeSpan LockedOut)> Run(int shards, CancellationToken cancellation)
    {
        progress.Step($"making {shards} partitions of each table beside the {succession.ShardsBefore} that serve");
        await succession.Begin(shards, cancellation);
        var rows = await Fill(cancellation);
        return (rows, await succession.Swap(progress.Step, cancellation));
    }

    /// <summary>Copies what is there, and throws unless the copy is the same; the rows of each table.</summary>
    internal async Task<IReadOnlyDictionary<string, long>> Fill(CancellationToken cancellation)
    {
        foreach (var table in TableSuccession.Tables) await Copy(table, cancellation);
        progress.Step("comparing old and new");
        var compared = await succession.Compare(cancellation);
        if (compared.FirstOrDefault(org => !org.Equal) is { } bad)
            throw new DatabaseSetupException($"The copy of {bad.Table} is not the same for organization {bad.Org}: {bad.RowsBefore} rows and {bad.RowsAfter} in the copy. Nothing was changed; run this again.");
        return compared.GroupBy(org => org.Table).ToDictionary(table => table.Key, table => table.Sum(org => org.RowsAfter));
    }

    async Task Copy(string table, CancellationToken cancellation)
    {
        long done = 0;
        string[]? last = null;
        do
        {
            long copied;
            (last, copied) = await CopyChunk(table, last, cancellation);
            done += copied;
            progress.Count(string.Create(CultureInfo.InvariantCulture, $"{table}: {done} rows copied"));
        }
        while (last is not null);
        progress.Step(string.Create(CultureInfo.InvariantCulture, $"{table}: {done} rows copied"));
    }

    async Task<(string[]? Last, long Copied)> CopyChunk(string table, string[]? after, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var command = new NpgsqlCommand(CopySql, succession.Connection);
                command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = table });
                command.Parameters.Add(new NpgsqlParameter { Value = (object?)after ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Text });
                command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = ChunkRows });
                await using var reader = await command.ExecuteReaderAsync(cancellation);
                await reader.ReadAsync(cancellation);
                return (reader.IsDBNull(0) ? null : reader.GetFieldValue<string[]>(0), reader.GetInt64(1));
            }
            catch (PostgresException busy) when (busy.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected && attempt < AttemptsMax)
            {
                // a server writes one of these rows, and waits for another of them: it goes first
                await Task.Delay(Pause, time, cancellation);
            }
        }
    }

    const string CopySql = """
        SELECT last_key, copied FROM stele.copy_to_successor($1::text::regclass, $2, $3)
        """;
}
