using Microsoft.Extensions.Logging.Abstractions;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Archive;
using Stele.Server.Commands;
using Stele.Server.Database;
using Stele.Server.Journal;

namespace Stele.Server.Tests.Fixtures;

/// <summary>A database whose journal began months ago: revisions with their true chains, at times of the test's choosing.</summary>
sealed class OldJournal : IAsyncDisposable
{
    readonly TestNode node;
    OrgState state;

    OldJournal(TestDatabase database, TestNode node, OrgState state, string directory) => (Database, this.node, this.state, Directory) = (database, node, state, directory);

    public TestDatabase Database { get; }

    /// <summary>Where files go.</summary>
    public string Directory { get; }

    public TestNode Node => node;

    /// <summary>The first day of the month so many before this one.</summary>
    public static DateOnly Month(int before) => new DateOnly(DateTime.UtcNow.Year, DateTime.UtcNow.Month, 1).AddMonths(-before);

    /// <summary>The org, made in the oldest month; partitions for all months since. No revision later.</summary>
    public static async Task<OldJournal> Begin(int months, PostgresMajor major = PostgresMajor.V15)
    {
        var database = await Postgres.NewDatabase(major);
        await using (var owner = await database.As("stele_owner"))
            await owner.Ask<int>("SELECT stele.make_event_partitions($1, $2)", Month(months), Month(0));
        var node = await TestNode.Start(database, listen: false);
        var incarnation = (await node.Store.Heads([], false, CancellationToken.None)).Cluster.Incarnation;
        var journal = new OldJournal(database, node, OrgState.Empty(OrgId.Default, incarnation), System.IO.Directory.CreateTempSubdirectory("stele-test-").FullName);
        await journal.Append(new CreateOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse("default", null),
            [TestNode.Environment("development"), TestNode.Environment("staging"), TestNode.Environment("production")]), Month(months).ToDateTime(default, DateTimeKind.Utc));
        return journal;
    }

    /// <summary>Three months ago the org and a.b = 1 to 3, two months ago a.b = 4 and a.c, last month a.b = 5, this month a.b = 6: revisions 1–4, 5–6, 7, 8.</summary>
    public static async Task<OldJournal> FourMonths(PostgresMajor major = PostgresMajor.V15)
    {
        var journal = await Begin(3, major);
        for (var day = 2; day <= 4; day++) await journal.Set("a.b", $"{day - 1}", Month(3).AddDays(day));
        await journal.Set("a.b", "4", Month(2));
        await journal.Set("a.c", "\"x\"", Month(2).AddDays(27));
        await journal.Set("a.b", "5", Month(1).AddDays(10));
        await journal.Set("a.b", "6", Month(0));
        await journal.Project();
        return journal;
    }

    public Task Set(string key, string json, DateOnly day) => Append(new ChangeSet(Principal.Root, Guid.CreateVersion7(), "why",
    [
        new Change { Op = ChangeOp.Set, Environment = TestNode.Environment("development"), Key = ConfigKey.Parse(key, null), Value = System.Text.Encoding.UTF8.GetBytes(json) },
    ]), day.ToDateTime(default, DateTimeKind.Utc));

    public Task Delete(string key, DateOnly day) => Append(new ChangeSet(Principal.Root, Guid.CreateVersion7(), null,
        [new Change { Op = ChangeOp.Delete, Environment = TestNode.Environment("development"), Key = ConfigKey.Parse(key, null) }]), day.ToDateTime(default, DateTimeKind.Utc));

    /// <summary>Appends as a node would have, then.</summary>
    public async Task Append(Command command, DateTime at)
    {
        var applied = Decider.Apply(state, command, Decider.Decide(state, command).Value, Timestamp.From(at));
        var answer = await node.Store.Append(new AppendBatch(state, applied.State, [applied.Record!], []));
        if (answer.Status != AppendStatus.Committed) throw new InvalidOperationException($"{answer}");
        state = applied.State;
    }

    /// <summary>Lets every asynchronous projection catch up.</summary>
    public async Task Project()
    {
        foreach (var name in ProjectionsCommand.Names) await node.Projection(name).RunOnce(CancellationToken.None);
    }

    /// <summary><c>stele archive …</c>, with this directory as its default.</summary>
    public async Task<(int Exit, string Text)> Archive(params string[] args)
    {
        using var output = new StringWriter();
        return (await ArchiveCommand.Run(args, Database.Owner, Directory, ProjectionsCommand.Names, output, null, CancellationToken.None), output.ToString());
    }

    /// <summary><c>stele redact …</c></summary>
    public Task<(int Exit, string Text)> Redact(params string[] args) => Redact(Database, args);

    /// <summary><c>stele redact …</c></summary>
    public static async Task<(int Exit, string Text)> Redact(TestDatabase database, params string[] args)
    {
        using var output = new StringWriter();
        return (await RedactCommand.Run(args, database.Owner, output, CancellationToken.None), output.ToString());
    }

    /// <summary><c>stele verify …</c></summary>
    public Task<(int Exit, string Text)> Verify(params string[] args) => Verify(Database, args);

    /// <summary><c>stele verify …</c></summary>
    public static async Task<(int Exit, string Text)> Verify(TestDatabase database, params string[] args)
    {
        await using var pools = await DatabaseConnections.Open(new DatabaseOptions { Owner = database.Owner, App = database.App, Tail = database.Tail }, NullLoggerFactory.Instance, CancellationToken.None);
        using var output = new StringWriter();
        return (await VerifyCommand.Run(args, pools, output, null, CancellationToken.None), output.ToString());
    }

    /// <summary><c>stele projections rebuild NAME</c></summary>
    public async Task<(int Exit, string Text)> Rebuild(string name)
    {
        await using var pools = await DatabaseConnections.Open(new DatabaseOptions { Owner = Database.Owner, App = Database.App, Tail = Database.Tail }, NullLoggerFactory.Instance, CancellationToken.None);
        using var output = new StringWriter();
        return (await ProjectionsCommand.Run(["rebuild", name], pools, Database.Owner, output, new ProgressText(TextWriter.Null, live: false), CancellationToken.None), output.ToString());
    }

    public string FileOf(int before) => Path.Combine(Directory, ArchiveFile.NameOf(Month(before)));

    /// <summary>Revisions that have events in the journal.</summary>
    public async Task<string> Live()
    {
        await using var session = await Database.As();
        return string.Join(' ', await session.Rows("SELECT DISTINCT revision FROM stele.event ORDER BY 1"));
    }

    public async ValueTask DisposeAsync()
    {
        await node.DisposeAsync();
        await Database.DisposeAsync();
        System.IO.Directory.Delete(Directory, recursive: true);
    }
}
