using System.Collections.Concurrent;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Secrets;
using Stele.Server.Gateway;
using Stele.Server.Secrets.Keys;

namespace Stele.Server.Secrets;

/// <summary>
/// Keys that an org has besides those of values, one for each purpose, wrapped as those are and rewrapped with them; and what is sealed by them
/// because it is no value of a secret and must not be read where it is stored. A key that was opened is trusted for the limit secret.key_seconds.
/// </summary>
internal sealed class SecretBox(OrgKeys keys, OrgKeyStore store, TimeProvider time) : IDisposable
{
    /// <summary>The key of digests of values, and of fingerprints.</summary>
    public static readonly Guid Digests = OrgKeys.DigestId;

    /// <summary>The key that seals what signs webhooks' messages.</summary>
    public static readonly Guid Webhooks = new("00000000-0000-8000-8000-000000000002");

    /// <summary>The key by which values that lie in Vault are told from others.</summary>
    public static readonly Guid VaultValues = new("00000000-0000-8000-8000-000000000003");

    readonly ConcurrentDictionary<(OrgId, Guid), Held> held = new();

    /// <summary>A key; it stays this box's. Made on first use; of two nodes that make one at once, the first one's stays for both.</summary>
    public async ValueTask<Outcome<SecretBuffer>> Key(OrgId org, Guid id, CancellationToken cancellation)
    {
        if (held.TryGetValue((org, id), out var known) && time.GetElapsedTime(known.OpenedAt) < TimeSpan.FromSeconds(SecretLimits.KeySeconds.Value)) return known.Key;
        if (await store.Find(org, id, cancellation) is not var (version, wrapped))
        {
            if (!(await keys.New(org, [id], cancellation)).TryGet(out var made, out var refused)) return refused;
            made.Plain[0].Dispose();
            await store.Keep(org, new WrappedKey(id, made.Wrapped[0].Wrapped), made.Wrapped[0].KeyVersion, cancellation);
            if (await store.Find(org, id, cancellation) is not { } kept) return Fault.Unavailable("The organization's key could not be kept.");
            (version, wrapped) = kept;
        }
        if (!(await keys.Open(org, id, version, wrapped, cancellation)).TryGet(out var key, out var fault)) return fault;
        var now = held.GetOrAdd((org, id), _ => new Held(key));
        now.OpenedAt = time.GetTimestamp();
        // others may be using the one that is held, and it is the same
        if (!ReferenceEquals(now.Key, key)) key.Dispose();
        return now.Key;
    }

    /// <summary>Seals some bytes for a purpose, bound to what they are of.</summary>
    public async ValueTask<Outcome<byte[]>> Seal(OrgId org, Guid id, string purpose, Guid subject, ReadOnlyMemory<byte> plain, CancellationToken cancellation) =>
        (await Key(org, id, cancellation)).TryGet(out var key, out var fault) ? SecretCipher.Encrypt(key.Span, org, "", purpose, subject, plain.Span) : fault;

    /// <summary>Opens them, for the caller to dispose of; integrity if they are not what was sealed for this.</summary>
    public async ValueTask<Outcome<SecretBuffer>> Open(OrgId org, Guid id, string purpose, Guid subject, ReadOnlyMemory<byte> sealedBytes, CancellationToken cancellation) =>
        (await Key(org, id, cancellation)).TryGet(out var key, out var fault) ? SecretCipher.Decrypt(key.Span, org, "", purpose, subject, sealedBytes.Span) : fault;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var one in held.Values) one.Key.Dispose();
    }

    sealed class Held(SecretBuffer key)
    {
        public SecretBuffer Key => key;

        public long OpenedAt { get; set; }
    }
}
