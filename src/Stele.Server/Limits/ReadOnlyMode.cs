using Npgsql;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;
using Stele.Server.Options;

namespace Stele.Server.Limits;

/// <summary>Whether writes are refused, and why.</summary>
/// <param name="Since">Since when all nodes refuse them; null: by none, or by this node's own setting only.</param>
/// <param name="Reason">What was given as the reason, or null.</param>
/// <param name="By">Who.</param>
/// <param name="Here">Whether this node refuses them whatever the others do (STELE_READ_ONLY).</param>
internal sealed record WriteMode(Timestamp? Since, string? Reason, string? By, bool Here)
{
    public bool IsReadOnly => Here || Since is not null;
}

/// <summary>
/// Maintenance: no node takes writes, all answer reads. The switch is in the cluster's one row, which every node reads twice a second; a node that cannot reach
/// the database keeps to what it read last. What had been taken before the switch is still written.
/// </summary>
internal sealed class ReadOnlyMode
{
    /// <summary>How often a node looks.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    // longer than the tools wait between attempts: they tell their user at once
    const int RetrySeconds = 30;

    readonly NpgsqlDataSource tail;
    readonly StatementTimer statements;
    readonly LimitMetrics metrics;
    readonly bool here;
    Seen seen;

    public ReadOnlyMode(DatabaseConnections pools, SteleOptions options, StatementTimer statements, LimitMetrics metrics)
    {
        (tail, this.statements, this.metrics, here) = (pools.Tail, statements, metrics, options.ReadOnly);
        seen = new Seen(new WriteMode(null, null, null, here));
        metrics.ObserveMode(() => Current.IsReadOnly);
    }

    /// <summary>What this node goes by.</summary>
    public WriteMode Current => Volatile.Read(ref seen).Mode;

    /// <summary>What a write is told; null: it may go on.</summary>
    public Fault? Refuse(Command command)
    {
        if (Volatile.Read(ref seen).Refusal is not { } refusal) return null;
        metrics.ReadOnly.Add();
        return refusal;
    }

    /// <summary>Takes over what the database has now.</summary>
    public async Task RunOnce(CancellationToken cancellation)
    {
        using var timing = statements.Start("read_only");
        await using var command = tail.CreateCommand(ReadSql);
        await Take(command, cancellation);
    }

    const string ReadSql = """
        SELECT read_only_since, read_only_reason, read_only_by FROM stele.cluster
        """;

    /// <summary>Switches it for all nodes, and answers how it is then. Switching on what is on keeps since when, and takes the new reason.</summary>
    public async Task<WriteMode> Set(bool readOnly, string? reason, string actor, CancellationToken cancellation)
    {
        using var timing = statements.Start("read_only_set");
        await using var command = tail.CreateCommand(SetSql);
        command.Parameters.Add(new NpgsqlParameter<bool> { TypedValue = readOnly });
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)reason ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = actor });
        return await Take(command, cancellation);
    }

    const string SetSql = """
        UPDATE stele.cluster SET read_only_since = CASE WHEN $1 THEN coalesce(read_only_since, now()) END,
               read_only_reason = CASE WHEN $1 THEN $2 END, read_only_by = CASE WHEN $1 THEN $3 END
        RETURNING read_only_since, read_only_reason, read_only_by
        """;

    async Task<WriteMode> Take(NpgsqlCommand command, CancellationToken cancellation)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        if (!await reader.ReadAsync(cancellation)) throw new InvalidOperationException("the cluster has no row");
        var mode = new WriteMode(reader.IsDBNull(0) ? null : Timestamp.From(reader.GetDateTime(0)), reader.IsDBNull(1) ? null : reader.GetString(1),
            reader.IsDBNull(2) ? null : reader.GetString(2), here);
        if (mode != Current) Volatile.Write(ref seen, new Seen(mode));
        return mode;
    }

    /// <summary>A mode, and what it says to a write: made once.</summary>
    sealed class Seen(WriteMode mode)
    {
        public WriteMode Mode => mode;

        public Fault? Refusal { get; } = !mode.IsReadOnly ? null : Fault.Unavailable(
            (mode.Reason is { } reason ? $"Stele takes no writes now: {reason}" : "Stele takes no writes now; an operator has made it read-only")
            + (mode.Since is { } since ? $" (since {since})." : " (the setting of this node)."), RetrySeconds) with
        {
            Problems = [Problem.Body("", "read_only", "Reads are answered; nothing was written.")],
        };
    }
}
