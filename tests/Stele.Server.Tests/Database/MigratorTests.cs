using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Stele.Server.Database;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Database;

public sealed class MigratorTests
{
    static readonly Migration Later = Migration.Parse("0900_later.sql", "-- oldest-server: 0.1.0\nCREATE TABLE stele.later (org_id int);");
    static readonly Version Server = new(0, 1, 0);

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task A_fresh_database_gets_everything_once(PostgresMajor major)
    {
        await using var db = await Postgres.NewEmptyDatabase(major);
        var first = await Migrate(db.Owner);
        Assert.Equal(0, first.Before);
        Assert.Equal(Migration.Embedded, first.Migrations);
        var second = await Migrate(db.Owner);
        Assert.Equal(Migration.Embedded[^1].Version, second.Before);
        Assert.Empty(second.Migrations);
        await using var session = await db.As();
        Assert.Equal(["stele_owner"], await session.Rows("SELECT DISTINCT pg_get_userbyid(relowner)::text FROM pg_class WHERE relnamespace = 'stele'::regnamespace"));
        Assert.Equal(1L, await session.Ask<long>("SELECT count(*) FROM stele.cluster WHERE system_identifier = (SELECT system_identifier FROM pg_control_system()) AND timeline = 1"));
    }

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task An_owner_with_createrole_that_owns_the_database_is_enough(PostgresMajor major)
    {
        // a server of its own: on 16 and newer the roles must be this owner's, or granted to it
        await using var server = await Postgres.NewServer(major);
        var settings = new NpgsqlConnectionStringBuilder(server.ConnectionString);
        await Postgres.Execute(server.ConnectionString, $"CREATE ROLE landlord LOGIN CREATEROLE PASSWORD '{settings.Password}'");
        await Postgres.Execute(server.ConnectionString, "CREATE DATABASE let OWNER landlord TEMPLATE template0");
        var owner = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = "let", Username = "landlord" }.ConnectionString;
        Assert.Equal(Migration.Embedded, (await Migrate(owner)).Migrations);
        Assert.Empty((await Migrate(owner)).Migrations);
        var (app, tail) = await DatabaseLogins.Ensure(owner, null, null, NullLogger.Instance, CancellationToken.None);
        Assert.Equal((app, tail), await DatabaseLogins.Ensure(owner, null, null, NullLogger.Instance, CancellationToken.None));
        await using var connections = await DatabaseConnections.Open(new DatabaseOptions { Owner = owner }, NullLoggerFactory.Instance, CancellationToken.None);
        await using var ask = connections.Tail.CreateCommand("SELECT stele.ensure_partitions(13)");
        Assert.Equal(1, await ask.ExecuteScalarAsync());
    }

    [Fact]
    public async Task A_server_that_must_not_migrate_looks_as_itself_and_refuses_an_older_schema()
    {
        await using var db = await Postgres.NewDatabase();
        await new Migrator(db.App, NullLogger.Instance).Require(CancellationToken.None);
        var refusal = await Assert.ThrowsAsync<DatabaseSetupException>(() =>
            new Migrator(db.App, [.. Migration.Embedded, Later], Server, NullLogger.Instance).Require(CancellationToken.None));
        Assert.Contains("0900_later.sql", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Migrators_that_start_together_apply_each_file_once()
    {
        await using var db = await Postgres.NewEmptyDatabase();
        var reports = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Migrate(db.Owner)));
        Assert.Equal(Migration.Embedded.Count, reports.Sum(report => report.Migrations.Count));
    }

    [Fact]
    public async Task Several_databases_of_a_new_cluster_make_the_shared_roles_together()
    {
        await using var server = await Postgres.NewServer();
        foreach (var n in Enumerable.Range(0, 3))
            await Postgres.Execute(server.ConnectionString, $"CREATE DATABASE db{n} TEMPLATE template0");
        var owners = Enumerable.Range(0, 3).Select(n => new NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = $"db{n}" }.ConnectionString).ToList();
        await Task.WhenAll(owners.Select(owner => Migrate(owner)));
        await Task.WhenAll(owners.Concat(owners).Select(owner => DatabaseLogins.Ensure(owner, null, null, NullLogger.Instance, CancellationToken.None)));
        foreach (var owner in owners)
            await (await DatabaseConnections.Open(new DatabaseOptions { Owner = owner }, NullLoggerFactory.Instance, CancellationToken.None)).DisposeAsync();
    }

    [Fact]
    public async Task An_applied_file_that_was_edited_stops_the_start()
    {
        await using var db = await Postgres.NewDatabase();
        var edited = Migration.Embedded.Select(migration => migration.Version == 2 ? Migration.Parse(migration.Name, migration.Sql + "\n-- edited\n") : migration).ToList();
        Assert.Contains("0002_journal.sql", (await Refused(new Migrator(db.Owner, edited, Server, NullLogger.Instance))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Line_ends_do_not_change_a_checksum()
    {
        var file = Migration.Embedded[0];
        Assert.Equal(file.Checksum, Migration.Parse(file.Name, file.Sql.ReplaceLineEndings("\r\n")).Checksum);
        await Task.CompletedTask;
    }

    [Fact]
    public async Task A_newer_schema_is_accepted_only_while_it_names_this_server_as_old_enough()
    {
        await using var db = await Postgres.NewDatabase();
        await new Migrator(db.Owner, [.. Migration.Embedded, Later], Server, NullLogger.Instance).Apply(CancellationToken.None);
        Assert.Empty((await Migrate(db.Owner)).Migrations);

        var breaking = Migration.Parse("0901_breaking.sql", "-- oldest-server: 0.2.0\nDROP TABLE stele.later;");
        await new Migrator(db.Owner, [.. Migration.Embedded, Later, breaking], new Version(0, 2, 0), NullLogger.Instance).Apply(CancellationToken.None);
        Assert.Contains("0.2.0", (await Refused(new Migrator(db.Owner, NullLogger.Instance))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_below_what_was_applied_is_refused()
    {
        await using var db = await Postgres.NewDatabase();
        await new Migrator(db.Owner, [.. Migration.Embedded, Later], Server, NullLogger.Instance).Apply(CancellationToken.None);
        var late = Migration.Parse("0899_late.sql", "-- oldest-server: 0.1.0\nSELECT 1;");
        Assert.Contains("0899_late.sql", (await Refused(new Migrator(db.Owner, [.. Migration.Embedded, late, Later], Server, NullLogger.Instance))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_fails_leaves_those_before_it_and_the_next_run_goes_on()
    {
        await using var db = await Postgres.NewDatabase();
        var broken = Migration.Parse("0901_broken.sql", "-- oldest-server: 0.1.0\nCREATE TABLE stele.half (org_id int);\nSELECT 1/0;");
        await Refused(new Migrator(db.Owner, [.. Migration.Embedded, Later, broken], Server, NullLogger.Instance));
        await using var session = await db.As();
        Assert.Equal(["True|False"], await session.Rows("SELECT to_regclass('stele.later') IS NOT NULL, to_regclass('stele.half') IS NOT NULL"));
        var mended = Migration.Parse("0901_broken.sql", "-- oldest-server: 0.1.0\nCREATE TABLE stele.half (org_id int);");
        var report = await new Migrator(db.Owner, [.. Migration.Embedded, Later, mended], Server, NullLogger.Instance).Apply(CancellationToken.None);
        Assert.Equal([mended], report.Migrations);
    }

    [Theory]
    [InlineData("1_short.sql", "-- oldest-server: 0.1.0\n")]
    [InlineData("0001_no_header.sql", "SELECT 1;")]
    [InlineData("0001_header_not_first.sql", "\n-- oldest-server: 0.1.0\n")]
    public void A_file_without_number_or_header_is_no_migration(string name, string text) =>
        Assert.Throws<FormatException>(() => Migration.Parse(name, text));

    [Fact]
    public void No_two_files_have_a_number() =>
        Assert.Equal(Migration.Embedded.Select(migration => migration.Version).Distinct(), Migration.Embedded.Select(migration => migration.Version));

    [Fact]
    public async Task The_command_says_what_it_would_do_then_does_it_once()
    {
        await using var db = await Postgres.NewEmptyDatabase();
        var (code, text) = await Command(db.Owner, "--check");
        Assert.Equal(MigrateCommand.Pending, code);
        Assert.StartsWith("would apply 0001_roles_and_schema.sql", text, StringComparison.Ordinal);
        await using (var session = await db.As())
            Assert.True(await session.Ask<bool>("SELECT to_regnamespace('stele') IS NULL"));

        Assert.Equal(MigrateCommand.Done, (await Command(db.Owner)).Code);
        (code, text) = await Command(db.Owner, "--check");
        Assert.Equal((MigrateCommand.Done, $"up to date: migration {Migration.Embedded[^1].Version}\n"), (code, text));
        Assert.Equal(MigrateCommand.Usage, (await Command(db.Owner, "--force")).Code);
        Assert.Equal(MigrateCommand.Failed, (await Command(db.Owner.Replace("Database=", "Database=absent_", StringComparison.Ordinal))).Code);
    }

    [Fact]
    public async Task Shards_counts_the_rows_of_every_partition()
    {
        await using var db = await Postgres.NewDatabase();
        foreach (var org in (int[])[1, 2])
        {
            await using var app = await db.AsApp(org);
            for (var n = 0; n < 30; n++)
                await JournalRows.Set(app, org, "production", $"a.k{n}", 1, 1, "x", DateTime.UtcNow);
        }
        var shards = await ShardsCommand.Count(db.Owner, CancellationToken.None);
        Assert.Equal(20, shards.Count);
        Assert.Equal(60, shards.Where(shard => shard.Table == "configuration").Sum(shard => shard.Rows));
        Assert.Equal(60, shards.Where(shard => shard.Table == "configuration_history").Sum(shard => shard.Rows));
        await using var output = new StringWriter();
        Assert.Equal(0, await ShardsCommand.Run(["--json"], db.Owner, output, new ProgressText(null, live: false), CancellationToken.None));
        Assert.Contains("\"partition\":\"configuration_p09\"", output.ToString(), StringComparison.Ordinal);
        await using var table = new StringWriter();
        Assert.Equal(0, await ShardsCommand.Run([], db.Owner, table, new ProgressText(null, live: false), CancellationToken.None));
        Assert.Contains("total", table.ToString(), StringComparison.Ordinal);
    }

    static Task<MigrationReport> Migrate(string owner) => new Migrator(owner, NullLogger.Instance).Apply(CancellationToken.None);

    static Task<DatabaseSetupException> Refused(Migrator migrator) => Assert.ThrowsAsync<DatabaseSetupException>(() => migrator.Apply(CancellationToken.None));

    static async Task<(int Code, string Text)> Command(string owner, params string[] args)
    {
        await using var output = new StringWriter { NewLine = "\n" };
        return (await MigrateCommand.Run(args, owner, output, CancellationToken.None), output.ToString());
    }
}
