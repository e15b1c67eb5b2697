using System.Security.Cryptography;
using System.Text.Json;
using Stele.Core.Json;
using Stele.Core.Limits;

namespace Stele.Server.Identity;

/// <summary>The keys of a JWKS (RFC 7517, 5), immutable. Another set is another object, by which verified tokens know that theirs was replaced.</summary>
internal sealed class KeySet
{
    readonly Dictionary<string, SigningKey[]> byId;
    readonly SigningKey[] all;
    readonly byte[] hash;

    KeySet(SigningKey[] all, byte[] hash)
    {
        (this.all, this.hash) = (all, hash);
        byId = all.Where(key => key.Id is not null).GroupBy(key => key.Id!, StringComparer.Ordinal).ToDictionary(keys => keys.Key, keys => keys.ToArray(), StringComparer.Ordinal);
    }

    /// <summary>How many may sign.</summary>
    public int Count => all.Length;

    /// <summary>Whether it was made of the same bytes.</summary>
    public bool IsOf(ReadOnlySpan<byte> jwks) => hash.AsSpan().SequenceEqual(SHA256.HashData(jwks));

    /// <summary>Whether any key has the id.</summary>
    public bool Has(string id) => byId.ContainsKey(id);

    /// <summary>
    /// The key of a token: the one with its id that fits its algorithm. Of a token without an id the only one that fits:
    /// trying several would make each made-up token cost several signatures.
    /// </summary>
    public SigningKey? Find(string? id, string algorithm)
    {
        SigningKey? found = null;
        foreach (var key in id is null ? all : byId.GetValueOrDefault(id, []))
        {
            if (!key.Fits(algorithm)) continue;
            if (found is not null) return null;
            found = key;
        }
        return found;
    }

    /// <summary>Reads a JWKS. Keys that may not sign are left out; null: it is not a JWKS, or has no key that may.</summary>
    public static KeySet? Parse(byte[] jwks)
    {
        if (!CanonicalJson.TryCanonicalize(jwks, "", [], out var canonical)) return null;
        using var document = JsonDocument.Parse(canonical, new JsonDocumentOptions { MaxDepth = (int)SteleLimits.JsonDepth.Value + 1 });
        if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("keys", out var keys) || keys.ValueKind != JsonValueKind.Array) return null;
        SigningKey[] usable = [.. keys.EnumerateArray().Take((int)IdentityLimits.JwksKeys.Value).Select(SigningKey.Of).OfType<SigningKey>()];
        return usable.Length == 0 ? null : new KeySet(usable, SHA256.HashData(jwks));
    }
}
