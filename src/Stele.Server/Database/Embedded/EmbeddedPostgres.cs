using System.Globalization;
using Npgsql;

namespace Stele.Server.Database.Embedded;

/// <summary>
/// A real PostgreSQL that this process starts, watches and stops.
///
/// It promises: one owner at a time, by a lock on the cluster; a cluster that is whole or absent; a postmaster in its own
/// session, which outlives a kill -9 of ours and is taken over by the next start; a postmaster that is killed is started
/// again, and recovers by itself; every failure to start is an <see cref="EmbeddedPostgresException"/> for people.
/// The connection string stays the same for as long as this object lives.
/// </summary>
internal sealed class EmbeddedPostgres : IAsyncDisposable
{
    static readonly TimeSpan WatchPause = TimeSpan.FromMilliseconds(100);
    static readonly TimeSpan RestartPauseMax = TimeSpan.FromSeconds(5);
    const int LaunchAttemptsMax = 5;

    readonly EmbeddedPostgresOptions options;
    readonly PostgresPlace place;
    readonly TimeProvider time;
    readonly ILogger log;
    readonly FileStream? held;
    readonly PostgresCluster cluster;
    readonly CancellationTokenSource stopping = new();
    PostgresBinaries? binaries;
    Task watching = Task.CompletedTask;
    volatile Postmaster? postmaster;

    EmbeddedPostgres(EmbeddedPostgresOptions options, PostgresPlace place, PostgresUser user, TimeProvider time, ILogger log, FileStream? held)
    {
        (this.options, this.place, this.time, this.log, this.held) = (options, place, time, log, held);
        cluster = new PostgresCluster(options, place, user, time, log);
    }

    /// <summary>For Npgsql: the superuser, to database <c>stele</c>, over the Unix socket.</summary>
    public string ConnectionString { get; private set; } = "";

    /// <summary>The postmaster's process, which changes when it has to be started again.</summary>
    public int ProcessId => postmaster?.Pid ?? 0;

    /// <summary>How often the postmaster was found gone and started again.</summary>
    public int Restarts { get; private set; }

    /// <summary>The place of the cluster's files, for messages.</summary>
    public string DataDirectory => place.Data;

    /// <summary>Makes the cluster when there is none, starts PostgreSQL or takes over one that runs, and owns it from then on.</summary>
    public static Task<EmbeddedPostgres> Start(EmbeddedPostgresOptions options, TimeProvider time, ILogger log, CancellationToken ct) =>
        Open(options, asGuest: false, time, log, ct);

    /// <summary>For a command beside a server: uses that server's PostgreSQL without owning it, or, when no server runs, starts one for as long as needed.</summary>
    public static Task<EmbeddedPostgres> Attach(EmbeddedPostgresOptions options, TimeProvider time, ILogger log, CancellationToken ct) =>
        Open(options, asGuest: true, time, log, ct);

    static async Task<EmbeddedPostgres> Open(EmbeddedPostgresOptions options, bool asGuest, TimeProvider time, ILogger log, CancellationToken ct)
    {
        var user = await PostgresUser.Choose(options.SystemUser, ct);
        var place = await PostgresPlace.Choose(options, user, log, ct);
        EmbeddedPostgres? opened = null;
        try
        {
            var held = PostgresLock.Take(place);
            if (held is null && !asGuest)
                throw PostgresLock.Held(place);
            opened = new EmbeddedPostgres(options, place, user, time, log, held);
            await (held is null ? opened.WaitForOwner(ct) : opened.Run(user, ct));
            return opened;
        }
        catch (Exception failure)
        {
            if (opened is not null)
                await opened.DisposeAsync();
            if (failure is IOException or UnauthorizedAccessException)
                throw PostgresFailure.Explain("The embedded PostgreSQL could not be prepared", failure.Message, place, user);
            throw;
        }
    }

    async Task Run(PostgresUser user, CancellationToken ct)
    {
        var major = cluster.MadeBy();
        binaries = await PostgresBinaries.Find(options, major, user, ct);
        if (major is null)
            await cluster.Make(binaries, ct);
        ConnectionString = await ReadConnectionString(ct);
        await EnsureRunning(ct);
        watching = Watch();
    }

    /// <summary>Stops PostgreSQL if we own it, and waits for its end.</summary>
    public async ValueTask DisposeAsync()
    {
        if (stopping.IsCancellationRequested)
            return;
        await stopping.CancelAsync();
        await watching;
        if (held is not null && binaries is not null && cluster.Running() is not null)
        {
            var begun = time.GetTimestamp();
            var stopped = await cluster.Stop(binaries, CancellationToken.None);
            if (cluster.Running() is not null)
                log.StopFailed(stopped.LastLine);
            else
            {
                place.RemoveSockets();
                log.Stopped((long)time.GetElapsedTime(begun).TotalMilliseconds);
            }
        }
        if (held is not null)
            await held.DisposeAsync();
        stopping.Dispose();
    }

    /// <summary>Leaves with a postmaster that lets us in: the one that runs, or a new one.</summary>
    async Task EnsureRunning(CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            var begun = time.GetTimestamp();
            var found = cluster.Running();
            if (found is not null && !cluster.ServesWhereWeExpect(found))
            {
                await cluster.Stop(binaries!, ct);
                found = null;
            }
            if (found is null)
                await cluster.Launch(binaries!, ct);
            var serving = cluster.Running();
            if (serving is not null && await cluster.Answers(serving, ConnectionString, ct))
            {
                postmaster = serving;
                if (found is null)
                    log.Started(binaries!.Version, (long)time.GetElapsedTime(begun).TotalMilliseconds, serving.Pid, place.Data);
                else
                    log.Adopted(serving.Pid, place.Data);
                return;
            }
            if (attempt == LaunchAttemptsMax)
                throw new EmbeddedPostgresException($"PostgreSQL ended {LaunchAttemptsMax} times while it was starting on {place.Data}. Its log is in {place.Data}/log.");
        }
    }

    /// <summary>Until we stop: a postmaster that has gone is started again, at once and then with growing pauses.</summary>
    async Task Watch()
    {
        var pause = WatchPause;
        try
        {
            while (true)
            {
                await Task.Delay(pause, time, stopping.Token);
                if (postmaster!.IsAlive(place.PidFile))
                {
                    pause = WatchPause;
                    continue;
                }
                try
                {
                    if (pause == WatchPause)
                        log.Gone(postmaster.Pid);
                    await EnsureRunning(stopping.Token);
                    Restarts++;
                    pause = WatchPause;
                }
                catch (Exception failure) when (failure is EmbeddedPostgresException or IOException or UnauthorizedAccessException)
                {
                    pause = pause * 2 < RestartPauseMax ? pause * 2 : RestartPauseMax;
                    log.RestartFailed((long)pause.TotalMilliseconds, failure.Message);
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // the end of the loop
        }
    }

    /// <summary>The owner may be starting: its PostgreSQL is waited for, within the time that a start may take.</summary>
    async Task WaitForOwner(CancellationToken ct)
    {
        var begun = time.GetTimestamp();
        while (true)
        {
            if (cluster.Running() is { } running && File.Exists(place.Password))
            {
                ConnectionString = await ReadConnectionString(ct);
                postmaster = running;
                if (await cluster.Answers(running, ConnectionString, ct))
                    return;
            }
            if (time.GetElapsedTime(begun) > options.StartTimeout)
                throw new EmbeddedPostgresException($"Another process ({PostgresLock.Holder(place)}) holds {place.Root}, but its PostgreSQL does not run. Look at that process's log.");
            await Task.Delay(WatchPause, time, ct);
        }
    }

    async Task<string> ReadConnectionString(CancellationToken ct)
    {
        if (!File.Exists(place.Password))
            throw new EmbeddedPostgresException($"{place.Password} is missing, and without it nobody can enter the cluster in {place.Data}. " +
                "Restore the file; docs/operations/embedded-postgresql.md says how to set a new password.");
        return new NpgsqlConnectionStringBuilder
        {
            Host = place.Sockets,
            Port = PostgresSettings.Port(options),
            Username = PostgresCluster.Superuser,
            Password = (await File.ReadAllTextAsync(place.Password, ct)).Trim(),
            Database = PostgresCluster.Database,
        }.ConnectionString;
    }
}
