using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Stele.Core.Audit;
using Stele.Core.Journal;
using Stele.Server.Audit;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;
using Stele.Server.Tests.Fixtures;

namespace Stele.Server.Tests.Audit;

/// <summary>An audit trail on a database of its own, without a server: it writes when the test says so, at the time that the test says.</summary>
sealed class AuditBench : IAsyncDisposable
{
    readonly DatabaseConnections connections;
    readonly bool isOwner;

    AuditBench(TestDatabase database, DatabaseConnections connections, bool isOwner)
    {
        (Database, this.connections, this.isOwner) = (database, connections, isOwner);
        Metrics = new Metrics();
        Store = new AuditStore(connections, new StatementTimer(Metrics, NullLogger<StatementTimer>.Instance, TimeSpan.FromMinutes(1)));
        Trail = new AuditTrail(Store, new AuditMetrics(Metrics), Clock, LoggerFactory.Create(logging => logging.AddProvider(Logs)).CreateLogger<AuditTrail>());
    }

    public static readonly OrgId Org = OrgId.Default;

    public TestDatabase Database { get; }

    public Metrics Metrics { get; }

    public AuditStore Store { get; }

    public AuditTrail Trail { get; }

    public CapturedLogs Logs { get; } = new();

    public SetClock Clock { get; } = new();

    public DatabaseConnections Connections => connections;

    public static async Task<AuditBench> Start(PostgresMajor major = PostgresMajor.V15) => await Start(await Postgres.NewDatabase(major), isOwner: true);

    /// <summary>On a database that is there.</summary>
    public static async Task<AuditBench> Start(TestDatabase database, bool isOwner)
    {
        return new AuditBench(database, await DatabaseConnections.Open(new DatabaseOptions { Owner = database.Owner, App = database.App, Tail = database.Tail }, NullLoggerFactory.Instance, CancellationToken.None), isOwner);
    }

    public static AuditEntry Entry(string target, string? code = null) =>
        new() { Action = code is null ? "secret.read" : AuditActions.AccessRefused, Actor = "user:1", RequestId = Guid.CreateVersion7(), Target = target, Environment = "production", Code = code, Address = "10.0.0.1", Detail = "täst" };

    /// <summary>Writes what waits.</summary>
    public Task Write() => Trail.RunOnce(CancellationToken.None);

    /// <summary>The org's log as text: sequence, action, target and times.</summary>
    public async Task<List<string>> Rows(int org = 1)
    {
        await using var session = await Database.As();
        return await session.Rows("SELECT sequence, action, target, times FROM stele.audit_entry WHERE org_id = $1 ORDER BY sequence", org);
    }

    /// <summary>What is wrong with the org's log, or null.</summary>
    public async Task<BadEntry?> Bad(OrgId? org = null) => (await AuditVerification.Walk(org ?? Org, connections.App, CancellationToken.None)).Bad;

    /// <summary><c>stele verify …</c></summary>
    public async Task<(int Exit, string Text)> Verify(params string[] args)
    {
        using var output = new StringWriter();
        return (await VerifyCommand.Run(args, connections, output, null, CancellationToken.None), output.ToString());
    }

    /// <summary>Puts a log there as if it had been written then: true chains, times of the test's choosing.</summary>
    public static async Task Plant(TestDatabase database, OrgId org, IEnumerable<DateTime> times)
    {
        await using var owner = await database.As();
        await using var maker = await database.As("stele_owner");
        var (sequence, chain) = (0L, AuditChain.Genesis);
        foreach (var time in times)
        {
            var entry = new AuditRecord(org, ++sequence, Timestamp.From(time), "secret.read", "user:1", $"secret/production/k{sequence}", "production", "allowed", null, 1, Guid.CreateVersion7(), null, null, []);
            chain = AuditChain.Next(chain, entry);
            await maker.Execute("SELECT stele.make_audit_partitions($1, $1)", DateOnly.FromDateTime(time));
            await owner.Execute(
                "INSERT INTO stele.audit_entry (org_id, sequence, at, action, actor, target, environment, outcome, code, times, request_id, address, detail, chain) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, 1, $9, NULL, NULL, $10)",
                org.Value, sequence, time, entry.Action, entry.Actor, entry.Target, entry.Environment, entry.Outcome, entry.RequestId, chain);
        }
        await owner.Execute("INSERT INTO stele.audit_head (org_id, sequence, chain, last_at) VALUES ($1, $2, $3, $4)", org.Value, sequence, chain, times.Last());
    }

    public async ValueTask DisposeAsync()
    {
        await connections.DisposeAsync();
        if (isOwner) await Database.DisposeAsync();
    }
}

/// <summary>The system's clock, put forward by the test.</summary>
sealed class SetClock : TimeProvider
{
    TimeSpan ahead;

    public void Advance(TimeSpan by) => ahead += by;

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + ahead;

    public override long GetTimestamp() => System.GetTimestamp() + (long)(ahead.TotalSeconds * TimestampFrequency);
}
