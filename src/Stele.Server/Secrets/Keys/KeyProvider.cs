using System.Security.Cryptography;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Server.Gateway;

namespace Stele.Server.Secrets.Keys;

/// <summary>A version of an org's key-encryption key: which key of which provider it is.</summary>
/// <param name="Org">Whose.</param>
/// <param name="Version">Counts them, from 1.</param>
/// <param name="Provider">The provider's name.</param>
/// <param name="KeyId">The provider's own name of its key.</param>
/// <param name="ProviderVersion">The version of the provider's key.</param>
/// <param name="Salt">32 random bytes, by which a provider may tell orgs and versions apart.</param>
internal sealed record OrgKey(OrgId Org, int Version, string Provider, string KeyId, int ProviderVersion, byte[] Salt);

/// <summary>A key that a provider has.</summary>
/// <param name="Id">Its name there.</param>
/// <param name="Version">Its version, from 1.</param>
/// <param name="CreatedAt">Since when it is there, if that is known.</param>
internal sealed record ProviderKey(string Id, int Version, DateTimeOffset? CreatedAt);

/// <summary>A data key to be wrapped.</summary>
/// <param name="ValueId">Of which value: bound in the wrap, where the provider can.</param>
/// <param name="Key">The 32 bytes; the caller's, who zeroes them.</param>
internal readonly record struct PlainKey(Guid ValueId, SecretBuffer Key);

/// <summary>A data key that is wrapped.</summary>
/// <param name="ValueId">Of which value.</param>
/// <param name="Wrapped">As <see cref="KeyProvider.Wrap"/> gave it.</param>
internal readonly record struct WrappedKey(Guid ValueId, byte[] Wrapped);

/// <summary>
/// Who keeps the keys that wrap data keys. A provider sees data keys and never values; it chooses its key by what
/// <see cref="OrgKey"/> says, and tries no other. What it gives:
/// <list type="bullet">
/// <item>Answers come in the order of what was asked. All of a call or nothing.</item>
/// <item><c>unavailable</c>: it is away, sealed, or lacks the key. Nobody asks another provider instead; who asked may ask again.</item>
/// <item><c>integrity</c>: what is wrapped fails its check, or was wrapped by another key, for another org or another value.</item>
/// <item>It keeps no data key, logs none, and zeroes its own buffers.</item>
/// </list>
/// Implementations are safe to use from several threads.
/// </summary>
internal abstract class KeyProvider
{
    /// <summary>Bytes of a data key.</summary>
    public const int DataKeyBytes = 32;

    /// <summary>What STELE_KEYS calls it; stored with every org's key.</summary>
    public abstract string Name { get; }

    /// <summary>Whether it is asked over a network: then data keys that it gave are remembered for a while (limit secret.key_seconds).</summary>
    public abstract bool IsRemote { get; }

    /// <summary>The key that wraps from now on.</summary>
    public abstract ValueTask<Outcome<ProviderKey>> Newest(CancellationToken cancellation);

    /// <summary>Every version that it has, the oldest first.</summary>
    public abstract ValueTask<Outcome<IReadOnlyList<ProviderKey>>> List(CancellationToken cancellation);

    /// <summary>New data keys, in plain for the caller to dispose of, and wrapped. A provider that makes keys itself overrides this.</summary>
    public virtual async ValueTask<Outcome<(SecretBuffer[] Plain, byte[][] Wrapped)>> New(OrgKey key, IReadOnlyList<Guid> ids, CancellationToken cancellation)
    {
        var plain = new SecretBuffer[ids.Count];
        for (var i = 0; i < plain.Length; i++)
        {
            plain[i] = new SecretBuffer(DataKeyBytes);
            RandomNumberGenerator.Fill(plain[i].Span);
        }
        if ((await Wrap(key, [.. plain.Select((one, index) => new PlainKey(ids[index], one))], cancellation)).TryGet(out var wrapped, out var fault)) return (plain, wrapped);
        foreach (var one in plain) one.Dispose();
        return fault;
    }

    /// <summary>Wraps data keys under a version of an org's key.</summary>
    public abstract ValueTask<Outcome<byte[][]>> Wrap(OrgKey key, IReadOnlyList<PlainKey> keys, CancellationToken cancellation);

    /// <summary>Unwraps them; the caller disposes of what he gets.</summary>
    public abstract ValueTask<Outcome<SecretBuffer[]>> Unwrap(OrgKey key, IReadOnlyList<WrappedKey> keys, CancellationToken cancellation);

    /// <summary>Wraps under another version what is wrapped under one; both are this provider's. A provider that can do it by itself overrides this, so that data keys do not travel.</summary>
    public virtual async ValueTask<Outcome<byte[][]>> Rewrap(OrgKey from, OrgKey to, IReadOnlyList<WrappedKey> keys, CancellationToken cancellation)
    {
        if (!(await Unwrap(from, keys, cancellation)).TryGet(out var plain, out var fault)) return fault;
        try
        {
            return await Wrap(to, [.. plain.Select((key, index) => new PlainKey(keys[index].ValueId, key))], cancellation);
        }
        finally
        {
            foreach (var key in plain) key.Dispose();
        }
    }

    /// <summary>Makes a new version, which is the newest from then on.</summary>
    public abstract ValueTask<Outcome<ProviderKey>> Rotate(CancellationToken cancellation);

    /// <summary>Ends a version for good. Who calls has made sure that nothing is wrapped by it.</summary>
    public abstract ValueTask<Fault?> Retire(int version, CancellationToken cancellation);
}
