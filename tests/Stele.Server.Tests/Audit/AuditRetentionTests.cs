using Microsoft.Extensions.Logging;
using Stele.Core.Journal;
using Stele.Server.Audit;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Audit;

/// <summary>Old months go whole, and what is left verifies from the record of what went.</summary>
public sealed class AuditRetentionTests
{
    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task Months_older_than_the_option_are_dropped_and_the_rest_verifies(PostgresMajor major)
    {
        await using var bench = await AuditBench.Start(major);
        // two entries in each of 16 months
        await AuditBench.Plant(bench.Database, AuditBench.Org, Enumerable.Range(0, 16).SelectMany(i => new[] { Month(15 - i), Month(15 - i).AddMicroseconds(1) }));
        await AuditBench.Plant(bench.Database, new OrgId(2), [Month(14).AddDays(1), Month(0)]);
        await Retain(bench, 12);
        Assert.Equal(Enumerable.Range(7, 26).Select(i => $"{i}"), (await bench.Rows()).Select(row => row.Split('|')[0]));
        await using var owner = await bench.Database.As();
        Assert.Equal(["1|1|2", "1|3|4", "1|5|6", "2|1|1"], await owner.Rows("SELECT org_id, first_sequence, last_sequence FROM stele.audit_dropped ORDER BY org_id, month"));
        var finding = await AuditVerification.Walk(AuditBench.Org, bench.Connections.App, CancellationToken.None);
        Assert.Equal((6, 26, 32, null), (finding.Dropped, finding.Entries, finding.Last, finding.Bad));
        Assert.Null(await bench.Bad(new OrgId(2)));
        // writing goes on, and another turn finds nothing to drop
        bench.Trail.Record(AuditBench.Org, AuditBench.Entry("after"));
        await bench.Write();
        await Retain(bench, 12);
        Assert.Null(await bench.Bad());
        Assert.Equal(33, (await AuditVerification.Walk(AuditBench.Org, bench.Connections.App, CancellationToken.None)).Last);
    }

    [Fact]
    public async Task Whoever_asks_nothing_younger_than_twelve_months_is_dropped()
    {
        await using var bench = await AuditBench.Start();
        await AuditBench.Plant(bench.Database, AuditBench.Org, [Month(12), Month(11)]);
        await using var tail = await bench.Database.AsTail();
        foreach (var months in (int[])[0, 11, 37, -1]) Assert.Equal("22023", await tail.Refusal("SELECT stele.drop_audit_months($1)", months));
        Assert.Equal(0, await tail.Ask<int>("SELECT stele.drop_audit_months(12)"));
        Assert.Equal(2, (await bench.Rows()).Count);
    }

    [Fact]
    public async Task A_reader_of_the_months_makes_dropping_wait_for_another_time_and_nothing_is_half_done()
    {
        await using var bench = await AuditBench.Start();
        await AuditBench.Plant(bench.Database, AuditBench.Org, [Month(14), Month(13), Month(0)]);
        await using var reader = await bench.Database.As();
        await reader.Execute("BEGIN");
        await reader.Rows("SELECT count(*) FROM stele.audit_entry");
        await using (var tail = await bench.Database.AsTail()) Assert.Equal("55P03", await tail.Refusal("SELECT stele.drop_audit_months(12)"));
        await reader.Execute("ROLLBACK");
        Assert.Equal(3, (await bench.Rows()).Count);
        Assert.Null(await bench.Bad());
        await Retain(bench, 12);
        Assert.Single(await bench.Rows());
        Assert.Null(await bench.Bad());
    }

    [Theory]
    [InlineData("UPDATE stele.audit_dropped SET chain_after = chain_before WHERE first_sequence = 1", 2)]
    [InlineData("UPDATE stele.audit_dropped SET last_sequence = 5 WHERE first_sequence = 2", 6)]
    [InlineData("DELETE FROM stele.audit_dropped WHERE first_sequence = 1", 1)]
    [InlineData("DELETE FROM stele.audit_dropped", 1)]
    public async Task A_record_of_what_was_dropped_that_was_changed_is_found(string tampering, int sequence)
    {
        await using var bench = await AuditBench.Start();
        await AuditBench.Plant(bench.Database, AuditBench.Org, [Month(14), Month(13), Month(0)]);
        await Retain(bench, 12);
        await using var owner = await bench.Database.As();
        await owner.Execute("ALTER TABLE stele.audit_dropped DISABLE TRIGGER USER");
        Assert.NotEqual(0, await owner.Execute(tampering));
        Assert.Equal(sequence, (await bench.Bad())!.Sequence);
    }

    [Fact]
    public async Task A_month_that_somebody_took_away_by_hand_is_missed()
    {
        await using var bench = await AuditBench.Start();
        await AuditBench.Plant(bench.Database, AuditBench.Org, [Month(3), Month(2), Month(0)]);
        await using var owner = await bench.Database.As();
        await owner.Execute($"DROP TABLE stele.audit_y{Month(2):yyyy}m{Month(2):MM}");
        Assert.Equal(2, (await bench.Bad())!.Sequence);
    }

    static DateTime Month(int before) => new DateOnly(DateTime.UtcNow.Year, DateTime.UtcNow.Month, 1).AddMonths(-before).ToDateTime(default, DateTimeKind.Utc);

    static Task Retain(AuditBench bench, int months) =>
        new AuditRetention(bench.Connections.Tail, months, TimeProvider.System, LoggerFactory.Create(_ => { }).CreateLogger("retention")).RunOnce(CancellationToken.None);
}
