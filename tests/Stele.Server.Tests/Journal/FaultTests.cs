using System.Collections.Concurrent;
using System.Diagnostics;
using Npgsql;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Server.Journal;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Journal;

public sealed class FaultTests
{
    static readonly TimeSpan TwoSeconds = TimeSpan.FromSeconds(2);

    [Fact]
    public async Task While_the_primary_is_frozen_strong_reads_and_writes_are_refused_within_two_seconds_and_local_reads_go_on()
    {
        await using var server = await CrashServer.Start();
        await using var node = await TestNode.Start(server.Database);
        await node.CreateOrg();
        await node.Set("app.x", "1");
        server.Signal("-STOP");
        try
        {
            var started = Stopwatch.GetTimestamp();
            var read = node.Journal.Read(OrgId.Default, new ReadOptions(Consistency.Strong, null, null), CancellationToken.None).AsTask();
            var write = node.Set("app.x", "2");
            var keyed = node.Set("app.x", "2", idempotency: new Idempotency("k", [1]));
            Assert.Equal(FaultCode.Unavailable, (await read).Fault!.Code);
            var refused = (await write).Fault!.Code;
            Assert.True(refused is FaultCode.Unavailable or FaultCode.OutcomeUnknown);
            Assert.Equal(FaultCode.Unavailable, (await keyed).Fault!.Code);
            Assert.True(Stopwatch.GetElapsedTime(started) < TwoSeconds, $"{Stopwatch.GetElapsedTime(started)}");
            var local = (await node.Journal.Read(OrgId.Default, new ReadOptions(Consistency.Local, null, null), CancellationToken.None)).Value;
            Assert.True(local.ConfirmedAgo > TimeSpan.FromSeconds(1));
            var bounded = await node.Journal.Read(OrgId.Default, new ReadOptions(Consistency.Local, TimeSpan.FromMilliseconds(500), null), CancellationToken.None);
            Assert.Equal(FaultCode.Unavailable, bounded.Fault!.Code);
        }
        finally
        {
            server.Signal("-CONT");
        }
        await Works(node);
    }

    [Fact]
    public async Task After_a_crash_of_the_primary_under_load_every_acknowledged_write_is_there_once()
    {
        await using var server = await CrashServer.Start();
        await using var node = await TestNode.Start(server.Database);
        await node.CreateOrg();
        await using var load = new WriteLoad(node, workers: 8);
        for (var round = 0; round < 2; round++)
        {
            await load.Progress(100);
            await server.Crash();
            await load.Progress(20);
        }
        await load.Stop();
        await load.Check();
    }

    [Fact]
    public async Task Sessions_that_are_ended_in_the_middle_of_commits_lose_and_double_nothing()
    {
        await using var database = await Postgres.NewDatabase();
        await using var node = await TestNode.Start(database);
        await node.CreateOrg();
        await using var load = new WriteLoad(node, workers: 8);
        await using var owner = await database.As();
        for (var round = 0; round < 30; round++)
        {
            await load.Progress(10);
            await owner.Execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'stele_app' AND datname = current_database()");
        }
        await load.Stop();
        await load.Check();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_read_goes_on_after_the_sessions_that_the_pool_kept_were_ended(bool hasSecondHost)
    {
        await using var database = await Postgres.NewDatabase();
        await using var node = await TestNode.Start(hasSecondHost ? database with { App = WithSecondHost(database.App), Tail = WithSecondHost(database.Tail) } : database);
        await node.CreateOrg();
        await using var owner = await database.As();
        for (var round = 0; round < 5; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => node.Store.Read(OrgId.Default, 0, 10, CancellationToken.None)));
            await owner.Execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename IN ('stele_app', 'stele_tail') AND datname = current_database()");
            Assert.Equal(1, (await node.Read()).Revision);
            Assert.Single(await node.Store.Read(OrgId.Default, 0, 10, CancellationToken.None));
        }
    }

    [Fact]
    public async Task A_frozen_session_that_holds_the_head_is_ended_and_writes_go_on()
    {
        await using var database = await Postgres.NewDatabase();
        await using var node = await TestNode.Start(database);
        await node.CreateOrg();
        await using var frozen = await database.AsApp(1);
        await frozen.Execute("BEGIN");
        await frozen.Execute("SELECT stele.lock_head(1)");
        var started = Stopwatch.GetTimestamp();
        Assert.Null((await node.Set("app.x", "1")).Fault);
        Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(4), $"{Stopwatch.GetElapsedTime(started)}");
    }

    [Fact]
    public async Task Whoever_holds_the_head_for_a_moment_is_not_ended_for_one_who_waits_long()
    {
        await using var database = await Postgres.NewDatabase();
        await using var node = await TestNode.Start(database, new JournalOptions(), blockerPatience: TimeSpan.FromSeconds(3));
        await node.CreateOrg();
        await using var owner = await database.As();
        await using var working = await database.AsApp(1);
        async Task Take()
        {
            await working.Execute("BEGIN");
            await working.Execute("SELECT stele.lock_head(1)");
        }
        await Take();
        var write = node.Set("app.x", "1");
        // the look at who blocks the append, which waits behind us
        await Wait.Until(async () => await owner.Ask<long>(LooksSql, "%pg_blocking_pids%") > 0, "it is looked at who blocks");
        await working.Execute("COMMIT");
        await Take();
        await Wait.Until(async () => await owner.Ask<long>(LooksSql, "%pg_terminate_backend%") > 0, "whoever blocks still is ended");
        await working.Execute("COMMIT");
        Assert.Null((await write).Fault);
    }

    const string LooksSql = """
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE $1
        """;

    [Fact]
    public async Task A_transaction_that_stays_open_while_others_write_hides_nothing_from_a_follower()
    {
        await using var database = await Postgres.NewDatabase();
        await using var a = await TestNode.Start(database);
        await using var b = await TestNode.Start(database);
        await a.CreateOrg();
        await using var other = await database.As();
        await other.Execute("BEGIN ISOLATION LEVEL REPEATABLE READ");
        await other.Ask<long>("SELECT count(*) FROM stele.revision");
        for (var i = 0; i < 20; i++) await a.Set("app.x", $"{i}");
        Assert.Equal(21, (await b.Read()).Revision);
        var followed = await b.Store.Read(OrgId.Default, 0, 100, CancellationToken.None);
        Assert.Equal(Enumerable.Range(1, 21).Select(i => (long)i), followed.Select(revision => revision.Revision));
    }

    [Fact]
    public async Task Without_hints_a_node_is_level_within_a_poll_or_two()
    {
        await using var database = await Postgres.NewDatabase();
        await using var a = await TestNode.Start(database, listen: false);
        await using var b = await TestNode.Start(database, listen: false);
        await a.CreateOrg();
        await b.Read();
        await a.Set("app.x", "1");
        await Wait.Until(async () => (await b.Read(Consistency.Local)).Revision == 2, "the poll brings revision 2");
    }

    [Fact]
    public async Task When_postgresql_was_rewound_the_node_begins_a_new_incarnation_and_serves_what_is_there()
    {
        await using var database = await Postgres.NewDatabase();
        await using var node = await TestNode.Start(database);
        await node.CreateOrg();
        await node.Set("app.x", "1");
        await node.Set("app.x", "2");
        var before = await node.Read();
        // what a fail-over to a standby that lacked the last revision leaves behind
        await using (var owner = await database.As())
        {
            await owner.Execute("""
                SET session_replication_role = replica;
                ALTER TABLE stele.revision DISABLE TRIGGER ALL; ALTER TABLE stele.event DISABLE TRIGGER ALL;
                DELETE FROM stele.event WHERE revision = 3; DELETE FROM stele.revision WHERE revision = 3;
                DELETE FROM stele.configuration_history WHERE revision = 3;
                UPDATE stele.configuration SET version = 1, value = '1', revision = 2 WHERE key = 'app.x';
                UPDATE stele.journal_head h SET revision = 2, chain = r.chain FROM stele.revision r WHERE r.org_id = h.org_id AND r.revision = 2;
                """);
        }
        var after = await node.Read();
        Assert.Equal(2, after.Revision);
        Assert.NotEqual(before.Incarnation, after.Incarnation);
        Assert.Equal(1, after.Environment("development")!.Config("app.x")!.Version);
        Assert.Equal(3, (await node.Set("app.x", "3")).Value.Record!.Revision);
    }

    // where nobody listens, as a standby that is down
    static string WithSecondHost(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        settings.Host = $"{settings.Host},127.0.0.1:1";
        return settings.ConnectionString;
    }

    static async Task Works(TestNode node)
    {
        var started = Stopwatch.GetTimestamp();
        await Wait.Until(async () => (await node.Set("app.y", "1")).Fault is null, "writes work again");
        await Wait.Until(async () => (await node.Journal.Read(OrgId.Default, new ReadOptions(Consistency.Strong, null, null), CancellationToken.None)).Fault is null, "reads work again");
        Assert.True(Stopwatch.GetElapsedTime(started) < TwoSeconds, $"{Stopwatch.GetElapsedTime(started)}");
    }
}

/// <summary>Workers that each count up a key of their own; what was acknowledged must be in the journal, once.</summary>
sealed class WriteLoad : IAsyncDisposable
{
    readonly TestNode node;
    readonly CancellationTokenSource ending = new();
    readonly Task[] workers;
    readonly ConcurrentBag<(string Key, int Value, long Revision)> acknowledged = [];
    readonly ConcurrentBag<(string Key, int Value)> refused = [];

    public WriteLoad(TestNode node, int workers)
    {
        this.node = node;
        this.workers = [.. Enumerable.Range(0, workers).Select(Work)];
    }

    /// <summary>Waits until so many more writes were acknowledged.</summary>
    public async Task Progress(int writes)
    {
        var goal = acknowledged.Count + writes;
        await Wait.Until(() => acknowledged.Count >= goal, $"{writes} more writes are acknowledged");
    }

    public async Task Stop()
    {
        await ending.CancelAsync();
        await Task.WhenAll(workers);
    }

    public async Task Check()
    {
        var chain = RevisionChain.Genesis;
        var found = new HashSet<(string, int)>();
        var at = new Dictionary<(string, int), long>();
        long after = 0;
        while (await node.Store.Read(OrgId.Default, after, 1000, CancellationToken.None) is { Count: > 0 } page)
            foreach (var revision in page)
            {
                Assert.Equal(++after, revision.Revision);
                chain = RevisionChain.Next(chain, revision);
                Assert.Equal(chain, revision.Chain);
                foreach (var e in revision.Events)
                    if (e.Payload is Core.Configs.ConfigSet set)
                    {
                        var write = (set.Key, int.Parse(System.Text.Encoding.UTF8.GetString(set.Value), System.Globalization.CultureInfo.InvariantCulture));
                        Assert.True(found.Add(write), $"{write} is there twice");
                        at[write] = revision.Revision;
                    }
            }
        Assert.All(acknowledged, write => Assert.Equal(write.Revision, at[(write.Key, write.Value)]));
        Assert.All(refused, write => Assert.DoesNotContain(write, found));
        Assert.Equal(after, (await node.Read()).Revision);
    }

    public async ValueTask DisposeAsync()
    {
        await Stop();
        ending.Dispose();
    }

    async Task Work(int worker)
    {
        var key = $"load.k{worker}";
        for (var value = 0; !ending.IsCancellationRequested; value++)
        {
            var outcome = await node.Set(key, $"{value}");
            if (outcome.TryGet(out var applied, out var fault)) acknowledged.Add((key, value, applied.Record!.Revision));
            else if (fault.Code == FaultCode.Unavailable) refused.Add((key, value));
        }
    }
}
