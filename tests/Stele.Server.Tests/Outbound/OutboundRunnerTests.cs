using Microsoft.Extensions.Logging.Abstractions;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Journal.Hints;
using Stele.Server.Operation;
using Stele.Server.Outbound;
using Stele.Server.Tests.Archive;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Outbound;

/// <summary>What is written outside: from a checkpoint, whole and in order, by one node at a time.</summary>
public sealed class OutboundRunnerTests
{
    static OutboundRunner RunnerOf(TestNode node, OutboundSink sink, OutboundOptions? options = null, TimeProvider? time = null)
    {
        options ??= new OutboundOptions();
        return new OutboundRunner(sink, new OutboundCheckpoints(node.Connections, options), node.Store, time ?? TimeProvider.System, options,
            new OutboundMetrics(new Metrics(), TimeProvider.System), NullLogger<OutboundRunner>.Instance);
    }

    static Task<bool> Look(OutboundRunner runner) => runner.RunOnce(CancellationToken.None);

    static async Task<TestNode> NodeWithOrg(TestDatabase database)
    {
        var node = await TestNode.Start(database);
        await node.CreateOrg();
        return node;
    }

    [Fact]
    public async Task Revisions_go_out_whole_and_in_order_from_the_checkpoint()
    {
        await using var database = await Postgres.NewDatabase();
        await using var node = await NodeWithOrg(database);
        var sink = new RecordingSink(fromTheStart: true);
        for (var i = 0; i < 20; i++) await node.Set($"app.k{i % 3}", $"{i}");
        await using (var runner = RunnerOf(node, sink, new OutboundOptions { PageRevisions = 7 })) Assert.True(await Look(runner));
        Assert.Equal(Enumerable.Range(1, 21).Select(revision => (long)revision), sink.Revisions);
        // another one goes on where it ended
        await node.Set("app.k", "1");
        await using var next = RunnerOf(node, sink);
        await Look(next);
        await Look(next);
        Assert.Equal(Enumerable.Range(1, 22).Select(revision => (long)revision), sink.Revisions);
        Assert.Empty(sink.Rewrites);
    }

    [Fact]
    public async Task What_was_never_written_is_written_whole_once_and_followed_from_there()
    {
        await using var database = await Postgres.NewDatabase();
        await using var node = await NodeWithOrg(database);
        await node.Set("app.k", "1");
        var sink = new RecordingSink();
        await using var runner = RunnerOf(node, sink);
        await Look(runner);
        await node.Set("app.k", "2");
        await Look(runner);
        Assert.Equal([(OrgId.Default, RewriteReason.First, 2L)], sink.Rewrites);
        Assert.Equal([3L], sink.Revisions);
        // a sink that lost something asks for all of it, and its checkpoint stays
        sink.Lost = true;
        await Look(runner);
        await Wait.Until(() => sink.Rewrites.Last() == (OrgId.Default, RewriteReason.Asked, 3L), "it is written whole");
    }

    [Fact]
    public async Task Two_sinks_do_not_mind_each_other()
    {
        await using var database = await Postgres.NewDatabase();
        await using var node = await NodeWithOrg(database);
        RecordingSink one = new("one", fromTheStart: true), other = new("other", fromTheStart: true) { IsAway = true };
        await using OutboundRunner first = RunnerOf(node, one), second = RunnerOf(node, other);
        await Look(first);
        await Assert.ThrowsAsync<OutboundAwayException>(() => Look(second));
        Assert.Equal([1L], one.Revisions);
        other.IsAway = false;
        await Look(second);
        Assert.Equal([1L], other.Revisions);
    }

    [Fact]
    public async Task One_node_writes_and_the_next_takes_over_when_it_stops_or_its_session_dies()
    {
        await using var database = await Postgres.NewDatabase();
        await using var node = await NodeWithOrg(database);
        RecordingSink a = new(fromTheStart: true), b = new(fromTheStart: true);
        await using OutboundRunner first = RunnerOf(node, a), second = RunnerOf(node, b);
        Assert.True(await Look(first));
        Assert.False(await Look(second));
        await node.Set("app.k", "1");
        await using (var admin = await database.As())
            await admin.Rows("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())");
        await Wait.Until(() => Look(second), "the other one writes");
        Assert.Equal([2L], b.Revisions);
        await Assert.ThrowsAnyAsync<Exception>(() => Look(first));
        await first.Resign();
        Assert.False(await Look(first));
        await second.Resign();
        Assert.True(await Look(first));
        Assert.Equal([1L], a.Revisions);
    }

    [Fact]
    public async Task A_runner_that_froze_loses_the_right_and_moves_nothing_when_it_wakes()
    {
        await using var database = await Postgres.NewDatabase();
        await using var node = await NodeWithOrg(database);
        TaskCompletionSource frozen = new(), woken = new();
        var a = new RecordingSink(fromTheStart: true) { BeforeWrite = () => { frozen.TrySetResult(); return woken.Task; } };
        var b = new RecordingSink(fromTheStart: true);
        // less than the driver takes to say by itself that it is there
        var options = new OutboundOptions { LeadIdle = TimeSpan.FromMilliseconds(300), PageRevisions = 1 };
        await using OutboundRunner first = RunnerOf(node, a, options), second = RunnerOf(node, b, options);
        await node.Set("app.k", "1");
        var frozenLook = Look(first);
        await frozen.Task;
        await Wait.Until(() => Look(second), "the other one takes over");
        Assert.Equal([1L, 2], b.Revisions);
        woken.SetResult();
        // it writes the page that it held, finds its checkpoint moved, and stops
        await Record.ExceptionAsync(() => frozenLook);
        Assert.Equal([1L], a.Revisions);
        await second.Resign();
        await using var third = RunnerOf(node, new RecordingSink(fromTheStart: true) is var c ? c : a);
        await Look(third);
        Assert.Empty(c.Revisions);
    }

    [Fact]
    public async Task A_sink_that_is_away_is_tried_again_and_gets_everything()
    {
        await using var database = await Postgres.NewDatabase();
        await using var node = await NodeWithOrg(database);
        var sink = new RecordingSink(fromTheStart: true) { IsAway = true };
        using var ending = new CancellationTokenSource();
        await using var runner = RunnerOf(node, sink, new OutboundOptions { BackOff = TimeSpan.FromMilliseconds(5), BackOffMax = TimeSpan.FromMilliseconds(20) });
        var attempts = 0;
        sink.BeforeWrite = () => { Interlocked.Increment(ref attempts); return Task.CompletedTask; };
        var running = runner.Run(ending.Token);
        await Wait.Until(() => Volatile.Read(ref attempts) > 3, "it is tried again and again");
        await node.Set("app.k", "1");
        sink.IsAway = false;
        await Wait.Until(() => sink.Revisions.LastOrDefault() == 2, "it gets everything");
        Assert.Equal([1L, 2], sink.Revisions);
        await ending.CancelAsync();
        await running;
        Assert.False(runner.IsLeading);
    }

    [Fact]
    public void Pauses_grow_to_a_bound_and_half_of_each_is_chance()
    {
        var options = new OutboundOptions();
        Assert.Equal(100, options.PauseAfter(1, 0).TotalMilliseconds);
        Assert.Equal(200, options.PauseAfter(1, 1).TotalMilliseconds);
        Assert.Equal(400, options.PauseAfter(2, 1).TotalMilliseconds);
        Assert.Equal(15_000, options.PauseAfter(1_000_000, 1).TotalMilliseconds);
    }

    [Fact]
    public async Task The_fault_of_one_org_stops_no_other()
    {
        await using var database = await Postgres.NewDatabase();
        await using var node = await NodeWithOrg(database);
        var other = new OrgId(2);
        Assert.Null((await node.Journal.Append(other, new CreateOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse("other", null), [TestNode.Environment("development")]), null, CancellationToken.None)).Fault);
        var sink = new RecordingSink(fromTheStart: true) { Poison = OrgId.Default };
        await using var runner = RunnerOf(node, sink, new OutboundOptions { BackOff = TimeSpan.Zero });
        await Look(runner);
        Assert.Equal([(other, 1L)], sink.Written);
        sink.Poison = null;
        await Look(runner);
        Assert.Equal([(other, 1L), (OrgId.Default, 1L)], sink.Written);
    }

    [Fact]
    public async Task After_a_new_incarnation_an_org_is_written_whole()
    {
        await using var database = await Postgres.NewDatabase();
        await using var node = await NodeWithOrg(database);
        await node.Set("app.k", "1");
        var sink = new RecordingSink(fromTheStart: true);
        await using var runner = RunnerOf(node, sink);
        await Look(runner);
        var cluster = (await node.Store.Heads([OrgId.Default], false, CancellationToken.None)).Cluster;
        Assert.True(await node.Store.BeginIncarnation(cluster.Incarnation, Guid.NewGuid(), CancellationToken.None));
        await Look(runner);
        Assert.Equal([(OrgId.Default, RewriteReason.History, 2L)], sink.Rewrites);
        await node.Journal.Poll();
        Assert.Null((await node.Set("app.k", "2")).Fault);
        await Look(runner);
        Assert.Equal([1L, 2, 3], sink.Revisions);
    }

    [Fact]
    public async Task Where_what_comes_next_is_archived_an_org_is_written_whole()
    {
        await using var journal = await OldJournal.FourMonths();
        var (exit, text) = await journal.Archive("--before", $"{OldJournal.Month(1):yyyy-MM-dd}");
        Assert.True(exit == 0, text);
        await using var node = await TestNode.Start(journal.Database);
        var sink = new RecordingSink(fromTheStart: true);
        await using var runner = RunnerOf(node, sink);
        await Look(runner);
        Assert.Equal([(OrgId.Default, RewriteReason.Archived, 8L)], sink.Rewrites);
        Assert.Empty(sink.Written);
        Assert.Null((await node.Set("a.b", "9")).Fault);
        await Look(runner);
        Assert.Equal([9L], sink.Revisions);
    }

    [Fact]
    public async Task A_hint_is_followed_at_once()
    {
        await using var database = await Postgres.NewDatabase();
        await using var node = await NodeWithOrg(database);
        var sink = new RecordingSink(fromTheStart: true);
        using var ending = new CancellationTokenSource();
        await using var runner = RunnerOf(node, sink, new OutboundOptions { Poll = TimeSpan.FromHours(1) });
        node.Hints.OnHint(runner.Hear);
        var running = runner.Run(ending.Token);
        await Wait.Until(() => sink.Revisions.Any(), "it begins");
        for (var i = 0; i < 20; i++)
        {
            await node.Set("app.k", $"{i}");
            var wanted = i + 2;
            await Wait.Until(() => sink.Revisions.LastOrDefault() == wanted, "the hint has it look");
        }
        await ending.CancelAsync();
        await running;
    }

    /// <summary>It went round and round on a whole core instead, until it had the right again.</summary>
    [Fact]
    public async Task Who_lost_the_right_with_a_hint_not_followed_waits_for_its_turn()
    {
        await using var database = await Postgres.NewDatabase();
        await using var node = await NodeWithOrg(database);
        var clock = new WaitedFor();
        await using OutboundRunner first = RunnerOf(node, new RecordingSink(fromTheStart: true), new OutboundOptions { Poll = TimeSpan.FromHours(1) }, clock), second = RunnerOf(node, new RecordingSink(fromTheStart: true));
        Assert.True(await Look(first));
        first.Hear(new Hint(OrgId.Default, 1));
        await first.Resign();
        Assert.True(await Look(second));
        using var ending = new CancellationTokenSource();
        var running = Task.Run(() => first.Run(ending.Token));
        await clock.Waited.WaitAsync(TimeSpan.FromMinutes(1));
        await ending.CancelAsync();
        await running;
    }

    sealed class WaitedFor : TimeProvider
    {
        readonly TaskCompletionSource waited = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Waited => waited.Task;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            waited.TrySetResult();
            return base.CreateTimer(callback, state, dueTime, period);
        }
    }
}
