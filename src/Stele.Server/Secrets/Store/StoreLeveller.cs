using Npgsql;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Server.Database;
using Stele.Server.Options;

namespace Stele.Server.Secrets.Store;

/// <summary>
/// Brings copies in Vault level with the journal: shown, hidden, or ended for good. What is to become of a copy is looked up when its turn comes, so that it does not matter how often, how late or after
/// which crash that is. One node at a time; who reads a value that should be there and is hidden brings it back without waiting for this.
/// </summary>
internal sealed class StoreLeveller(StoreCopies copies, VaultStore store, DatabaseConnections database, SteleOptions options, TimeProvider time, ILogger<StoreLeveller> log) : BackgroundService
{
    const int PageCopies = 100;
    static readonly TimeSpan pause = TimeSpan.FromSeconds(5);

    readonly SemaphoreSlim one = new(1, 1);

    /// <summary>Levels what is due; how many copies, or null when another node is at it. Ends at the first that Vault does not let it: there is a next time.</summary>
    public async Task<Outcome<int?>> RunOnce(CancellationToken cancellation)
    {
        await one.WaitAsync(cancellation);
        try
        {
            return await LevelAll(cancellation);
        }
        finally
        {
            one.Release();
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        one.Dispose();
        base.Dispose();
    }

    async Task<Outcome<int?>> LevelAll(CancellationToken cancellation)
    {
        var orgs = await copies.DueOrgs(cancellation);
        if (orgs.Count == 0) return (int?)0;
        await using var connection = await database.Tail.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await using var turn = new NpgsqlCommand(TurnSql, connection, transaction);
        if (!(bool)(await turn.ExecuteScalarAsync(cancellation))!) return (int?)null;
        int? levelled = 0;
        foreach (var org in orgs)
            while (await copies.Due(org, options.BackupDays, PageCopies, cancellation) is { Count: > 0 } page)
            {
                foreach (var copy in page)
                {
                    if (await Level(org, copy, cancellation) is { } fault) return fault;
                    levelled++;
                }
                if (page.Count < PageCopies) break;
            }
        return levelled;
    }

    const string TurnSql = """
        SELECT pg_try_advisory_xact_lock(hashtext('stele.secret_store'), 0)
        """;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var failed = false;
        try
        {
            while (true)
            {
                await Task.Delay(pause, time, stoppingToken);
                var why = await Attempt(stoppingToken);
                // once, and not every five seconds for as long as Vault is away
                if (why is not null && !failed) log.LevelFails(why);
                failed = why is not null;
            }
        }
        catch (OperationCanceledException)
        {
            // the end of the node
        }
    }

    async Task<string?> Attempt(CancellationToken cancellation)
    {
        try
        {
            return (await RunOnce(cancellation)).Fault?.Detail;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            return e.Message;
        }
    }

    async Task<Fault?> Level(OrgId org, DueCopy copy, CancellationToken cancellation)
    {
        if (copy.Level == CopyLevel.Gone)
        {
            if (await store.Remove(copy.Place, cancellation) is { } kept) return kept;
            await copies.Forget(org, copy.Place.VaultId, cancellation);
            return null;
        }
        var isHidden = copy.Level != CopyLevel.Shown;
        if (await (isHidden ? store.Hide(copy.Place, cancellation) : store.Show(copy.Place, cancellation)) is { } fault) return fault;
        await copies.Levelled(org, copy, isHidden, copy.Level == CopyLevel.Orphan ? options.BackupDays : null, cancellation);
        return null;
    }
}
