using Npgsql;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Access;

/// <summary>
/// When tokens were last used: noted in memory on each request, written once a minute and at the end of the node, a
/// transaction an org. It is exact to a minute, a crash loses at most one, and no revision comes of it.
/// </summary>
internal sealed class TokenUses(KnownTokens tokens, DatabaseConnections pools, StatementTimer statements, TimeProvider time, ILogger<TokenUses> log) : BackgroundService
{
    static readonly TimeSpan FlushPause = TimeSpan.FromMinutes(1);

    /// <summary>When each token of an org was last used, as far as it is written.</summary>
    public async Task<IReadOnlyDictionary<Guid, DateTime>> Read(OrgId org, CancellationToken cancellation)
    {
        using var timing = statements.Start("token_uses");
        await using var connection = await pools.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(ReadSql, org.Value, (int)SteleLimits.TokensPerOrg.Value));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var uses = new Dictionary<Guid, DateTime>();
        while (await reader.ReadAsync(cancellation)) uses[reader.GetGuid(0)] = reader.GetDateTime(1);
        return uses;
    }

    const string ReadSql = """
        SELECT token_id, last_used_at FROM stele.token_use WHERE org_id = $1 LIMIT $2
        """;

    /// <summary>Writes what was noted since the last time.</summary>
    public async Task RunOnce(CancellationToken cancellation)
    {
        foreach (var org in tokens.TakeUsed().GroupBy(token => token.Org, token => token.Principal.Id).ToList())
        {
            using var timing = statements.Start("token_use");
            await using var connection = await pools.App.OpenConnectionAsync(cancellation);
            await using var batch = JournalQueries.InOrg(connection, org.Key, PostgresParameters.Command(WriteSql, org.Key.Value, org.Distinct().ToArray()));
            await batch.ExecuteNonQueryAsync(cancellation);
        }
    }

    // only of those that still are: one that was revoked meanwhile has left nothing behind
    const string WriteSql = """
        INSERT INTO stele.token_use (org_id, token_id, last_used_at)
        SELECT t.org_id, t.token_id, now() FROM stele.token t WHERE t.org_id = $1 AND t.token_id = ANY ($2) ORDER BY t.token_id
        ON CONFLICT (org_id, token_id) DO UPDATE SET last_used_at = excluded.last_used_at
        """;

    /// <summary>Removes sessions that have ended.</summary>
    public async Task SweepSessions(CancellationToken cancellation)
    {
        using var timing = statements.Start("session_sweep");
        await using var command = pools.Tail.CreateCommand(SweepSql);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    // the role's policy shows it no others
    const string SweepSql = """
        DELETE FROM stele.session WHERE expires_at < now()
        """;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(FlushPause, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) await Try(stoppingToken);
        }
        catch (OperationCanceledException)
        {
            // the end of the node: what was used last is written too
            await Try(CancellationToken.None);
        }
    }

    async Task Try(CancellationToken cancellation)
    {
        try
        {
            await RunOnce(cancellation);
            await SweepSessions(cancellation);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            log.UsesNotWritten(e.Message);
        }
    }
}
