using System.Text.Json;
using Stele.Core.Collections;
using Stele.Core.Configs;

namespace Stele.Core.Secrets;

/// <summary>A value of configuration that stands for a secret of its environment: <c>{"$secret":"path","version"?}</c>.</summary>
/// <param name="Path">Which secret.</param>
/// <param name="Version">Which version of it; null: the current one, whichever that is when somebody reads.</param>
public sealed record SecretReference(string Path, int? Version)
{
    // {"$secret":"…","version":2147483647}
    static int BytesMax => (int)SecretLimits.PathCharacters.Value + 36;

    /// <summary>The reference that a value is; null: it is a value like any other.</summary>
    /// <param name="canonical">Canonical JSON.</param>
    public static SecretReference? Of(ReadOnlySpan<byte> canonical) =>
        canonical.Length <= BytesMax && canonical.Length > 0 && canonical[0] == '{' && canonical.IndexOf("\"$secret\":"u8) > 0 && IsReserved(canonical) && Read(canonical) is { Rule: null } read ? new SecretReference(read.Path!, read.Version) : null;

    /// <summary>The rule that a value breaks which has the form of a reference and is none, and a sentence about it; null: it breaks none.</summary>
    /// <param name="canonical">Canonical JSON.</param>
    public static (string Rule, string Message)? Broken(ReadOnlySpan<byte> canonical)
    {
        if (canonical[0] != '{' || canonical.IndexOf("\"$secret\":"u8) < 0 || !IsReserved(canonical)) return null;
        return Read(canonical) is { Rule: { } rule } read ? (rule, read.Message!) : null;
    }

    // canonical JSON has one spelling for the name
    static bool IsReserved(ReadOnlySpan<byte> canonical)
    {
        var reader = new Utf8JsonReader(canonical, new JsonReaderOptions { MaxDepth = int.MaxValue });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("$secret"u8)) return true;
            reader.Skip();
        }
        return false;
    }

    static (string? Path, int? Version, string? Rule, string? Message) Read(ReadOnlySpan<byte> canonical)
    {
        string? path = null;
        int? version = null;
        var reader = new Utf8JsonReader(canonical, new JsonReaderOptions { MaxDepth = int.MaxValue });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            if (name == "$secret" && reader.TokenType == JsonTokenType.String) path = reader.GetString();
            else if (name == "version" && reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var number) && number > 0) version = number;
            else return (null, null, "secret.reference", "A value with $secret refers to a secret: $secret is its path, version, which may be absent, a whole number from 1, and there is nothing else.");
        }
        return SecretPath.TryParse(path, out _, out var rule, out var message) ? (path, version, null, null) : (null, null, rule, message);
    }
}

/// <summary>That a key refers to the current version of a secret, whichever that is.</summary>
/// <param name="path">The secret.</param>
/// <param name="configKey">The key.</param>
public sealed class SecretUse(string path, string configKey) : IKeyed
{
    const int EachBytes = 96;

    /// <summary>By secret, then by key: no path and no key holds what stands between them.</summary>
    public string Key { get; } = Before(path) + configKey;

    /// <summary>The key of configuration.</summary>
    public string ConfigKey => configKey;

    /// <summary>About how many bytes of memory it takes.</summary>
    public long MemoryBytes => EachBytes + 2 * (Key.Length + configKey.Length);

    /// <summary>What the keys of all uses of a secret begin with.</summary>
    public static string Before(string path) => path + '\n';

    /// <summary>The use that an entry is; null: it refers to nothing, or to one version for ever.</summary>
    public static SecretUse? Of(ConfigEntry? entry) => entry?.Value is { } value && SecretReference.Of(value) is { Version: null } reference ? new SecretUse(reference.Path, entry.Key) : null;

    /// <summary>Some uses together, in whatever order.</summary>
    public static SortedMap<SecretUse> Map(IEnumerable<SecretUse> uses) => SortedMap<SecretUse>.FromSorted([.. uses.OrderBy(use => use.Key, StringComparer.Ordinal)]);
}

/// <summary>A key that refers to a secret when that is changed.</summary>
/// <param name="Key">The key.</param>
/// <param name="Version">The version that it has, and keeps.</param>
public sealed record SecretReferrer(string Key, int Version);
