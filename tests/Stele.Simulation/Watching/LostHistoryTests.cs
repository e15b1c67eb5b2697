using Microsoft.Extensions.Logging.Abstractions;
using Stele.Core.Access;
using Stele.Core.Orgs;
using Stele.Core.Watch;
using Stele.Server.Journal;
using Stele.Server.Limits;
using Stele.Server.Operation;
using Stele.Server.Watch;
using Stele.Simulation.Contract;
using Stele.Simulation.Database;
using Stele.Simulation.Scheduling;
using Stele.Simulation.Workload;
using Xunit;

namespace Stele.Simulation.Watching;

/// <summary>Who watches while a fail-over loses the end of the journal, on a node that hears of it late: each step of what the simulation's seeds 366 and 1511 met by chance.</summary>
public sealed class LostHistoryTests
{
    [Theory]
    [InlineData(3)]
    [InlineData(6)]
    [InlineData(12)]
    public Task Who_catches_up_on_a_node_that_has_not_heard_of_a_loss_waits_for_it_and_misses_nothing(int lost) => Run(async bench =>
    {
        var common = await bench.Write("a", 3);
        await bench.WriteAndLose("a", lost);
        await bench.Write("b", 1);
        var stream = await bench.Watch(common.Cursor);
        await bench.Pass(moment);
        // the node still believes in what was lost, and of what it reads nothing goes with it
        Assert.Empty(stream.Take());
        var now = await bench.Write("a", lost + 4);
        await bench.Hear();
        await bench.Pass(moment);
        var frames = stream.Take();
        Assert.DoesNotContain(frames, frame => frame.Kind == WatchFrameKind.Reset);
        Assert.Equal(now.Revision - common.Revision, frames.Count(frame => frame.Kind == WatchFrameKind.Change));
        Assert.Equal(now.Cursor, frames[^1].Cursor);
    });

    [Fact]
    public Task Who_resumes_from_a_history_that_a_node_has_not_heard_of_is_not_reset() => Run(async bench =>
    {
        await bench.Write("a", 3);
        await bench.WriteAndLose("a", 6);
        var elsewhere = await bench.Write("a", 2);
        var stream = await bench.Watch(elsewhere.Cursor);
        var now = await bench.Write("a", 1);
        await bench.Hear();
        await bench.Pass(moment);
        Assert.Equal([(WatchFrameKind.Change, now.Cursor), (WatchFrameKind.Synced, now.Cursor)], stream.Take().Select(frame => (frame.Kind, frame.Cursor)).OrderBy(frame => frame.Kind != WatchFrameKind.Change));
    });

    [Fact]
    public Task Who_has_what_was_lost_is_reset() => Run(async bench =>
    {
        await bench.Write("a", 3);
        var before = await bench.WriteAndLose("a", 6);
        var now = await bench.Write("a", 2);
        var stream = await bench.Watch(before.Cursor);
        await bench.Hear();
        await bench.Pass(moment);
        var reset = Assert.Single(stream.Take(), frame => frame.Kind == WatchFrameKind.Reset);
        Assert.Equal(now.Cursor, reset.Cursor);
    });

    [Fact]
    public Task Who_is_ahead_of_the_watch_when_a_new_incarnation_begins_is_not_reset_while_his_history_holds() => Run(async bench =>
    {
        await bench.Write("a", 3);
        var stream = await bench.WatchAhead();
        await bench.BeginIncarnation();
        await bench.Hear();
        bench.Reads(true);
        await bench.Pass(moment);
        var now = await bench.Write("a", 2);
        await bench.Hear();
        await bench.Pass(moment);
        Assert.Equal([now.Revision - 1, now.Revision], stream.Take().Select(frame => frame.Kind == WatchFrameKind.Change ? frame.Cursor.Revision : -1));
    });

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public Task Who_is_ahead_of_the_watch_when_what_he_has_is_lost_is_reset(bool watchReadsFirst) => Run(async bench =>
    {
        await bench.Write("a", 5);
        await bench.Pass(moment);
        bench.Lag();
        var stream = await bench.WatchAhead();
        await bench.FailOver();
        var now = await bench.Write("a", 12);
        // the watch may come to the history that came instead before its node has heard of it
        if (watchReadsFirst) bench.Reads(true);
        await bench.Pass(moment);
        await bench.Hear();
        bench.Reads(true);
        await bench.Pass(moment);
        var frames = stream.Take();
        var reset = Assert.Single(frames, frame => frame.Kind == WatchFrameKind.Reset);
        var after = frames.SkipWhile(frame => frame != reset).Where(frame => frame.Kind == WatchFrameKind.Change).Select(frame => frame.Cursor.Revision);
        Assert.Equal(Enumerable.Range((int)reset.Cursor.Revision + 1, (int)(now.Revision - reset.Cursor.Revision)).Select(revision => (long)revision), after);
    });

    // longer than a connection that is cut takes to be noticed
    static readonly TimeSpan moment = TimeSpan.FromSeconds(5);

    static Task Run(Func<Bench, Task> test)
    {
        var scheduler = new SimulatedScheduler(1);
        var bench = new Bench(scheduler);
        var under = Task.CompletedTask;
        bench.Node.Post(_ => under = test(bench), null);
        if (!scheduler.Run(() => scheduler.Steps > 0 && under.IsCompleted, TimeSpan.FromHours(2), 1_000_000)) throw new InvalidOperationException("the test waits for something that never comes");
        return under;
    }

    /// <summary>A node that hears of nothing unless it is told to look, and a second way to the database by which others write.</summary>
    sealed class Bench
    {
        static readonly WatchClient client = new(Principal.Root, "test", null, null, new Dictionary<string, string>());

        readonly SimulatedDatabase database;
        readonly ContractBench others;
        readonly JournalNode journal;
        readonly WatchEngine engine;
        readonly DatabaseLink reads;
        OrgState? written;
        int count;

        public Bench(SimulatedScheduler scheduler)
        {
            var dice = new Dice(1);
            (Node, database) = (scheduler.Start("node"), new SimulatedDatabase(scheduler, dice.Id()));
            DatabaseLink Link() => new(scheduler, database, Node, FaultPlan.None(dice));
            SimulatedJournalStore Store(DatabaseLink link) => new(database, link, Mutant.None);
            (others, reads) = (new ContractBench(Store(Link()), Store(Link())), Link());
            // so little stays in memory that the watch reads, and there are enough revisions for each way of reading
            var options = new JournalOptions { NewId = dice.Id, RingRevisions = 2 };
            journal = new JournalNode(Store(Link()), Node.Time, options, new JournalMetrics(new Metrics()), new JournalLog(NullLogger<JournalLog>.Instance));
            engine = new WatchEngine(journal, Store(reads), new RequestLimiter(Node.Time, new LimitOptions(), new LimitMetrics(new Metrics())), Node.Time,
                new WatchOptions { ReadRevisions = 5, ProbeRevisions = 9, ProbedMax = 12, SoughtRevisions = 20, JoinRevisions = 3 }, new WatchMetrics(new Metrics()), new WatchLog(NullLogger<WatchLog>.Instance));
        }

        public SimulatedProcess Node { get; }

        /// <summary>Others write keys under a prefix, each in a revision: where the journal is then.</summary>
        public async Task<JournalPlace> Write(string prefix, int revisions)
        {
            written = written is null ? await others.Create() : await others.Load();
            for (var i = 0; i < revisions; i++) written = await others.Append(written, ContractBench.Set($"{prefix}.{count}", $"{count++}"));
            return written.Place;
        }

        /// <summary>The standby receives nothing more.</summary>
        public void Lag() => database.Lag = TimeSpan.FromHours(1);

        /// <summary>Others write what the node hears of, and a fail-over loses: where the journal was then.</summary>
        public async Task<JournalPlace> WriteAndLose(string prefix, int revisions)
        {
            await Pass(moment);
            Lag();
            var lost = await Write(prefix, revisions);
            await Hear();
            await FailOver();
            return lost;
        }

        /// <summary>A standby takes over with what it had received, and others find that something was lost.</summary>
        public async Task FailOver()
        {
            Assert.True(database.Succeed(Succession.FailOver, 0) > 0);
            database.Lag = TimeSpan.FromMilliseconds(1);
            await BeginIncarnation();
        }

        public async Task BeginIncarnation() => Assert.True(await others.Store.BeginIncarnation(database.Current.Cluster.Incarnation, Guid.CreateVersion7(), CancellationToken.None));

        /// <summary>The node looks at the head.</summary>
        public async Task Hear() => Assert.Null((await journal.Read(ContractBench.Org, new ReadOptions(Consistency.Strong, null, null), CancellationToken.None)).Fault);

        /// <summary>Whether what watches read of the journal can be read.</summary>
        public void Reads(bool can) => reads.Partitioned = !can;

        public Task Pass(TimeSpan time) => Node.Time.Wait(time);

        public async Task<Stream> Watch(Core.Journal.Cursor? from)
        {
            var outbox = engine.NewOutbox();
            var query = new WatchQuery(EnvironmentName.Parse("development", null), [""], WatchKinds.All, from, null);
            Assert.Null((await engine.Subscribe(ContractBench.Org, "", client, query, outbox)).Fault);
            return new Stream(outbox);
        }

        /// <summary>Somebody begins to watch on a node that is further than its watch, which cannot read what is between.</summary>
        public async Task<Stream> WatchAhead()
        {
            await Watch(null);
            Reads(false);
            var now = await Write("a", 8);
            var stream = await Watch(null);
            Assert.Equal([(WatchFrameKind.Synced, now.Cursor)], stream.Take().Select(frame => (frame.Kind, frame.Cursor)));
            return stream;
        }
    }

    sealed class Stream(WatchOutbox outbox)
    {
        public List<WatchFrame> Take()
        {
            var frames = new List<WatchFrame>();
            while (outbox.TryTake(out var message)) frames.Add(message.Frame);
            return frames;
        }
    }
}
