using Stele.Core.Limits;

namespace Stele.Core.Secrets;

/// <summary>How large secrets are, how many there are, and how long keys are trusted.</summary>
public static class SecretLimits
{
    /// <summary>Characters of a secret's path.</summary>
    public static readonly Limit PathCharacters = new("secret.path_characters", 256, "characters", "a longer path is refused, rule secret.length");
    /// <summary>Bytes of a secret's value.</summary>
    public static readonly Limit ValueBytes = new("secret.bytes", 1 << 20, "bytes", "a larger value is refused, too_large, rule secret.bytes", true);
    /// <summary>Bytes of a secret's own metadata as canonical JSON.</summary>
    public static readonly Limit MetadataBytes = new("secret.metadata_bytes", 16 << 10, "bytes", "larger metadata is refused, rule secret.metadata");
    /// <summary>Members of a secret's own metadata.</summary>
    public static readonly Limit MetadataEntries = new("secret.metadata_entries", 64, "entries", "a secret with more is refused, rule secret.metadata");
    /// <summary>Secrets of an environment, those that were deleted included: their versions go on.</summary>
    public static readonly Limit PerEnvironment = new("secret.count", 200_000, "secrets", "one more is refused, quota_exceeded", true);
    /// <summary>Characters of a generated value.</summary>
    public static readonly Limit GeneratedCharacters = new("secret.generated_characters", 4_096, "characters", "a longer one is refused, rule generate.length");
    /// <summary>Versions that one request destroys by number.</summary>
    public static readonly Limit DestroyedVersions = new("secret.destroyed_versions", 1_000, "versions", "a request that names more is refused, rule versions.count");
    /// <summary>The longest time between rotations that a reminder can be about.</summary>
    public static readonly Limit RotationDays = new("secret.rotation_days", 3_650, "days", "a longer one is refused, rule rotation_days");
    /// <summary>How long before its end a secret is said to expire soon.</summary>
    public static readonly Limit WarningDays = new("secret.warning_days", 14, "days", "a secret whose end is nearer has the status expiring", true);
    /// <summary>Bytes of ciphertext that a node keeps.</summary>
    public static readonly Limit CacheBytes = new("secret.cache_bytes", 64 << 20, "bytes", "what was read longest ago is read from PostgreSQL again", true);
    /// <summary>How long a node goes on with what it knows of keys.</summary>
    public static readonly Limit KeySeconds = new("secret.key_seconds", 300, "seconds", "a key provider that is away is not needed for keys that were used meanwhile; afterwards reads are refused, unavailable", true);
    /// <summary>Wraps that one version of an organization's key may make.</summary>
    public static readonly Limit WrapsOfKey = new("secret.key_wraps", 1 << 30, "wraps", "the organization gets a new version of its key before", true);
    /// <summary>Data keys that one step of a rewrap moves.</summary>
    public static readonly Limit RewrapBatch = new("secret.rewrap_batch", 10_000, "keys", "a request for more is refused, rule member.range; the default is 1,000");
    /// <summary>Bytes of a value that is to lie in Vault, whose storage takes no larger entries.</summary>
    public static readonly Limit VaultBytes = new("secret.vault_bytes", 384_000, "bytes", "where secrets lie in Vault, a larger value is refused, too_large, rule secret.vault_bytes; a move leaves it where it is");
    /// <summary>Values that one step of a move between stores looks at.</summary>
    public static readonly Limit MoveBatch = new("secret.move_batch", 1_000, "values", "a request for more is refused, rule member.range; the default is 100");

    /// <summary>Keys of configuration that refer to the current version of one secret: who watches them is told when it changes.</summary>
    public static readonly Limit Referrers = new("secret.referrers", 1_000, "keys", "one more is refused, quota_exceeded");
    /// <summary>The longest that a wrapped value waits to be taken out.</summary>
    public static readonly Limit WrapSeconds = new("secret.wrap_seconds", 86_400, "seconds", "a longer ttl_seconds is refused, rule member.range; the default is 300");
    /// <summary>Wraps of an organization that nobody has taken out yet and that have not ended.</summary>
    public static readonly Limit OpenWraps = new("secret.wraps", 10_000, "wraps", "one more is refused, quota_exceeded");
    /// <summary>How often a minute an auditor may ask whether a value was ever here.</summary>
    public static readonly Limit SearchesPerMinute = new("secret.searches_per_minute", 10, "searches", "one more is refused, rate_limited: whoever may ask without end can guess", true);

    /// <summary>All of them, in the order in which <c>stele limits</c> shows them.</summary>
    public static IReadOnlyList<Limit> All { get; } =
        [PathCharacters, ValueBytes, MetadataBytes, MetadataEntries, PerEnvironment, GeneratedCharacters, DestroyedVersions, RotationDays, WarningDays, CacheBytes, KeySeconds, WrapsOfKey, RewrapBatch,
            Referrers, WrapSeconds, OpenWraps, SearchesPerMinute, VaultBytes, MoveBatch];
}
