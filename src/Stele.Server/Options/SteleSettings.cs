using System.Globalization;
using System.Net;
using Npgsql;
using Stele.Core.Limits;

namespace Stele.Server.Options;

/// <summary>One thing that can be set.</summary>
/// <param name="Variable">The environment variable, which wins.</param>
/// <param name="Member">The member of <c>Stele</c> in appsettings.json.</param>
/// <param name="Default">In the form in which it is written; empty: none.</param>
internal sealed record Setting(string Variable, string Member, string Default);

/// <summary>From IConfiguration to <see cref="SteleOptions"/>: the one place that reads it, which collects every problem before it refuses.</summary>
internal sealed partial class SteleSettings
{
    public static readonly Setting
        Postgres = new("STELE_POSTGRES", "Postgres", ""),
        PostgresApp = new("STELE_POSTGRES_APP", "PostgresApp", ""),
        PostgresTail = new("STELE_POSTGRES_TAIL", "PostgresTail", ""),
        PostgresBinaries = new("STELE_POSTGRES_BIN", "PostgresBin", ""),
        Migrate = new("STELE_MIGRATE", "Migrate", "on"),
        RootToken = new("STELE_ROOT_TOKEN", "RootToken", ""),
        Http = new("STELE_HTTP", "Http", "127.0.0.1:7300"),
        Grpc = new("STELE_GRPC", "Grpc", "127.0.0.1:7301"),
        Data = new("STELE_DATA", "Data", ".stele"),
        Node = new("STELE_NODE", "Node", ""),
        LogFormat = new("STELE_LOG_FORMAT", "LogFormat", "text"),
        LogLevel = new("STELE_LOG_LEVEL", "LogLevel", "information"),
        SlowStatement = new("STELE_SLOW_STATEMENT_MS", "SlowStatementMs", "500"),
        TrustedProxies = new("STELE_TRUSTED_PROXIES", "TrustedProxies", ""),
        ReadOnly = new("STELE_READ_ONLY", "ReadOnly", "off"),
        StrictReads = new("STELE_STRICT_READS", "StrictReads", "off"),
        AuditMonths = new("STELE_AUDIT_MONTHS", "AuditMonths", "24"),
        Redis = new("STELE_REDIS", "Redis", ""),
        RedisPasswordFile = new("STELE_REDIS_PASSWORD_FILE", "RedisPasswordFile", ""),
        RedisCa = new("STELE_REDIS_CA", "RedisCa", ""),
        RedisOut = new("STELE_REDIS_OUT", "RedisOut", "on"),
        Hints = new("STELE_HINTS", "Hints", "");

    const int RootTokenCharactersMin = 16, RootTokenCharactersMax = 255, NodeCharactersMax = 64;

    // read by the command line client, which may share the shell with a server
    static readonly string[] OfTheClient = ["STELE_URL", "STELE_TOKEN", "STELE_ENV", "STELE_ORG"];

    readonly IConfiguration configuration;
    readonly List<string> problems = [];

    SteleSettings(IConfiguration configuration) => this.configuration = configuration;

    /// <summary>All settings but the limits, each of which has one too.</summary>
    public static IReadOnlyList<Setting> Named { get; } =
        [
            Postgres, PostgresApp, PostgresTail, PostgresBinaries, Migrate, RootToken, Http, Grpc, Data, Node, LogFormat, LogLevel, SlowStatement, TrustedProxies, ReadOnly, StrictReads, AuditMonths,
            Redis, RedisPasswordFile, RedisCa, RedisOut, Hints,
            .. TransportSettings.All, .. OutboundSettings.All, .. SecretSettings.All,
        ];

    /// <summary>Every setting.</summary>
    public static IReadOnlyList<Setting> All { get; } =
        [.. Named, .. SteleLimits.All.Where(limit => limit.Configurable).Select(OfLimit)];

    /// <summary>STELE_LIMIT_VALUE_BYTES, and Limits:value.bytes in the file.</summary>
    public static Setting OfLimit(Limit limit) => new("STELE_LIMIT_" + limit.Name.ToUpperInvariant().Replace('.', '_'), "Limits:" + limit.Name,
        limit.Default.ToString(CultureInfo.InvariantCulture));

    /// <summary>The options of this process: appsettings.json beside the binary, and the environment.</summary>
    public static (SteleOptions? Options, IReadOnlyList<string> Problems) Load() => Read(new ConfigurationBuilder()
        .SetBasePath(AppContext.BaseDirectory).AddJsonFile("appsettings.json", optional: true).AddEnvironmentVariables().Build());

    /// <summary>The options, or every problem with them. No problem's text holds a secret.</summary>
    public static (SteleOptions? Options, IReadOnlyList<string> Problems) Read(IConfiguration configuration)
    {
        var settings = new SteleSettings(configuration);
        var options = settings.Parse();
        return settings.problems.Count == 0 ? (options, []) : (null, settings.problems);
    }

    SteleOptions Parse()
    {
        var (vault, aws) = (VaultServer(), AwsAccount());
        var options = new SteleOptions
        {
            Postgres = Connection(Postgres),
            PostgresApp = Connection(PostgresApp),
            PostgresTail = Connection(PostgresTail),
            PostgresBinaries = Directory(PostgresBinaries),
            Migrate = OneOf(Migrate, ("on", true), ("off", false)),
            RootToken = Token(),
            Http = EndPoint(Http),
            Grpc = EndPoint(Grpc),
            Data = Path.GetFullPath(Text(Data)),
            Node = NodeName(),
            LogFormat = OneOf(LogFormat, ("text", Options.LogFormat.Text), ("json", Options.LogFormat.Json)),
            LogLevel = OneOf(LogLevel, [.. Enum.GetValues<LogLevel>().Where(level => level != Microsoft.Extensions.Logging.LogLevel.None)
                .Select(level => (level.ToString().ToLowerInvariant(), level))]),
            SlowStatement = TimeSpan.FromMilliseconds(Number(SlowStatement, 0, 3_600_000)),
            Redis = RedisServers(),
            RedisPassword = RedisPassword(),
            RedisCertificates = Authorities(RedisCa),
            RedisOut = OneOf(RedisOut, ("on", true), ("off", false)),
            Hints = HintCarriers(),
            ReadOnly = OneOf(ReadOnly, ("off", false), ("on", true)),
            StrictReads = OneOf(StrictReads, ("off", false), ("on", true)),
            TrustedProxies = Networks(TrustedProxies),
            AuditMonths = (int)Number(AuditMonths, 12, 36),
            Https = Given(TransportSettings.Https) is null ? null : EndPoint(TransportSettings.Https),
            Tls = Tls(),
            HstsSeconds = Number(TransportSettings.HstsSeconds, 0, HstsSecondsMax),
            CorsOrigins = Origins(),
            Issuers = Issuers(),
            PublicUrl = Url(TransportSettings.PublicUrl),
            Flagd = Given(TransportSettings.Flagd) is null ? null : EndPoint(TransportSettings.Flagd),
            FlagdOrg = Org(TransportSettings.FlagdOrg),
            FlagdEnvironment = EnvironmentOf(TransportSettings.FlagdEnvironment),
            Kafka = KafkaServers(),
            WebhookNetworks = Networks(OutboundSettings.WebhookNetworks),
            WebhookHttp = OneOf(OutboundSettings.WebhookHttp, ("refuse", false), ("allow", true)),
            Keys = KeyProviderName(vault, aws),
            Vault = vault,
            Aws = aws,
            SecretsInVault = SecretsInVault(vault),
            KeyFile = Path.GetFullPath(Given(SecretSettings.KeyFile) ?? Path.Combine(Text(Data), "secret-keys")),
            BackupDays = (int)Number(SecretSettings.BackupDays, 0, 36_500),
            Destructions = Path.GetFullPath(Given(SecretSettings.Destructions) ?? Path.Combine(Text(Data), "secret-destructions")),
            Limits = Limits(),
            UnknownVariables = Unknown(),
        };
        if (options.Postgres is null && options.PostgresApp is null != options.PostgresTail is null)
            problems.Add($"Without {Postgres.Variable}, {PostgresApp.Variable} and {PostgresTail.Variable} go together; one of them is not set.");
        if (options.Http.Port != 0 && options.Http.Equals(options.Grpc))
            problems.Add($"{Http.Variable} and {Grpc.Variable} are both {options.Http}: each needs a port of its own.");
        if (options.Https is { Port: not 0 } https && (https.Equals(options.Http) || https.Equals(options.Grpc)))
            problems.Add($"{TransportSettings.Https.Variable} is {https}, which is another's: each needs a port of its own.");
        if (options.Flagd is { Port: not 0 } flagd && (flagd.Equals(options.Http) || flagd.Equals(options.Grpc) || flagd.Equals(options.Https)))
            problems.Add($"{TransportSettings.Flagd.Variable} is {flagd}, which is another's: each needs a port of its own.");
        CheckPlain(options);
        return options;
    }

    string Text(Setting setting) => Given(setting) ?? setting.Default;

    // an empty variable is how a shell unsets one
    string? Given(Setting setting) =>
        configuration[setting.Variable] is { Length: > 0 } variable ? variable
        : configuration["Stele:" + setting.Member] is { Length: > 0 } member ? member
        : null;

    string? Connection(Setting setting)
    {
        if (Given(setting) is not { } text) return null;
        try
        {
            var parsed = new NpgsqlConnectionStringBuilder(text);
            if (string.IsNullOrEmpty(parsed.Host)) problems.Add($"{setting.Variable} names no Host.");
            return text;
        }
        catch (Exception failure) when (failure is ArgumentException or FormatException or KeyNotFoundException)
        {
            // the failure's message may quote what was given, password included
            problems.Add($"{setting.Variable} is not a connection string such as Host=db1,db2;Port=5432;Database=stele;Username=stele_owner;Password=….");
            return null;
        }
    }

    string? Directory(Setting setting)
    {
        if (Given(setting) is not { } text) return null;
        if (!System.IO.Directory.Exists(text)) problems.Add($"{setting.Variable} is '{text}', which is not a directory.");
        return Path.GetFullPath(text);
    }

    string? Token()
    {
        if (Given(RootToken) is not { } text) return null;
        if (text.Length is < RootTokenCharactersMin or > RootTokenCharactersMax || text.Any(c => c is <= ' ' or > '~'))
            problems.Add($"{RootToken.Variable} must have {RootTokenCharactersMin} to {RootTokenCharactersMax} visible ASCII characters and no space; it has {text.Length} characters.");
        return text;
    }

    IPEndPoint EndPoint(Setting setting)
    {
        var text = Text(setting);
        var colon = text.LastIndexOf(':');
        var host = colon < 0 ? "" : text[..colon];
        var address = host switch
        {
            "localhost" => IPAddress.Loopback,
            "*" => IPAddress.IPv6Any,
            _ => IPAddress.TryParse(host.Trim('[', ']'), out var parsed) && (parsed.AddressFamily != System.Net.Sockets.AddressFamily.InterNetworkV6 || host.StartsWith('[')) ? parsed : null,
        };
        if (address is not null && ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)) return new IPEndPoint(address, port);
        problems.Add($"{setting.Variable} is '{text}'; write ADDRESS:PORT, such as {Http.Default}, [::1]:7300 or 0.0.0.0:7300.");
        return new IPEndPoint(IPAddress.Loopback, 0);
    }

    // an address alone is a network of one
    List<IPNetwork> Networks(Setting setting)
    {
        var networks = new List<IPNetwork>();
        foreach (var item in (Given(setting) ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            if (IPNetwork.TryParse(item, out var network)) networks.Add(network);
            else if (IPAddress.TryParse(item, out var address)) networks.Add(new IPNetwork(address, address.GetAddressBytes().Length * 8));
            else problems.Add($"{setting.Variable} has '{item}'; write addresses or networks, such as 10.0.0.0/8,192.0.2.7,2001:db8::/32.");
        return networks;
    }

    string NodeName()
    {
        var text = Given(Node) ?? Environment.MachineName;
        if (text.Length > NodeCharactersMax || text.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-' or ':')))
            problems.Add($"{Node.Variable} is '{text}'; at most {NodeCharactersMax} of A-Z a-z 0-9 . _ - : may be in it.");
        return text;
    }

    T OneOf<T>(Setting setting, params (string Name, T Value)[] choices)
    {
        var text = Text(setting);
        foreach (var (name, value) in choices)
            if (name.Equals(text, StringComparison.OrdinalIgnoreCase)) return value;
        problems.Add($"{setting.Variable} is '{text}'; it must be one of {string.Join(", ", choices.Select(choice => choice.Name))}.");
        return choices[0].Value;
    }

    long Number(Setting setting, long min, long max)
    {
        var text = Text(setting);
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= min && number <= max) return number;
        problems.Add($"{setting.Variable} is '{text}'; it must be a whole number from {min} to {max}.");
        return min;
    }

    Dictionary<Limit, long> Limits() => SteleLimits.All.Where(limit => limit.Configurable && Given(OfLimit(limit)) is not null)
        .ToDictionary(limit => limit, limit => Number(OfLimit(limit), 1, Limit.ValueMax));

    List<string> Unknown()
    {
        var known = All.Select(setting => setting.Variable).Concat(OfTheClient).ToHashSet(StringComparer.Ordinal);
        var unknown = configuration.GetChildren().Select(child => child.Key)
            .Where(key => key.StartsWith("STELE_", StringComparison.Ordinal) && !known.Contains(key)).Order(StringComparer.Ordinal).ToList();
        // a limit that nobody knows is one that somebody believes to be in force
        problems.AddRange(unknown.Where(key => key.StartsWith("STELE_LIMIT_", StringComparison.Ordinal))
            .Select(key => $"{key} is not a limit that can be set; docs/operations/settings.md lists them."));
        return unknown;
    }
}
