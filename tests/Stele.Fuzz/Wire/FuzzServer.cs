using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using Stele.Fuzz.Running;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Limits;
using Stele.Server.Options;
using Stele.Server.Tests.Fixtures;

namespace Stele.Fuzz.Wire;

/// <summary>The whole server as it is composed to serve, on a database of its own. What it logs as an error is kept: nobody who sends anything may make it do so.</summary>
internal sealed class FuzzServer : IAsyncDisposable
{
    public const string Token = "root-token-of-a-fuzzed-server";

    readonly TestDatabase place;
    readonly DatabaseStart database;
    readonly WebApplication app;
    readonly string data;
    readonly ErrorLog log;

    FuzzServer(TestDatabase place, DatabaseStart database, WebApplication app, string data, ErrorLog log) => (this.place, this.database, this.app, this.data, this.log) = (place, database, app, data, log);

    /// <summary>Where HTTP/1.1 is spoken.</summary>
    public Uri Http => new(app.Urls.First());

    /// <summary>Where HTTP/2 without TLS is.</summary>
    public Uri Grpc => new(app.Urls.ElementAt(1));

    /// <summary>The port for flagd's providers.</summary>
    public Uri Flagd => new(app.Urls.ElementAt(2));

    /// <summary>Starts one, with the org default and its three environments.</summary>
    public static async Task<FuzzServer> Start(LimitOptions? limits = null)
    {
        var place = await Postgres.NewDatabase();
        var log = new ErrorLog();
        var options = new SteleOptions
        {
            Postgres = place.Owner, PostgresApp = place.App, PostgresTail = place.Tail, RootToken = Token, Node = "fuzz", LogLevel = LogLevel.Warning,
            Http = new IPEndPoint(IPAddress.Loopback, 0), Grpc = new IPEndPoint(IPAddress.Loopback, 0), Flagd = new IPEndPoint(IPAddress.Loopback, 0), Data = Directory.CreateTempSubdirectory("stele-fuzz-").FullName,
            WebhookNetworks = [IPNetwork.Parse("127.0.0.0/8")], WebhookHttp = true,
        };
        var logs = LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Warning).AddProvider(log));
        var database = await DatabaseStart.Serve(options, TimeProvider.System, logs, CancellationToken.None);
        var app = Stele.Server.Program.Compose(options, new JournalOptions(), database, logs, limits);
        await app.StartAsync();
        return new FuzzServer(place, database, app, options.Data, log);
    }

    /// <summary>How many errors the server has logged.</summary>
    public int Errors => log.Lines.Count;

    /// <summary>Throws if the server logged more errors than so many.</summary>
    public void NothingLogged(int since, string? but = null)
    {
        if (log.Lines.Skip(since).FirstOrDefault(line => but is null || !line.Contains(but, StringComparison.Ordinal)) is { } line) throw new FuzzFinding($"the server logged {line}");
    }

    /// <summary>A connection, from an address of its own, so that ports do not run out.</summary>
    public static async Task<Socket> Connect(Uri server)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, LingerState = new LingerOption(true, 0) };
        try
        {
            socket.Bind(new IPEndPoint(new IPAddress([127, 0, (byte)Random.Shared.Next(1, 250), (byte)Random.Shared.Next(2, 250)]), 0));
            await socket.ConnectAsync(IPAddress.Loopback, server.Port);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Throws unless the server still answers.</summary>
    public async Task Answers()
    {
        if (await Refusal() is { } refusal) throw new FuzzFinding($"the server refuses a sound request: {refusal}");
    }

    /// <summary>What the server answers to a sound request that it is too busy for; null: it answers.</summary>
    public async Task<string?> Refusal()
    {
        using var client = new HttpClient { BaseAddress = Http, Timeout = TimeSpan.FromSeconds(20) };
        client.DefaultRequestHeaders.Authorization = new("Bearer", Token);
        using var response = await client.GetAsync("/v1/environments");
        if (response.StatusCode == HttpStatusCode.ServiceUnavailable)
        {
            // as whoever is refused for now must be: by a code, and with a word about when to come again
            using var json = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
            FuzzFinding.Unless(json.RootElement.GetProperty("code").GetString() == "unavailable" && response.Headers.RetryAfter is not null, () => $"a refusal that is none: {json.RootElement.GetRawText()}");
            return json.RootElement.GetProperty("detail").GetString();
        }
        FuzzFinding.Unless(response.StatusCode == HttpStatusCode.OK, () => $"the server answers {(int)response.StatusCode} to a sound request");
        return null;
    }

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync();
        await app.DisposeAsync();
        await database.DisposeAsync();
        await Postgres.Execute(place.Server, $"DROP DATABASE {place.Name} WITH (FORCE)");
        Directory.Delete(data, recursive: true);
    }

    /// <summary>The first lines that say that something went wrong.</summary>
    sealed class ErrorLog : ILoggerProvider, ILogger
    {
        readonly ConcurrentQueue<string> lines = new();

        public IReadOnlyCollection<string> Lines => lines;

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel >= LogLevel.Error && lines.Count < 1_000) lines.Enqueue(new StringBuilder().Append(logLevel).Append(": ").Append(formatter(state, exception)).Append(' ').Append(exception).ToString());
        }

        public void Dispose()
        {
            // nothing is held
        }
    }
}
