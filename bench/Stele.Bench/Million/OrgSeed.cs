using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;
using EnvironmentName = Stele.Core.Orgs.EnvironmentName;

namespace Stele.Bench.Million;

/// <summary>Makes orgs by the journal's own append, straight into the database of a server that runs: nobody else writes them.</summary>
internal static class OrgSeed
{
    const int AtOnce = 8;

    /// <summary>Org 0 of the bench is org 2 of the server, whose org 1 is <c>default</c>.</summary>
    public static string Name(int org) => string.Create(CultureInfo.InvariantCulture, $"bench-{org:0000}");

    public static async Task<TimeSpan> Write(string steleData, int orgs, int keys, CancellationToken cancellation)
    {
        var startedAt = Stopwatch.GetTimestamp();
        var access = Peers.EmbeddedPostgres.Access(steleData) ?? throw new InvalidOperationException("The embedded PostgreSQL is not to be found.");
        var owner = new NpgsqlConnectionStringBuilder
        {
            Host = access["PGHOST"], Port = int.Parse(access["PGPORT"], CultureInfo.InvariantCulture), Username = access["PGUSER"], Password = access["PGPASSWORD"], Database = "stele",
        }.ConnectionString;
        await using var pools = await DatabaseConnections.Open(new DatabaseOptions { Owner = owner }, NullLoggerFactory.Instance, cancellation);
        var statements = new StatementTimer(new Metrics(), NullLogger<StatementTimer>.Instance, TimeSpan.FromSeconds(10));
        var store = new PostgresJournalStore(pools.App, pools.Tail, pools.Settle, statements);
        var cluster = (await store.Heads([], false, cancellation)).Cluster;
        await Parallel.ForEachAsync(Enumerable.Range(0, orgs), new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellation },
            async (org, _) => await Append(store, OrgState.Empty(new OrgId(org + 2), cluster.Incarnation), Name(org), keys));
        return Stopwatch.GetElapsedTime(startedAt);
    }

    static async Task Append(PostgresJournalStore store, OrgState before, string name, int keys)
    {
        var environment = EnvironmentName.Parse(Scenarios.Environment, null);
        var changes = Enumerable.Range(0, keys).Select(i => new Change
        {
            Op = ChangeOp.Set, Environment = environment, Key = ConfigKey.Parse(LargeNode.Key(i), null), Value = Encoding.UTF8.GetBytes($"\"{Scenarios.Value()}\""),
        });
        var at = Timestamp.From(TimeProvider.System.GetUtcNow());
        var created = Apply(before, new CreateOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse(name, null), [environment]), at);
        var filled = Apply(created.State, new ChangeSet(Principal.Root, Guid.CreateVersion7(), "seed", [.. changes]) { IsList = true }, new Timestamp(at.Microseconds + 1));
        var answer = await store.Append(new AppendBatch(before, filled.State, [created.Record!, filled.Record!], []));
        if (answer.Status != AppendStatus.Committed) throw new InvalidOperationException($"org {name}: {answer}");
    }

    static Applied Apply(OrgState state, Command command, Timestamp at) => Decider.Decide(state, command).TryGet(out var decision, out var fault)
        ? Decider.Apply(state, command, decision, at)
        : throw new InvalidOperationException(fault.Detail);
}
