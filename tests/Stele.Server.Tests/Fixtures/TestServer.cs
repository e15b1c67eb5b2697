using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Limits;
using Stele.Server.Operation;
using Stele.Server.Options;
using Stele.Server.Secrets.Keys;

namespace Stele.Server.Tests.Fixtures;

/// <summary>The whole server as Program composes it, on a database that is there, on a free port. Any number may run on one database.</summary>
sealed class TestServer : IAsyncDisposable
{
    readonly DatabaseStart database;
    readonly WebApplication app;

    TestServer(DatabaseStart database, WebApplication app, CapturedLogs logs, string data, HttpClient client) =>
        (this.database, this.app, Logs, Data, Client) = (database, app, logs, data, client);

    public const string Token = "root-token-of-a-test-server";

    static readonly Lazy<string> SharedKeys = new(() =>
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("stele-keys-").FullName, "keys");
        KeyFile.MakeIfMissing(path);
        return path;
    });

    /// <summary>With the root token.</summary>
    public HttpClient Client { get; }

    /// <summary>Where gRPC listens.</summary>
    public Uri Grpc => new(app.Urls.ElementAt(1));

    /// <summary>Where flagd's providers are served.</summary>
    public Uri Flagd => new(app.Urls.ElementAt(2));

    /// <summary>Where TLS is spoken.</summary>
    public Uri Https => new(app.Urls.Single(url => url.StartsWith("https:", StringComparison.Ordinal)));

    /// <summary>Every line that was logged, at every level.</summary>
    public CapturedLogs Logs { get; }

    /// <summary>Its STELE_DATA.</summary>
    public string Data { get; }

    public IServiceProvider Services => app.Services;

    /// <summary>Every route, as method and pattern.</summary>
    public IEnumerable<(string Method, string Pattern)> Routes() =>
        ((IEndpointRouteBuilder)app).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
            .SelectMany(endpoint => endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Select(method => (method, endpoint.RoutePattern.RawText!)));

    /// <param name="db">Where.</param>
    /// <param name="token">STELE_ROOT_TOKEN; null: one is generated, or the stored one stays.</param>
    /// <param name="data">STELE_DATA; null: a new directory.</param>
    /// <param name="journal">Bounds and intervals; null: those of a server.</param>
    /// <param name="limits">Bounds of what it takes; null: those of a server.</param>
    /// <param name="readOnly">STELE_READ_ONLY.</param>
    /// <param name="tls">How TLS is spoken, on a port of its own; null: it is not.</param>
    /// <param name="origins">STELE_CORS_ORIGINS.</param>
    /// <param name="flagd">Whether it serves flagd's providers, of which organization and environment.</param>
    /// <param name="kafka">STELE_KAFKA, and what goes with it.</param>
    /// <param name="redis">STELE_REDIS.</param>
    /// <param name="hints">STELE_HINTS.</param>
    /// <param name="redisAs">What STELE_REDIS_PASSWORD_FILE and STELE_REDIS_CA name.</param>
    /// <param name="keyFile">STELE_KEY_FILE; null: one that all servers of this run share.</param>
    /// <param name="vault">STELE_VAULT, and STELE_KEYS with it.</param>
    /// <param name="aws">STELE_AWS_KMS_KEY and its neighbours, and STELE_KEYS with it.</param>
    /// <param name="inVault">STELE_SECRETS_STORE is vault-kv or database, with keys in a file; null: the database, and Vault has the keys.</param>
    /// <param name="destructions">STELE_DESTRUCTIONS; null: there is no such list.</param>
    /// <param name="issuers">Whose JWTs it believes.</param>
    public static async Task<TestServer> Start(TestDatabase db, string? token = Token, string? data = null, JournalOptions? journal = null, LimitOptions? limits = null, bool readOnly = false,
        TlsOptions? tls = null, string[]? origins = null, (string Org, string? Environment)? flagd = null, KafkaOptions? kafka = null, string? redis = null, string[]? hints = null,
        (string? Password, X509Certificate2Collection? Authorities) redisAs = default, string? keyFile = null, VaultOptions? vault = null, AwsOptions? aws = null, bool? inVault = null, string? destructions = null, params TokenIssuer[] issuers)
    {
        var logs = new CapturedLogs();
        var options = new SteleOptions
        {
            Postgres = db.Owner, PostgresApp = db.App, PostgresTail = db.Tail, KeyFile = keyFile ?? SharedKeys.Value, Destructions = destructions ?? "", Vault = vault, Aws = aws, SecretsInVault = inVault is true, Keys = aws is not null ? "aws-kms" : vault is not null && inVault is null ? "vault" : "local", RootToken = token, Node = "test", ReadOnly = readOnly, LogLevel = LogLevel.Trace,
            Http = new IPEndPoint(IPAddress.Loopback, 0), Grpc = new IPEndPoint(IPAddress.Loopback, 0),
            Data = data ?? Directory.CreateTempSubdirectory("stele-test-").FullName, SlowStatement = TimeSpan.Zero,
            Issuers = issuers, Tls = tls, Https = tls is null ? null : new IPEndPoint(IPAddress.Loopback, 0), HstsSeconds = 31_536_000, CorsOrigins = origins ?? [],
            Flagd = flagd is null ? null : new IPEndPoint(IPAddress.Loopback, 0), FlagdOrg = flagd?.Org ?? "default", FlagdEnvironment = flagd?.Environment,
            Kafka = kafka, Redis = redis, RedisPassword = redisAs.Password, RedisCertificates = redisAs.Authorities, Hints = hints,
            // receivers of tests are on this machine
            WebhookNetworks = [IPNetwork.Parse("127.0.0.0/8"), IPNetwork.Parse("::1/128")], WebhookHttp = true,
        };
        var factory = LoggerFactory.Create(logging =>
        {
            Logging.Filter(logging, options);
            logging.AddProvider(logs);
        });
        var database = await DatabaseStart.Serve(options, TimeProvider.System, factory, CancellationToken.None);
        var app = Program.Compose(options, journal ?? new JournalOptions(), database, factory, limits);
        await app.StartAsync();
        var client = new HttpClient(new ContractHandler()) { BaseAddress = new Uri(app.Urls.First()) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token ?? File.ReadAllText(Path.Combine(options.Data, "root-token")).Trim());
        return new TestServer(database, app, logs, options.Data, client);
    }

    /// <summary>As SIGTERM does it.</summary>
    public Task Stop() => app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await app.StopAsync();
        await app.DisposeAsync();
        await database.DisposeAsync();
        if (Directory.Exists(Data)) Directory.Delete(Data, recursive: true);
    }
}

/// <summary>Logs that a test reads.</summary>
sealed class CapturedLogs : ILoggerProvider
{
    readonly ConcurrentQueue<string> lines = new();

    public IReadOnlyCollection<string> Lines => lines;

    public ILogger CreateLogger(string categoryName) => new Logger(categoryName, lines);

    public void Dispose()
    {
        // nothing is held
    }

    sealed class Logger(string category, ConcurrentQueue<string> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Enqueue($"{logLevel} {category} {formatter(state, exception)} {state} {exception}");
    }
}
