using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Journal.Hints;
using Stele.Server.Operation;
using Stele.Server.Stats;

namespace Stele.Server.Tests.Fixtures;

/// <summary>One node's journal on a database, without the transports: any number may run side by side on one.</summary>
sealed class TestNode : IAsyncDisposable
{
    readonly CancellationTokenSource ending = new();
    readonly DatabaseConnections connections;
    readonly Task tail, hints;

    TestNode(DatabaseConnections connections, JournalOptions options, bool listen, IReadOnlyList<IHintCarrier>? carriers, TimeSpan? blockerPatience = null)
    {
        this.connections = connections;
        var metrics = new Metrics();
        var log = new JournalLog(NullLogger<JournalLog>.Instance);
        Store = new PostgresJournalStore(connections.App, connections.Tail, connections.Settle,
            new StatementTimer(metrics, NullLogger<StatementTimer>.Instance, TimeSpan.FromSeconds(10)), connections.Hosts) { BlockerPatience = blockerPatience ?? TimeSpan.FromMilliseconds(700) };
        Projections = new PostgresProjectionStore([StatsProjection.Projection], Store, connections.App, connections.Tail);
        Journal = new JournalNode(Store, TimeProvider.System, options, new JournalMetrics(metrics), log);
        var follower = new JournalTail(Journal, TimeProvider.System, options, log);
        tail = follower.Run(ending.Token);
        Hints = new HintExchange(carriers ?? [new NotifyHints(connections)], TimeProvider.System, options, new HintMetrics(metrics), NullLogger<HintExchange>.Instance);
        Journal.OnCommitted(Hints.Send);
        Hints.OnHint(follower.Hear);
        hints = listen ? Hints.Run(ending.Token) : Task.CompletedTask;
    }

    public JournalNode Journal { get; }

    public HintExchange Hints { get; }

    public PostgresJournalStore Store { get; }

    public PostgresProjectionStore Projections { get; }

    public NpgsqlDataSource App => connections.App;

    public DatabaseConnections Connections => connections;

    /// <summary>A runner that runs when the test says so.</summary>
    public ProjectionRunner Projection(string name) =>
        new(name, Projections, TimeProvider.System, new JournalOptions(), new JournalLog(NullLogger<JournalLog>.Instance));

    public static async Task<TestNode> Start(TestDatabase database, bool listen = true, params IHintCarrier[]? carriers) => new(
        await DatabaseConnections.Open(new DatabaseOptions { Owner = database.Owner, App = database.App, Tail = database.Tail },
            NullLoggerFactory.Instance, CancellationToken.None), new JournalOptions(), listen, carriers is { Length: > 0 } ? carriers : null);

    public static async Task<TestNode> Start(TestDatabase database, JournalOptions options, TimeSpan? blockerPatience = null) => new(
        await DatabaseConnections.Open(new DatabaseOptions { Owner = database.Owner, App = database.App, Tail = database.Tail },
            NullLoggerFactory.Instance, CancellationToken.None), options, listen: false, null, blockerPatience);

    /// <summary>The org with development, staging and production; does nothing if it is there.</summary>
    public async Task CreateOrg()
    {
        var created = await Journal.Append(OrgId.Default, new CreateOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse("default", null),
            [Environment("development"), Environment("staging"), Environment("production")]), null, CancellationToken.None);
        if (created.Fault is { Code: not FaultCode.Conflict } fault) throw new InvalidOperationException(fault.Detail);
    }

    public Task<Outcome<Applied>> Set(string key, string json, int? expectedVersion = null, Idempotency? idempotency = null) =>
        Journal.Append(OrgId.Default, SetOf(key, json, expectedVersion), idempotency, CancellationToken.None);

    /// <summary>A command that sets a key in development.</summary>
    public static ChangeSet SetOf(string key, string json, int? expectedVersion = null) => new(Principal.Root, Guid.CreateVersion7(), null,
    [
        new Change { Op = ChangeOp.Set, Environment = Environment("development"), Key = ConfigKey.Parse(key, null), Value = System.Text.Encoding.UTF8.GetBytes(json), ExpectedVersion = expectedVersion },
    ]);

    public async Task<OrgState> Read(Consistency consistency = Consistency.Strong) =>
        (await Journal.Read(OrgId.Default, new ReadOptions(consistency, null, null), CancellationToken.None)).Value.State;

    /// <summary>Where it is, without asking anybody.</summary>
    public long Revision() => Journal.Peek(OrgId.Default)?.State.Revision ?? 0;

    public static EnvironmentName Environment(string name) => EnvironmentName.Parse(name, null);

    public async ValueTask DisposeAsync()
    {
        await Journal.Close();
        await ending.CancelAsync();
        await Task.WhenAll(tail, hints);
        await connections.DisposeAsync();
        ending.Dispose();
    }
}
