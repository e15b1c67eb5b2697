using Stele.Core.Journal;

namespace Stele.Server.Outbound.Redis;

/// <summary>
/// What keys and channels are called. The default org's have no prefix, another's have its name and <c>/</c> before each. Neither
/// keys, environments nor names hold a colon or a brace, so no two mean the same.
/// </summary>
/// <param name="Prefix">Empty, or the org's name and a slash.</param>
internal readonly record struct RedisNames(string Prefix)
{
    /// <summary>Kinds of things, as names begin.</summary>
    public const string Config = "config", Flag = "flag";

    /// <summary>Until when all orgs were level, in milliseconds since 1970.</summary>
    public const string Level = "stele:level";

    /// <summary>Up to where an org is there: revision and chain.</summary>
    public static string Reached(OrgId org) => $"stele:reached:{org.Value}";

    const string GuardStart = "stele:at:{";

    /// <summary>What every guard matches.</summary>
    public const string GuardPattern = GuardStart + "*";

    /// <summary>Those of an org.</summary>
    public static RedisNames Of(OrgId org, string name) => new(org == OrgId.Default ? "" : name + "/");

    /// <summary>Where the value is.</summary>
    public string Value(string kind, string key, string environment) => $"{Prefix}{kind}:{key}:{environment}";

    /// <summary>Where its version is.</summary>
    public string Version(string kind, string key, string environment) => $"{Prefix}{kind}:version:{key}:{environment}";

    /// <summary>Where each change is told.</summary>
    public string Updates(string kind, string key) => $"{Prefix}{kind}:updates:{key}";

    /// <summary>Where each change is told by its version alone: the service, and the rest of the key.</summary>
    public string Service(string key) => key.IndexOf('.') is var dot and > 0 ? $"{Prefix}{Config}:{key[..dot]}:{key[(dot + 1)..]}" : $"{Prefix}{Config}:{key}:";

    /// <summary>
    /// Beside a key, what it was written by: its place, by which nothing older is written over it. In a cluster the braces put it into the
    /// slot of the key itself, so that one script may write both.
    /// </summary>
    public static string Guard(string name) => $"{GuardStart}{name}}}";

    /// <summary>The key that a guard stands beside; null: it is none.</summary>
    public static string? Guarded(string guard) => guard.StartsWith(GuardStart, StringComparison.Ordinal) && guard.EndsWith('}') ? guard[GuardStart.Length..^1] : null;

    /// <summary>The name of the org to which a key belongs; null: the default one's.</summary>
    public static string? OrgOf(string name) => name.IndexOf('/') is var slash and >= 0 && slash < name.IndexOf(':') ? name[..slash] : null;

    /// <summary>Kind, key and environment of a value's key; null: it is none.</summary>
    public static (string Kind, string Key, string Environment)? Parse(string name)
    {
        var start = OrgOf(name) is { } org ? org.Length + 1 : 0;
        return name[start..].Split(':') is [Config or Flag, var key, var environment] parts ? (parts[0], key, environment) : null;
    }
}
