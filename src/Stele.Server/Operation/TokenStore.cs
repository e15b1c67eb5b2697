using Npgsql;
using Stele.Server.Database;
using Stele.Server.Gateway;

namespace Stele.Server.Operation;

/// <summary>
/// The hashes of root tokens, as the database has them: what the gate compares with. Asked for at start and every few seconds,
/// so that a root token replaced on one node is refused by all of them within that time. With them the incarnation: when it has
/// changed, writes were lost, and the making of orgs may be among them.
/// </summary>
internal sealed class TokenStore(DatabaseConnections pools, RootTokens tokens, OrgDirectory orgs, StatementTimer statements)
{
    const int RootTokensMax = 100;

    Guid incarnation;

    /// <summary>Whether any root token is stored.</summary>
    public async Task<bool> HasRoot(CancellationToken cancellation)
    {
        await using var command = pools.Tail.CreateCommand(HasRootSql);
        return (bool)(await command.ExecuteScalarAsync(cancellation))!;
    }

    const string HasRootSql = """
        SELECT EXISTS (SELECT FROM stele.token_lookup WHERE org_id IS NULL)
        """;

    /// <summary>Makes a hash the only root token's. False: it was already.</summary>
    public async Task<bool> ReplaceRoot(byte[] hash, CancellationToken cancellation)
    {
        await using var connection = await pools.Tail.OpenConnectionAsync(cancellation);
        // one implicit transaction
        await using var batch = new NpgsqlBatch(connection);
        var remove = new NpgsqlBatchCommand(RemoveOthersSql);
        remove.Parameters.Add(new() { Value = hash });
        var insert = new NpgsqlBatchCommand(InsertRootSql);
        insert.Parameters.Add(new() { Value = hash });
        insert.Parameters.Add(new() { Value = Guid.CreateVersion7() });
        batch.BatchCommands.Add(remove);
        batch.BatchCommands.Add(insert);
        return await batch.ExecuteNonQueryAsync(cancellation) > 0;
    }

    const string RemoveOthersSql = """
        DELETE FROM stele.token_lookup WHERE org_id IS NULL AND hash <> $1
        """;

    const string InsertRootSql = """
        INSERT INTO stele.token_lookup (hash, token_id, org_id, created_at) VALUES ($1, $2, NULL, now()) ON CONFLICT (hash) DO NOTHING
        """;

    /// <summary>Takes over what the database has now.</summary>
    public async Task RunOnce(CancellationToken cancellation)
    {
        using var timing = statements.Start("token_directory");
        await using var connection = await pools.Tail.OpenConnectionAsync(cancellation);
        await using var batch = new NpgsqlBatch(connection) { BatchCommands = { Limited(RootHashesSql, RootTokensMax), new NpgsqlBatchCommand(IncarnationSql) } };
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        var hashes = new List<byte[]>();
        while (await reader.ReadAsync(cancellation)) hashes.Add((byte[])reader[0]);
        await reader.NextResultAsync(cancellation);
        await reader.ReadAsync(cancellation);
        var found = reader.GetGuid(0);
        tokens.Set(hashes);
        if (found != incarnation) orgs.Forget();
        orgs.Sweep();
        incarnation = found;
    }

    const string RootHashesSql = """
        SELECT hash FROM stele.token_lookup WHERE org_id IS NULL LIMIT $1
        """;

    const string IncarnationSql = """
        SELECT incarnation FROM stele.cluster
        """;

    static NpgsqlBatchCommand Limited(string sql, int limit)
    {
        var command = new NpgsqlBatchCommand(sql);
        command.Parameters.Add(new() { Value = limit });
        return command;
    }
}
