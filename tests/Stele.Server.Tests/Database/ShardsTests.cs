using System.Globalization;
using Npgsql;
using Stele.Core.Limits;
using Stele.Server.Database;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Database;

/// <summary><c>stele shards --set N</c>: under load, refused, killed, twice at once, and beside readers with old snapshots.</summary>
public sealed class ShardsTests
{
    const int Keys = 20_000;

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task Repartitioning_under_load_loses_nothing_and_nobody_waits_long(PostgresMajor major)
    {
        await using var db = await Postgres.NewDatabase(major);
        await using var server = await TestServer.Start(db);
        await HttpLoad.Fill(server.Client, Keys);
        await using var owner = await db.As();
        await owner.Execute("CREATE VIEW stele.seen_from_above WITH (security_invoker = true) AS SELECT key FROM stele.service_configs; ALTER VIEW stele.seen_from_above OWNER TO stele_owner");
        var before = await Shape(owner);
        await using var load = HttpLoad.Start(server.Client, Keys);
        // the server's statements are prepared by now, against the tables that will go
        await Wait.Until(() => load.Writes > 200 && load.Reads > 200, "the load has begun");

        foreach (var shards in (int[])[16, 3])
        {
            var (exit, text, steps) = await Set(db, shards.ToString(CultureInfo.InvariantCulture));
            Assert.True(exit == 0, text);
            Assert.Contains($"rows in {shards} partitions", text, StringComparison.Ordinal);
            Assert.Contains("rows copied", steps, StringComparison.Ordinal);
            Assert.Equal(before, await Shape(owner));
            Assert.Equal(Enumerable.Range(0, shards).Select(n => $"configuration_p{n:00}"), await Partitions(owner, "configuration"));
            Assert.Equal(Enumerable.Range(0, shards).Select(n => $"configuration_history_p{n:00}"), await Partitions(owner, "configuration_history"));
        }
        var written = load.Writes;
        await Wait.Until(() => load.Writes > written + 200, "the load goes on");
        await load.Stop();

        Assert.Empty(load.Failures);
        Assert.True(load.LongestRead < TimeSpan.FromSeconds(1), $"a read waited {load.LongestRead}");
        Assert.True(load.LongestWrite < TimeSpan.FromSeconds(5), $"a write waited {load.LongestWrite}");
        var rows = (await owner.Rows("SELECT key, version FROM stele.configuration")).Select(row => row.Split('|')).ToDictionary(row => row[0], row => long.Parse(row[1], CultureInfo.InvariantCulture));
        Assert.All(load.Versions, pair => Assert.Equal(pair.Value, rows[pair.Key]));
        Assert.Equal(rows.Values.Sum(), await owner.Ask<long>("SELECT count(*) FROM stele.configuration_history"));
        // each row lies where its key belongs, and every index finds it
        Assert.Equal(0L, await owner.Ask<long>("SELECT count(*) FROM stele.configuration c WHERE NOT EXISTS (SELECT FROM stele.configuration_history h WHERE (h.org_id, h.environment, h.key, h.version) = (c.org_id, c.environment, c.key, c.version) AND h.value IS NOT DISTINCT FROM c.value)"));
    }

    [Theory]
    [InlineData("0", "at least 1 partition")]
    [InlineData("-4", "at least 1 partition")]
    [InlineData("129", "at most 128")]
    [InlineData("2147483648", "'2147483648' is none")]
    [InlineData("many", "'many' is none")]
    public async Task A_number_that_is_out_of_bounds_is_refused_with_the_reason(string number, string reason)
    {
        await using var db = await Postgres.NewDatabase();
        var (exit, text, steps) = await Set(db, number);
        Assert.Equal(MigrateCommand.Usage, exit);
        Assert.Contains(reason, text, StringComparison.Ordinal);
        Assert.Empty(steps);
        await using var owner = await db.As();
        Assert.Equal(10, (await Partitions(owner, "configuration")).Count);
    }

    [Fact]
    public async Task The_limits_themselves_are_allowed()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        await HttpLoad.Fill(server.Client, 300);
        await using var owner = await db.As();
        foreach (var shards in (long[])[1, SteleLimits.Shards.Value, SteleLimits.Shards.Value])
        {
            Done(await Set(db, shards.ToString(CultureInfo.InvariantCulture)));
            Assert.Equal(shards, (await Partitions(owner, "configuration")).Count);
            Assert.Equal(300L, await owner.Ask<long>("SELECT count(*) FROM stele.configuration_history"));
        }
        Assert.Equal("configuration_p000", (await Partitions(owner, "configuration"))[0]);
        Assert.Contains("128 partitions already", (await Set(db, "128")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_that_is_killed_leaves_nothing_that_the_next_one_does_not_remove()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        await HttpLoad.Fill(server.Client, 500);
        await using var owner = await db.As();
        await using (var killed = await TableSuccession.Open(db.Owner, TimeProvider.System, CancellationToken.None))
        {
            await killed.Begin(5, CancellationToken.None);
            await owner.Execute("SELECT pg_terminate_backend($1)", killed.Connection.ProcessID);
        }
        // servers write on, into what was left too
        await using (var load = HttpLoad.Start(server.Client, 500))
        {
            await Wait.Until(() => load.Writes > 50 && load.Reads > 50, "the load goes on");
            Assert.Empty(load.Failures);
        }
        Assert.NotEqual(0L, await owner.Ask<long>("SELECT count(*) FROM stele_next.configuration"));
        await using var output = new StringWriter();
        Assert.Equal(0, await ShardsCommand.Run([], db.Owner, output, new ProgressText(null, live: false), CancellationToken.None));
        Assert.Contains("stele_next", output.ToString(), StringComparison.Ordinal);
        Done(await Set(db, "10"));
        Assert.Equal(0L, await owner.Ask<long>("SELECT count(*) FROM pg_namespace WHERE nspname IN ('stele_next', 'stele_old')"));
        Assert.Equal(0L, await owner.Ask<long>("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'stele.configuration'::regclass AND NOT tgisinternal"));
        Done(await Set(db, "5"));
        Assert.Equal(5, (await Partitions(owner, "configuration")).Count);
    }

    [Fact]
    public async Task A_run_that_is_cancelled_removes_what_it_made()
    {
        await using var db = await Postgres.NewDatabase();
        await using var reader = await db.As();
        await reader.Execute("BEGIN ISOLATION LEVEL REPEATABLE READ");
        await reader.Ask<int>("SELECT 1");
        using var cancel = new CancellationTokenSource();
        var steps = new Steps();
        var run = ShardsCommand.Run(["--set", "4"], db.Owner, TextWriter.Null, new ProgressText(steps, live: false), cancel.Token);
        await Wait.Until(() => steps.Text.Contains("began before", StringComparison.Ordinal), "it waits for the reader");
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        await using var owner = await db.As();
        Assert.Equal(0L, await owner.Ask<long>("SELECT count(*) FROM pg_namespace WHERE nspname = 'stele_next'"));
        Assert.Equal(10, (await Partitions(owner, "configuration")).Count);
    }

    [Fact]
    public async Task Two_at_once_are_refused()
    {
        await using var db = await Postgres.NewDatabase();
        await using (await TableSuccession.Open(db.Owner, TimeProvider.System, CancellationToken.None))
        {
            var (exit, text, _) = await Set(db, "4");
            Assert.Equal(MigrateCommand.Failed, exit);
            Assert.Contains("Another", text, StringComparison.Ordinal);
        }
        Done(await Set(db, "4"));
    }

    [Fact]
    public async Task A_reader_whose_snapshot_is_older_is_waited_for_and_sees_what_he_should()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        await HttpLoad.Fill(server.Client, 1_000);
        await using var reader = await db.As();
        await reader.Execute("BEGIN ISOLATION LEVEL REPEATABLE READ");
        await reader.Ask<int>("SELECT 1");
        var steps = new Steps();
        var run = ShardsCommand.Run(["--set", "7"], db.Owner, TextWriter.Null, new ProgressText(steps, live: false), CancellationToken.None);
        await Wait.Until(() => steps.Text.Contains("began before", StringComparison.Ordinal), "it waits for the reader");
        await using (var load = HttpLoad.Start(server.Client, 1_000))
        {
            await Wait.Until(() => load.Writes > 50, "others write meanwhile");
            Assert.Empty(load.Failures);
        }
        // a copy that is brought level at the end would have shown him fewer
        Assert.Equal(1_000L, await reader.Ask<long>("SELECT count(*) FROM stele.configuration"));
        Assert.Equal(1_000L, await reader.Ask<long>("SELECT count(*) FROM stele.configuration_history"));
        Assert.False(run.IsCompleted);
        await reader.Execute("COMMIT");
        Assert.Equal(0, await run);
        Assert.Equal(7, (await Partitions(reader, "configuration")).Count);
    }

    [Fact]
    public async Task Changes_of_every_kind_are_written_through()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        await HttpLoad.Fill(server.Client, 200);
        await using var owner = await db.As();
        await using var succession = await TableSuccession.Open(db.Owner, TimeProvider.System, CancellationToken.None);
        await succession.Begin(3, CancellationToken.None);
        await owner.Execute("UPDATE stele.configuration_history SET value = NULL WHERE key = 'load.k000007'");
        await owner.Execute("DELETE FROM stele.configuration WHERE key = 'load.k000008'");
        await owner.Execute("UPDATE stele.configuration SET key = 'load.renamed', value = 'x' WHERE key = 'load.k000009'");
        Assert.Equal(["load.k000007|∅"], await owner.Rows("SELECT key, value FROM stele_next.configuration_history"));
        Assert.Equal(["load.renamed|x"], await owner.Rows("SELECT key, value FROM stele_next.configuration"));
        var failure = await Assert.ThrowsAsync<DatabaseSetupException>(async () =>
        {
            await owner.Execute("ALTER TABLE stele.configuration DISABLE TRIGGER configuration_next_insert");
            await new Repartitioning(succession, new ProgressText(new Interfering(async () =>
                await owner.Execute("DELETE FROM stele_next.configuration WHERE key = 'load.k000011'")), live: false), TimeProvider.System).Fill(CancellationToken.None);
        });
        Assert.Contains("not the same", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_view_of_somebody_else_is_refused_by_name()
    {
        await using var db = await Postgres.NewDatabase();
        await using var owner = await db.As();
        await owner.Execute("CREATE SCHEMA reports; CREATE VIEW reports.mine AS SELECT key FROM stele.configuration");
        var (exit, text, _) = await Set(db, "4");
        Assert.Equal(MigrateCommand.Failed, exit);
        Assert.Contains("reports.mine of", text, StringComparison.Ordinal);
        Assert.Equal(10, (await Partitions(owner, "configuration")).Count);
    }

    static async Task<(int Exit, string Text, string Steps)> Set(TestDatabase db, string shards)
    {
        await using var output = new StringWriter();
        await using var steps = new StringWriter();
        var exit = await ShardsCommand.Run(["--set", shards], db.Owner, output, new ProgressText(steps, live: false), CancellationToken.None);
        return (exit, output.ToString(), steps.ToString());
    }

    static void Done((int Exit, string Text, string Steps) run) => Assert.True(run.Exit == 0, run.Steps + run.Text);

    static Task<List<string>> Partitions(TestSession session, string table) =>
        session.Rows($"SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'stele.{table}'::regclass ORDER BY c.relname");

    /// <summary>All that hangs on the tables and must be the same afterwards, names included.</summary>
    static async Task<List<string>> Shape(TestSession session)
    {
        var shape = new List<string>();
        foreach (var sql in (string[])
        [
            "SELECT tablename, policyname, permissive, roles::text, cmd, qual, with_check FROM pg_policies WHERE schemaname = 'stele' AND tablename !~ '_p[0-9]+$' ORDER BY 1, 2",
            "SELECT c.relname, a.grantee::regrole::text, a.privilege_type, a.is_grantable FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = 'stele'::regnamespace AND NOT c.relispartition ORDER BY 1, 2, 3",
            "SELECT c.relname, t.attname, t.attacl::text FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid WHERE c.relnamespace = 'stele'::regnamespace AND t.attacl IS NOT NULL ORDER BY 1, 2",
            "SELECT c.relname, t.attname, t.attnotnull, format_type(t.atttypid, t.atttypmod), t.attcollation::regcollation::text FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid WHERE c.relnamespace = 'stele'::regnamespace AND c.relkind = 'p' AND t.attnum > 0 AND NOT t.attisdropped ORDER BY 1, t.attnum",
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'stele'::regnamespace AND conrelid::regclass::text !~ '_p[0-9]+$' ORDER BY 1, 2",
            "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'stele' AND tablename !~ '_p[0-9]+$' ORDER BY 1, 2",
            "SELECT c.relname, c.reloptions::text, pg_get_viewdef(c.oid), pg_get_userbyid(c.relowner) FROM pg_class c WHERE relnamespace = 'stele'::regnamespace AND relkind = 'v' ORDER BY 1",
            "SELECT tgrelid::regclass::text, pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN ('stele.configuration'::regclass, 'stele.configuration_history'::regclass) ORDER BY 1, 2",
            // of the partitions, how they are kept, whatever their number
            "SELECT DISTINCT regexp_replace(c.relname, '_p[0-9]+$', ''), c.reloptions::text, c.relacl::text, c.relrowsecurity, c.relforcerowsecurity, pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.relispartition AND c.relkind = 'r' AND c.relname ~ '^configuration' ORDER BY 1",
            "SELECT DISTINCT regexp_replace(tablename, '_p[0-9]+$', ''), regexp_replace(policyname, '_p[0-9]+_', ''), roles::text, cmd, qual, with_check FROM pg_policies WHERE tablename ~ '^configuration.*_p[0-9]+$' ORDER BY 1, 2",
            "SELECT DISTINCT regexp_replace(indexname, '_p[0-9]+_', '') FROM pg_indexes WHERE schemaname = 'stele' AND tablename ~ '^configuration.*_p[0-9]+$' ORDER BY 1",
        ])
            shape.AddRange(await session.Rows(sql));
        return shape;
    }

    /// <summary>What was said so far, for another task to see.</summary>
    sealed class Steps : StringWriter
    {
        readonly Lock gate = new();

        public string Text
        {
            get
            {
                lock (gate) return ToString();
            }
        }

        public override void WriteLine(string? value)
        {
            lock (gate) base.WriteLine(value);
        }
    }

    /// <summary>Does something at each step.</summary>
    sealed class Interfering(Func<Task> act) : StringWriter
    {
        public override void WriteLine(string? value) => act().GetAwaiter().GetResult();
    }
}
