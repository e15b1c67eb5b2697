using Npgsql;
using Stele.Core.Journal;
using Stele.Server.Database;
using Stele.Server.Journal;

namespace Stele.Server.Peers;

/// <summary>A question to all nodes.</summary>
/// <param name="Org">About which org.</param>
/// <param name="Id">Its id.</param>
/// <param name="Kind">Which of those that can be asked.</param>
/// <param name="Body">What is asked.</param>
/// <param name="Left">How long somebody waits for the answer.</param>
internal sealed record PeerAsk(OrgId Org, Guid Id, string Kind, byte[] Body, TimeSpan Left);

/// <summary>What one node answered so far.</summary>
/// <param name="Node">Which.</param>
/// <param name="Body">The last that it said; null: nothing.</param>
/// <param name="IsFinal">Whether it has no more to say.</param>
internal sealed record PeerAnswer(Guid Node, byte[]? Body, bool IsFinal);

/// <summary>Nodes, questions and answers in PostgreSQL.</summary>
internal sealed class PeerStore(DatabaseConnections connections, PeerOptions options)
{
    /// <summary>Says that a node is there, and takes away what is old.</summary>
    public async Task Beat(Guid node, string name, CancellationToken cancellation)
    {
        await using var connection = await connections.Tail.OpenConnectionAsync(cancellation);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(PostgresParameters.Command(BeatSql, node, name));
        await batch.ExecuteNonQueryAsync(cancellation);
    }

    const string BeatSql = """
        INSERT INTO stele.node (node_id, name, beat_at) VALUES ($1, $2, now())
        ON CONFLICT (node_id) DO UPDATE SET beat_at = now()
        """;

    /// <summary>Takes away what is old: nodes that are gone, questions that nobody waits for.</summary>
    public async Task Sweep(CancellationToken cancellation)
    {
        await using var connection = await connections.Tail.OpenConnectionAsync(cancellation);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(PostgresParameters.Command(SweepNodesSql));
        batch.BatchCommands.Add(PostgresParameters.Command(SweepAsksSql));
        batch.BatchCommands.Add(PostgresParameters.Command(SweepAnswersSql));
        await batch.ExecuteNonQueryAsync(cancellation);
    }

    const string SweepNodesSql = """
        DELETE FROM stele.node WHERE node_id IN (SELECT node_id FROM stele.node WHERE beat_at < now() - interval '10 minutes' ORDER BY node_id LIMIT 1000)
        """;

    // the role's policies show it no younger ones
    const string SweepAsksSql = """
        DELETE FROM stele.peer_ask WHERE until_at < now() - interval '2 minutes'
        """;

    const string SweepAnswersSql = """
        DELETE FROM stele.peer_answer WHERE answered_at < now() - interval '2 minutes'
        """;

    /// <summary>Says that a node stops.</summary>
    public async Task Leave(Guid node, CancellationToken cancellation)
    {
        await using var connection = await connections.Tail.OpenConnectionAsync(cancellation);
        await using var command = PostgresParameters.Command(connection, LeaveSql, node);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    const string LeaveSql = """
        DELETE FROM stele.node WHERE node_id = $1
        """;

    /// <summary>The other nodes that are there.</summary>
    public async Task<IReadOnlyList<Guid>> Others(Guid node, CancellationToken cancellation)
    {
        await using var connection = await connections.Tail.OpenConnectionAsync(cancellation);
        await using var command = PostgresParameters.Command(connection, OthersSql, node, options.Gone);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var others = new List<Guid>();
        while (await reader.ReadAsync(cancellation)) others.Add(reader.GetGuid(0));
        return others;
    }

    const string OthersSql = """
        SELECT node_id FROM stele.node WHERE node_id <> $1 AND beat_at > now() - $2::interval ORDER BY node_id LIMIT 1000
        """;

    /// <summary>Asks all others.</summary>
    public async Task Ask(Guid node, PeerAsk ask, CancellationToken cancellation)
    {
        await using var connection = await connections.App.OpenConnectionAsync(cancellation);
        await using var batch = InOrg(connection, ask.Org, PostgresParameters.Command(AskSql, ask.Org.Value, ask.Id, node, ask.Kind, ask.Body, ask.Left));
        await batch.ExecuteNonQueryAsync(cancellation);
    }

    const string AskSql = """
        INSERT INTO stele.peer_ask (org_id, ask_id, node_id, kind, body, asked_at, until_at) VALUES ($1, $2, $3, $4, $5, now(), now() + $6::interval)
        """;

    /// <summary>Questions of others for whose answers somebody waits: which, and of which org.</summary>
    public async Task<IReadOnlyList<(OrgId Org, Guid Id)>> Asked(Guid node, CancellationToken cancellation)
    {
        await using var connection = await connections.Tail.OpenConnectionAsync(cancellation);
        await using var command = PostgresParameters.Command(connection, AskedSql, node);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var asked = new List<(OrgId, Guid)>();
        while (await reader.ReadAsync(cancellation)) asked.Add((new OrgId(reader.GetInt32(0)), reader.GetGuid(1)));
        return asked;
    }

    const string AskedSql = """
        SELECT org_id, ask_id FROM stele.peer_ask WHERE until_at > now() AND node_id <> $1 ORDER BY until_at LIMIT 1000
        """;

    /// <summary>A question whole; null: it is gone, or over.</summary>
    public async Task<PeerAsk?> Read(OrgId org, Guid id, CancellationToken cancellation)
    {
        await using var connection = await connections.App.OpenConnectionAsync(cancellation);
        await using var batch = InOrg(connection, org, PostgresParameters.Command(ReadSql, org.Value, id));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        return await reader.ReadAsync(cancellation) ? new PeerAsk(org, id, reader.GetString(0), (byte[])reader[1], reader.GetTimeSpan(2)) : null;
    }

    const string ReadSql = """
        SELECT kind, body, until_at - clock_timestamp() FROM stele.peer_ask WHERE org_id = $1 AND ask_id = $2 AND until_at > clock_timestamp()
        """;

    /// <summary>Answers, in place of what was answered before.</summary>
    public async Task Answer(Guid node, PeerAsk ask, byte[] body, bool isFinal, CancellationToken cancellation)
    {
        await using var connection = await connections.App.OpenConnectionAsync(cancellation);
        await using var batch = InOrg(connection, ask.Org, PostgresParameters.Command(AnswerSql, ask.Org.Value, ask.Id, node, body, isFinal));
        await batch.ExecuteNonQueryAsync(cancellation);
    }

    const string AnswerSql = """
        INSERT INTO stele.peer_answer (org_id, ask_id, node_id, body, is_final, answered_at) VALUES ($1, $2, $3, $4, $5, now())
        ON CONFLICT (org_id, ask_id, node_id) DO UPDATE SET body = excluded.body, is_final = excluded.is_final, answered_at = now()
        """;

    /// <summary>What some nodes have answered; those that are gone meanwhile are left out, unless they have answered for good.</summary>
    public async Task<IReadOnlyList<PeerAnswer>> Answers(PeerAsk ask, IReadOnlyCollection<Guid> nodes, CancellationToken cancellation)
    {
        await using var connection = await connections.App.OpenConnectionAsync(cancellation);
        await using var batch = InOrg(connection, ask.Org, PostgresParameters.Command(AnswersSql, ask.Org.Value, ask.Id, nodes.ToArray(), options.Gone));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var answers = new List<PeerAnswer>();
        while (await reader.ReadAsync(cancellation))
            answers.Add(new PeerAnswer(reader.GetGuid(0), reader.IsDBNull(1) ? null : (byte[])reader[1], !reader.IsDBNull(2) && reader.GetBoolean(2)));
        return answers;
    }

    const string AnswersSql = """
        SELECT asked.node_id, a.body, a.is_final
        FROM unnest($3::uuid[]) AS asked (node_id)
        LEFT JOIN stele.peer_answer a ON a.org_id = $1 AND a.ask_id = $2 AND a.node_id = asked.node_id
        LEFT JOIN stele.node n ON n.node_id = asked.node_id
        WHERE a.is_final OR n.beat_at > now() - $4::interval
        """;

    static NpgsqlBatch InOrg(NpgsqlConnection connection, OrgId org, NpgsqlBatchCommand command)
    {
        var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(PostgresParameters.SetOrg(org));
        batch.BatchCommands.Add(command);
        return batch;
    }
}
