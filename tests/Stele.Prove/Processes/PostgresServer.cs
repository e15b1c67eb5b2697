using System.Globalization;
using Npgsql;

namespace Stele.Prove.Processes;

/// <summary>
/// One PostgreSQL, primary or standby, with fsync on. Its files lie on a tmpfs of their own where we may mount one, so that its disk can be full.
/// </summary>
internal sealed class PostgresServer(string name, WorkDirectory work, PostgresPrograms programs, string password) : IAsyncDisposable
{
    public const string Superuser = "stele_superuser", Database = "stele";

    // generous: what is not written costs nothing
    const string DiskSize = "6g";

    static readonly TimeSpan patience = TimeSpan.FromSeconds(60);

    readonly string disk = work.Make(name);
    ChildProcess? process;

    public string Name => name;

    public int Port { get; } = ChildProcess.FreePort();

    /// <summary>Whether its files lie on a disk whose size we set.</summary>
    public bool HasDisk { get; private set; }

    public bool IsRunning => process is { HasExited: false };

    string Data => Path.Combine(disk, "data");

    /// <summary>Its superuser's, past every link.</summary>
    public string ConnectionString => $"Host=127.0.0.1;Port={Port};Username={Superuser};Password={password};Database={Database}";

    /// <summary>Mounts its disk, if we may.</summary>
    public async Task MakeDisk()
    {
        try
        {
            await ChildProcess.Run("mount", ["-t", "tmpfs", "-o", $"size={DiskSize},mode=0777", "stele-prove", disk]);
            HasDisk = true;
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            // said in the report: without it there is no full disk
            if (programs.User is not null) File.SetUnixFileMode(disk, (UnixFileMode)0b111_111_111);
        }
    }

    /// <summary>A new cluster.</summary>
    public async Task Init()
    {
        var passwordFile = Path.Combine(disk, "password");
        await File.WriteAllTextAsync(passwordFile, password);
        await ChildProcess.Run(programs["initdb"], ["-D", Data, "-U", Superuser, $"--pwfile={passwordFile}", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", "--no-sync"], user: programs.User);
        File.Delete(passwordFile);
        // on the machine only, as all of it
        await File.AppendAllTextAsync(Path.Combine(Data, "pg_hba.conf"), "host replication all 127.0.0.1/32 scram-sha-256\n");
    }

    /// <summary>What it holds is thrown away, and copied anew from the primary that listens there, whose standby it is from then on.</summary>
    public async Task CloneFrom(int port)
    {
        if (Directory.Exists(Data)) Directory.Delete(Data, recursive: true);
        await ChildProcess.Run(programs["pg_basebackup"], ["-D", Data, "-h", "127.0.0.1", "-p", $"{port}", "-U", Superuser, "-c", "fast", "-X", "stream", "--no-sync"],
            new Dictionary<string, string?> { ["PGPASSWORD"] = password }, programs.User);
        await ChildProcess.Run("touch", [Path.Combine(Data, "standby.signal")], user: programs.User);
    }

    /// <summary>Starts it; as a standby if <see cref="CloneFrom"/> made it one, and then from the primary that is reached by this port.</summary>
    public async Task Start(int primaryPort, bool wait = true)
    {
        string[] settings =
        [
            "listen_addresses=127.0.0.1", $"port={Port}", "unix_socket_directories=", "fsync=on", "full_page_writes=on", "synchronous_commit=on", "max_connections=200",
            "shared_buffers=64MB", "max_wal_senders=8", "wal_keep_size=512MB", "max_wal_size=512MB", "checkpoint_timeout=60s", "wal_sender_timeout=5s", "wal_receiver_timeout=5s",
            "wal_receiver_status_interval=1s", "log_line_prefix=%m [%p] %q%a ", "log_checkpoints=off", $"cluster_name={name}",
            $"primary_conninfo=host=127.0.0.1 port={primaryPort} user={Superuser} password={password} application_name={name} connect_timeout=3",
        ];
        process?.Dispose();
        process = ChildProcess.Start(programs["postgres"], ["-D", Data, .. settings.SelectMany(setting => (string[])["-c", setting])], new Dictionary<string, string?> { ["LC_ALL"] = "C" },
            disk, work.LogOf($"postgres-{name}"), programs.User);
        if (wait) await UntilItAnswers();
    }

    public Task UntilItAnswers() => Pause.Until($"PostgreSQL {name} answers", patience, async () => await Ask<int>("SELECT 1", "postgres") == 1, CancellationToken.None);

    public Task Signal(string signal) => process?.Signal(signal) ?? Task.CompletedTask;

    public Task Kill() => process?.Kill() ?? Task.CompletedTask;

    /// <summary>Its disk takes no more from now on.</summary>
    public async Task FillDisk()
    {
        var drive = new DriveInfo(disk);
        // a tmpfs cannot be made smaller than what it holds, which grows while we look
        for (var attempt = 0; ; attempt++)
        {
            var used = drive.TotalSize - drive.TotalFreeSpace + ((attempt * 64) << 10);
            try
            {
                await ChildProcess.Run("mount", ["-o", string.Create(CultureInfo.InvariantCulture, $"remount,size={used}"), disk]);
                return;
            }
            catch (InvalidOperationException) when (attempt < 50)
            {
                // it has grown meanwhile
            }
        }
    }

    public Task EmptyDisk() => ChildProcess.Run("mount", ["-o", $"remount,size={DiskSize}", disk]);

    /// <summary>Asks it directly, past every link, as its superuser.</summary>
    public async Task<T> Ask<T>(string sql, string database = Database)
    {
        await using var connection = await Open(database);
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 5 };
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public async Task Execute(string sql, string database = Database)
    {
        await using var connection = await Open(database);
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 40 };
        await command.ExecuteNonQueryAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (process is null) return;
        await process.Stop("INT", TimeSpan.FromSeconds(10));
        process.Dispose();
    }

    async Task<NpgsqlConnection> Open(string database)
    {
        var connection = new NpgsqlConnection($"Host=127.0.0.1;Port={Port};Username={Superuser};Password={password};Database={database};Pooling=false;Timeout=3;Application Name=prove");
        await connection.OpenAsync();
        return connection;
    }
}
