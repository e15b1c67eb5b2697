using Stele.Core.Journal;
using Stele.Server.Audit;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Audit;

/// <summary>The audit log is append-only by the database; and what whoever drops the triggers does to it is found, at the first bad entry.</summary>
public sealed class AuditTamperTests
{
    const int Entries = 8;

    [Theory]
    [InlineData("UPDATE stele.audit_entry SET actor = 'somebody' WHERE sequence = 3", 3, "changed")]
    [InlineData("UPDATE stele.audit_entry SET target = NULL WHERE sequence = 3", 3, "changed")]
    [InlineData("UPDATE stele.audit_entry SET target = '', address = NULL WHERE sequence = 4", 4, "changed")]
    [InlineData("UPDATE stele.audit_entry SET action = 'secret.reada', actor = substr(actor, 2) WHERE sequence = 4", 4, "changed")]
    [InlineData("UPDATE stele.audit_entry SET outcome = 'refused', code = 'forbidden' WHERE sequence = 5", 5, "changed")]
    [InlineData("UPDATE stele.audit_entry SET times = 2 WHERE sequence = 5", 5, "changed")]
    [InlineData("UPDATE stele.audit_entry SET detail = 'x' WHERE sequence = 1", 1, "changed")]
    [InlineData("UPDATE stele.audit_entry SET request_id = gen_random_uuid() WHERE sequence = 6", 6, "changed")]
    [InlineData("UPDATE stele.audit_entry SET at = at - interval '1 second' WHERE sequence = 6", 6, "before that of the entry before")]
    [InlineData("UPDATE stele.audit_entry SET at = at + interval '1 microsecond' WHERE sequence = 8", 8, "changed")]
    [InlineData("DELETE FROM stele.audit_entry WHERE sequence = 4", 4, "missing; the next that is there is 5")]
    [InlineData("DELETE FROM stele.audit_entry WHERE sequence = 1", 1, "missing")]
    [InlineData("DELETE FROM stele.audit_entry WHERE sequence = 8", 8, "the head is at 8")]
    [InlineData("UPDATE stele.audit_head SET sequence = 7", 9, "the head is at 7")]
    [InlineData("UPDATE stele.audit_head SET chain = set_byte(chain, 0, get_byte(chain, 0) # 1)", 9, "another chain")]
    [InlineData("DELETE FROM stele.audit_head", 9, "the head is missing")]
    public async Task Tampering_is_found_and_the_first_bad_entry_named(string tampering, int sequence, string reason)
    {
        await using var bench = await Log();
        await using (var owner = await bench.Database.As())
        {
            foreach (var table in (string[])["audit_entry", "audit_head"]) await owner.Execute($"ALTER TABLE stele.{table} DISABLE TRIGGER USER");
            foreach (var partition in await owner.Rows("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'stele.audit_entry'::regclass")) await owner.Execute($"ALTER TABLE {partition} DISABLE TRIGGER USER");
            Assert.NotEqual(0, await owner.Execute(tampering));
        }
        var bad = await bench.Bad();
        Assert.Equal(sequence, bad!.Sequence);
        Assert.Contains(reason, bad.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_walks_the_audit_log_too_and_says_where_it_is_bad()
    {
        await using var bench = await Log();
        await using (var node = await TestNode.Start(bench.Database, listen: false)) await node.CreateOrg();
        var good = await bench.Verify();
        Assert.Equal((0, true), (good.Exit, good.Text.Contains($"default, audit log: {Entries} entries are good", StringComparison.Ordinal)));
        await using (var owner = await bench.Database.As())
        {
            await owner.Execute("ALTER TABLE stele.audit_entry DISABLE TRIGGER USER");
            await owner.Execute("UPDATE stele.audit_entry SET actor = 'somebody' WHERE sequence = 3");
        }
        var bad = await bench.Verify();
        Assert.Equal(1, bad.Exit);
        Assert.Contains("default, audit log: entry 3 is bad", bad.Text, StringComparison.Ordinal);
        Assert.Contains("\"first_bad\":{\"sequence\":3,", (await bench.Verify("--json")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_database_refuses_changes_of_everybody()
    {
        await using var bench = await Log();
        await using var owner = await bench.Database.As("stele_owner");
        await using var superuser = await bench.Database.As();
        await superuser.Execute("SET session_replication_role = replica");
        await using var app = await bench.Database.AsApp(1);
        foreach (var (session, refusal) in new[] { (owner, "ST003"), (superuser, "ST003"), (app, "42501") })
        {
            Assert.Equal(refusal, await session.Refusal("UPDATE stele.audit_entry SET actor = 'x'"));
            Assert.Equal(refusal, await session.Refusal("DELETE FROM stele.audit_entry"));
            Assert.Equal(refusal, await session.Refusal("TRUNCATE stele.audit_entry"));
            Assert.Equal(refusal, await session.Refusal("DELETE FROM stele.audit_head"));
            Assert.Equal(refusal, await session.Refusal("TRUNCATE stele.audit_head"));
            Assert.Equal(refusal, await session.Refusal("TRUNCATE stele.audit_dropped"));
        }
        // nor does anybody add by hand, but through the function, and in the org of the transaction
        const string Insert = "INSERT INTO stele.audit_entry SELECT org_id, sequence + 100, at, action, actor, target, environment, outcome, code, times, request_id, address, detail, chain FROM stele.audit_entry WHERE sequence = 1";
        Assert.Equal("42501", await owner.Refusal(Insert));
        Assert.Equal("42501", await app.Refusal(Insert));
        Assert.Equal("42501", await app.Refusal("SELECT stele.append_audit(2, gen_random_uuid(), 1, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')"));
        foreach (var partition in await superuser.Rows("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'stele.audit_entry'::regclass"))
            Assert.Equal("ST003", await superuser.Refusal($"TRUNCATE {partition}"));
        Assert.Null(await bench.Bad());
    }

    [Fact]
    public async Task An_org_sees_its_own_log_and_a_reader_those_that_he_is_granted()
    {
        await using var bench = await Log();
        bench.Trail.Record(new OrgId(2), AuditBench.Entry("other"));
        await bench.Write();
        await using var app = await bench.Database.AsApp(2);
        Assert.Equal(["2|other"], await app.Rows("SELECT org_id, target FROM stele.audit_entry"));
        Assert.Equal(["2|1"], await app.Rows("SELECT org_id, sequence FROM stele.audit_head"));
        Assert.Equal(0L, await app.Ask<long>("SELECT count(*) FROM stele.audit_entry WHERE org_id = 1"));
        await using var superuser = await bench.Database.As();
        var role = $"audit_reader_{Guid.NewGuid():N}";
        await superuser.Execute($"CREATE ROLE {role} IN ROLE stele_reader");
        try
        {
            await superuser.Execute("INSERT INTO stele.reader_grant (role_name, org_id) VALUES ($1, 2)", role);
            await using var reader = await bench.Database.As(role);
            Assert.Equal(["2|audit|secret.read|other|production"], await reader.Rows("SELECT org_id, log, action, target, environment FROM stele.audit"));
            Assert.Equal(["2"], await reader.Rows("SELECT org_id FROM stele.audit_entry"));
            Assert.Equal("42501", await reader.Refusal("SELECT FROM stele.audit_head"));
        }
        finally
        {
            await superuser.Execute($"DROP ROLE {role}");
        }
    }

    static async Task<AuditBench> Log()
    {
        var bench = await AuditBench.Start();
        for (var i = 1; i <= Entries; i++)
        {
            bench.Trail.Record(AuditBench.Org, AuditBench.Entry($"k{i}"));
            await bench.Write();
        }
        return bench;
    }
}
