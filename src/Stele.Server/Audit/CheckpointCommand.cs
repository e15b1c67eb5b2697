using Npgsql;
using Stele.Core.Audit;
using Stele.Core.Journal;
using Stele.Server.Database;

namespace Stele.Server.Audit;

/// <summary>
/// <c>stele checkpoint [--org NAME] [--key FILE]</c>: prints a signed statement of incarnation, revisions and chains, to be kept where
/// nobody who can write to the database can write. <c>--public-key</c> prints what <c>stele verify --checkpoint FILE --key FILE</c> needs.
/// </summary>
internal static class CheckpointCommand
{
    const int OrgsMax = 100_000;

    /// <summary>Runs the command.</summary>
    public static async Task<int> Run(string[] args, string data, DatabaseConnections pools, TextWriter output, TimeProvider time, CancellationToken cancellation)
    {
        string? only = null, path = null;
        var isPublic = false;
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] == "--public-key") isPublic = true;
            else if (args[i] == "--org" && i + 1 < args.Length) only = args[++i];
            else if (args[i] == "--key" && i + 1 < args.Length) path = args[++i];
            else
            {
                await output.WriteLineAsync("usage: stele checkpoint [--org NAME] [--key FILE] [--public-key]");
                return MigrateCommand.Usage;
            }
        }
        using var key = path is null ? CheckpointKey.Own(data) : CheckpointKey.Private(path);
        if (isPublic)
        {
            await output.WriteLineAsync(key.PublicPem);
            return MigrateCommand.Done;
        }
        var statement = await Read(pools.Tail, Timestamp.From(time.GetUtcNow()), cancellation);
        if (only is not null) statement = statement with { Orgs = [.. statement.Orgs.Where(org => org.Name == only)] };
        if (statement.Orgs.Count == 0)
        {
            await output.WriteLineAsync(only is null ? "error: there is no organization yet" : $"error: there is no organization '{only}'");
            return MigrateCommand.Usage;
        }
        await output.WriteAsync(Checkpoint.Sign(statement, key).ToString());
        return MigrateCommand.Done;
    }

    /// <summary>All orgs in one statement, which is one snapshot.</summary>
    static async Task<CheckpointStatement> Read(NpgsqlDataSource tail, Timestamp now, CancellationToken cancellation)
    {
        await using var command = tail.CreateCommand(HeadsSql);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = OrgsMax });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var orgs = new List<CheckpointOrg>();
        var (incarnation, counter) = (Guid.Empty, 0L);
        while (await reader.ReadAsync(cancellation))
        {
            (incarnation, counter) = (reader.GetGuid(0), reader.GetInt64(1));
            var org = reader.GetInt32(2);
            orgs.Add(new CheckpointOrg(org, reader.IsDBNull(3) ? org == 0 ? "" : $"#{org}" : reader.GetString(3),
                reader.IsDBNull(4) ? 0 : reader.GetInt64(4), Convert.ToHexStringLower(reader.IsDBNull(5) ? RevisionChain.Genesis : (byte[])reader[5]),
                reader.IsDBNull(6) ? 0 : reader.GetInt64(6), Convert.ToHexStringLower(reader.IsDBNull(7) ? AuditChain.Genesis : (byte[])reader[7])));
        }
        return new CheckpointStatement(Checkpoint.Format, now.ToString(), incarnation, counter, orgs);
    }

    const string HeadsSql = """
        SELECT c.incarnation, c.counter, coalesce(h.org_id, a.org_id), o.name, h.revision, h.chain, a.sequence, a.chain
        FROM stele.cluster c
        CROSS JOIN (stele.journal_head h FULL JOIN stele.audit_head a ON a.org_id = h.org_id)
        LEFT JOIN stele.org o ON o.org_id = h.org_id
        ORDER BY 3 LIMIT $1
        """;
}
