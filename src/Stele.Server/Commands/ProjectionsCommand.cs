using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Stele.Core.Journal;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;
using Stele.Server.Stats;

namespace Stele.Server.Commands;

/// <summary>
/// <c>stele projections</c> lists the projections, the asynchronous ones with how far they are; <c>rebuild NAME</c> builds
/// one anew from the journal, while servers run. Exit codes as <see cref="MigrateCommand"/>.
/// </summary>
internal static class ProjectionsCommand
{
    const int OrgsMax = 100_000;
    const string Configuration = "configuration", Organizations = "organizations", Flags = "flags", Secrets = "secrets";

    /// <summary>Their names.</summary>
    public static IReadOnlyList<string> Names => [.. All.Select(projection => projection.Name)];

    static readonly AsyncProjection[] All = [StatsProjection.Projection];

    // written by the append itself; each name stands for its tables, which may be named instead
    static readonly (string Name, string[] Tables)[] inline = [(Configuration, ["configuration", "configuration_history"]), (Flags, ["flag", "flag_history"]), (Secrets, ["secret", "secret_version", "secret_value"]), (Organizations, ["org", "org_name", "org_setting", "environment", "deleted_environment", "user_account", "service_account", "role", "token"])];

    /// <summary>Runs the command. The owner's connection string is needed for the inline ones.</summary>
    public static async Task<int> Run(string[] args, DatabaseConnections pools, string? owner, TextWriter output, ProgressText progress, CancellationToken cancellation)
    {
        try
        {
            switch (args)
            {
                case []:
                    await List(pools, output, cancellation);
                    return MigrateCommand.Done;
                case ["rebuild", var name] when All.Any(projection => projection.Name == name):
                    await RebuildAsynchronous(name, pools, output, progress, cancellation);
                    return MigrateCommand.Done;
                case ["rebuild", var name] when inline.FirstOrDefault(projection => projection.Name == name || projection.Tables.Contains(name)).Name is { } found:
                    await RebuildInline(found, pools, owner ?? throw new DatabaseSetupException("This needs the owner's connection: set STELE_POSTGRES."), output, progress, cancellation);
                    return MigrateCommand.Done;
                case ["rebuild", var name]:
                    await output.WriteLineAsync($"error: there is no projection '{name}'. There are {string.Join(", ", All.Select(projection => projection.Name).Concat(inline.Select(projection => projection.Name)))}.");
                    return MigrateCommand.Usage;
                default:
                    await output.WriteLineAsync("usage: stele projections [rebuild NAME]");
                    return MigrateCommand.Usage;
            }
        }
        catch (Exception failure) when (failure is DatabaseSetupException or NpgsqlException or StoreUnavailableException)
        {
            await output.WriteLineAsync($"error: {failure.Message}");
            return MigrateCommand.Failed;
        }
        catch (UnknownEventException failure)
        {
            await output.WriteLineAsync($"error: {failure.Message}; run this with the binary of the newest server");
            return MigrateCommand.Failed;
        }
    }

    static async Task List(DatabaseConnections pools, TextWriter output, CancellationToken cancellation)
    {
        foreach (var projection in All)
        {
            await using var command = pools.Tail.CreateCommand(ProgressSql);
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = projection.Name });
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            await reader.ReadAsync(cancellation);
            await output.WriteLineAsync($"{projection.Name}  {reader.GetInt64(0)} organizations, {reader.GetInt64(1)} revisions behind");
        }
        foreach (var (name, tables) in inline)
            await output.WriteLineAsync($"{name}  in the transaction of each write: {string.Join(", ", tables)}");
    }

    const string ProgressSql = """
        SELECT count(*), coalesce(sum(h.revision - coalesce(p.revision, 0)), 0)::bigint
        FROM stele.journal_head h LEFT JOIN stele.projection_checkpoint p ON p.org_id = h.org_id AND p.projection = $1
        """;

    static async Task RebuildAsynchronous(string name, DatabaseConnections pools, TextWriter output, ProgressText progress, CancellationToken cancellation)
    {
        var store = new PostgresProjectionStore(All, Journal(pools), pools.App, pools.Tail);
        var runner = new ProjectionRunner(name, store, TimeProvider.System, new JournalOptions(), new JournalLog(NullLogger<JournalLog>.Instance));
        long done = 0;
        await runner.Rebuild(await Orgs(pools, cancellation), revisions =>
        {
            done = revisions;
            progress.Count($"{revisions} revisions");
        }, cancellation);
        await output.WriteLineAsync($"{name} rebuilt from {done} revisions");
    }

    static async Task RebuildInline(string name, DatabaseConnections pools, string owner, TextWriter output, ProgressText progress, CancellationToken cancellation)
    {
        var orgs = await Orgs(pools, cancellation);
        if (name == Organizations)
        {
            var rows = await new OrgRebuild(owner, Journal(pools), progress).Run(orgs, cancellation);
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{name} rebuilt: {rows} rows of {orgs.Count} organizations"));
            return;
        }
        if (name is Flags or Secrets)
        {
            var versions = await new ItemRebuild(name == Secrets, owner, Journal(pools), progress).Run(orgs, cancellation);
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{name} rebuilt: {versions} versions of {orgs.Count} organizations"));
            return;
        }
        await using var succession = await TableSuccession.Open(owner, TimeProvider.System, cancellation);
        var (compared, lockedOut) = await new ConfigurationRebuild(succession, Journal(pools), progress, TimeProvider.System).Run(orgs, cancellation);
        foreach (var table in compared.GroupBy(org => org.Table))
        {
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{table.Key} rebuilt: {table.Sum(org => org.RowsAfter)} rows of {table.Count()} organizations"));
            foreach (var org in table.Where(org => !org.Equal))
                await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"  organization {org.Org}: the old table was not what the journal says; it had {org.RowsBefore} rows, and has {org.RowsAfter}"));
        }
        await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"readers and writers were locked out for at most {lockedOut.TotalMilliseconds:0} ms"));
    }

    static PostgresJournalStore Journal(DatabaseConnections pools) =>
        new(pools.App, pools.Tail, pools.Settle, new StatementTimer(new Metrics(), NullLogger<StatementTimer>.Instance, TimeSpan.MaxValue));

    static async Task<IReadOnlyList<OrgId>> Orgs(DatabaseConnections pools, CancellationToken cancellation)
    {
        await using var command = pools.Tail.CreateCommand(OrgsSql);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = OrgsMax });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var orgs = new List<OrgId>();
        while (await reader.ReadAsync(cancellation)) orgs.Add(new OrgId(reader.GetInt32(0)));
        return orgs;
    }

    const string OrgsSql = """
        SELECT org_id FROM stele.journal_head ORDER BY org_id LIMIT $1
        """;
}
