using System.Security.Cryptography;
using System.Text;

namespace Stele.Server.Gateway;

/// <summary>The root tokens as their SHA-256, which is all that is kept of them. Swapped whole when they change.</summary>
internal sealed class RootTokens
{
    const int TokenCharactersMax = 512;

    byte[][] hashes = [];

    /// <summary>Takes the hashes that hold from now on.</summary>
    public void Set(IEnumerable<byte[]> sha256) => Volatile.Write(ref hashes, [.. sha256]);

    /// <summary>The hash by which a token is known.</summary>
    public static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    /// <summary>The hash by which a token is known; false for what is too long to be one.</summary>
    public static bool TryHash(ReadOnlySpan<char> token, Span<byte> hash)
    {
        if (token.IsEmpty || token.Length > TokenCharactersMax) return false;
        Span<byte> utf8 = stackalloc byte[TokenCharactersMax * 3];
        SHA256.HashData(utf8[..Encoding.UTF8.GetBytes(token, utf8)], hash);
        return true;
    }

    /// <summary>Whether the token of a hash is a root token. Takes as long for a wrong one as for a right one.</summary>
    public bool Holds(ReadOnlySpan<byte> hash)
    {
        var found = false;
        foreach (var known in Volatile.Read(ref hashes)) found |= CryptographicOperations.FixedTimeEquals(known, hash);
        return found;
    }

    /// <summary>Whether something holds of the hash of one of them.</summary>
    public bool Any(Predicate<byte[]> holds) => Array.Exists(Volatile.Read(ref hashes), holds);
}
