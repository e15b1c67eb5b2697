using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using Stele.Core.Journal;
using Stele.Server.Journal;
using Stele.Server.Journal.Hints;
using Stele.Server.Operation;
using Stele.Server.Redis;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Journal;

/// <summary>What nodes tell each other, on each carrier alone.</summary>
public sealed class HintTests
{
    [Fact]
    public void A_hint_reads_as_it_was_written_and_nothing_else_is_one()
    {
        foreach (var hint in (Hint[])[new(new OrgId(7), 1042), new(new OrgId(1), null), new(new OrgId(int.MaxValue), long.MaxValue)])
        {
            Assert.True(Hint.TryParse(hint.ToString(), out var read));
            Assert.Equal(hint, read);
        }
        foreach (var text in (string[])["", ":", "7", "7:", ":1", "7:x", "x:1", "7:-1", "-7:1", "7??", "7?1", "7:1:1", " 7:1", "99999999999:1", "7:99999999999999999999"])
            Assert.False(Hint.TryParse(text, out _), text);
    }

    [Fact]
    public async Task Notify_alone_tells_the_other_node()
    {
        await using var database = await Postgres.NewDatabase();
        await using TestNode a = await TestNode.Start(database), b = await TestNode.Start(database);
        await Told(a, b);
    }

    [Fact]
    public async Task A_listener_whose_session_ends_listens_again()
    {
        await using var database = await Postgres.NewDatabase();
        await using TestNode a = await TestNode.Start(database), b = await TestNode.Start(database);
        await Told(a, b);
        await using (var admin = await database.As())
            Assert.Equal(2, (await admin.Rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'")).Count);
        await Told(a, b);
    }

    [Fact]
    public async Task Redis_alone_tells_the_other_node_and_again_after_it_was_away()
    {
        await using var redis = await RedisServer.Start();
        await using var database = await Postgres.NewDatabase();
        await using RedisLink one = redis.Link(), other = redis.Link();
        await using TestNode a = await TestNode.Start(database, carriers: new RedisHints(one)), b = await TestNode.Start(database, carriers: new RedisHints(other));
        await Told(a, b);
        await redis.Kill();
        Assert.Null((await a.Set("app.away", "1")).Fault);
        await redis.Restart();
        await Told(a, b);
    }

    [Fact]
    public async Task Hints_that_are_doubled_late_wrong_or_broken_do_no_harm()
    {
        await using var database = await Postgres.NewDatabase();
        var wild = new WildCarrier();
        await using TestNode a = await TestNode.Start(database, carriers: wild), b = await TestNode.Start(database, carriers: wild);
        await a.CreateOrg();
        await b.Read();
        for (var i = 0; i < 50; i++)
        {
            Assert.Null((await (i % 2 == 0 ? a : b).Set("app.k", $"{i}")).Fault);
            // orgs that nobody has, revisions that are long past or to come
            wild.Hear(new Hint(new OrgId(999), 5));
            wild.Hear(new Hint(OrgId.Default, 1));
            wild.Hear(new Hint(OrgId.Default, 1_000_000));
        }
        await Wait.Until(() => a.Revision() == 51 && b.Revision() == 51, "both are level");
        Assert.True(wild.Sent > 0);
    }

    // until one comes at once: the listener may still be on its way, and a poll must not be taken for it
    static async Task Told(TestNode a, TestNode b)
    {
        await a.CreateOrg();
        await b.Read();
        var heard = new ConcurrentDictionary<long, TaskCompletionSource>();
        TaskCompletionSource Of(long revision) => heard.GetOrAdd(revision, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
        b.Hints.OnHint(hint => Of(hint.Revision ?? 0).TrySetResult());
        await Wait.Until(async () =>
        {
            var hint = Of((await a.Set("app.k", "1")).Value.Record!.Revision).Task;
            await Task.WhenAny(hint, hint.WaitAsync(TimeSpan.FromMilliseconds(500)));
            return hint.IsCompletedSuccessfully;
        }, "a hint comes");
    }

    /// <summary>Brings each hint to all, twice, and breaks now and then.</summary>
    sealed class WildCarrier : IHintCarrier
    {
        readonly ConcurrentDictionary<Action<Hint>, bool> listeners = new();
        int sent;

        public string Name => "wild";

        public int Sent => sent;

        public void Hear(Hint hint)
        {
            foreach (var listener in listeners.Keys) listener(hint);
        }

        public Task Send(IReadOnlyCollection<Hint> hints, CancellationToken cancellation)
        {
            if (Interlocked.Increment(ref sent) % 3 == 0) throw new InvalidOperationException("it broke");
            foreach (var hint in hints)
            {
                Hear(hint);
                Hear(hint);
            }
            return Task.CompletedTask;
        }

        public async Task Listen(Action<Hint> heard, CancellationToken cancellation)
        {
            listeners[heard] = true;
            await new TaskCompletionSource().Task.WaitAsync(cancellation);
        }
    }
}
