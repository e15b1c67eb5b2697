using Npgsql;
using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Audit;
using Stele.Server.Database;
using Stele.Server.Gateway;
using Stele.Server.Journal;
using Stele.Server.Options;

namespace Stele.Server.Operation;

/// <summary>
/// What a first start makes, and every start makes sure of: event partitions, the org `default` with its environments, and
/// a root token. Nodes that start together take turns by an advisory lock; a start that is killed midway is finished by the
/// next one.
/// </summary>
internal sealed class Bootstrap(
    SteleOptions options, DatabaseConnections pools, JournalNode journal, TokenStore tokens, MonthPartitions partitions, AuditRetention audit, RequestIds ids, TimeProvider time,
    ILogger<Bootstrap> log) : IHostedService
{
    static readonly string[] FirstEnvironments = ["development", "staging", "production"];
    static readonly TimeSpan LockPause = TimeSpan.FromMilliseconds(100);

    readonly RootTokenFile file = new(options.Data);

    /// <summary>Leaves with a node that answers strong reads: the host starts to listen only after it.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        foreach (var variable in options.UnknownVariables) log.UnknownVariable(variable);
        await using var connection = await pools.Tail.OpenConnectionAsync(cancellation);
        while (!await Ask(connection, LockSql, cancellation)) await Task.Delay(LockPause, time, cancellation);
        try
        {
            await partitions.RunOnce(cancellation);
            await audit.Months.RunOnce(cancellation);
            await EnsureDefaultOrg(cancellation);
            await EnsureRootToken(cancellation);
        }
        finally
        {
            // the connection goes back to its pool, and would take the lock along
            await Ask(connection, UnlockSql, CancellationToken.None);
        }
        await tokens.RunOnce(cancellation);
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // not the lock that waits: lock_timeout would end it
    const string LockSql = """
        SELECT pg_try_advisory_lock(7378696496)
        """;

    const string UnlockSql = """
        SELECT pg_advisory_unlock(7378696496)
        """;

    // a strong read compares the cluster's identity too, so a dump that was restored elsewhere begins its incarnation here
    async Task EnsureDefaultOrg(CancellationToken cancellation)
    {
        if (await ReadDefault(cancellation) is not { } missing) return;
        // it is there, and this node has no room for it: the others are served
        if (missing.Code == FaultCode.QuotaExceeded) return;
        if (missing.Code != FaultCode.NotFound) throw new DatabaseSetupException($"The journal cannot be read: {missing.Detail}");
        var create = new CreateOrg(Principal.Root, ids.Next(), OrgName.Parse(OrgDirectory.DefaultName, null),
            [.. FirstEnvironments.Select(name => EnvironmentName.Parse(name, null))]);
        var made = await journal.Append(OrgId.Default, create, null, cancellation);
        if (made.Fault is { } fault) throw new DatabaseSetupException($"The first organization could not be made: {fault.Detail}");
        log.OrgMade(create.Name.Text, string.Join(", ", FirstEnvironments));
    }

    // loading a large org may take longer than a request may
    async Task<Fault?> ReadDefault(CancellationToken cancellation) =>
        await journal.Load(OrgId.Default) ?? (await journal.Read(OrgId.Default, new ReadOptions(Consistency.Strong, null, null), cancellation)).Fault;

    async Task EnsureRootToken(CancellationToken cancellation)
    {
        if (options.RootToken is { } given)
        {
            if (await tokens.ReplaceRoot(RootTokens.Hash(given), cancellation)) log.TokenReplaced();
            if (file.Read() is { } kept && kept != given)
            {
                file.Remove();
                log.StaleTokenRemoved(file.Path);
            }
        }
        else if (!await tokens.HasRoot(cancellation))
        {
            // the file first: a start that is killed in between generates another token, and never leaves one that nobody knows
            var token = RootTokenFile.NewToken();
            file.Write(token);
            await tokens.ReplaceRoot(RootTokens.Hash(token), cancellation);
            log.TokenMade(file.Path);
        }
    }

    static async Task<bool> Ask(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return (bool)(await command.ExecuteScalarAsync(cancellation))!;
    }
}
