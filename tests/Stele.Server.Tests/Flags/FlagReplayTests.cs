using Microsoft.Extensions.Logging.Abstractions;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Commands;
using Stele.Server.Database;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Flags;

/// <summary>Replaying the journal and loading the tables give the same flags as writing them did.</summary>
public sealed class FlagReplayTests
{
    [Fact]
    public async Task Tables_journal_and_memory_say_the_same()
    {
        await using var db = await Postgres.NewDatabase();
        await using var writer = await TestNode.Start(db);
        await writer.CreateOrg();
        await Set(writer, "a", """{"enabled":true}""");
        await Set(writer, "$evaluators/r", """{"in":["x",{"var":"y"}]}""");
        await Set(writer, "b/c", """{"state":"ENABLED","variants":{"on":true},"defaultVariant":"on","targeting":{"if":[{"$ref":"r"},"on"]}}""");
        await Set(writer, "$kill_switch", "true");
        await Do(writer, new FlagChange { Op = ChangeOp.Set, Environment = Staging, Key = Key("b/c"), Killed = true });
        await Do(writer, new FlagChange { Op = ChangeOp.Set, Environment = Staging, Key = Key("a"), Archived = true });
        await Set(writer, "gone", """{"enabled":false}""");
        await Do(writer, new FlagChange { Op = ChangeOp.Delete, Environment = Staging, Key = Key("gone") });
        var made = await writer.Journal.Append(OrgId.Default, new CreateEnvironment(Principal.Root, Guid.CreateVersion7(), EnvironmentName.Parse("brief", null), null, null), null, CancellationToken.None);
        Assert.Null(made.Fault);
        await Do(writer, new FlagChange { Op = ChangeOp.Set, Environment = EnvironmentName.Parse("brief", null), Key = Key("x"), Content = Content("x", """{"enabled":true}""") });
        var deleted = await writer.Journal.Append(OrgId.Default, new DeleteEnvironment(Principal.Root, Guid.CreateVersion7(), EnvironmentName.Parse("brief", null), "brief", null), null, CancellationToken.None);
        Assert.Equal(["flag/brief/x", "environment/brief"], deleted.Value.Record!.Events.Select(e => e.Stream));
        var written = await writer.Read();

        await using var other = await TestNode.Start(db);
        var loaded = await other.Read();
        var replayed = OrgState.Empty(OrgId.Default, loaded.Incarnation);
        foreach (var revision in await other.Store.Read(OrgId.Default, 0, 1_000, CancellationToken.None)) replayed = Decider.Evolve(replayed, revision);
        foreach (var state in (OrgState[])[written, replayed])
        {
            Assert.Equal(state.MemoryBytes, loaded.MemoryBytes);
            foreach (var name in (string[])["staging", "brief"]) Same(state.EnvironmentEver(name)!, loaded.EnvironmentEver(name)!);
        }
        Assert.Equal(2, loaded.EnvironmentEver("brief")!.Flags.LastVersion("x"));

        // and the tables can be made anew from the journal, row for row
        await using var superuser = await db.As();
        var before = await Rows(superuser);
        Assert.Equal(16, before.Count);
        await superuser.Execute("DELETE FROM stele.flag_history WHERE version = 1");
        await superuser.Execute("UPDATE stele.flag SET definition = 'null', killed = false WHERE NOT deleted");
        await using var pools = await DatabaseConnections.Open(new DatabaseOptions { Owner = db.Owner, App = db.App, Tail = db.Tail }, NullLoggerFactory.Instance, CancellationToken.None);
        await using var output = new StringWriter();
        Assert.Equal(0, await ProjectionsCommand.Run(["rebuild", "flags"], pools, db.Owner, output, new ProgressText(null, live: false), CancellationToken.None));
        Assert.Equal(before, await Rows(superuser));
    }

    static async Task<List<string>> Rows(TestSession session) =>
        [.. await session.Rows("SELECT f::text FROM stele.flag f ORDER BY f.environment, f.name"), .. await session.Rows("SELECT h::text FROM stele.flag_history h ORDER BY h.id")];

    static void Same(EnvironmentState a, EnvironmentState b)
    {
        Assert.Equal((a.ChangedRevision, a.Flags.ChangedRevision, a.Flags.TextBytes, a.Flags.Set.Killed), (b.ChangedRevision, b.Flags.ChangedRevision, b.Flags.TextBytes, b.Flags.Set.Killed));
        Assert.Equal(a.Flags.Deleted.ByHash, b.Flags.Deleted.ByHash);
        Assert.Equal(a.Flags.Items.Select(Shown), b.Flags.Items.Select(Shown));
        Assert.Equal(a.Flags.Set.Flags.Select(flag => (flag.Name, flag.Killed)), b.Flags.Set.Flags.Select(flag => (flag.Name, flag.Killed)));
        Assert.Equal(a.Flags.Set.Rules.Select(rule => rule.Name), b.Flags.Set.Rules.Select(rule => rule.Name));
    }

    static string Shown(FlagEntry entry) => $"{entry with { Text = null }} {System.Text.Encoding.UTF8.GetString(entry.Text!)}";

    static EnvironmentName Staging => EnvironmentName.Parse("staging", null);

    static FlagKey Key(string text) => FlagKey.TryParse(text, out var key, out _, out var message) ? key : throw new FormatException(message);

    static FlagContent Content(string key, string text)
    {
        var problems = new List<Stele.Core.Faults.Problem>();
        var content = FlagContent.Parse(Key(key), System.Text.Encoding.UTF8.GetBytes(text), "", problems);
        Assert.Empty(problems);
        return content!;
    }

    static Task Set(TestNode node, string key, string text) => Do(node, new FlagChange { Op = ChangeOp.Set, Environment = Staging, Key = Key(key), Content = Content(key, text) });

    static async Task Do(TestNode node, FlagChange change)
    {
        var outcome = await node.Journal.Append(OrgId.Default, new ChangeSet(Principal.Root, Guid.CreateVersion7(), null, []) { Flags = [change] }, null, CancellationToken.None);
        Assert.True(outcome.Fault is null, outcome.Fault?.Detail);
    }
}
