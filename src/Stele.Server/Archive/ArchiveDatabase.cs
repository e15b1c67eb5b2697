using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;
using Stele.Core.Journal;
using Stele.Server.Database;
using Stele.Server.Journal;

namespace Stele.Server.Archive;

/// <summary>What an org has in the file of a month.</summary>
/// <param name="Org">The org.</param>
/// <param name="Month">The month.</param>
/// <param name="First">Its first revision there.</param>
/// <param name="Last">Its last one.</param>
/// <param name="ChainBefore">The chain before the first.</param>
/// <param name="ChainAfter">The chain of the last.</param>
/// <param name="Events">How many events.</param>
/// <param name="File">The file's name.</param>
/// <param name="ContentHash">The hash of its content.</param>
/// <param name="IsRestored">Whether the events are back in the journal.</param>
internal sealed record ArchivedRange(OrgId Org, DateOnly Month, long First, long Last, byte[] ChainBefore, byte[] ChainAfter, long Events, string File, byte[] ContentHash, bool IsRestored);

/// <summary>
/// The owner's session in which journal and archive are changed: one at a time over all machines, by an advisory lock that
/// ends with it.
/// </summary>
internal sealed partial class ArchiveDatabase : IAsyncDisposable
{
    const int RangesMax = 1_000_000;

    ArchiveDatabase(NpgsqlConnection connection) => Connection = connection;

    /// <summary>The session, as stele_owner.</summary>
    public NpgsqlConnection Connection { get; }

    /// <summary>Opens the session; refused while another archive, restore or redaction is at work.</summary>
    public static async Task<ArchiveDatabase> Open(string ownerConnectionString, CancellationToken cancellation)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(ownerConnectionString)
        {
            Pooling = false, CommandTimeout = 0, ApplicationName = "stele-archive", IncludeErrorDetail = false,
        }.ConnectionString);
        try
        {
            await connection.OpenAsync(cancellation);
            await DatabaseRoles.Become(connection, DatabaseRoles.Owner, cancellation);
            await using var command = new NpgsqlCommand(LockSql, connection);
            if (!(bool)(await command.ExecuteScalarAsync(cancellation))!)
                throw new ArchiveException("Another archive, restore or redaction is at work on this database. Wait until it has ended.");
            return new ArchiveDatabase(connection);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    const string LockSql = """SELECT pg_try_advisory_lock(7378696497)""";

    /// <summary>The database's clock.</summary>
    public async Task<DateTime> Now(CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(NowSql, Connection);
        return (DateTime)(await command.ExecuteScalarAsync(cancellation))!;
    }

    const string NowSql = """SELECT now()""";

    /// <summary>The months whose events are in the journal, oldest first.</summary>
    public async Task<IReadOnlyList<DateOnly>> Months(CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(MonthsSql, Connection);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var months = new List<DateOnly>();
        while (await reader.ReadAsync(cancellation))
        {
            var name = reader.GetString(0);
            if (PartitionName().Match(name) is not { Success: true } match)
                throw new ArchiveException($"stele.{name} is a partition of events that no server made: which month it holds is not known. Nothing was archived.");
            months.Add(new DateOnly(int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture), int.Parse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture), 1));
        }
        return [.. months.Order()];
    }

    const string MonthsSql = """
        SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'stele.event'::regclass
        """;

    /// <summary>The name of a month's partition, without its schema.</summary>
    public static string PartitionOf(DateOnly month) => string.Create(CultureInfo.InvariantCulture, $"event_y{month:yyyy}m{month:MM}");

    /// <summary>Everything that was ever archived, by month and org.</summary>
    public async Task<IReadOnlyList<ArchivedRange>> Ranges(CancellationToken cancellation)
    {
        await using var command = PostgresParameters.Command(Connection, RangesSql, RangesMax);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var ranges = new List<ArchivedRange>();
        while (await reader.ReadAsync(cancellation)) ranges.Add(ReadRange(reader));
        return ranges;
    }

    const string RangesSql = """
        SELECT org_id, month, first_revision, last_revision, chain_before, chain_after, events, file, content_hash, restored_at IS NOT NULL
        FROM stele.archived ORDER BY month, org_id LIMIT $1
        """;

    /// <summary>A row of stele.archived, its columns in the order of the constructor.</summary>
    public static ArchivedRange ReadRange(NpgsqlDataReader reader) => new(new OrgId(reader.GetInt32(0)), reader.GetFieldValue<DateOnly>(1), reader.GetInt64(2), reader.GetInt64(3),
        (byte[])reader[4], (byte[])reader[5], reader.GetInt64(6), reader.GetString(7), (byte[])reader[8], reader.GetBoolean(9));

    /// <summary>Runs a statement without an answer.</summary>
    public async Task Execute(string sql, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(sql, Connection);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>Lets go of the lock, so that who comes next need not wait until the server has noticed that the session ended.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (Connection.State == System.Data.ConnectionState.Open) await Execute(UnlockSql, CancellationToken.None);
        }
        catch (NpgsqlException)
        {
            // the session is gone, and the lock with it
        }
        await Connection.DisposeAsync();
    }

    const string UnlockSql = """SELECT pg_advisory_unlock(7378696497)""";

    [GeneratedRegex(@"^event_y(\d{4})m(\d{2})$")]
    private static partial Regex PartitionName();
}
