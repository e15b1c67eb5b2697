using System.Diagnostics;
using System.Globalization;
using Npgsql;
using Stele.Server.Database.Embedded;
using Xunit;
using static Stele.Server.Tests.Embedded.EmbeddedSandbox;

namespace Stele.Server.Tests.Embedded;

public sealed class EmbeddedCrashTests
{
    [Fact]
    public async Task A_killed_postmaster_is_started_again_with_what_was_committed()
    {
        using var sandbox = new EmbeddedSandbox();
        await using var postgres = await sandbox.Start();
        await Ask(postgres, "CREATE TABLE kept AS SELECT 42 AS answer");
        var killed = postgres.ProcessId;

        var begun = Stopwatch.GetTimestamp();
        Kill(killed);
        await Until(() => postgres.Restarts == 1, "the restart");
        Print($"killed and serving again: {Stopwatch.GetElapsedTime(begun).TotalMilliseconds:0} ms");

        Assert.NotEqual(killed, postgres.ProcessId);
        Assert.Equal(42, await Ask(postgres, "SELECT answer FROM kept"));
    }

    [Fact]
    public async Task A_busy_backend_of_a_killed_postmaster_does_not_hold_up_the_restart()
    {
        using var sandbox = new EmbeddedSandbox();
        await using var postgres = await sandbox.Start();
        await using var connection = new NpgsqlConnection(postgres.ConnectionString + ";Pooling=false;Command Timeout=0");
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = new NpgsqlCommand("SELECT count(*) FROM generate_series(1, 1000000000000)", connection);
        var busy = command.ExecuteScalarAsync(TestContext.Current.CancellationToken);

        var begun = Stopwatch.GetTimestamp();
        Kill(postgres.ProcessId);
        await Until(() => postgres.Restarts == 1, "the restart");
        Print($"killed and serving again, with a busy backend: {Stopwatch.GetElapsedTime(begun).TotalMilliseconds:0} ms");

        await Assert.ThrowsAnyAsync<NpgsqlException>(() => busy);
        Assert.Equal(1, await Ask(postgres, "SELECT 1"));
    }

    [Fact]
    public async Task A_postmaster_killed_five_times_comes_back_five_times()
    {
        using var sandbox = new EmbeddedSandbox();
        await using var postgres = await sandbox.Start();
        await Ask(postgres, "CREATE TABLE kept (number int)");
        for (var round = 1; round <= 5; round++)
        {
            await Ask(postgres, $"INSERT INTO kept VALUES ({round})");
            Kill(postgres.ProcessId);
            var expected = round;
            await Until(() => postgres.Restarts == expected, $"restart {round}");
        }

        Assert.Equal(5L, await Ask(postgres, "SELECT count(*) FROM kept"));
    }

    [Fact]
    public async Task An_orphan_is_taken_over_and_stopped_by_its_new_owner()
    {
        using var sandbox = new EmbeddedSandbox();
        await (await sandbox.Start()).DisposeAsync();
        var orphan = await sandbox.StartOrphan();

        int taken;
        await using (var postgres = await sandbox.Start())
        {
            taken = postgres.ProcessId;
            Assert.Equal(1, await Ask(postgres, "SELECT 1"));
        }

        Assert.Equal(orphan, taken);
        Assert.Contains(sandbox.Logged, line => line.Contains("Took over the running PostgreSQL", StringComparison.Ordinal));
        await Until(() => !Postmaster.Exists(orphan), "the end of the orphan");
    }

    [Fact]
    public async Task A_second_start_on_the_same_directory_is_refused_and_names_the_process()
    {
        using var sandbox = new EmbeddedSandbox();
        await using var postgres = await sandbox.Start();

        var refusal = await sandbox.Refused();

        Print(refusal.Message);
        Assert.Contains($"process {Environment.ProcessId}", refusal.Message);
        Assert.Equal(1, await Ask(postgres, "SELECT 1"));
    }

    [Fact]
    public async Task A_guest_uses_the_running_database_and_leaves_it_running()
    {
        using var sandbox = new EmbeddedSandbox();
        await using var owner = await sandbox.Start();

        await using (var guest = await sandbox.Attach())
        {
            Assert.Equal(owner.ConnectionString, guest.ConnectionString);
            Assert.Equal(1, await Ask(guest, "SELECT 1"));
        }

        Assert.Equal(1, await Ask(owner, "SELECT 1"));
        Assert.Equal(0, owner.Restarts);
    }

    [Fact]
    public async Task A_guest_without_a_host_starts_and_stops_it()
    {
        using var sandbox = new EmbeddedSandbox();
        int pid;
        await using (var guest = await sandbox.Attach())
        {
            pid = guest.ProcessId;
            Assert.Equal(1, await Ask(guest, "SELECT 1"));
        }

        await Until(() => !Postmaster.Exists(pid), "the end of PostgreSQL");
    }

    [Fact]
    public async Task A_pid_file_of_a_process_that_has_gone_does_not_matter()
    {
        using var sandbox = new EmbeddedSandbox();
        string data;
        await using (var first = await sandbox.Start())
            data = first.DataDirectory;
        using (var ended = Process.Start("true"))
        {
            await ended.WaitForExitAsync(TestContext.Current.CancellationToken);
            WritePidFile(data, ended.Id);
        }

        await using var postgres = await sandbox.Start();

        Assert.Equal(1, await Ask(postgres, "SELECT 1"));
    }

    [Fact]
    public async Task A_pid_file_whose_number_another_program_has_got_does_not_matter()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "elsewhere we cannot tell who uses the shared memory, and say so instead");
        using var sandbox = new EmbeddedSandbox();
        string data;
        await using (var first = await sandbox.Start())
            data = first.DataDirectory;
        // as the same user: PostgreSQL takes any process of its own user for a postmaster
        var start = new ProcessStartInfo("sleep", ["60"]) { WorkingDirectory = "/" };
        if ((await sandbox.User()).Name is { } name)
            start.UserName = name;
        using var other = Process.Start(start)!;
        try
        {
            WritePidFile(data, other.Id);

            await using var postgres = await sandbox.Start();

            Assert.Equal(1, await Ask(postgres, "SELECT 1"));
            Assert.False(other.HasExited);
        }
        finally
        {
            other.Kill();
        }
    }

    [Fact]
    public async Task A_start_cut_short_inside_initdb_begins_again()
    {
        using var sandbox = new EmbeddedSandbox();
        var unfinished = Directory.CreateDirectory(Path.Combine(sandbox.Options.DataDirectory, "postgres", "data.new.1", "base"));
        File.WriteAllText(Path.Combine(unfinished.FullName, "half"), "half");

        await using var postgres = await sandbox.Start();

        Assert.Equal(1, await Ask(postgres, "SELECT 1"));
        Assert.False(Directory.Exists(unfinished.Parent!.FullName));
    }

    static void WritePidFile(string data, int pid)
    {
        var file = Path.Combine(data, "postmaster.pid");
        File.WriteAllText(file, string.Create(CultureInfo.InvariantCulture, $"{pid}\n{data}\n1700000000\n5432\n{data}/../socket\n\n        1         0\nready   \n"));
    }
}
