using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;
using Npgsql;

namespace Stele.Server.Database.Embedded;

/// <summary>One cluster's files and process: made, started, asked and stopped by PostgreSQL's own programs. The caller holds the lock.</summary>
internal sealed class PostgresCluster(EmbeddedPostgresOptions options, PostgresPlace place, PostgresUser user, TimeProvider time, ILogger log)
{
    public const string Superuser = "stele_superuser";
    public const string Database = "stele";

    static readonly TimeSpan ProbePause = TimeSpan.FromMilliseconds(50);
    static readonly TimeSpan LeftoverGrace = TimeSpan.FromMilliseconds(300);
    static readonly TimeSpan WaitingLogPause = TimeSpan.FromSeconds(5);

    /// <summary>The major version that made the cluster, or null when there is none yet.</summary>
    public int? MadeBy()
    {
        if (!File.Exists(place.VersionFile))
            return Directory.Exists(place.Data) && Directory.EnumerateFileSystemEntries(place.Data).Any()
                ? throw new EmbeddedPostgresException($"{place.Data} holds files, but no PG_VERSION: it is not a PostgreSQL cluster, or a damaged one. " +
                    "Restore it from a backup, or move it away to begin anew.")
                : null;
        var text = File.ReadAllText(place.VersionFile).Trim();
        return int.TryParse(text, out var major) ? major
            : throw new EmbeddedPostgresException($"{place.VersionFile} should hold a major version of PostgreSQL, and holds '{text}'. Restore the data from a backup.");
    }

    /// <summary>Makes the cluster: checksums, scram for everybody, one superuser with a random password that only we can read.</summary>
    public async Task Make(PostgresBinaries binaries, CancellationToken ct)
    {
        CheckFreeBytes();
        place.RemoveUnfinished();
        if (!File.Exists(place.Password))
            await WritePassword(ct);
        var unfinished = place.NewUnfinished();
        await user.MakeDirectory(unfinished, ct);
        var made = await InitDb(binaries, unfinished, ct);
        if (made.ExitCode != 0)
        {
            place.RemoveUnfinished();
            throw PostgresFailure.Explain($"PostgreSQL's data directory {place.Data} could not be made", made.Output, place, user);
        }
        Directory.Move(unfinished, place.Data);
        // the new name must be on the disk before anything is acknowledged: an unfinished directory is deleted at the next start
        await user.Run("sync", [place.Root], ct);
        log.Made(binaries.Version, place.Data);
    }

    async Task<PostgresCommandResult> InitDb(PostgresBinaries binaries, string directory, CancellationToken ct)
    {
        var passwordFile = Path.Combine(place.Root, "password.initdb");
        try
        {
            await CopyPasswordFor(passwordFile, ct);
            var made = await user.Run(binaries.InitDb, [$"--pgdata={directory}", $"--username={Superuser}", $"--pwfile={passwordFile}", "--data-checksums",
                "--encoding=UTF8", "--locale=C", "--auth-local=scram-sha-256", "--auth-host=scram-sha-256", .. Sync], ct);
            // a Ctrl-C reaches initdb too, and its complaint about that is of no interest
            ct.ThrowIfCancellationRequested();
            return made;
        }
        finally
        {
            File.Delete(passwordFile);
        }
    }

    /// <summary>The running postmaster of this cluster, if it serves where we would have it serve.</summary>
    public Postmaster? Running() =>
        Postmaster.Read(place.PidFile) is { } postmaster && postmaster.IsAlive(place.PidFile) ? postmaster : null;

    public bool ServesWhereWeExpect(Postmaster postmaster) =>
        postmaster.Port == PostgresSettings.Port(options) && (postmaster.SocketDirectory == place.Sockets || postmaster.SocketDirectory.Length == 0);

    /// <summary>Starts the postmaster in a session of its own, so that a Ctrl-C in our terminal does not reach it before we are done with it.</summary>
    public async Task Launch(PostgresBinaries binaries, CancellationToken ct)
    {
        await ClearLeftovers(ct);
        await PostgresSettings.Write(place, options, ct);
        File.Delete(place.StartLog);
        var seconds = Math.Ceiling(options.StartTimeout.TotalSeconds);
        var started = await user.Run(binaries.PgCtl, ["start", "-s", "-w", "-t", $"{seconds}", "-l", "start.log", "-o", PostgresSettings.CommandLine(options)],
            ct, workingDirectory: place.Data, pgData: place.Data);
        // a long crash recovery outlasts pg_ctl's patience without being a failure
        if (started.ExitCode != 0 && Running() is null)
            throw PostgresFailure.Explain($"PostgreSQL {binaries.Version} did not start on {place.Data}", started.Output, place, user);
    }

    /// <summary>Fast shutdown: running transactions are rolled back, a checkpoint is written.</summary>
    public async Task<PostgresCommandResult> Stop(PostgresBinaries binaries, CancellationToken ct) =>
        await user.Run(binaries.PgCtl, ["stop", "-s", "-m", "fast", "-w", "-t", $"{Math.Ceiling(options.StopTimeout.TotalSeconds)}"], ct, pgData: place.Data);

    /// <summary>Waits until the postmaster lets us in; false if it ended first. Recovery after a crash may take a while.</summary>
    public async Task<bool> Answers(Postmaster postmaster, string connectionString, CancellationToken ct)
    {
        var begun = time.GetTimestamp();
        var logged = begun;
        while (true)
        {
            var state = await Probe(connectionString, ct);
            if (state is null)
                return true;
            if (!postmaster.IsAlive(place.PidFile))
                return false;
            if (time.GetElapsedTime(begun) > options.StartTimeout)
                throw new EmbeddedPostgresException($"PostgreSQL (process {postmaster.Pid}, data in {place.Data}) lives, but did not let us in for " +
                    $"{options.StartTimeout.TotalSeconds:0} s: {state.TrimEnd('.')}. Its log is in {place.Data}/log.");
            if (time.GetElapsedTime(logged) > WaitingLogPause)
            {
                logged = time.GetTimestamp();
                log.Waiting(postmaster.Pid, state);
            }
            await Task.Delay(ProbePause, time, ct);
        }
    }

    /// <summary>Null when the database lets us in, else why not.</summary>
    async Task<string?> Probe(string connectionString, CancellationToken ct)
    {
        var once = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, Timeout = 5 };
        try
        {
            await using var connection = new NpgsqlConnection(once.ConnectionString);
            await connection.OpenAsync(ct);
            return null;
        }
        catch (PostgresException failure) when (failure.SqlState == PostgresErrorCodes.InvalidCatalogName)
        {
            await MakeDatabase(once, ct);
            return null;
        }
        catch (PostgresException failure) when (failure.SqlState is PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification)
        {
            throw new EmbeddedPostgresException($"The PostgreSQL of {place.Data} refuses the password in {place.Password} for {Superuser}: it was changed in one place only. " +
                "Put the right one back into the file; docs/operations/embedded-postgresql.md says how to set a new one.", failure);
        }
        catch (Exception failure) when (failure is NpgsqlException or SocketException or TimeoutException)
        {
            return failure.Message;
        }
    }

    static async Task MakeDatabase(NpgsqlConnectionStringBuilder once, CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(once.ConnectionString) { Database = "postgres" }.ConnectionString);
        await connection.OpenAsync(ct);
        await using var create = new NpgsqlCommand($"CREATE DATABASE {Database}", connection);
        await create.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Whatever a killed postmaster left: its processes, and a pid file whose number another program has got since.</summary>
    async Task ClearLeftovers(CancellationToken ct)
    {
        if (Postmaster.Read(place.PidFile) is not { } gone)
            return;
        var begun = time.GetTimestamp();
        // they see by themselves that the postmaster has gone, but not while they run a statement; the crash is a fact already, killing loses nothing
        while (Postmaster.Leftovers(place.PidFile).ToList() is { Count: > 0 } left)
        {
            if (time.GetElapsedTime(begun) > LeftoverGrace)
                foreach (var pid in left)
                    End(pid);
            await Task.Delay(ProbePause, time, ct);
        }
        // PostgreSQL asks only whether the number is taken; removed just where we know that nobody uses the shared memory which the file names
        if (OperatingSystem.IsLinux() && Postmaster.IsTaken(gone.Pid))
        {
            File.Delete(place.PidFile);
            log.RemovedStale(place.PidFile, gone.Pid);
        }
        foreach (var socket in Directory.EnumerateFiles(place.Sockets, ".s.PGSQL.*"))
            File.Delete(socket);
    }

    void End(int pid)
    {
        try
        {
            using var process = Process.GetProcessById(pid);
            process.Kill();
            log.EndedLeftover(pid);
        }
        catch (Exception failure) when (failure is ArgumentException or InvalidOperationException)
        {
            // it has ended by itself, which is what we want
        }
    }

    void CheckFreeBytes()
    {
        var free = PostgresFailure.FreeBytes(place.Root);
        if (free < options.FreeBytesMin)
            throw new EmbeddedPostgresException($"{place.Root} has {free >> 20} MB of free disk space, and a new PostgreSQL cluster needs {options.FreeBytesMin >> 20} MB. " +
                "Free some, or give STELE_DATA a directory on another disk.");
    }

    async Task WritePassword(CancellationToken ct)
    {
        var temporary = place.Password + ".new";
        await using (var file = new FileStream(temporary, new FileStreamOptions
        {
            Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            await file.WriteAsync(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)).Select(c => (byte)c).ToArray(), ct);
            file.Flush(flushToDisk: true);
        }
        File.Move(temporary, place.Password);
    }

    /// <summary>initdb runs as PostgreSQL's user, who may read this copy for as long as it takes.</summary>
    async Task CopyPasswordFor(string file, CancellationToken ct)
    {
        string[] owner = user.Name is null ? [] : ["-o", user.Name];
        var copied = await new PostgresUser((string?)null).Run("install", [.. owner, "-m", "600", place.Password, file], ct);
        if (copied.ExitCode != 0)
            throw PostgresFailure.Explain($"{file} could not be written", copied.Output, place, user);
    }

    // tests that turn fsync off do not wait for it here either
    string[] Sync => options.Settings.TryGetValue("fsync", out var fsync) && fsync == "off" ? ["--no-sync"] : [];
}
