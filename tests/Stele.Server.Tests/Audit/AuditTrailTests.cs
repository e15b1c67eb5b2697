using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Audit;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Audit;

/// <summary>What is recorded is in the database once, in order, in the chain; and what is too much is counted.</summary>
public sealed class AuditTrailTests
{
    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task Entries_are_chained_in_order_and_the_walk_finds_them_good(PostgresMajor major)
    {
        await using var bench = await AuditBench.Start(major);
        for (var i = 1; i <= 600; i++) bench.Trail.Record(AuditBench.Org, AuditBench.Entry($"k{i}", i % 2 == 0 ? "forbidden" : null));
        bench.Trail.Record(new OrgId(2), AuditBench.Entry("other"));
        await bench.Write();
        Assert.Equal(Enumerable.Range(1, 600).Select(i => $"{i}|{(i % 2 == 0 ? "access.refused" : "secret.read")}|k{i}|1"), await bench.Rows());
        Assert.Equal(["1|secret.read|other|1"], await bench.Rows(2));
        Assert.Null(await bench.Bad());
        Assert.Equal(0, bench.Trail.Waiting);
        // the journal does not know of it
        await using var owner = await bench.Database.As();
        Assert.Equal(0L, await owner.Ask<long>("SELECT count(*) FROM stele.revision"));
    }

    [Fact]
    public async Task Require_answers_when_the_entry_is_committed_and_not_before()
    {
        await using var bench = await AuditBench.Start();
        var required = bench.Trail.Require(AuditBench.Org, AuditBench.Entry("k"), CancellationToken.None).AsTask();
        Assert.False(required.IsCompleted);
        Assert.True(bench.Trail.Urgent.IsCompleted);
        await bench.Write();
        Assert.Null(await required);
        Assert.Single(await bench.Rows());
    }

    [Fact]
    public async Task A_batch_that_is_sent_again_after_an_unknown_outcome_is_written_once()
    {
        await using var bench = await AuditBench.Start();
        var batch = new AuditBatch(AuditBench.Org, 7, [new PendingEntry(AuditBench.Entry("k").Sound(Timestamp.From(DateTime.UtcNow)), null)]);
        Assert.IsType<AuditAnswer.Written>(await bench.Store.Append(batch, CancellationToken.None));
        Assert.IsType<AuditAnswer.Written>(await bench.Store.Append(batch, CancellationToken.None));
        Assert.IsType<AuditAnswer.Written>(await bench.Store.Append(batch with { Number = 6 }, CancellationToken.None));
        Assert.Single(await bench.Rows());
        Assert.IsType<AuditAnswer.Written>(await bench.Store.Append(batch with { Number = 8 }, CancellationToken.None));
        Assert.Equal(2, (await bench.Rows()).Count);
        Assert.Null(await bench.Bad());
    }

    [Fact]
    public async Task A_session_that_is_killed_under_its_batch_loses_and_doubles_nothing()
    {
        await using var bench = await AuditBench.Start();
        bench.Trail.Record(AuditBench.Org, AuditBench.Entry("first"));
        await bench.Write();
        for (var i = 0; i < 3; i++) bench.Trail.Record(AuditBench.Org, AuditBench.Entry($"k{i}"));
        await using var blocker = await bench.Database.As();
        await blocker.Execute("BEGIN");
        await blocker.Execute("SELECT FROM stele.audit_head WHERE org_id = 1 FOR UPDATE");
        var writing = bench.Write();
        await Wait.Until(async () => await blocker.Ask<bool>("SELECT coalesce(bool_or(pg_terminate_backend(pid)), false) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%append_audit%'"), "the batch waits for the head, and its session is ended");
        await writing;
        Assert.Equal(3, bench.Trail.Waiting);
        Assert.Contains(bench.Logs.Lines, line => line.Contains("cannot be written", StringComparison.Ordinal));
        await blocker.Execute("ROLLBACK");
        await bench.Write();
        Assert.Equal(["first", "k0", "k1", "k2"], (await bench.Rows()).Select(row => row.Split('|')[2]));
        Assert.Null(await bench.Bad());
    }

    [Fact]
    public async Task A_PostgreSQL_that_is_killed_again_and_again_loses_and_doubles_nothing()
    {
        await using var crash = await CrashServer.Start();
        await using var bench = await AuditBench.Start(crash.Database, isOwner: false);
        var recorded = 0;
        using var done = new CancellationTokenSource();
        var writing = Task.Run(async () =>
        {
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
            while (!done.IsCancellationRequested)
            {
                for (var i = 0; i < 20 && bench.Trail.Waiting < 2_000; i++) bench.Trail.Record(AuditBench.Org, AuditBench.Entry($"k{recorded++}"));
                await bench.Write();
                await timer.WaitForNextTickAsync();
            }
        });
        for (var i = 0; i < 3; i++)
        {
            var before = Volatile.Read(ref recorded);
            await Wait.Until(() => Volatile.Read(ref recorded) > before + 100, "entries are written");
            await crash.Crash();
        }
        await done.CancelAsync();
        await writing;
        await Wait.Until(async () =>
        {
            await bench.Write();
            return bench.Trail.Waiting == 0;
        }, "everything is written");
        Assert.Equal(Enumerable.Range(0, recorded).Select(i => $"k{i}"), (await bench.Rows()).Select(row => row.Split('|')[2]));
        Assert.Null(await bench.Bad());
    }

    [Fact]
    public async Task At_the_limit_of_an_org_entries_are_lost_and_an_entry_says_how_many_and_what_must_be_first_is_refused()
    {
        await using var bench = await AuditBench.Start();
        var most = (int)SteleLimits.AuditOrgEntries.Value;
        for (var i = 0; i < most + 5; i++) bench.Trail.Record(AuditBench.Org, AuditBench.Entry($"k{i}"));
        Assert.Equal(FaultCode.Unavailable, (await bench.Trail.Require(AuditBench.Org, AuditBench.Entry("secret"), CancellationToken.None))!.Code);
        // another org has room
        bench.Trail.Record(new OrgId(2), AuditBench.Entry("other"));
        Assert.Equal(most + 1, bench.Trail.Waiting);
        await bench.Write();
        var rows = await bench.Rows();
        Assert.Equal("1|audit.lost|∅|5", rows[0]);
        Assert.Equal(most + 1, rows.Count);
        Assert.Single(await bench.Rows(2));
        Assert.Contains("stele_audit_lost_total 5\n", bench.Metrics.Write(), StringComparison.Ordinal);
        bench.Trail.Record(AuditBench.Org, AuditBench.Entry("after"));
        await bench.Write();
        Assert.Equal(most + 2, (await bench.Rows()).Count);
    }

    [Fact]
    public async Task The_queue_of_a_node_is_bounded_over_all_its_orgs()
    {
        await using var bench = await AuditBench.Start();
        var most = (int)SteleLimits.AuditQueueEntries.Value;
        for (var i = 0; i < most + 7; i++) bench.Trail.Record(new OrgId(i % 20 + 1), AuditBench.Entry("k"));
        Assert.Equal(most, bench.Trail.Waiting);
        Assert.Contains("stele_audit_lost_total 7\n", bench.Metrics.Write(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Repetitions_of_a_minute_are_two_entries_and_strangers_cannot_fill_the_log()
    {
        await using var bench = await AuditBench.Start();
        for (var i = 0; i < 1_000; i++) bench.Trail.Repeat(AuditEntry.Installation, AuditBench.Entry($"GET /{i}", "unauthenticated"), isSample: true);
        await bench.Write();
        Assert.Equal(["1|access.refused|GET /0|1"], await bench.Rows(0));
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        await bench.Write();
        Assert.Equal(["1|access.refused|GET /0|1", "2|access.refused|GET /999|999"], await bench.Rows(0));
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        await bench.Write();
        Assert.Equal(2, (await bench.Rows(0)).Count);
        Assert.Null(await bench.Bad(AuditEntry.Installation));
    }

    [Fact]
    public async Task Kinds_beyond_the_limit_are_counted_together_and_a_shutdown_writes_the_counts()
    {
        await using var bench = await AuditBench.Start();
        var kinds = (int)SteleLimits.AuditRepeatKinds.Value;
        for (var i = 0; i < kinds + 100; i++) bench.Trail.Repeat(AuditBench.Org, AuditBench.Entry($"k{i}", "forbidden"), isSample: false);
        bench.Trail.Repeat(AuditBench.Org, AuditBench.Entry("k1", "forbidden"), isSample: false);
        await bench.Trail.RunLast(CancellationToken.None);
        var rows = await bench.Rows();
        Assert.Equal(kinds + 2, rows.Count);
        Assert.Contains(rows, row => row.EndsWith("|access.refused|∅|100", StringComparison.Ordinal));
        Assert.Contains(rows.Skip(kinds), row => row.EndsWith("|access.refused|k1|1", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_PostgreSQL_cannot_hold_is_replaced_and_what_is_too_long_is_cut()
    {
        await using var bench = await AuditBench.Start();
        bench.Trail.Record(AuditBench.Org, AuditBench.Entry("a\0b\uD800c" + new string('x', 1_000)));
        await bench.Write();
        var target = (await bench.Rows()).Single().Split('|')[2];
        Assert.StartsWith("a\uFFFDb\uFFFDcx", target, StringComparison.Ordinal);
        Assert.Equal(SteleLimits.AuditTextCharacters.Value, target.Length);
        Assert.Null(await bench.Bad());
    }

    [Fact]
    public async Task Two_nodes_write_one_chain_and_times_never_fall()
    {
        await using var bench = await AuditBench.Start();
        await using var other = await AuditBench.Start();
        var second = new AuditTrail(new AuditStore(bench.Connections, new Stele.Server.Operation.StatementTimer(new(), Microsoft.Extensions.Logging.Abstractions.NullLogger<Stele.Server.Operation.StatementTimer>.Instance, TimeSpan.FromMinutes(1))),
            new AuditMetrics(new()), TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger<AuditTrail>.Instance);
        // a clock that is an hour ahead dates nothing later than the database's does
        bench.Clock.Advance(TimeSpan.FromHours(1));
        for (var i = 0; i < 20; i++)
        {
            bench.Trail.Record(AuditBench.Org, AuditBench.Entry($"a{i}"));
            second.Record(AuditBench.Org, AuditBench.Entry($"b{i}"));
            await Task.WhenAll(bench.Write(), second.RunOnce(CancellationToken.None));
        }
        Assert.Equal(40, (await bench.Rows()).Count);
        Assert.Null(await bench.Bad());
        await using var owner = await bench.Database.As();
        Assert.True(await owner.Ask<bool>("SELECT max(at) <= clock_timestamp() FROM stele.audit_entry"));
    }
}
