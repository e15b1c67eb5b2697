using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Stele.Server.Database;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Database;

/// <summary>Logins, pools, and what stops a start.</summary>
public sealed class ConnectionTests
{
    [Fact]
    public async Task The_pools_are_of_the_right_roles_and_carry_the_time_limits()
    {
        await using var db = await Postgres.NewDatabase();
        await using var connections = await Open(new DatabaseOptions { Owner = db.Owner });
        foreach (var (source, role) in ((NpgsqlDataSource, string)[])[(connections.App, "stele_app"), (connections.Tail, "stele_tail"), (connections.Settle, "stele_app")])
        {
            Assert.Equal(role, await Ask(source, "SELECT current_user::text"));
            Assert.Equal("2s", await Ask(source, "SHOW idle_in_transaction_session_timeout"));
            Assert.Equal("2s", await Ask(source, "SHOW lock_timeout"));
            Assert.Equal("0", await Ask(source, "SHOW statement_timeout"));
            Assert.Equal("1s", await Ask(source, "SHOW client_connection_check_interval"));
        }
    }

    [Fact]
    public async Task The_settling_pool_works_when_the_other_is_used_up()
    {
        await using var db = await Postgres.NewDatabase();
        await using var connections = await Open(new DatabaseOptions { Owner = db.Owner, AppConnectionsMax = 2 });
        await using var one = await connections.App.OpenConnectionAsync();
        await using var two = await connections.App.OpenConnectionAsync();
        Assert.Equal("stele_app", await Ask(connections.Settle, "SELECT current_user::text"));
    }

    [Fact]
    public async Task A_superuser_is_not_accepted_as_the_server()
    {
        await using var db = await Postgres.NewDatabase();
        Assert.Contains("bypass", (await Refused(new DatabaseOptions { App = db.Owner, Tail = db.Tail })).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("BYPASSRLS IN ROLE stele_app")]
    [InlineData("IN ROLE stele_app, stele_owner")]
    [InlineData("IN ROLE stele_app, stele_journal")]
    [InlineData("IN ROLE stele_app, stele_tail")]
    [InlineData("IN ROLE stele_app, stele_backup")]
    public async Task A_login_that_could_see_more_than_one_org_is_not_accepted(string rights)
    {
        await using var db = await Postgres.NewDatabase();
        await using var login = await Login.Make(db, rights);
        Assert.Contains("bypass", (await Refused(new DatabaseOptions { App = login.ConnectionString, Tail = db.Tail })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_login_of_another_name_serves_if_it_is_a_member_and_not_otherwise()
    {
        await using var db = await Postgres.NewDatabase();
        await using var member = await Login.Make(db, "IN ROLE stele_app");
        await using (var connections = await Open(new DatabaseOptions { App = member.ConnectionString, Tail = db.Tail }))
            Assert.Equal("0", await Ask(connections.App, "SELECT count(*)::text FROM stele.configuration"));
        await using var stranger = await Login.Make(db, "");
        Assert.Contains("nor a member", (await Refused(new DatabaseOptions { App = stranger.ConnectionString, Tail = db.Tail })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_sets_an_org_for_every_session_stops_the_start()
    {
        await using var db = await Postgres.NewDatabase();
        await using (var superuser = await db.As())
            await superuser.Execute($"ALTER DATABASE {db.Name} SET stele.org_id = '1'");
        Assert.Contains("outlives", (await Refused(new DatabaseOptions { Owner = db.Owner })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_org_of_a_transaction_does_not_reach_the_next_borrower()
    {
        await using var db = await Postgres.NewDatabase();
        await using var connections = await Open(new DatabaseOptions { Owner = db.Owner, AppConnectionsMax = 1 });
        foreach (var commit in (bool[])[true, false])
        {
            await using (var connection = await connections.App.OpenConnectionAsync())
            await using (var transaction = await connection.BeginTransactionAsync())
            {
                await using var set = new NpgsqlCommand("SELECT set_config('stele.org_id', '7', true)", connection);
                await set.ExecuteNonQueryAsync();
                await (commit ? transaction.CommitAsync() : transaction.RollbackAsync());
            }
            Assert.Equal("none", await Ask(connections.App, "SELECT coalesce(stele.current_org()::text, 'none')"));
        }
    }

    [Fact]
    public async Task Without_passwords_the_logins_must_be_given()
    {
        var failure = await Refused(new DatabaseOptions { Owner = "Host=127.0.0.1;Username=postgres;Database=stele" });
        Assert.Contains("STELE_POSTGRES_APP", failure.Message, StringComparison.Ordinal);
        failure = await Refused(new DatabaseOptions { App = "Host=127.0.0.1" });
        Assert.Contains("STELE_POSTGRES_TAIL", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_password_that_somebody_changed_is_set_again_and_the_server_never_sees_it()
    {
        await using var server = await Postgres.NewServer();
        await new Migrator(server.ConnectionString, NullLogger.Instance).Apply(CancellationToken.None);
        await Postgres.Execute(server.ConnectionString, "ALTER SYSTEM SET log_statement = 'all'");
        await Postgres.Execute(server.ConnectionString, "SELECT pg_reload_conf()");
        await using (await Open(new DatabaseOptions { Owner = server.ConnectionString })) { }
        await Postgres.Execute(server.ConnectionString, "ALTER ROLE stele_app PASSWORD 'changed by hand'");
        await using (var connections = await Open(new DatabaseOptions { Owner = server.ConnectionString }))
            Assert.Equal("stele_app", await Ask(connections.App, "SELECT current_user::text"));

        var (app, _) = await DatabaseLogins.Ensure(server.ConnectionString, null, null, NullLogger.Instance, CancellationToken.None);
        var password = new NpgsqlConnectionStringBuilder(app).Password!;
        var logs = string.Concat(Directory.EnumerateFiles(Path.Combine(server.DataDirectory, "log")).Select(File.ReadAllText));
        Assert.Contains("ALTER ROLE stele_app LOGIN PASSWORD", logs, StringComparison.Ordinal);
        Assert.DoesNotContain(password, logs, StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_owner_derives_the_same_password_and_each_role_and_system_its_own()
    {
        var password = DatabaseLogins.Derive("secret", "stele_app", 1);
        Assert.Equal(password, DatabaseLogins.Derive("secret", "stele_app", 1));
        Assert.Equal(4, new HashSet<string> { password, DatabaseLogins.Derive("secret", "stele_tail", 1), DatabaseLogins.Derive("secret", "stele_app", 2), DatabaseLogins.Derive("other", "stele_app", 1) }.Count);
        Assert.Matches("^[A-Za-z0-9_-]{43}$", password);
    }

    [Fact]
    public void The_verifier_is_the_one_that_PostgreSQL_would_make() =>
        // salt and keys of RFC 7677's example, whose user has the password "pencil"
        Assert.Equal("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
            DatabaseLogins.ScramVerifier("pencil", Convert.FromBase64String("W22ZaJ0SNY7soEsUEjb6gQ==")));

    [Fact]
    public async Task Partitions_are_made_ahead_and_an_alarm_is_raised_when_they_run_out()
    {
        await using var db = await Postgres.NewDatabase();
        await using var connections = await Open(new DatabaseOptions { Owner = db.Owner });
        var partitions = MonthPartitions.OfEvents(connections.Tail, TimeProvider.System, NullLogger.Instance);
        Assert.True(await partitions.RunOnce(CancellationToken.None));
        Assert.True(partitions.Horizon > DateTime.UtcNow.AddMonths(11));

        // ten months later by our clock, and the function fails
        await using (var superuser = await db.As())
            await superuser.Execute("REVOKE CREATE ON SCHEMA stele FROM stele_owner; ALTER SCHEMA stele OWNER TO CURRENT_USER; DROP TABLE stele.event_y" + DateTime.UtcNow.AddMonths(12).ToString("yyyy'm'MM", null));
        var later = new LaterClock(TimeSpan.FromDays(305));
        Assert.False(await MonthPartitions.OfEvents(connections.Tail, later, NullLogger.Instance).RunOnce(CancellationToken.None));
    }

    static Task<DatabaseConnections> Open(DatabaseOptions options) => DatabaseConnections.Open(options, NullLoggerFactory.Instance, CancellationToken.None);

    static Task<DatabaseSetupException> Refused(DatabaseOptions options) => Assert.ThrowsAsync<DatabaseSetupException>(() => Open(options));

    static async Task<string> Ask(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        return (string)(await command.ExecuteScalarAsync())!;
    }

    sealed class LaterClock(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + by;
    }

    /// <summary>A login for one test; logins belong to the cluster, so it goes at the end.</summary>
    sealed class Login(TestDatabase db, string name, string password) : IAsyncDisposable
    {
        static int count;

        public string ConnectionString => new NpgsqlConnectionStringBuilder(db.Owner) { Username = name, Password = password }.ConnectionString;

        public static async Task<Login> Make(TestDatabase db, string rights)
        {
            var name = $"login_{Interlocked.Increment(ref count)}";
            var login = new Login(db, name, "pw");
            await Postgres.Execute(db.Owner, $"CREATE ROLE {name} LOGIN PASSWORD 'pw' {rights}");
            return login;
        }

        public ValueTask DisposeAsync() => new(Postgres.Execute(db.Owner, $"DROP ROLE {name}"));
    }
}
