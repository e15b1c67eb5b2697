using System.Text.RegularExpressions;
using Xunit;

namespace Stele.Server.Tests.Tidy;

/// <summary>Knowing one feature is knowing all: each folder of the server holds the same kinds of file, and may look only where the table says.</summary>
public sealed partial class FolderTests
{
    const string Server = "src/Stele.Server/";

    // What a file of any feature may be.
    static readonly string[] suffixes = ["Feature", "Endpoints", "Grpc", "Projection", "Queries", "Log"];

    // Features, with what else each holds: whole file names. Adding one is a decision, made here.
    static readonly Dictionary<string, string[]> features = new()
    {
        ["Access"] = ["AccessBodies", "AccessMetrics", "AccessView", "FollowedSessions", "Identities", "KnownTokens", "Memberships", "Passwords", "Sessions", "SignIn", "StreamPasses", "TokenText", "TokenUses"],
        ["Audit"] =
        [
            "AuditEntry", "AuditLoop", "AuditMetrics", "AuditParameters", "AuditReading", "AuditRepeats", "AuditRetention", "AuditRows", "AuditStore", "AuditTrail", "AuditVerification",
            "Checkpoint", "CheckpointCommand", "CheckpointKey", "CheckpointProof", "RequestRecords",
        ],
        ["Configs"] = ["ChangeBody", "ChangeItem", "ConfigBodies", "ConfigJson", "ConfigReferences", "ConfigValues", "ConfigView"],
        ["Flags"] = ["FlagBodies", "FlagJson", "FlagPast", "FlagUse", "FlagUseFlush", "FlagWrites", "FlagYaml"],
        ["Ofrep"] = ["EvaluationBodies", "FlagAnswerJson", "OfrepBody", "OfrepFlag", "OfrepPast", "OfrepSet", "OfrepStreams", "OfrepTag", "OfrepUse"],
        ["Orgs"] = ["OrgBodies", "OrgJson"],
        ["Outbound/Kafka"] = ["KafkaHints", "KafkaLibrary", "KafkaLink", "KafkaMessage", "KafkaSink"],
        ["Outbound/Webhooks"] = ["WebhookAddresses", "WebhookBodies", "WebhookMetrics", "WebhookRunner", "WebhookSecrets", "WebhookSender", "WebhookStore", "WebhookTurn", "WebhookView"],
        ["Secrets"] = ["SecretAnswer", "SecretBodies", "SecretBox", "SecretCipher", "SecretDestructions", "SecretJson", "SecretMetrics", "SecretReads", "SecretRecords", "SecretReminders", "SecretSealer", "SecretValues", "SecretWraps", "SecretWrites"],
        ["Stats"] = [],
        ["Usage"] = ["UsageCounters", "UsageFlush"],
        ["Watch"] =
        [
            "KeyWait", "OrgWatch", "OrgWatch.Follow", "SocketMessage", "Subscriber", "SubscriptionJson", "WatchConvergence", "WatchEnd", "WatchEngine", "WatchIndex", "WatchMetrics", "WatchOptions", "WatchOutbox", "WatchPages", "WatchPeerJson", "WatchPeers", "WatchReads", "WatchReplay", "WatchSignal", "WatchSocket",
        ],
    };

    // The folders that features stand on, with all that each holds.
    static readonly Dictionary<string, string[]> foundations = new()
    {
        ["Archive"] =
        [
            "ArchiveArrears", "ArchiveCommand", "ArchiveDatabase", "ArchiveException", "ArchiveFile", "ArchiveLog", "ArchiveReader", "ArchiveVerification", "ArchiveWriter", "FlagRedaction", "JournalArchiver", "JournalRestorer",
            "MonthExport", "RedactCommand", "UserRedaction",
        ],
        ["Commands"] = ["ConfigurationRebuild", "ItemRebuild", "JournalReplay", "OrgRebuild", "ProjectionsCommand", "ServerWords", "UpgradeCommand"],
        ["Database"] =
        [
            "DatabaseConnections", "DatabaseLog", "DatabaseLogins", "DatabaseOptions", "DatabaseRoles", "DatabaseSetupException", "DatabaseStart", "HostStates",
            "MigrateCommand", "Migration", "Migrator", "MonthPartitions", "NodeSessions", "ProgressText", "Repartitioning", "ShardsCommand", "TableSuccession",
        ],
        ["Database/Embedded"] =
        [
            "EmbeddedPostgres", "EmbeddedPostgresException", "EmbeddedPostgresLog", "EmbeddedPostgresOptions", "PostgresBinaries", "PostgresCluster",
            "PostgresFailure", "PostgresLock", "PostgresPlace", "PostgresSettings", "PostgresUser", "Postmaster",
        ],
        ["Gateway"] =
        [
            "Answer", "Caller", "EntityTag", "GatewayEndpoints", "GatewayFeature", "GatewayLog", "HttpProblems", "JsonText", "LateAdmission", "OfrepProblems", "OrgDirectory", "PageCursor",
            "Preconditions", "RequestBody", "RequestGate", "RequestIds", "RequestParameters", "RootTokens", "SecretBuffer", "SlashedNames", "WatchParameters", "WriteRequest", "ZeroingMemory",
        ],
        ["Identity"] =
        [
            "ClaimGrants", "IdentityFeature", "IdentityLog", "IdentityMetrics", "IssuerClient", "JwtCache", "JwtIdentities", "JwtIdentity", "JwtRefusal", "JwtText", "JwtVerifier",
            "KeyRefresh", "KeySet", "KeySource", "SigningKey", "VouchedIdentities",
        ],
        ["Gateway/Grpc"] =
        [
            "CapturedAnswer", "GrpcAnswerMessage", "GrpcCall", "GrpcCode", "GrpcDoor", "GrpcFeature", "GrpcFields", "GrpcFrames", "GrpcHandler", "GrpcHeaders", "GrpcHealth", "GrpcLog", "GrpcMethods",
            "GrpcMetrics", "GrpcReflection", "GrpcRequestText", "GrpcRoute", "GrpcStatus", "GrpcWire", "SpelledBody",
        ],
        ["Journal"] =
        [
            "AppendStatement", "BatchPlan", "Gathering", "HeadChecks", "HeadLine", "HeadReconciler", "IJournalStore", "IProjectionStore", "JournalAppender", "JournalEndpoints", "JournalFeature",
            "JournalLog", "JournalMetrics", "JournalNode", "JournalOptions", "JournalQueries", "JournalTail", "JournalVerification", "LoadedOrgs", "OrgJournal", "PendingCommand", "PostgresJournalReads",
            "PostgresJournalStore", "PostgresParameters", "PostgresProjectionStore", "PostgresStateLoad", "ProjectionRunner", "QueueWait", "RevisionRing", "StoreFaults", "VerifyCommand",
        ],
        ["Journal/Hints"] = ["Hint", "HintExchange", "HintLog", "HintMetrics", "IHintCarrier", "NotifyHints"],
        ["Limits"] =
        [
            "AddressFailures", "Allowance", "AllowanceHolder", "ClientAddress", "HttpLimits", "LimitEndpoints", "LimitFeature", "LimitLog", "LimitLoops", "LimitMetrics", "LimitOptions",
            "RatePolicy", "ReadOnlyMode", "RequestLimiter", "SharedBudget",
        ],
        ["Operation"] =
        [
            "Announcement", "Bootstrap", "CoreDumps", "Histogram", "Logging", "Metrics", "OperationEndpoints", "OperationFeature", "OperationLog", "PortCheck", "ProcessMetrics", "RequestTimer",
            "RootTokenFile", "StatementTimer", "StopSignals", "TokenStore", "Upkeep",
        ],
        ["Options"] = ["AwsOptions", "ClientCertificateFile", "IssuerFile", "KafkaOptions", "OutboundSettings", "SecretSettings", "SteleOptions", "SteleSettings", "SteleSettings.Aws", "SteleSettings.Kafka", "SteleSettings.Redis", "SteleSettings.Transport", "SteleSettings.Vault", "TlsFiles", "TlsOptions", "TokenIssuer", "TransportSettings", "VaultOptions"],
        ["Outbound"] = ["OutboundCheckpoints", "OutboundFeature", "OutboundLog", "OutboundMetrics", "OutboundOptions", "OutboundRunner", "OutboundSink"],
        ["Outbound/Redis"] =
        [
            "RedisEntry", "RedisMarkers", "RedisNames", "RedisOutFeature", "RedisOutLog", "RedisOutOptions", "RedisPipeline", "RedisReads", "RedisSink", "RedisState", "RedisSweep", "RedisWriter",
        ],
        ["Peers"] = ["PeerExchange", "PeerFeature", "PeerLog", "PeerOptions", "PeerStore", "PeerWait"],
        ["Redis"] = ["RedisFeature", "RedisHints", "RedisLink", "RedisLog"],
        ["Secrets/Keys"] = ["KeyFile", "KeyProvider", "KeyProviders", "LocalKeys", "OrgKeyStore", "OrgKeys", "Patience"],
        ["Secrets/Keys/Aws"] = ["AwsClient", "AwsFileCredentials", "AwsKeys", "AwsLog", "AwsTrouble"],
        ["Secrets/Keys/Vault"] = ["VaultAnswer", "VaultBody", "VaultClient", "VaultKeys", "VaultLog", "VaultRenewal", "VaultTokens", "VaultTrouble", "VaultWire"],
        ["Secrets/Store"] = ["StoreCopies", "StoreEndpoints", "StoreLeveller", "StoreLog", "StoreMoves", "VaultPlace", "VaultStore", "VaultValues"],
        ["Transport"] = ["AnswerHeaders", "ClientCertificates", "TlsCertificates", "TransportFeature", "TransportLog"],
    };

    // Which folder may use which.
    static readonly Dictionary<string, string[]> edges = new()
    {
        ["Access"] = ["Audit", "Database", "Gateway", "Identity", "Journal", "Limits", "Operation"],
        ["Archive"] = ["Database", "Journal"],
        ["Audit"] = ["Access", "Database", "Gateway", "Journal", "Limits", "Operation", "Options", "Usage"],
        ["Commands"] = ["Access", "Archive", "Audit", "Configs", "Database", "Flags", "Journal", "Operation", "Options", "Orgs", "Outbound/Webhooks", "Secrets", "Stats"],
        ["Configs"] = ["Database", "Flags", "Gateway", "Journal", "Operation", "Secrets", "Watch"],
        ["Database"] = ["Database/Embedded", "Options"],
        ["Flags"] = ["Configs", "Database", "Gateway", "Journal", "Operation", "Usage"],
        ["Gateway"] = ["Access", "Gateway/Grpc", "Journal", "Limits", "Transport"],
        ["Gateway/Grpc"] = ["Journal", "Limits", "Operation"],
        ["Identity"] = ["Access", "Gateway", "Limits", "Operation", "Options", "Transport"],
        ["Journal"] = ["Access", "Archive", "Audit", "Configs", "Database", "Flags", "Gateway", "Journal/Hints", "Operation", "Orgs", "Outbound/Webhooks", "Secrets"],
        ["Journal/Hints"] = ["Database", "Operation"],
        ["Limits"] = ["Database", "Gateway", "Journal", "Operation", "Options", "Redis"],
        ["Ofrep"] = ["Access", "Configs", "Flags", "Gateway", "Gateway/Grpc", "Journal", "Limits", "Options", "Usage", "Watch"],
        ["Operation"] = ["Archive", "Audit", "Database", "Gateway", "Journal", "Options"],
        ["Orgs"] = ["Access", "Database", "Gateway", "Journal", "Operation"],
        ["Outbound"] = ["Database", "Journal", "Journal/Hints", "Operation", "Options", "Outbound/Kafka", "Outbound/Redis", "Outbound/Webhooks", "Redis"],
        ["Outbound/Redis"] = ["Configs", "Database", "Gateway", "Journal", "Operation", "Options", "Redis"],
        ["Outbound/Kafka"] = ["Gateway", "Journal", "Journal/Hints", "Options"],
        ["Outbound/Webhooks"] = ["Access", "Database", "Gateway", "Journal", "Journal/Hints", "Operation", "Options", "Secrets"],
        ["Peers"] = ["Database", "Journal", "Journal/Hints", "Options"],
        ["Redis"] = ["Journal/Hints", "Options"],
        ["Secrets"] = ["Audit", "Configs", "Database", "Gateway", "Journal", "Operation", "Options", "Secrets/Keys", "Secrets/Store"],
        ["Secrets/Keys"] = ["Database", "Gateway", "Journal", "Operation", "Options", "Secrets/Keys/Aws", "Secrets/Keys/Vault"],
        ["Secrets/Keys/Aws"] = ["Gateway", "Options"],
        ["Secrets/Keys/Vault"] = ["Gateway", "Options"],
        ["Secrets/Store"] = ["Database", "Gateway", "Journal", "Operation", "Options", "Secrets/Keys/Vault"],
        ["Stats"] = ["Database", "Gateway", "Journal"],
        ["Transport"] = ["Gateway/Grpc", "Ofrep", "Operation", "Options"],
        ["Usage"] = ["Database", "Gateway", "Journal", "Operation"],
        ["Watch"] = ["Access", "Gateway", "Gateway/Grpc", "Journal", "Limits", "Operation", "Peers", "Usage"],
    };

    [Fact]
    public void Every_file_of_a_folder_is_of_a_known_kind() => Exemption.Check(
        $"A feature's file ends in {string.Join(", ", suffixes)}, or is named in this test with its folder.",
        ServerFiles().Where(file => !IsKnown(file.Folder, file.Name)).Select(file => new Breach($"{Server}{file.Folder}/{file.Name}.cs", "is of no known kind")));

    [Fact]
    public void Every_name_in_the_tables_is_a_file() => Exemption.Check(
        "The tables of this test name what exists.",
        features.Concat(foundations).SelectMany(folder => folder.Value.Where(name => !Repository.Exists($"{Server}{folder.Key}/{name}.cs")).Select(name => new Breach($"{folder.Key}/{name}", "does not exist"))));

    [Fact]
    public void Folders_use_only_what_the_table_allows()
    {
        var found = Repository.Sources("src/Stele.Server").Where(source => FolderOf(source.Path).Length > 0)
            .SelectMany(source => Use().Matches(source.Code).Select(match => (source.Path, From: FolderOf(source.Path), To: FolderNamed(match.Groups[1].Value))))
            .Where(edge => edge.To.Length > 0 && edge.From != edge.To).ToList();
        Exemption.Check("An edge between folders is in the table of this test.",
            found.Where(edge => !edges.GetValueOrDefault(edge.From, []).Contains(edge.To)).Select(edge => new Breach(edge.Path, $"{edge.From} uses {edge.To}")));
        Exemption.Check("An edge in the table is used; take it off when it no longer is.",
            edges.SelectMany(pair => pair.Value.Select(to => (From: pair.Key, To: to))).Where(edge => !found.Any(f => f.From == edge.From && f.To == edge.To)).Select(edge => new Breach($"{edge.From} uses {edge.To}", "unused")));
    }

    [Fact]
    public void Namespaces_are_folders() => Exemption.Check(
        "A namespace is its folder, so that a using line is the dependency.",
        Repository.Sources("src").Select(source => (source.Path, Declared: Namespace().Match(source.Code).Groups[1].Value, Expected: Path.GetDirectoryName(source.Path)!["src/".Length..].Replace('/', '.')))
            .Where(file => file.Declared.Length > 0 && file.Declared != file.Expected).Select(file => new Breach(file.Path, $"declares {file.Declared}")));

    static bool IsKnown(string folder, string name) =>
        foundations.TryGetValue(folder, out var all) ? all.Contains(name)
        : features.TryGetValue(folder, out var extra) && (extra.Contains(name) || suffixes.Any(suffix => name.EndsWith(suffix, StringComparison.Ordinal)));

    static IEnumerable<(string Folder, string Name)> ServerFiles() => Repository.Sources("src/Stele.Server")
        .Select(source => (FolderOf(source.Path), Path.GetFileNameWithoutExtension(source.Path))).Where(file => file.Item1.Length > 0);

    static string FolderOf(string path) => Path.GetDirectoryName(path)!.Length > Server.Length ? Path.GetDirectoryName(path)![Server.Length..] : "";

    // The longest folder that a dotted name begins with: Database.Embedded.Postmaster is Database/Embedded.
    static string FolderNamed(string dotted)
    {
        for (var path = dotted.Replace('.', '/'); path.Length > 0; path = Path.GetDirectoryName(path) ?? "")
            if (Directory.Exists(Repository.FullPath(Server + path))) return path;
        return "";
    }

    [GeneratedRegex(@"\bStele\.Server\.([A-Z]\w*(?:\.[A-Z]\w*)*)\b")]
    private static partial Regex Use();

    [GeneratedRegex(@"^namespace\s+([\w.]+)\s*;", RegexOptions.Multiline)]
    private static partial Regex Namespace();
}
