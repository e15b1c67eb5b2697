using Microsoft.Extensions.Logging.Abstractions;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Watch;
using Stele.Server.Journal;
using Stele.Server.Limits;
using Stele.Server.Operation;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Watch;
using Xunit;

namespace Stele.Server.Tests.Watch;

/// <summary>The past, read by one who catches up on a node that has nothing of it in memory: the same whichever way it is read.</summary>
public sealed class WatchPagesTests
{
    // so small that a few hundred revisions are read in every way
    static readonly WatchOptions small = new() { ReadRevisions = 4, ProbeRevisions = 5, ProbedMax = 3, SoughtRevisions = 7, SoughtRanges = 12, JoinRevisions = 1, BufferMessages = 8 };

    [Fact]
    public async Task Whatever_a_filter_wants_and_however_often_it_gets_the_journal_under_it()
    {
        await using var db = await Postgres.NewDatabase();
        await using (var writer = await TestNode.Start(db, listen: false))
        {
            await writer.CreateOrg();
            // nothing wanted, then now and then, then every time, then nothing
            for (var i = 0; i < 60; i++) await writer.Set($"noise.{i % 5}", $"{i}");
            for (var i = 0; i < 80; i++) await writer.Set(i % 6 == 0 ? $"busy.{i % 3}" : "b", $"{i}");
            for (var i = 0; i < 40; i++) await writer.Set($"busy.{i % 3}", $"{i}");
            for (var i = 0; i < 30; i++) await writer.Set("a", $"{i}");
        }
        await using var node = await TestNode.Start(db, listen: false);
        var engine = new WatchEngine(node.Journal, node.Store, new RequestLimiter(TimeProvider.System, new LimitOptions(), new LimitMetrics(new Metrics())), TimeProvider.System, small,
            new WatchMetrics(new Metrics()), new WatchLog(NullLogger<WatchLog>.Instance));
        var journal = await node.Store.Read(OrgId.Default, 0, 1_000, CancellationToken.None);
        string[][] filters = [[""], ["busy."], ["a"], ["quiet."], ["a", "b"], ["a", "busy.0", "busy.2", "noise.4"], [.. Enumerable.Range(0, 20).Select(n => $"busy.{n}")]];
        foreach (var prefixes in filters)
            foreach (var from in (int[])[1, 50, 100, 150, journal.Count - 2])
            {
                var filter = new WatchFilter("development", prefixes, WatchKinds.All);
                var expected = journal.Where(record => record.Revision > from && WatchRevision.Of(record).Seen(filter, Rights.Everything).Length > 0).Select(record => record.Cursor);
                Assert.Equal(expected, await CatchUp(engine, prefixes, from));
            }
    }

    static async Task<List<Cursor>> CatchUp(WatchEngine engine, string[] prefixes, long from)
    {
        var (outbox, seen) = (engine.NewOutbox(), new List<Cursor>());
        var client = new WatchClient(Principal.Root, "test", null, null, new Dictionary<string, string>());
        var subscriber = (await engine.Subscribe(OrgId.Default, "", client, new WatchQuery(null, prefixes, WatchKinds.All, null, from), outbox)).Value;
        while (true)
        {
            while (outbox.TryTake(out var message))
            {
                subscriber.NoteSent(message.Frame);
                if (message.Frame.Kind == WatchFrameKind.Change) seen.Add(message.Frame.Cursor);
                else Assert.Equal(WatchFrameKind.Synced, message.Frame.Kind);
                if (message.Frame.Kind != WatchFrameKind.Synced) continue;
                engine.Unsubscribe(subscriber);
                return seen;
            }
            await outbox.Wait().WaitAsync(TimeSpan.FromSeconds(60));
        }
    }

    [Fact]
    public async Task However_many_resume_at_once_they_read_in_turn_and_hold_few_connections()
    {
        const int Resuming = 40, AtOnce = 2;
        await using var db = await Postgres.NewDatabase();
        await using (var writer = await TestNode.Start(db, listen: false))
        {
            await writer.CreateOrg();
            for (var i = 0; i < 10; i++) await writer.Set("a", $"{i}");
        }
        await using var node = await TestNode.Start(db, listen: false);
        var engine = new WatchEngine(node.Journal, node.Store, new RequestLimiter(TimeProvider.System, new LimitOptions(), new LimitMetrics(new Metrics())), TimeProvider.System,
            small with { ReadsAtOnce = AtOnce, OfPrincipal = Resuming }, new WatchMetrics(new Metrics()), new WatchLog(NullLogger<WatchLog>.Instance));
        await node.Read();
        List<Task<List<Cursor>>> all;
        // whoever reads events now stays where he is
        await using (var session = await db.As())
        {
            await session.Execute("BEGIN");
            await session.Execute("LOCK TABLE stele.event IN ACCESS EXCLUSIVE MODE");
            all = [.. Enumerable.Range(0, Resuming).Select(_ => CatchUp(engine, [""], 0))];
            await Wait.Until(() => engine.Count == Resuming, "all have come");
            await using var looking = await db.As();
            Task<int> Reading() => looking.Ask<int>("SELECT count(DISTINCT pid)::int FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())");
            await Wait.Until(async () => await Reading() >= AtOnce, "some read");
            for (var round = 0; round < 20; round++)
            {
                // what others ask is answered
                await node.Store.FindOutcome(OrgId.Default, "root", "none", CancellationToken.None);
                Assert.Equal(AtOnce, await Reading());
            }
            await session.Execute("ROLLBACK");
        }
        foreach (var caught in await Task.WhenAll(all)) Assert.Equal(10, caught.Count);
    }

    [Fact]
    public async Task What_is_looked_for_in_order_is_what_the_index_finds()
    {
        await using var db = await Postgres.NewDatabase();
        await using var node = await TestNode.Start(db, listen: false);
        await node.CreateOrg();
        string[] keys = ["a", "a.b", "a_b", "b", "ba", "bb.c", "c", "z", "Z"];
        for (var i = 0; i < 60; i++) await node.Set(keys[i * 7 % keys.Length], $"{i}");
        var head = (await node.Read()).Revision;
        foreach (var prefixes in (string[][])[[""], ["a"], ["a", "b"], ["a.", "b", "c"], ["Z", "z"], ["0"], ["zz"], ["a_", "ba", "bb"]])
        {
            var streams = new WatchFilter("development", prefixes, WatchKinds.All).Streams();
            var indexed = await node.Store.Find(OrgId.Default, 5, head - 3, streams, 1_000, CancellationToken.None);
            var inOrder = await node.Store.FindNext(OrgId.Default, 5, head - 3, streams, 1_000, CancellationToken.None);
            Assert.Equal(indexed.Revisions, inOrder.Revisions);
            Assert.Equal(head - 3, inOrder.Through);
            if (indexed.Revisions!.Count < 4) continue;
            var some = await node.Store.FindNext(OrgId.Default, 5, head - 3, streams, 3, CancellationToken.None);
            Assert.Equal(indexed.Revisions.Take(3), some.Revisions);
            Assert.Equal(some.Revisions![^1], some.Through);
        }
    }

    [Fact]
    public async Task A_page_ends_with_the_revision_in_which_it_is_full_and_one_that_is_larger_comes_alone()
    {
        await using var db = await Postgres.NewDatabase();
        await using var node = await TestNode.Start(db, listen: false);
        await node.CreateOrg();
        var first = (await node.Read()).Revision + 1;
        // each a little more than a third of a page: the third goes over it, and is the last
        var third = $"\"{new string('x', (int)(SteleLimits.JournalPageBytes.Value / 3) - 100)}\"";
        for (var i = 0; i < 5; i++) await node.Set($"large.{i}", third);
        await node.Set("small", "1");
        Assert.Equal([4, 2], await Pages(first - 1));
        Assert.Equal([4, 2], await Numbered(Enumerable.Range((int)first, 6).Select(n => (long)n)));
        var more = $"\"{new string('x', (int)SteleLimits.ValueBytes.Value - 2)}\"";
        await node.Set("larger.0", more);
        await node.Set("larger.1", more);
        Assert.Equal([1, 1], await Pages(first + 5));
        Assert.Equal([1, 1], await Numbered([first + 6, first + 7]));

        async Task<List<int>> Pages(long after)
        {
            var (pages, head) = (new List<int>(), (await node.Read()).Revision);
            while (after < head)
            {
                var page = await node.Store.Read(OrgId.Default, after, 1_000, CancellationToken.None);
                Assert.Equal(Enumerable.Range((int)after + 1, page.Count).Select(n => (long)n), page.Select(record => record.Revision));
                Assert.All(page, record => Assert.False(record.IsArchived));
                pages.Add(page.Count);
                after = page[^1].Revision;
            }
            return pages;
        }

        async Task<List<int>> Numbered(IEnumerable<long> numbers)
        {
            var (pages, left) = (new List<int>(), numbers.ToList());
            while (left.Count > 0)
            {
                var page = await node.Store.Read(OrgId.Default, left, CancellationToken.None);
                Assert.Equal(left.Take(page.Count), page.Select(record => record.Revision));
                pages.Add(page.Count);
                left.RemoveRange(0, page.Count);
            }
            return pages;
        }
    }
}
