using System.Net.Sockets;
using Npgsql;
using NpgsqlTypes;
using Stele.Core.Limits;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Audit;

/// <summary>What became of a batch.</summary>
internal abstract record AuditAnswer
{
    /// <summary>It is in the log, by this attempt or one before.</summary>
    public sealed record Written : AuditAnswer;

    /// <summary>It can never be: something in it is not what the database takes.</summary>
    public sealed record Refused(string Reason) : AuditAnswer;

    /// <summary>It may be or not: to be sent again under its number.</summary>
    public sealed record Unknown(string Reason) : AuditAnswer;
}

/// <summary>Writes batches of entries: one transaction each, in which the database makes the chain.</summary>
internal sealed class AuditStore(DatabaseConnections pools, StatementTimer statements)
{
    // of this process: a batch's number means something only together with it
    readonly Guid node = Guid.NewGuid();

    /// <summary>Appends a batch, once however often it is sent.</summary>
    public async Task<AuditAnswer> Append(AuditBatch batch, CancellationToken cancellation)
    {
        var entries = batch.Entries.Where(pending => pending.Entry is not null).Select(pending => pending.Entry!).ToList();
        if (entries.Count == 0) return new AuditAnswer.Written();
        try
        {
            using var timing = statements.Start("append_audit");
            await using var connection = await pools.App.OpenConnectionAsync(cancellation);
            await using var command = new NpgsqlBatch(connection) { Timeout = (int)SteleLimits.RequestSeconds.Value };
            command.BatchCommands.Add(PostgresParameters.SetOrg(batch.Org));
            command.BatchCommands.Add(Append(batch, entries));
            await command.ExecuteNonQueryAsync(cancellation);
            return new AuditAnswer.Written();
        }
        catch (PostgresException refused) when (refused.SqlState[..2] is "22" or "23")
        {
            // 23514 without a constraint is "no partition of relation": the operator can mend that
            return refused is { SqlState: PostgresErrorCodes.CheckViolation, ConstraintName: null or "" } ? new AuditAnswer.Unknown(refused.MessageText) : new AuditAnswer.Refused(refused.MessageText);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or SocketException or IOException or OperationCanceledException)
        {
            return new AuditAnswer.Unknown(e.Message);
        }
    }

    NpgsqlBatchCommand Append(AuditBatch batch, List<AuditEntry> entries)
    {
        var command = PostgresParameters.Command(AppendSql, batch.Org.Value, node, batch.Number);
        command.Parameters.Add(new NpgsqlParameter { Value = entries.Select(entry => entry.At.ToDateTime()).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz });
        command.Parameters.Add(Texts(entries, entry => entry.Action));
        command.Parameters.Add(Texts(entries, entry => entry.Actor));
        command.Parameters.Add(Texts(entries, entry => entry.Target));
        command.Parameters.Add(Texts(entries, entry => entry.Environment));
        command.Parameters.Add(Texts(entries, entry => entry.Outcome));
        command.Parameters.Add(Texts(entries, entry => entry.Code));
        command.Parameters.Add(new NpgsqlParameter { Value = entries.Select(entry => entry.Times).ToArray() });
        command.Parameters.Add(new NpgsqlParameter { Value = entries.Select(entry => entry.RequestId).ToArray() });
        command.Parameters.Add(Texts(entries, entry => entry.Address));
        command.Parameters.Add(Texts(entries, entry => entry.Detail));
        return command;
    }

    static NpgsqlParameter Texts(List<AuditEntry> entries, Func<AuditEntry, string?> text) =>
        new() { Value = entries.Select(text).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };

    const string AppendSql = """
        SELECT stele.append_audit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        """;
}
