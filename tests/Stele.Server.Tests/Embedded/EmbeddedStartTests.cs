using System.Diagnostics;
using Npgsql;
using Stele.Server.Database.Embedded;
using Stele.Server.Tests.Fixtures;
using Xunit;
using static Stele.Server.Tests.Embedded.EmbeddedSandbox;

namespace Stele.Server.Tests.Embedded;

public sealed class EmbeddedStartTests
{
    [Fact]
    public async Task A_fresh_cluster_has_checksums_scram_durability_and_no_network()
    {
        using var sandbox = new EmbeddedSandbox();
        await using var postgres = await sandbox.Start(sandbox.Options with { Settings = new Dictionary<string, string>() });

        Assert.Equal("on", await Ask(postgres, "SHOW data_checksums"));
        Assert.Equal("on", await Ask(postgres, "SHOW fsync"));
        Assert.Equal("on", await Ask(postgres, "SHOW synchronous_commit"));
        Assert.Equal("", await Ask(postgres, "SHOW listen_addresses"));
        Assert.Equal("scram-sha-256", await Ask(postgres, "SHOW password_encryption"));
        Assert.Equal("UTF8", await Ask(postgres, "SHOW server_encoding"));
        Assert.Equal("C", await Ask(postgres, "SELECT datcollate FROM pg_database WHERE datname = current_database()"));
        Assert.Equal("stele", await Ask(postgres, "SELECT current_database()::text"));
        Assert.Equal(0L, await Ask(postgres, "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256'"));
        Assert.StartsWith("SCRAM-SHA-256$", (string)(await Ask(postgres, "SELECT rolpassword FROM pg_authid WHERE rolname = current_user"))!);
    }

    [Fact]
    public async Task A_wrong_password_is_refused()
    {
        using var sandbox = new EmbeddedSandbox();
        await using var postgres = await sandbox.Start();
        var wrong = new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { Password = "wrong", Pooling = false };
        await using var connection = new NpgsqlConnection(wrong.ConnectionString);

        var refusal = await Assert.ThrowsAsync<PostgresException>(() => connection.OpenAsync(TestContext.Current.CancellationToken));

        Assert.Equal(PostgresErrorCodes.InvalidPassword, refusal.SqlState);
    }

    [Fact]
    public async Task An_existing_directory_is_served_again_with_its_data()
    {
        using var sandbox = new EmbeddedSandbox();
        await using (var first = await sandbox.Start())
            await Ask(first, "CREATE TABLE kept AS SELECT 42 AS answer");

        var begun = Stopwatch.GetTimestamp();
        await using var second = await sandbox.Start();
        Print($"restart on an existing directory: {Stopwatch.GetElapsedTime(begun).TotalMilliseconds:0} ms");

        Assert.Equal(42, await Ask(second, "SELECT answer FROM kept"));
    }

    [Fact]
    public async Task Neither_the_password_nor_a_statement_is_in_the_log()
    {
        using var sandbox = new EmbeddedSandbox();
        await using var postgres = await sandbox.Start();
        await Ask(postgres, "CREATE TABLE one (id int PRIMARY KEY)");
        await Ask(postgres, "INSERT INTO one VALUES (778899)");
        await Assert.ThrowsAsync<PostgresException>(() => Ask(postgres, "INSERT INTO one VALUES (778899)"));
        await Assert.ThrowsAsync<PostgresException>(() => Ask(postgres, "SELECT 'statement-text' FROM absent"));

        var logs = string.Concat(Directory.EnumerateFiles(Path.Combine(postgres.DataDirectory, "log")).Select(File.ReadAllText));

        Assert.Contains("duplicate key value", logs);
        Assert.DoesNotContain("778899", logs);
        Assert.DoesNotContain("statement-text", logs);
        Assert.DoesNotContain(new NpgsqlConnectionStringBuilder(postgres.ConnectionString).Password!, logs);
    }

    [Fact]
    public async Task The_password_file_is_only_for_its_owner()
    {
        using var sandbox = new EmbeddedSandbox();
        await using var postgres = await sandbox.Start();

        var root = Path.GetDirectoryName(postgres.DataDirectory)!;

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(root, "password")));
        Assert.False(File.Exists(Path.Combine(root, "password.initdb")));
        Assert.Empty(Directory.EnumerateDirectories(root, "data.new*"));
    }

    [Fact]
    public async Task Root_runs_it_as_the_system_user()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root has another user run PostgreSQL");
        using var sandbox = new EmbeddedSandbox();
        await using var postgres = await sandbox.Start();

        var ours = await new PostgresUser((string?)null).Run("id", ["-u", sandbox.Options.SystemUser], TestContext.Current.CancellationToken);
        var uids = File.ReadLines($"/proc/{postgres.ProcessId}/status").Single(line => line.StartsWith("Uid:", StringComparison.Ordinal)).Split('\t');

        Assert.NotEqual("0", uids[1]);
        Assert.All(uids.Skip(1), uid => Assert.Equal(ours.Output.Trim(), uid));
    }

    [Fact]
    public async Task It_does_not_see_our_environment()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the environment of a process is read in /proc");
        Environment.SetEnvironmentVariable("STELE_TEST_MARK", "a-token");
        using var sandbox = new EmbeddedSandbox();
        await using var postgres = await sandbox.Start();

        Assert.DoesNotContain("a-token", File.ReadAllText($"/proc/{postgres.ProcessId}/environ"));
    }

    [Fact]
    public async Task Data_lies_outside_a_directory_that_the_system_user_cannot_enter()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root has another user run PostgreSQL");
        using var sandbox = new EmbeddedSandbox();
        var closed = Directory.CreateDirectory(Path.Combine(sandbox.Root, "closed"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var options = sandbox.Options with { DataDirectory = Path.Combine(closed.FullName, ".stele") };

        string first;
        await using (var postgres = await sandbox.Start(options))
        {
            first = postgres.DataDirectory;
            await Ask(postgres, "CREATE TABLE kept AS SELECT 42 AS answer");
        }
        var note = File.ReadAllText(Path.Combine(options.DataDirectory, "postgres-location")).Trim();
        await using var again = await sandbox.Start(options);

        Assert.StartsWith(sandbox.Options.SystemDirectory, first);
        Assert.Equal(Path.GetDirectoryName(first), note);
        Assert.Equal(42, await Ask(again, "SELECT answer FROM kept"));
    }

    [Fact]
    public async Task A_deleted_note_begins_a_new_cluster_and_keeps_the_old_one()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root has another user run PostgreSQL");
        using var sandbox = new EmbeddedSandbox();
        var closed = Directory.CreateDirectory(Path.Combine(sandbox.Root, "closed"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var options = sandbox.Options with { DataDirectory = Path.Combine(closed.FullName, ".stele") };
        string first;
        await using (var postgres = await sandbox.Start(options))
            first = postgres.DataDirectory;
        Directory.Delete(options.DataDirectory, recursive: true);

        await using var fresh = await sandbox.Start(options);

        Assert.NotEqual(first, fresh.DataDirectory);
        Assert.True(Directory.Exists(first));
    }

    [Fact]
    public async Task A_long_path_still_has_a_short_socket()
    {
        using var sandbox = new EmbeddedSandbox();
        await using var postgres = await sandbox.Start(sandbox.Options with { DataDirectory = Path.Combine(sandbox.Root, new string('d', 120), ".stele") });

        Assert.True(new NpgsqlConnectionStringBuilder(postgres.ConnectionString).Host!.Length < 90);
        Assert.Equal(1, await Ask(postgres, "SELECT 1"));
    }

    [Fact]
    public async Task A_path_with_blanks_and_quotes_works()
    {
        using var sandbox = new EmbeddedSandbox();
        await using var postgres = await sandbox.Start(sandbox.Options with { DataDirectory = Path.Combine(sandbox.Root, "it's a \"day\", $HOME") });

        Assert.Equal(1, await Ask(postgres, "SELECT 1"));
    }

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task Each_supported_version_serves(PostgresMajor major)
    {
        using var sandbox = new EmbeddedSandbox();
        var binaries = await Binaries(major);
        await using var postgres = await sandbox.Start(sandbox.Options with { BinariesDirectory = binaries });

        Assert.Equal($"{(int)major}", ((string)(await Ask(postgres, "SHOW server_version"))!).Split('.')[0]);
    }

    [Fact]
    public async Task A_port_is_listened_on_when_it_is_asked_for()
    {
        using var sandbox = new EmbeddedSandbox();
        var port = FreePort();
        await using var postgres = await sandbox.Start(sandbox.Options with { TcpPort = port });
        var overTcp = new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { Host = "127.0.0.1", Pooling = false };
        await using var connection = new NpgsqlConnection(overTcp.ConnectionString);

        await connection.OpenAsync(TestContext.Current.CancellationToken);
    }
}
