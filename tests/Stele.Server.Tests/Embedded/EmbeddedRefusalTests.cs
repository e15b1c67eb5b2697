using Stele.Server.Database.Embedded;
using Xunit;
using static Stele.Server.Tests.Embedded.EmbeddedSandbox;

namespace Stele.Server.Tests.Embedded;

public sealed class EmbeddedRefusalTests
{
    [Theory]
    [InlineData("14")]
    [InlineData("99")]
    public async Task A_cluster_of_another_major_version_is_refused_with_what_to_do(string major)
    {
        using var sandbox = new EmbeddedSandbox();
        string data;
        await using (var postgres = await sandbox.Start())
            data = postgres.DataDirectory;
        File.WriteAllText(Path.Combine(data, "PG_VERSION"), major + "\n");

        var refusal = await sandbox.Refused();

        Print(refusal.Message);
        Assert.Contains($"made by PostgreSQL {major}", refusal.Message);
        Assert.Contains($"apt-get install postgresql-{major}", refusal.Message);
    }

    [Fact]
    public async Task A_directory_without_the_programs_is_refused_with_what_is_missing()
    {
        using var sandbox = new EmbeddedSandbox();

        var refusal = await sandbox.Refused(sandbox.Options with { BinariesDirectory = sandbox.Root });

        Print(refusal.Message);
        Assert.Contains("STELE_POSTGRES_BIN", refusal.Message);
        Assert.Contains("there is no postgres", refusal.Message);
    }

    [Fact]
    public async Task Programs_that_are_too_old_are_refused_with_their_version()
    {
        using var sandbox = new EmbeddedSandbox();
        var old = Directory.CreateDirectory(Path.Combine(sandbox.Root, "old")).FullName;
        foreach (var program in (string[])["postgres", "initdb", "pg_ctl"])
        {
            File.WriteAllText(Path.Combine(old, program), "#!/bin/sh\necho 'postgres (PostgreSQL) 14.2'\n");
            File.SetUnixFileMode(Path.Combine(old, program), (UnixFileMode)0b111_101_101);
        }

        var refusal = await sandbox.Refused(sandbox.Options with { BinariesDirectory = old });

        Print(refusal.Message);
        Assert.Contains("version 14.2 is older than 15", refusal.Message);
    }

    [Fact]
    public async Task Files_that_are_no_cluster_are_left_alone()
    {
        using var sandbox = new EmbeddedSandbox();
        var data = Directory.CreateDirectory(Path.Combine(sandbox.Options.DataDirectory, "postgres", "data"));
        File.WriteAllText(Path.Combine(data.FullName, "mine"), "mine");

        var refusal = await sandbox.Refused();

        Print(refusal.Message);
        Assert.Contains("no PG_VERSION", refusal.Message);
        Assert.Equal("mine", File.ReadAllText(Path.Combine(data.FullName, "mine")));
    }

    [Fact]
    public async Task A_missing_password_is_refused_with_what_to_do()
    {
        using var sandbox = new EmbeddedSandbox();
        string data;
        await using (var postgres = await sandbox.Start())
            data = postgres.DataDirectory;
        File.Delete(Path.Combine(data, "..", "password"));

        var refusal = await sandbox.Refused();

        Print(refusal.Message);
        Assert.Contains("password is missing", refusal.Message);
    }

    [Fact]
    public async Task A_wrong_password_file_is_refused_with_what_to_do()
    {
        using var sandbox = new EmbeddedSandbox();
        string data;
        await using (var postgres = await sandbox.Start())
            data = postgres.DataDirectory;
        File.WriteAllText(Path.Combine(data, "..", "password"), "wrong");

        var refusal = await sandbox.Refused();

        Print(refusal.Message);
        Assert.Contains("refuses the password", refusal.Message);
    }

    [Fact]
    public async Task A_directory_that_others_may_enter_is_refused_with_the_command_that_closes_it()
    {
        using var sandbox = new EmbeddedSandbox();
        string data;
        await using (var postgres = await sandbox.Start())
            data = postgres.DataDirectory;
        File.SetUnixFileMode(data, (UnixFileMode)0b111_111_111);

        var refusal = await sandbox.Refused();

        Print(refusal.Message);
        Assert.Contains($"chmod 700 {data}", refusal.Message);
    }

    [Fact]
    public async Task A_directory_of_another_user_is_refused_with_the_command_that_gives_it_back()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root can give a directory away");
        using var sandbox = new EmbeddedSandbox();
        string data;
        await using (var postgres = await sandbox.Start())
            data = postgres.DataDirectory;
        await new PostgresUser((string?)null).Run("chown", ["nobody", data], TestContext.Current.CancellationToken);

        var refusal = await sandbox.Refused();

        Print(refusal.Message);
        Assert.Contains($"chown -R stele {data}", refusal.Message);
    }

    [Fact]
    public async Task A_taken_port_is_named()
    {
        using var sandbox = new EmbeddedSandbox();
        using var taken = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        taken.Start();
        var port = ((System.Net.IPEndPoint)taken.LocalEndpoint).Port;

        var refusal = await sandbox.Refused(sandbox.Options with { TcpPort = port });

        Print(refusal.Message);
        Assert.Contains("port is taken", refusal.Message);
    }

    [Fact]
    public async Task A_disk_with_too_little_room_is_refused_before_anything_is_made()
    {
        await using var disk = await SmallDisk.Mount(megabytes: 20);

        var refusal = await disk.Sandbox.Refused();

        Print(refusal.Message);
        Assert.Contains("MB of free disk space", refusal.Message);
        Assert.Contains("256 MB", refusal.Message);
    }

    [Fact]
    public async Task A_disk_that_fills_up_while_the_cluster_is_made_is_named_and_leaves_nothing_half_made()
    {
        await using var disk = await SmallDisk.Mount(megabytes: 20);

        var refusal = await disk.Sandbox.Refused(disk.Sandbox.Options with { FreeBytesMin = 0 });

        Print(refusal.Message);
        Assert.Contains("the disk is full", refusal.Message);
        Assert.Empty(Directory.EnumerateDirectories(Path.Combine(disk.Sandbox.Options.DataDirectory, "postgres"), "data*"));
    }

    [Fact]
    public async Task A_full_disk_is_named_and_the_data_is_there_once_there_is_room()
    {
        await using var disk = await SmallDisk.Mount(megabytes: 300);
        await using (var postgres = await disk.Sandbox.Start())
            await Ask(postgres, "CREATE TABLE kept AS SELECT 42 AS answer");
        var filler = disk.Fill();

        var refusal = await disk.Sandbox.Refused();
        File.Delete(filler);
        await using var again = await disk.Sandbox.Start();

        Print(refusal.Message);
        Assert.Contains("the disk is full", refusal.Message);
        Assert.Equal(42, await Ask(again, "SELECT answer FROM kept"));
    }
}

/// <summary>A file system in memory that is soon full, mounted as <c>.stele</c>.</summary>
sealed class SmallDisk(EmbeddedSandbox sandbox) : IAsyncDisposable
{
    public EmbeddedSandbox Sandbox => sandbox;

    public static async Task<SmallDisk> Mount(int megabytes)
    {
        var sandbox = new EmbeddedSandbox();
        Directory.CreateDirectory(sandbox.Options.DataDirectory);
        var mounted = await new PostgresUser((string?)null).Run("mount",
            ["-t", "tmpfs", "-o", $"size={megabytes}m,mode=755", "tmpfs", sandbox.Options.DataDirectory], TestContext.Current.CancellationToken);
        if (mounted.ExitCode != 0)
            sandbox.Dispose();
        Assert.SkipWhen(mounted.ExitCode != 0, $"a small disk cannot be mounted here: {mounted.LastLine}");
        return new SmallDisk(sandbox);
    }

    /// <summary>Leaves not a byte free; the file that took them.</summary>
    public string Fill()
    {
        var path = Path.Combine(sandbox.Options.DataDirectory, "filler");
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        var block = new byte[64 << 10];
        try
        {
            while (true)
                file.Write(block);
        }
        catch (IOException)
        {
            return path;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await new PostgresUser((string?)null).Run("umount", [sandbox.Options.DataDirectory], CancellationToken.None);
        sandbox.Dispose();
    }
}
