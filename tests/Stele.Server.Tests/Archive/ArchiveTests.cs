using Stele.Core.Journal;
using Stele.Server.Archive;
using Stele.Server.Journal;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Archive;

/// <summary>Whole months leave for files that verify, and come back.</summary>
public sealed class ArchiveTests
{
    static string Day(int monthsBefore) => $"{OldJournal.Month(monthsBefore):yyyy-MM-dd}";

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task Months_before_a_date_leave_and_come_back_and_verify_at_every_step(PostgresMajor major)
    {
        await using var journal = await OldJournal.FourMonths(major);
        var (exit, text) = await journal.Archive("--before", Day(1));
        Assert.True(exit == 0, text);
        Assert.Contains($"archived {OldJournal.Month(3):yyyy-MM}: 4 revisions and 7 events of 1 organizations", text, StringComparison.Ordinal);
        Assert.Equal("7 8", await journal.Live());
        Assert.True(File.Exists(journal.FileOf(3)) && File.Exists(journal.FileOf(2)) && !File.Exists(journal.FileOf(1)));

        (exit, text) = await journal.Verify();
        Assert.True(exit == 0, text);
        Assert.Contains("2 revisions and 2 events are good", text, StringComparison.Ordinal);
        Assert.Contains("revisions 1 to 6 are archived", text, StringComparison.Ordinal);
        (exit, text) = await journal.Verify("--archive", journal.Directory);
        Assert.True(exit == 0, text);
        Assert.Contains("8 revisions and 11 events are good", text, StringComparison.Ordinal);

        // only the newest archived month comes back, or the journal would have a hole
        (exit, text) = await journal.Archive("--restore", journal.FileOf(3));
        Assert.Equal(1, exit);
        Assert.Contains($"{OldJournal.Month(2):yyyy-MM} comes before", text, StringComparison.Ordinal);
        (exit, text) = await journal.Archive("--restore", journal.FileOf(2));
        Assert.True(exit == 0, text);
        Assert.Equal("5 6 7 8", await journal.Live());
        Assert.Equal(0, (await journal.Verify("--archive", journal.Directory)).Exit);
        (exit, text) = await journal.Archive("--restore", journal.Directory);
        Assert.True(exit == 0, text);
        Assert.Equal("1 2 3 4 5 6 7 8", await journal.Live());
        (exit, text) = await journal.Verify();
        Assert.True(exit == 0 && text.Contains("8 revisions and 11 events are good", StringComparison.Ordinal), text);
        Assert.Contains("nothing to restore", (await journal.Archive("--restore", journal.Directory)).Text, StringComparison.Ordinal);
        Assert.Equal(1, (await journal.Archive("--restore", journal.FileOf(2))).Exit);

        // what came back is guarded like what never left, and can leave again
        await using (var superuser = await journal.Database.As())
        {
            Assert.Equal("ST003", await superuser.Refusal("DELETE FROM stele.event"));
            Assert.Equal("ST003", await superuser.Refusal($"TRUNCATE stele.{ArchiveDatabase.PartitionOf(OldJournal.Month(3))}"));
            Assert.Empty(await superuser.Rows("SELECT relname FROM pg_class WHERE relnamespace = 'stele'::regnamespace AND relkind IN ('r', 'p') AND relname LIKE 'event%' AND NOT (relrowsecurity AND relforcerowsecurity)"));
        }
        (exit, text) = await journal.Archive("--before", Day(0));
        Assert.True(exit == 0, text);
        Assert.Equal("8", await journal.Live());
        Assert.Equal(0, (await journal.Verify("--archive", journal.Directory)).Exit);
    }

    [Fact]
    public async Task The_current_month_is_refused_and_the_one_before_it_is_not()
    {
        await using var journal = await OldJournal.FourMonths();
        foreach (var day in (DateOnly[])[OldJournal.Month(0).AddDays(1), OldJournal.Month(0).AddMonths(1), OldJournal.Month(0).AddYears(5)])
        {
            var (exit, text) = await journal.Archive("--before", $"{day:yyyy-MM-dd}");
            Assert.Equal(1, exit);
            Assert.Contains($"{OldJournal.Month(0):yyyy-MM} is the current month", text, StringComparison.Ordinal);
        }
        Assert.Equal("1 2 3 4 5 6 7 8", await journal.Live());
        Assert.Empty(Directory.EnumerateFileSystemEntries(journal.Directory));
        var check = await journal.Archive("--before", Day(0), "--check");
        // in the first day of a month the last one is not closed yet
        if (DateTime.UtcNow.Day > 1) Assert.Equal((3, 3), (check.Exit, check.Text.Split("would archive").Length - 1));
        Assert.Equal("1 2 3 4 5 6 7 8", await journal.Live());
        // half a month is none
        Assert.Contains("nothing to archive", (await journal.Archive("--before", $"{OldJournal.Month(2).AddDays(-1):yyyy-MM-dd}")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_month_that_a_projection_has_not_read_is_refused()
    {
        await using var journal = await OldJournal.Begin(2);
        await journal.Set("a.b", "1", OldJournal.Month(2).AddDays(3));
        await journal.Set("a.b", "2", OldJournal.Month(0));
        var (exit, text) = await journal.Archive("--before", Day(1));
        Assert.Equal(1, exit);
        Assert.Contains($"change_counts of default is at revision 0, and {OldJournal.Month(2):yyyy-MM} ends with 2", text, StringComparison.Ordinal);
        Assert.Equal("1 2 3", await journal.Live());
        await journal.Project();
        Assert.Equal(0, (await journal.Archive("--before", Day(1))).Exit);
        Assert.Equal("3", await journal.Live());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task An_archive_that_ends_midway_leaves_the_journal_whole_and_a_rerun_completes_it(int step)
    {
        await using var journal = await OldJournal.FourMonths();
        await using (var database = await ArchiveDatabase.Open(journal.Database.Owner, CancellationToken.None))
        {
            var archiver = new JournalArchiver(database, journal.Directory, [], _ => { }, TimeProvider.System)
            {
                Reached = reached => { if (reached == (ArchiveStep)step) throw new TimeoutException("killed"); },
            };
            await Assert.ThrowsAsync<TimeoutException>(() => archiver.Archive(OldJournal.Month(3), CancellationToken.None));
        }
        Assert.Equal("1 2 3 4 5 6 7 8", await journal.Live());
        Assert.Equal(0, (await journal.Verify()).Exit);
        Assert.Equal(0, (await journal.Archive("--before", Day(2))).Exit);
        Assert.Equal("5 6 7 8", await journal.Live());
        Assert.Equal(0, (await journal.Verify("--archive", journal.Directory)).Exit);
        Assert.Equal([journal.FileOf(3)], Directory.EnumerateFiles(journal.Directory));
    }

    [Fact]
    public async Task Two_at_once_are_refused_and_so_are_a_redaction_and_a_restore_beside_one()
    {
        await using var journal = await OldJournal.FourMonths();
        await using (await ArchiveDatabase.Open(journal.Database.Owner, CancellationToken.None))
        {
            foreach (var (exit, text) in new[]
            {
                await journal.Archive("--before", Day(1)), await journal.Archive("--restore", journal.Directory),
                await journal.Redact("a.b", "--env", "development", "--version", "1", "--reason", "why", "--yes"),
            })
            {
                Assert.Equal(1, exit);
                Assert.Contains("is at work", text, StringComparison.Ordinal);
            }
        }
        Assert.Equal(0, (await journal.Archive("--before", Day(1))).Exit);
    }

    [Fact]
    public async Task A_file_that_holds_something_else_is_not_overwritten()
    {
        await using var journal = await OldJournal.FourMonths();
        await File.WriteAllTextAsync(journal.FileOf(3), "mine");
        var (exit, text) = await journal.Archive("--before", Day(2));
        Assert.Equal(1, exit);
        Assert.Contains("holds something else", text, StringComparison.Ordinal);
        Assert.Equal("mine", await File.ReadAllTextAsync(journal.FileOf(3)));
        Assert.Equal("1 2 3 4 5 6 7 8", await journal.Live());
    }

    [Fact]
    public async Task What_does_not_verify_is_not_archived()
    {
        await using var journal = await OldJournal.FourMonths();
        await Tamper(journal, "UPDATE stele.event SET data = '\\x7b7d' WHERE revision = 3");
        var (exit, text) = await journal.Archive("--before", Day(1));
        Assert.Equal(1, exit);
        Assert.Contains("Revision 3 of organization 1 is bad", text, StringComparison.Ordinal);
        Assert.Equal("1 2 3 4 5 6 7 8", await journal.Live());
    }

    [Fact]
    public async Task A_backup_that_reads_for_long_is_waited_for_and_then_named()
    {
        await using var journal = await OldJournal.FourMonths();
        await using (var backup = await journal.Database.As())
        {
            await backup.Execute("BEGIN; LOCK TABLE stele.event IN ACCESS SHARE MODE");
            var (exit, text) = await journal.Archive("--before", Day(2));
            Assert.Equal(1, exit);
            Assert.Contains("somebody has held it for long", text, StringComparison.Ordinal);
            Assert.Equal("1 2 3 4 5 6 7 8", await journal.Live());
        }
        Assert.Equal(0, (await journal.Archive("--before", Day(2))).Exit);
    }

    [Fact]
    public async Task A_damaged_exchanged_or_missing_file_is_named_with_the_first_revision_it_should_hold_and_never_restored()
    {
        await using var journal = await OldJournal.FourMonths();
        Assert.Equal(0, (await journal.Archive("--before", Day(1))).Exit);
        var good = await File.ReadAllBytesAsync(journal.FileOf(2));
        byte[][] damaged = [good[..^40], good[..(good.Length / 2)], [.. good.Select((b, i) => i == good.Length / 2 ? (byte)(b ^ 1) : b)], [], await File.ReadAllBytesAsync(journal.FileOf(3)),
            Altered(good, "\"actor\":\"root\"", "\"actor\":\"toor\""), Altered(good, "\"revision\":6", "\"revision\":7")];
        foreach (var bytes in damaged)
        {
            await File.WriteAllBytesAsync(journal.FileOf(2), bytes);
            var (exit, text) = await journal.Verify("--archive", journal.Directory, "--json");
            Assert.Equal(1, exit);
            Assert.Matches("\"first_bad\":\\{\"revision\":[56],", text);
            (exit, text) = await journal.Archive("--restore", journal.FileOf(2));
            Assert.True(exit == 1, text);
            Assert.Equal("7 8", await journal.Live());
        }
        File.Delete(journal.FileOf(2));
        Assert.Contains("\"first_bad\":{\"revision\":5,", (await journal.Verify("--archive", journal.Directory, "--json")).Text, StringComparison.Ordinal);
        await File.WriteAllBytesAsync(journal.FileOf(2), good);
        Assert.Equal(0, (await journal.Verify("--archive", journal.Directory)).Exit);
        Assert.Equal(0, (await journal.Archive("--restore", journal.FileOf(2))).Exit);
    }

    [Theory]
    [InlineData("UPDATE stele.revision SET actor = 'x' WHERE revision = 2", 2, true)]
    [InlineData("UPDATE stele.revision SET chain = set_byte(chain, 0, get_byte(chain, 0) # 1) WHERE revision = 4", 4, false)]
    [InlineData("UPDATE stele.event SET stream_version = 1 WHERE revision = 5", 5, false)]
    [InlineData("DELETE FROM stele.event WHERE revision = 5", 5, false)]
    public async Task Tampering_around_the_floor_is_found(string tampering, int revision, bool onlyWithFiles)
    {
        await using var journal = await OldJournal.FourMonths();
        Assert.Equal(0, (await journal.Archive("--before", Day(2))).Exit);
        await Tamper(journal, tampering);
        var (exit, text) = await journal.Verify("--archive", journal.Directory, "--json");
        Assert.Equal(1, exit);
        Assert.Contains($"\"first_bad\":{{\"revision\":{revision},", text, StringComparison.Ordinal);
        Assert.Equal(onlyWithFiles ? 0 : 1, (await journal.Verify()).Exit);
    }

    [Fact]
    public async Task A_node_that_slept_below_the_floor_loads_anew_and_begins_no_incarnation()
    {
        await using var journal = await OldJournal.Begin(2);
        await journal.Set("a.b", "1", OldJournal.Month(2).AddDays(1));
        await journal.Project();
        await using var store = await TestNode.Start(journal.Database, listen: false);
        var behind = (await store.Store.Load(OrgId.Default, long.MaxValue, CancellationToken.None)).State!;
        var before = (await store.Store.Heads([], false, CancellationToken.None)).Cluster;
        var org = new OrgJournal(behind, TimeProvider.System.GetTimestamp(), store.Store, TimeProvider.System, new JournalOptions(),
            new JournalLog(Microsoft.Extensions.Logging.Abstractions.NullLogger<JournalLog>.Instance));
        await journal.Set("a.b", "2", OldJournal.Month(2).AddDays(2));
        await journal.Set("a.b", "3", OldJournal.Month(0));
        await journal.Project();
        Assert.Equal(0, (await journal.Archive("--before", Day(1))).Exit);
        Assert.True(await org.CatchUp(4, CancellationToken.None));
        Assert.Equal((4, "3"), (org.State.Revision, System.Text.Encoding.UTF8.GetString(org.State.Environment("development")!.Config("a.b")!.Value!)));

        // an org whose last revision is archived has the same history still: a fail-over must not say otherwise
        await using var idle = await OldJournal.Begin(2);
        await idle.Project();
        Assert.Equal(1, (await idle.Node.Read()).Revision);
        Assert.Equal(0, (await idle.Archive("--before", Day(1))).Exit);
        Assert.True((await idle.Node.Store.Read(OrgId.Default, 0, 1, CancellationToken.None)) is [{ IsArchived: true }]);
        Assert.Equal(1, (await idle.Node.Read()).Revision);
        Assert.Equal(before.Incarnation, (await store.Store.Heads([], false, CancellationToken.None)).Cluster.Incarnation);
        await idle.Set("a.b", "1", OldJournal.Month(0));
        Assert.Equal(2, (await idle.Node.Read()).Revision);
    }

    [Fact]
    public async Task A_projection_is_not_built_anew_while_its_first_revisions_are_archived()
    {
        await using var journal = await OldJournal.FourMonths();
        await using var session = await journal.Database.As();
        const string tables = "SELECT (SELECT sum(changes) FROM stele.change_count), (SELECT count(*) FROM stele.configuration_history), (SELECT count(*) FROM stele.environment)";
        var before = await session.Rows(tables);
        Assert.Equal(0, (await journal.Archive("--before", Day(1))).Exit);
        foreach (var name in (string[])["change_counts", "configuration", "organizations"])
        {
            var (exit, text) = await journal.Rebuild(name);
            Assert.Equal(1, exit);
            Assert.Contains("archive", text, StringComparison.Ordinal);
        }
        Assert.Equal(before, await session.Rows(tables));
        Assert.Equal(0, (await journal.Archive("--restore", journal.Directory)).Exit);
        foreach (var name in (string[])["change_counts", "configuration", "organizations"]) Assert.Equal(0, (await journal.Rebuild(name)).Exit);
        Assert.Equal(before, await session.Rows(tables));
    }

    [Theory]
    [InlineData("--before")]
    [InlineData("--before", "yesterday")]
    [InlineData("--before", "2026-13-01")]
    [InlineData("--before", "2026-01-01", "--restore", "x")]
    [InlineData("--to", "x")]
    [InlineData("--restore", "x", "--check")]
    [InlineData("--past", "kafka")]
    [InlineData("--before", "2026-01-01", "--past", "elsewhere")]
    [InlineData("--nothing")]
    public async Task Wrong_usage_is_shown_the_right_one(params string[] args)
    {
        using var output = new StringWriter();
        Assert.Equal(2, await ArchiveCommand.Run(args, "Host=nowhere", "x", [], output, null, CancellationToken.None));
        Assert.Contains("usage: stele archive", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_list_names_months_and_files()
    {
        await using var journal = await OldJournal.FourMonths();
        Assert.Equal(0, (await journal.Archive("--before", Day(2))).Exit);
        var (exit, text) = await journal.Archive();
        Assert.Equal(0, exit);
        Assert.Contains($"{OldJournal.Month(3):yyyy-MM}  archived in {ArchiveFile.NameOf(OldJournal.Month(3))}: 4 revisions", text, StringComparison.Ordinal);
        Assert.Contains($"\"file\":\"{ArchiveFile.NameOf(OldJournal.Month(3))}\"", (await journal.Archive("--json")).Text, StringComparison.Ordinal);
    }

    static async Task Tamper(OldJournal journal, string sql)
    {
        await using var owner = await journal.Database.As();
        foreach (var table in await owner.Rows("SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'stele'::regnamespace AND c.relname ~ '^(event|revision)' AND c.relkind IN ('r', 'p')"))
            await owner.Execute($"ALTER TABLE {table} DISABLE TRIGGER USER");
        Assert.NotEqual(0, await owner.Execute(sql));
    }

    static byte[] Altered(byte[] file, string old, string replacement)
    {
        using var packed = new System.IO.Compression.GZipStream(new MemoryStream(file), System.IO.Compression.CompressionMode.Decompress);
        using var reader = new StreamReader(packed);
        var text = reader.ReadToEnd();
        Assert.Contains(old, text, StringComparison.Ordinal);
        using var result = new MemoryStream();
        using (var pack = new System.IO.Compression.GZipStream(result, System.IO.Compression.CompressionLevel.Fastest))
            pack.Write(System.Text.Encoding.UTF8.GetBytes(text.Replace(old, replacement, StringComparison.Ordinal)));
        return result.ToArray();
    }
}
