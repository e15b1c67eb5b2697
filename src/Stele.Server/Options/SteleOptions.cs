using System.Net;
using System.Security.Cryptography.X509Certificates;
using Stele.Core.Limits;

namespace Stele.Server.Options;

/// <summary>How log lines look.</summary>
internal enum LogFormat
{
    /// <summary>For people.</summary>
    Text,
    /// <summary>One JSON object a line.</summary>
    Json,
}

/// <summary>
/// Everything that can be set, parsed and valid. Made once at start by <see cref="SteleSettings"/>; nothing else reads
/// IConfiguration. A class and not a record, so that nothing prints its secrets.
/// </summary>
internal sealed class SteleOptions
{
    /// <summary>The owner's connection to a PostgreSQL that is already there; null: Stele runs an embedded one.</summary>
    public string? Postgres { get; init; }

    /// <summary>The connection of the role stele_app; null: a login is made through <see cref="Postgres"/>.</summary>
    public string? PostgresApp { get; init; }

    /// <summary>The connection of the role stele_tail; null: a login is made through <see cref="Postgres"/>.</summary>
    public string? PostgresTail { get; init; }

    /// <summary>Where the embedded PostgreSQL's programs are; null: looked for in the usual places.</summary>
    public string? PostgresBinaries { get; init; }

    /// <summary>Whether the start applies missing migrations, or refuses to run without them.</summary>
    public bool Migrate { get; init; } = true;

    /// <summary>The root token to be; null: the stored one stays, or one is generated.</summary>
    public string? RootToken { get; init; }

    /// <summary>Where HTTP/1.1 and WebSocket listen.</summary>
    public required IPEndPoint Http { get; init; }

    /// <summary>Where gRPC listens: HTTP/2 without TLS.</summary>
    public required IPEndPoint Grpc { get; init; }

    /// <summary>The directory of the embedded PostgreSQL and the root token's file. Absolute.</summary>
    public required string Data { get; init; }

    /// <summary>This node's name in logs and metrics.</summary>
    public required string Node { get; init; }

    /// <summary>How log lines look.</summary>
    public LogFormat LogFormat { get; init; }

    /// <summary>The least level that is logged.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>SQL statements that take this long are logged.</summary>
    public TimeSpan SlowStatement { get; init; }

    /// <summary>The Redis that this node uses, as StackExchange.Redis writes it; null: none.</summary>
    public string? Redis { get; init; }

    /// <summary>Its password, if that is not in <see cref="Redis"/>.</summary>
    public string? RedisPassword { get; init; }

    /// <summary>The authorities by one of which its certificate must be; null: those of the system, if TLS is spoken at all.</summary>
    public X509Certificate2Collection? RedisCertificates { get; init; }

    /// <summary>Whether configuration is written to Redis for those who read it there.</summary>
    public bool RedisOut { get; init; } = true;

    /// <summary>By what nodes send each other hints, by name; null: by everything that there is.</summary>
    public IReadOnlyList<string>? Hints { get; init; }

    /// <summary>Whether hints are to go by a carrier that is there.</summary>
    public bool CarriesHints(string carrier) => (Hints is null || Hints.Contains(carrier)) && (carrier != "redis" || Redis is not null) && (carrier != "kafka" || Kafka is not null);

    /// <summary>Whether this node takes no writes, whatever the others do.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Whether strong reads prove by a replicated commit that the primary still is one.</summary>
    public bool StrictReads { get; init; }

    /// <summary>The networks whose X-Forwarded-For is believed.</summary>
    public IReadOnlyList<IPNetwork> TrustedProxies { get; init; } = [];

    /// <summary>For how many months the audit log is kept: 12 to 36.</summary>
    public int AuditMonths { get; init; } = 24;
    /// <summary>Where HTTP/1.1 and HTTP/2 over TLS listen; null: nowhere.</summary>
    public IPEndPoint? Https { get; init; }

    /// <summary>How TLS is spoken; null exactly when <see cref="Https"/> is.</summary>
    public TlsOptions? Tls { get; init; }

    /// <summary>For how long browsers are told to come by TLS alone; 0: they are not told.</summary>
    public long HstsSeconds { get; init; }

    /// <summary>Origins whose pages may ask with a token.</summary>
    public IReadOnlyList<string> CorsOrigins { get; init; } = [];

    /// <summary>Whose JWTs are believed.</summary>
    public IReadOnlyList<TokenIssuer> Issuers { get; init; } = [];

    /// <summary>How clients reach this server, where that is not what they send as Host: an URL without a path; null: it is.</summary>
    public string? PublicUrl { get; init; }

    /// <summary>Where flagd's in-process providers are served, without credentials; null: nowhere.</summary>
    public IPEndPoint? Flagd { get; init; }

    /// <summary>The organization whose flags they get.</summary>
    public string FlagdOrg { get; init; } = "default";

    /// <summary>The environment whose flags they get; null: the organization's default one.</summary>
    public string? FlagdEnvironment { get; init; }

    /// <summary>The Kafka to which changes are written; null: none.</summary>
    public KafkaOptions? Kafka { get; init; }

    /// <summary>Networks that webhooks may lead to beside the public internet.</summary>
    public IReadOnlyList<IPNetwork> WebhookNetworks { get; init; } = [];

    /// <summary>Whether webhooks may be sent without TLS.</summary>
    public bool WebhookHttp { get; init; }

    /// <summary>The name of the key provider that wraps: local or vault. The others that are set up unwrap what they wrapped before.</summary>
    public string Keys { get; init; } = "local";

    /// <summary>The Vault that is a key provider; null: none is.</summary>
    public VaultOptions? Vault { get; init; }

    /// <summary>Whether values of secrets are put into Vault from now on, and not into the database.</summary>
    public bool SecretsInVault { get; init; }

    /// <summary>The AWS whose KMS is a key provider; null: none is.</summary>
    public AwsOptions? Aws { get; init; }

    /// <summary>Where the local key provider's file is. Absolute.</summary>
    public string KeyFile { get; init; } = "";

    /// <summary>For how many days backups are kept: a key that they may need is not retired before.</summary>
    public int BackupDays { get; init; } = 30;

    /// <summary>The file with the list of destroyed values. Absolute; empty: there is none.</summary>
    public string Destructions { get; init; } = "";

    /// <summary>Limits that are not at their default.</summary>
    public IReadOnlyDictionary<Limit, long> Limits { get; init; } = new Dictionary<Limit, long>();

    /// <summary>Variables that begin with STELE_ and that nobody knows: most likely misspelt.</summary>
    public IReadOnlyList<string> UnknownVariables { get; init; } = [];
}
