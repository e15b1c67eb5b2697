using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Stele.Server.Database;
using Stele.Server.Database.Embedded;

namespace Stele.Server.Tests.Fixtures;

/// <summary>A PostgreSQL of one test's own, with fsync, that the test may freeze and kill; it comes back by itself.</summary>
sealed class CrashServer : IAsyncDisposable
{
    readonly EmbeddedPostgres server;

    CrashServer(EmbeddedPostgres server, TestDatabase database) => (this.server, Database) = (server, database);

    public TestDatabase Database { get; }

    public static async Task<CrashServer> Start(PostgresMajor major = PostgresMajor.V15)
    {
        var server = await Postgres.NewServer(major);
        var owner = server.ConnectionString;
        await new Migrator(owner, NullLogger.Instance).Apply(CancellationToken.None);
        var (app, tail) = await DatabaseLogins.Ensure(owner, null, null, NullLogger.Instance, CancellationToken.None);
        return new CrashServer(server, new TestDatabase(owner, new NpgsqlConnectionStringBuilder(owner).Database!, owner, app, tail));
    }

    /// <summary>Sends a signal to the postmaster and all its children, as a frozen or dying machine would.</summary>
    public void Signal(string signal)
    {
        var postmaster = server.ProcessId;
        foreach (var pid in (int[])[postmaster, .. Children(postmaster)])
            Process.Start("kill", [signal, pid.ToString(System.Globalization.CultureInfo.InvariantCulture)]).WaitForExit();
    }

    /// <summary>Kills everything and waits until it serves again.</summary>
    public async Task Crash()
    {
        var restarts = server.Restarts;
        Signal("-KILL");
        await Wait.Until(() => server.Restarts > restarts, "PostgreSQL is started again");
    }

    public ValueTask DisposeAsync() => server.DisposeAsync();

    static IEnumerable<int> Children(int parent)
    {
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), out var pid)) continue;
            string stat;
            try
            {
                stat = File.ReadAllText(Path.Combine(directory, "stat"));
            }
            catch (IOException)
            {
                continue;
            }
            // the name is in parentheses and may hold spaces: the parent is the second field after them
            if (int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture) == parent) yield return pid;
        }
    }
}

/// <summary>Waits for conditions, not for times.</summary>
static class Wait
{
    public static async Task Until(Func<bool> condition, string what) => await Until(() => Task.FromResult(condition()), what);

    public static async Task Until(Func<Task<bool>> condition, string what)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        var started = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(started) > TimeSpan.FromSeconds(30)) throw new TimeoutException($"waited 30 s in vain: {what}");
            await timer.WaitForNextTickAsync();
        }
    }
}
