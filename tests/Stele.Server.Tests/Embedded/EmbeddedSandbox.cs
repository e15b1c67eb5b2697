using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Npgsql;
using Stele.Server.Database.Embedded;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Embedded;

/// <summary>A directory of its own for one test, the options for it, and what was logged.</summary>
sealed class EmbeddedSandbox : ILogger, IDisposable
{
    readonly string root = Directory.CreateTempSubdirectory("stele-test-").FullName;

    public EmbeddedSandbox()
    {
        // a temporary directory is closed to others, and PostgreSQL runs as another user when we are root
        File.SetUnixFileMode(root, File.GetUnixFileMode(root) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        Options = new EmbeddedPostgresOptions
        {
            DataDirectory = Path.Combine(root, ".stele"),
            SystemDirectory = Path.Combine(root, "system"),
            // these tests kill processes, not the machine: nothing has to reach the disk
            Settings = new Dictionary<string, string> { ["shared_buffers"] = "16MB", ["fsync"] = "off" },
        };
    }

    public EmbeddedPostgresOptions Options { get; init; }
    public string Root => root;
    public ConcurrentQueue<string> Logged { get; } = new();

    public Task<EmbeddedPostgres> Start(EmbeddedPostgresOptions? options = null) =>
        EmbeddedPostgres.Start(options ?? Options, TimeProvider.System, this, TestContext.Current.CancellationToken);

    public Task<EmbeddedPostgres> Attach() =>
        EmbeddedPostgres.Attach(Options, TimeProvider.System, this, TestContext.Current.CancellationToken);

    /// <summary>A postmaster that runs without an owner, as a server killed with -9 leaves it; its process.</summary>
    public async Task<int> StartOrphan()
    {
        var user = await User();
        var place = await PostgresPlace.Choose(Options, user, this, TestContext.Current.CancellationToken);
        var cluster = new PostgresCluster(Options, place, user, TimeProvider.System, this);
        await cluster.Launch(await PostgresBinaries.Find(Options, cluster.MadeBy(), user, TestContext.Current.CancellationToken), TestContext.Current.CancellationToken);
        return cluster.Running()!.Pid;
    }

    public Task<EmbeddedPostgresException> Refused(EmbeddedPostgresOptions? options = null) =>
        Assert.ThrowsAsync<EmbeddedPostgresException>(async () => await (await Start(options)).DisposeAsync());

    public static async Task<object?> Ask(EmbeddedPostgres postgres, string sql)
    {
        await using var connection = new NpgsqlConnection(postgres.ConnectionString + ";Pooling=false");
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Waits for a condition, with a bound that is an error and not a hope.</summary>
    public static async Task Until(Func<bool> condition, string what)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        var begun = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(30), $"waited 30 s for: {what}");
            await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
    }

    public static void Kill(int pid)
    {
        using var process = Process.GetProcessById(pid);
        process.Kill();
    }

    public static void Print(string line) => TestContext.Current.TestOutputHelper?.WriteLine(line);

    /// <summary>The user as whom PostgreSQL runs here.</summary>
    public Task<PostgresUser> User() => PostgresUser.Choose(Options.SystemUser, TestContext.Current.CancellationToken);

    /// <summary>The binaries of a major version, or the test is skipped.</summary>
    public static async Task<string> Binaries(PostgresMajor major)
    {
        var found = await Postgres.Binaries(major);
        Assert.SkipWhen(found is null, $"PostgreSQL {(int)major} is not installed (./stele test installs it where it can)");
        return found!;
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        Logged.Enqueue($"{logLevel}: {formatter(state, exception)}");
        TestContext.Current.TestOutputHelper?.WriteLine(formatter(state, exception));
    }

    public bool IsEnabled(LogLevel logLevel) => true;
    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public void Dispose() => Directory.Delete(root, recursive: true);
}
