using Npgsql;
using Stele.Server.Database;

namespace Stele.Server.Journal.Hints;

/// <summary>
/// Hints by LISTEN/NOTIFY. Heard on a connection of its own, which must be a direct one (a transaction pooler forgets LISTEN).
/// Sent after the commit and outside its transaction, because a NOTIFY inside would make commits wait for each other; and without
/// waiting for its own commit record, because nothing is lost with a hint.
/// </summary>
internal sealed class NotifyHints(DatabaseConnections connections) : IHintCarrier
{
    const string ChannelName = "stele_revision";

    /// <inheritdoc/>
    public string Name => "notify";

    /// <inheritdoc/>
    public async Task Send(IReadOnlyCollection<Hint> hints, CancellationToken cancellation)
    {
        await using var connection = await connections.Tail.OpenConnectionAsync(cancellation);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(PostgresParameters.Command(NoFlushSql));
        batch.BatchCommands.Add(PostgresParameters.Command(NotifySql, ChannelName, hints.Select(hint => hint.ToString()).ToArray()));
        await batch.ExecuteNonQueryAsync(cancellation);
    }

    const string NoFlushSql = """
        SELECT set_config('synchronous_commit', 'off', true)
        """;

    const string NotifySql = """
        SELECT pg_notify($1, hint) FROM unnest($2::text[]) AS hint
        """;

    /// <inheritdoc/>
    public async Task Listen(Action<Hint> heard, CancellationToken cancellation)
    {
        await using var connection = await connections.Direct.OpenConnectionAsync(cancellation);
        connection.Notification += (_, e) =>
        {
            if (Hint.TryParse(e.Payload, out var hint)) heard(hint);
        };
        await using (var listen = new NpgsqlCommand(ListenSql, connection)) await listen.ExecuteNonQueryAsync(cancellation);
        while (true) await connection.WaitAsync(cancellation);
    }

    const string ListenSql = """
        LISTEN stele_revision
        """;
}
