using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Stele.Core.Journal;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;
using Stele.Server.Stats;

namespace Stele.Server.Commands;

/// <summary>
/// <c>stele projections</c> lists the asynchronous projections with how far they are; <c>rebuild NAME</c> empties one and
/// builds it anew from the journal, while servers run.
/// </summary>
internal static class ProjectionsCommand
{
    const int OrgsMax = 100_000;

    static readonly AsyncProjection[] All = [StatsProjection.Projection];

    /// <summary>Runs the command.</summary>
    public static async Task<int> Run(string[] args, DatabaseConnections pools, TextWriter output, TextWriter? progress, CancellationToken cancellation)
    {
        switch (args)
        {
            case []:
                await List(pools, output, cancellation);
                return MigrateCommand.Done;
            case ["rebuild", var name] when All.Any(projection => projection.Name == name):
                await Rebuild(name, pools, output, progress, cancellation);
                return MigrateCommand.Done;
            default:
                await output.WriteLineAsync($"usage: stele projections [rebuild {string.Join('|', All.Select(projection => projection.Name))}]");
                return MigrateCommand.Usage;
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
    }

    const string ProgressSql = """
        SELECT count(*), coalesce(sum(h.revision - coalesce(p.revision, 0)), 0)::bigint
        FROM stele.journal_head h LEFT JOIN stele.projection_checkpoint p ON p.org_id = h.org_id AND p.projection = $1
        """;

    static async Task Rebuild(string name, DatabaseConnections pools, TextWriter output, TextWriter? progress, CancellationToken cancellation)
    {
        var statements = new StatementTimer(new Metrics(), NullLogger<StatementTimer>.Instance, TimeSpan.MaxValue);
        var journal = new PostgresJournalStore(pools.App, pools.Tail, pools.Settle, statements);
        var store = new PostgresProjectionStore(All, journal, pools.App, pools.Tail);
        var runner = new ProjectionRunner(name, store, TimeProvider.System, new JournalOptions(), new JournalLog(NullLogger<JournalLog>.Instance));
        long done = 0;
        await runner.Rebuild(await Orgs(pools, cancellation), revisions =>
        {
            done = revisions;
            progress?.Write($"\r{revisions} revisions");
        }, cancellation);
        progress?.Write('\r');
        await output.WriteLineAsync($"{name} rebuilt from {done} revisions");
    }

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
