using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Stele.Server.Database;
using Stele.Server.Database.Embedded;
using Stele.Server.Tests.Fixtures;
using Xunit;

[assembly: AssemblyFixture(typeof(PostgresServers))]

namespace Stele.Server.Tests.Fixtures;

/// <summary>The major versions that every test of SQL runs on.</summary>
public enum PostgresMajor
{
    V15 = 15,
    V18 = 18,
}

/// <summary>Ends, after the last test, the servers that tests started.</summary>
public sealed class PostgresServers : IAsyncDisposable
{
    public ValueTask DisposeAsync() => Postgres.Stop();
}

/// <summary>
/// Real PostgreSQL, one server a major version for the whole run, started by the first test that asks, without fsync.
/// Databases are copies of one that was migrated once.
/// </summary>
static class Postgres
{
    const string Template = "stele_template";

    static readonly Dictionary<PostgresMajor, Lazy<Task<EmbeddedPostgres?>>> servers =
        Enum.GetValues<PostgresMajor>().ToDictionary(major => major, major => new Lazy<Task<EmbeddedPostgres?>>(() => Start(major)));

    static readonly List<string> directories = [];
    static readonly SemaphoreSlim copying = new(1);
    static int count;

    /// <summary>A database with the whole schema and nothing in it. The test is skipped when there is no such PostgreSQL here.</summary>
    public static async Task<TestDatabase> NewDatabase(PostgresMajor major = PostgresMajor.V15)
    {
        var owner = await OwnerOf(major);
        var name = $"test_{Interlocked.Increment(ref count)}";
        await copying.WaitAsync();
        try
        {
            await Execute(owner, $"CREATE DATABASE {name} TEMPLATE {Template}");
        }
        finally
        {
            copying.Release();
        }
        return await Describe(owner, name);
    }

    /// <summary>A database without a schema. stele_app and stele_tail have their logins already.</summary>
    public static async Task<TestDatabase> NewEmptyDatabase(PostgresMajor major = PostgresMajor.V15)
    {
        var owner = await OwnerOf(major);
        var name = $"test_{Interlocked.Increment(ref count)}";
        await Execute(owner, $"CREATE DATABASE {name} TEMPLATE template0");
        return await Describe(owner, name);
    }

    /// <summary>A server for one test alone, with fsync as in production: for those that stop and kill it.</summary>
    public static async Task<EmbeddedPostgres> NewServer(PostgresMajor major = PostgresMajor.V15) =>
        await Launch(major, new Dictionary<string, string> { ["shared_buffers"] = "32MB" }) ?? throw Missing(major);

    /// <summary>The directory of the server's programs, or null when they are not installed here.</summary>
    public static async Task<string?> Binaries(PostgresMajor major)
    {
        var all = await PostgresBinaries.FindAll(new EmbeddedPostgresOptions { DataDirectory = Path.Combine(RepositoryRoot(), ".stele") },
            await PostgresUser.Choose("stele", CancellationToken.None), CancellationToken.None);
        return all.FirstOrDefault(binaries => binaries.Major == (int)major)?.Directory;
    }

    internal static async ValueTask Stop()
    {
        foreach (var server in servers.Values.Where(server => server.IsValueCreated))
            if (await server.Value is { } running)
                await running.DisposeAsync();
        foreach (var directory in directories)
            Directory.Delete(directory, recursive: true);
    }

    internal static async Task Execute(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>The directory of Stele.slnx.</summary>
    public static string RepositoryRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "Stele.slnx")))
            directory = directory.Parent ?? throw new InvalidOperationException("Stele.slnx is nowhere above the tests.");
        return directory.FullName;
    }

    static async Task<string> OwnerOf(PostgresMajor major) => (await servers[major].Value ?? throw Missing(major)).ConnectionString;

    static Exception Missing(PostgresMajor major)
    {
        Assert.Skip($"PostgreSQL {(int)major} is not installed here.");
        return new InvalidOperationException();
    }

    static async Task<EmbeddedPostgres?> Start(PostgresMajor major)
    {
        var server = await Launch(major, new Dictionary<string, string>
        {
            ["fsync"] = "off", ["full_page_writes"] = "off", ["synchronous_commit"] = "off", ["max_connections"] = "200", ["shared_buffers"] = "64MB",
        });
        if (server is null)
            return null;
        var template = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = Template }.ConnectionString;
        await Execute(server.ConnectionString, $"CREATE DATABASE {Template} TEMPLATE template0");
        await new Migrator(template, NullLogger.Instance).Apply(CancellationToken.None);
        await DatabaseLogins.Ensure(template, null, null, NullLogger.Instance, CancellationToken.None);
        return server;
    }

    static async Task<EmbeddedPostgres?> Launch(PostgresMajor major, Dictionary<string, string> settings)
    {
        if (await Binaries(major) is not { } binaries)
            return null;
        var directory = Directory.CreateTempSubdirectory("stele-test-").FullName;
        lock (directories)
            directories.Add(directory);
        // a temporary directory is closed to others, and PostgreSQL runs as another user when we are root
        File.SetUnixFileMode(directory, File.GetUnixFileMode(directory) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        return await EmbeddedPostgres.Start(new EmbeddedPostgresOptions
        {
            DataDirectory = Path.Combine(directory, ".stele"), SystemDirectory = Path.Combine(directory, "system"), BinariesDirectory = binaries, Settings = settings,
        }, TimeProvider.System, NullLogger.Instance, CancellationToken.None);
    }

    static async Task<TestDatabase> Describe(string server, string name)
    {
        var owner = new NpgsqlConnectionStringBuilder(server) { Database = name }.ConnectionString;
        var (app, tail) = await DatabaseLogins.Ensure(owner, null, null, NullLogger.Instance, CancellationToken.None);
        return new TestDatabase(server, name, owner, app, tail);
    }
}
