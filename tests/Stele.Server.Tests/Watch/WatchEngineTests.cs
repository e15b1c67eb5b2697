using Microsoft.Extensions.Logging.Abstractions;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Watch;
using Stele.Server.Journal;
using Stele.Server.Limits;
using Stele.Server.Operation;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Stele.Server.Watch;
using Xunit;

namespace Stele.Server.Tests.Watch;

/// <summary>The engine on a real PostgreSQL, with small bounds.</summary>
public sealed class WatchEngineTests
{
    static readonly WatchClient client = new(Principal.Root, "test", null, null, new Dictionary<string, string>());

    static WatchEngine Engine(TestNode node, WatchOptions options, LimitOptions? limits = null) => new(node.Journal, node.Store,
        new RequestLimiter(TimeProvider.System, limits ?? new LimitOptions(), new LimitMetrics(new Metrics())), TimeProvider.System, options, new WatchMetrics(new Metrics()), new WatchLog(NullLogger<WatchLog>.Instance));

    static WatchQuery Query(string prefix, Cursor? from = null) => new(null, [prefix], WatchKinds.All, from, null);

    static async Task<WatchFrame> Next(WatchOutbox outbox)
    {
        while (true)
        {
            if (outbox.TryTake(out var message))
            {
                message.Subscriber!.NoteSent(message.Frame);
                return message.Frame;
            }
            await outbox.Wait().WaitAsync(TimeSpan.FromSeconds(20));
        }
    }

    [Fact]
    public async Task Who_takes_nothing_is_cut_off_and_resumes_without_a_gap()
    {
        await using var db = await Postgres.NewDatabase();
        await using var node = await TestNode.Start(db);
        await node.CreateOrg();
        var engine = Engine(node, new WatchOptions { BufferMessages = 4 });
        var (slow, other) = (engine.NewOutbox(), engine.NewOutbox());
        await engine.Subscribe(OrgId.Default, "", client, Query("a."), slow);
        await engine.Subscribe(OrgId.Default, "", client, Query("b."), other);
        var synced = await Next(slow);
        await Next(other);
        var revisions = new List<long>();
        for (var i = 0; i < 9; i++) revisions.Add((await node.Set("a.x", $"{i}")).Value.Record!.Revision);
        await Until(() => slow.End == WatchEnd.TooSlow);
        Assert.Null(other.End);
        var resumed = engine.NewOutbox();
        await engine.Subscribe(OrgId.Default, "", client, Query("a.", synced.Cursor), resumed);
        // the past may end before the last of them, which then comes as news
        var frames = new List<WatchFrame>();
        while (frames.Count <= revisions.Count) frames.Add(await Next(resumed));
        Assert.Equal(revisions.Select(revision => (WatchFrameKind.Change, revision)), frames.Where(frame => frame.Kind != WatchFrameKind.Synced).Select(Said));
    }

    [Fact]
    public async Task A_message_that_is_larger_than_the_buffer_still_comes()
    {
        await using var db = await Postgres.NewDatabase();
        await using var node = await TestNode.Start(db);
        await node.CreateOrg();
        var engine = Engine(node, new WatchOptions { BufferBytes = 1_000 });
        var outbox = engine.NewOutbox();
        await engine.Subscribe(OrgId.Default, "", client, Query("a."), outbox);
        await Next(outbox);
        var revision = (await node.Set("a.x", $"\"{new string('x', 100_000)}\"")).Value.Record!.Revision;
        Assert.Equal((WatchFrameKind.Change, revision), Said(await Next(outbox)));
    }

    [Fact]
    public async Task Whom_a_change_is_not_for_is_not_woken_and_heartbeats_move_his_cursor()
    {
        await using var db = await Postgres.NewDatabase();
        await using var node = await TestNode.Start(db);
        await node.CreateOrg();
        var engine = Engine(node, new WatchOptions { Heartbeat = TimeSpan.Zero });
        var outbox = engine.NewOutbox();
        var subscriber = (await engine.Subscribe(OrgId.Default, "", client, Query("absent."), outbox)).Value;
        await Next(outbox);
        var woken = outbox.Wait();
        // what was said before he waited is said once more
        if (woken.IsCompleted) woken = outbox.Wait();
        var revision = (await node.Set("a.x", "1")).Value.Record!.Revision;
        await Until(() => subscriber.Watch!.Place.Revision == revision);
        Assert.False(woken.IsCompleted);
        engine.Tick();
        await woken.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal((WatchFrameKind.Progress, revision), Said(await Next(outbox)));
    }

    [Fact]
    public async Task Subscriptions_of_a_token_and_of_an_organization_have_limits()
    {
        await using var db = await Postgres.NewDatabase();
        await using var node = await TestNode.Start(db);
        await node.CreateOrg();
        var ofToken = Engine(node, new WatchOptions { OfPrincipal = 2 });
        var first = (await ofToken.Subscribe(OrgId.Default, "", client, Query("a"), ofToken.NewOutbox())).Value;
        Assert.Null((await ofToken.Subscribe(OrgId.Default, "", client, Query("a"), ofToken.NewOutbox())).Fault);
        Assert.Equal(Core.Faults.FaultCode.RateLimited, (await ofToken.Subscribe(OrgId.Default, "", client, Query("a"), ofToken.NewOutbox())).Fault?.Code);
        ofToken.Unsubscribe(first);
        Assert.Null((await ofToken.Subscribe(OrgId.Default, "", client, Query("a"), ofToken.NewOutbox())).Fault);
        var ofOrg = Engine(node, new WatchOptions(), new LimitOptions { OrgSubscriptions = 1 });
        Assert.Null((await ofOrg.Subscribe(OrgId.Default, "", client, Query("a"), ofOrg.NewOutbox())).Fault);
        Assert.Equal(Core.Faults.FaultCode.QuotaExceeded, (await ofOrg.Subscribe(OrgId.Default, "", client, Query("a"), ofOrg.NewOutbox())).Fault?.Code);
    }

    [Fact]
    public async Task A_commit_on_one_node_reaches_a_subscriber_on_another_by_its_hint()
    {
        await using var db = await Postgres.NewDatabase();
        await using var a = await TestServer.Start(db);
        // this one never polls: only the hint can say it
        await using var b = await TestServer.Start(db, journal: new JournalOptions { Poll = TimeSpan.FromHours(1) });
        using var stream = await EventStream.Open(b.Client.BaseAddress!, "?prefix=x.", TestServer.Token);
        await stream.Named("synced");
        for (var i = 0; i < 20; i++)
        {
            using var answer = await a.Client.PutAsync("/v1/config/x.k", new StringContent($$"""{"value":{{i}}}""", System.Text.Encoding.UTF8, "application/json"));
            answer.EnsureSuccessStatusCode();
            Assert.EndsWith($" x.k={i}", await stream.Change(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_organization_that_somebody_watches_stays_in_memory()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db, journal: new JournalOptions { Idle = TimeSpan.FromMilliseconds(50), Poll = TimeSpan.FromMilliseconds(200) });
        var journal = (JournalNode)server.Services.GetService(typeof(JournalNode))!;
        using (var stream = await EventStream.Open(server.Client.BaseAddress!, "", TestServer.Token))
        {
            await stream.Named("synced");
            var watched = journal.Orgs.Single(org => org.Org == OrgId.Default);
            await Wait.Until(() => watched.ConfirmedAgo < TimeSpan.FromSeconds(1), "it is polled");
            for (var i = 0; i < 5; i++) await journal.Poll();
            Assert.Same(watched, journal.Orgs.Single(org => org.Org == OrgId.Default));
        }
        await Wait.Until(() => journal.Orgs.All(org => org.Org != OrgId.Default), "it leaves memory when nobody watches it");
    }

    [Fact]
    public async Task A_node_that_stops_ends_its_streams_and_says_so()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        using var stream = await EventStream.Open(server.Client.BaseAddress!, "", TestServer.Token);
        var synced = await stream.Named("synced");
        using var socket = await SocketClient.Open(server.Client.BaseAddress!, TestServer.Token);
        await socket.Send("""{"type":"subscribe","id":"a"}""");
        await socket.Is("synced", "a");
        var stopping = server.Stop();
        var end = await stream.Named("end");
        Assert.Equal("restart", end.Data.GetProperty("code").GetString());
        Assert.Equal(synced.Id, end.Data.GetProperty("cursor").GetString());
        Assert.Null(await stream.Next());
        var (code, why) = await socket.Closed();
        Assert.Equal(1012, code);
        Assert.StartsWith("restart ", why, StringComparison.Ordinal);
        await stopping;
    }

    [Fact]
    public async Task Through_crashes_of_PostgreSQL_a_stream_is_the_journal_and_ends_level()
    {
        await using var server = await CrashServer.Start();
        await using var node = await TestNode.Start(server.Database);
        await node.CreateOrg();
        var engine = Engine(node, new WatchOptions { BufferMessages = 16, ProbeRevisions = 20, JoinRevisions = 2 });
        var (received, dice, stopping) = (new List<(Cursor Cursor, WatchFrame Frame)>(), new Random(5), new CancellationTokenSource());
        var first = (await node.Read()).Place.Cursor;
        var reading = Task.Run(async () =>
        {
            for (var from = first; !stopping.IsCancellationRequested;)
            {
                var outbox = engine.NewOutbox();
                if (!(await engine.Subscribe(OrgId.Default, "", client, Query("app.", from), outbox)).TryGet(out var subscriber, out _)) continue;
                while (outbox.End is null && !stopping.IsCancellationRequested && dice.Next(40) > 0)
                {
                    if (outbox.TryTake(out var message))
                    {
                        message.Subscriber!.NoteSent(message.Frame);
                        from = message.Frame.Cursor;
                        lock (received) received.Add((from, message.Frame));
                    }
                    else await outbox.Wait();
                }
                engine.Unsubscribe(subscriber);
            }
        });
        var written = 0;
        for (var round = 0; round < 2; round++)
        {
            for (var more = written + 60; written < more;)
                if ((await node.Set(written % 3 == 0 ? "other.x" : $"app.{written % 7}", $"{written}")).Fault is null) written++;
            await server.Crash();
        }
        while ((await node.Set("app.last", "true")).Fault is not null) await Task.Yield();
        var journal = await node.Store.Read(OrgId.Default, first.Revision, 1_000, CancellationToken.None);
        var expected = journal.Select(WatchRevision.Of).Where(revision => revision.Seen(new WatchFilter("development", ["app."], WatchKinds.All), Rights.Everything).Length > 0).Select(revision => revision.Record.Cursor).ToList();
        await Until(() => Changes().LastOrDefault() == expected[^1]);
        await stopping.CancelAsync();
        // the last wait is ended by one more
        await node.Set("app.last", "false");
        await reading;
        Assert.Equal(expected, Changes().Take(expected.Count));
        Assert.DoesNotContain(received, item => item.Frame.Kind == WatchFrameKind.Reset);

        List<Cursor> Changes()
        {
            lock (received) return [.. received.Where(item => item.Frame.Kind == WatchFrameKind.Change).Select(item => item.Cursor)];
        }
    }

    static (WatchFrameKind, long) Said(WatchFrame frame) => (frame.Kind, frame.Cursor.Revision);

    static Task Until(Func<bool> condition) => Wait.Until(condition, "the watch gets there");
}
