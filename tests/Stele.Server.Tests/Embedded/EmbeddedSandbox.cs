using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Npgsql;
using Stele.Server.Database.Embedded;
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
            Settings = new Dictionary<string, string> { ["shared_buffers"] = "16MB" },
        };
    }

    public EmbeddedPostgresOptions Options { get; init; }
    public string Root => root;
    public ConcurrentQueue<string> Logged { get; } = new();

    public Task<EmbeddedPostgres> Start(EmbeddedPostgresOptions? options = null) =>
        EmbeddedPostgres.Start(options ?? Options, TimeProvider.System, this, TestContext.Current.CancellationToken);

    public Task<EmbeddedPostgres> Attach() =>
        EmbeddedPostgres.Attach(Options, TimeProvider.System, this, TestContext.Current.CancellationToken);

    public Task<EmbeddedPostgresException> Refused(EmbeddedPostgresOptions? options = null) =>
        Assert.ThrowsAsync<EmbeddedPostgresException>(async () => await (await Start(options)).DisposeAsync());

    public static async Task<object?> Ask(EmbeddedPostgres postgres, string sql)
    {
        await using var connection = new NpgsqlConnection(postgres.ConnectionString + ";Pooling=false");
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(TestContext.Current.CancellationToken);
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
