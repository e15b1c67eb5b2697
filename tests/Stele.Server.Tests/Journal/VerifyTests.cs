using Stele.Core.Journal;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Tests.Fixtures;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Stele.Server.Tests.Journal;

/// <summary>What an owner who drops the triggers does to the journal is found, and the first bad revision is named.</summary>
public sealed class VerifyTests
{
    const int Revisions = 8;

    [Fact]
    public async Task A_journal_that_nobody_touched_is_good()
    {
        await using var db = await Journal();
        var (exit, text) = await Verify(db);
        Assert.Equal(0, exit);
        Assert.StartsWith($"default: {Revisions} revisions", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("UPDATE stele.event SET data = set_byte(data, 2, get_byte(data, 2) # 1) WHERE revision = 5", 5, "does not have its hash")]
    [InlineData("UPDATE stele.event SET data = set_byte(data, 2, get_byte(data, 2) # 1), data_hash = sha256(set_byte(data, 2, get_byte(data, 2) # 1)) WHERE revision = 5", 5, "chain")]
    [InlineData("UPDATE stele.event SET data = NULL WHERE revision = 5", 5, "no redaction is recorded")]
    [InlineData("DELETE FROM stele.event WHERE revision = 5", 5, "no events")]
    [InlineData("DELETE FROM stele.event WHERE revision = 1 AND ordinal = 1", 1, "event 1 is missing")]
    [InlineData("UPDATE stele.event SET at = at + interval '1 second' WHERE revision = 5", 5, "is dated")]
    [InlineData("UPDATE stele.event SET stream_version = 9 WHERE revision = 5", 5, "is version 9")]
    [InlineData("UPDATE stele.event SET stream = stream || 'x' WHERE revision = 2", 2, "chain")]
    [InlineData("UPDATE stele.revision SET actor = 'somebody' WHERE revision = 3", 3, "chain")]
    [InlineData("UPDATE stele.revision SET reason = 'another' WHERE revision = 3", 3, "chain")]
    [InlineData("UPDATE stele.revision SET at = at - interval '1 hour' WHERE revision = 3", 3, "before that of the revision before")]
    [InlineData("DELETE FROM stele.revision WHERE revision = 4", 4, "missing")]
    [InlineData("DELETE FROM stele.revision WHERE revision = 8", 8, "the head is at 8")]
    [InlineData("UPDATE stele.journal_head SET revision = 7", 8, "does not know it")]
    [InlineData("UPDATE stele.journal_head SET chain = set_byte(chain, 0, get_byte(chain, 0) # 1)", 8, "another chain")]
    public async Task Tampering_is_found_and_the_first_bad_revision_named(string tampering, int revision, string reason)
    {
        await using var db = await Journal();
        await using (var owner = await db.As())
        {
            foreach (var table in (string[])["event", "revision", "journal_head"]) await owner.Execute($"ALTER TABLE stele.{table} DISABLE TRIGGER USER");
            foreach (var partition in await owner.Rows("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'stele.event'::regclass"))
                await owner.Execute($"ALTER TABLE {partition} DISABLE TRIGGER USER");
            Assert.NotEqual(0, await owner.Execute(tampering));
        }
        var (exit, text) = await Verify(db, "--json");
        Assert.Equal(1, exit);
        Assert.Contains($"\"first_bad\":{{\"revision\":{revision},", text, StringComparison.Ordinal);
        Assert.Contains(reason, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_org_that_is_not_there_and_a_word_that_is_none_are_wrong_usage()
    {
        await using var db = await Journal();
        Assert.Equal(2, (await Verify(db, "--org", "nobody")).Exit);
        Assert.Equal(2, (await Verify(db, "--all")).Exit);
        Assert.Equal(0, (await Verify(db, "--org", "default")).Exit);
    }

    static async Task<TestDatabase> Journal()
    {
        var db = await Postgres.NewDatabase();
        await using var node = await TestNode.Start(db, listen: false);
        await node.CreateOrg();
        for (var i = 2; i <= Revisions; i++) Assert.Null((await node.Set($"a.k{i % 3}", $"{i}")).Fault);
        return db;
    }

    static async Task<(int Exit, string Text)> Verify(TestDatabase db, params string[] args)
    {
        await using var pools = await DatabaseConnections.Open(new DatabaseOptions { Owner = db.Owner, App = db.App, Tail = db.Tail }, NullLoggerFactory.Instance, CancellationToken.None);
        using var output = new StringWriter();
        return (await VerifyCommand.Run(args, pools, output, null, CancellationToken.None), output.ToString());
    }
}
