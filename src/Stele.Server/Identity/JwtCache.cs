using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Stele.Server.Identity;

/// <summary>
/// Tokens that were verified, by their hash: the signature is proved once and not at each request. Two generations, of which
/// the older is dropped when the younger is full, so that what is used stays and no entry needs a clock. Only what an issuer
/// signed gets in, so nobody else can push anything out.
/// </summary>
internal sealed class JwtCache(long tokensMax)
{
    readonly Lock gate = new();

    ConcurrentDictionary<JwtHash, VerifiedJwt> young = new(), old = new();
    int count;

    /// <summary>What is known of a token; whether it still holds is the caller's to ask.</summary>
    public VerifiedJwt? Find(JwtHash hash)
    {
        if (Volatile.Read(ref young).TryGetValue(hash, out var found)) return found;
        if (!Volatile.Read(ref old).TryGetValue(hash, out found)) return null;
        Add(hash, found);
        return found;
    }

    public void Add(JwtHash hash, VerifiedJwt verified)
    {
        var into = Volatile.Read(ref young);
        if (!into.TryAdd(hash, verified))
        {
            into[hash] = verified;
            return;
        }
        if (Interlocked.Increment(ref count) <= tokensMax / 2) return;
        lock (gate)
        {
            if (into != young) return;
            Volatile.Write(ref old, young);
            Volatile.Write(ref young, new());
            count = 0;
        }
    }
}

/// <summary>A token that was verified.</summary>
/// <param name="Source">Its issuer's keys.</param>
/// <param name="Keys">The set that its key was in: with another set, it is verified anew.</param>
/// <param name="Identity">Who.</param>
internal sealed record VerifiedJwt(KeySource Source, KeySet Keys, JwtIdentity Identity);

/// <summary>The SHA-256 of a token's characters.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct JwtHash(ulong A, ulong B, ulong C, ulong D)
{
    public static JwtHash Of(ReadOnlySpan<char> token)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(MemoryMarshal.AsBytes(token), hash);
        return MemoryMarshal.Read<JwtHash>(hash);
    }
}
