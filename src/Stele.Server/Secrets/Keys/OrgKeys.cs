using System.Collections.Concurrent;
using System.Security.Cryptography;
using Microsoft.Extensions.Caching.Memory;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Secrets;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Secrets.Keys;

/// <summary>
/// The keys of orgs as this node knows them: which version wraps, how many wraps it has left, and, of a provider that is asked over a
/// network, data keys that were used lately. A version that has made as many wraps as it may is followed by the next one, and so
/// is one whose provider has a newer key.
/// </summary>
internal sealed class OrgKeys(OrgKeyStore store, KeyProviders providers, TimeProvider time) : IDisposable
{
    /// <summary>The id under which the key of an org's digests is kept.</summary>
    public static readonly Guid DigestId = new("00000000-0000-8000-8000-000000000001");

    const int BlocksOfKey = 64, BlockMax = 4_096, CachedKeysMax = 100_000;

    readonly ConcurrentDictionary<OrgId, Known> orgs = new();
    readonly MemoryCache plainKeys = new(new MemoryCacheOptions { SizeLimit = CachedKeysMax });

    /// <summary>A new data key for each id, wrapped under the org's newest version; the caller disposes of the keys.</summary>
    public async ValueTask<Outcome<(SecretBuffer[] Plain, SecretKeyRow[] Wrapped)>> New(OrgId org, IReadOnlyList<Guid> ids, CancellationToken cancellation)
    {
        if (!(await Newest(org, ids.Count, cancellation)).TryGet(out var key, out var fault)) return fault;
        return (await providers.Of(key.Provider)!.New(key, ids, cancellation)).TryGet(out var made, out fault)
            ? (made.Plain, [.. made.Wrapped.Select((wrapped, index) => new SecretKeyRow(ids[index], key.Version, wrapped))])
            : fault;
    }

    /// <summary>The data key of a value, for the caller to dispose of.</summary>
    public async ValueTask<Outcome<SecretBuffer>> Open(OrgId org, Guid valueId, int version, byte[] wrapped, CancellationToken cancellation)
    {
        if (!(await Version(org, version, cancellation)).TryGet(out var key, out var fault)) return fault;
        if (providers.Of(key.Provider) is not { } provider) return NoProvider(key);
        if (!provider.IsRemote) return await Unwrap(provider, key, valueId, wrapped, cancellation);
        if (plainKeys.TryGetValue((org, valueId), out KeptKey? known) && time.GetElapsedTime(known!.KeptAt) < Trusted && known.Copy(wrapped) is { } copy) return copy;
        if (!(await Unwrap(provider, key, valueId, wrapped, cancellation)).TryGet(out var plain, out fault)) return fault;
        plainKeys.Set((org, valueId), new KeptKey(plain, wrapped, time.GetTimestamp()), new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Trusted }
            .RegisterPostEvictionCallback(static (_, value, _, _) => ((KeptKey)value!).Dispose()));
        return plain;
    }

    static TimeSpan Trusted => TimeSpan.FromSeconds(SecretLimits.KeySeconds.Value);

    /// <summary>Forgets the data key of a value that was destroyed.</summary>
    public void Forget(OrgId org, Guid valueId) => plainKeys.Remove((org, valueId));

    /// <summary>Forgets which versions an org has: after a rotation, and after a restore.</summary>
    public void Forget(OrgId org) => orgs.TryRemove(org, out _);

    /// <summary>The version by which the org's data keys are wrapped from now on, with wraps taken from it.</summary>
    public async ValueTask<Outcome<OrgKey>> Newest(OrgId org, int wraps, CancellationToken cancellation)
    {
        // a version may be used up while this node asks, by others, and so may the next one
        for (var attempt = 0; attempt < 5; attempt++)
        {
            if (!(await Current(org, attempt > 0, cancellation)).TryGet(out var known, out var fault)) return fault;
            var key = known.Keys[^1];
            if (known.Take(wraps)) return key;
            var most = SecretLimits.WrapsOfKey.Value;
            var block = Math.Max(wraps, Math.Min(BlockMax, most / BlocksOfKey));
            if (await store.Reserve(key, block, most, cancellation))
            {
                known.Add(block);
                if (known.Take(wraps)) return key;
            }
            else if (await AddVersion(org, known.Keys, cancellation) is { } refused)
            {
                return refused;
            }
        }
        return Fault.Unavailable("The organization's key is used up faster than new versions are made.");
    }

    /// <summary>A version of the org's key, by the number that what it wrapped names.</summary>
    public async ValueTask<Outcome<OrgKey>> Version(OrgId org, int version, CancellationToken cancellation)
    {
        if (orgs.TryGetValue(org, out var known) && known.Keys.Find(key => key.Version == version) is { } found) return found;
        var keys = await store.Keys(org, cancellation);
        if (keys.Count > 0) orgs[org] = new Known(keys, time.GetTimestamp());
        return keys.Find(key => key.Version == version) is { } read ? read : SecretCipher.Broken($"Version {version} of the organization's key, by which a secret is said to be wrapped, is not there.");
    }

    /// <summary>Makes a new version of the org's key, by the provider's newest key.</summary>
    public async ValueTask<Fault?> Rotate(OrgId org, CancellationToken cancellation)
    {
        var keys = await store.Keys(org, cancellation);
        return await AddVersion(org, keys, cancellation);
    }

    /// <summary>
    /// One step of a rewrap: some data keys of an org that an older version wraps are wrapped by the newest. No value is touched, and reads go on; a
    /// step that is lost is done again by the next, so that a rewrap is begun and goes on by the same call.
    /// </summary>
    public async ValueTask<Outcome<(int Version, int Moved, bool IsDone)>> RewrapSome(OrgId org, int limit, CancellationToken cancellation)
    {
        if (!(await Newest(org, 0, cancellation)).TryGet(out var to, out var fault)) return fault;
        var behind = await store.Behind(org, to.Version, limit, cancellation);
        var moved = 0;
        foreach (var group in behind.GroupBy(key => key.Version))
        {
            var wrapped = group.Select(key => key.Key).ToList();
            if (!(await Newest(org, wrapped.Count, cancellation)).TryGet(out to, out fault) || !(await Version(org, group.Key, cancellation)).TryGet(out var from, out fault)) return fault;
            if (!(await Rewrap(from, to, wrapped, cancellation)).TryGet(out var again, out fault)) return fault;
            moved += await store.Replace(org, from.Version, to.Version, [.. again.Select((bytes, index) => new WrappedKey(wrapped[index].ValueId, bytes))], cancellation);
        }
        var isDone = behind.Count < limit;
        if (isDone) await store.NoteUnused(org, to.Version, cancellation);
        return (to.Version, moved, isDone);
    }

    async ValueTask<Outcome<byte[][]>> Rewrap(OrgKey from, OrgKey to, List<WrappedKey> keys, CancellationToken cancellation)
    {
        if (providers.Of(from.Provider) is not { } source) return NoProvider(from);
        var target = providers.Of(to.Provider)!;
        if (ReferenceEquals(source, target)) return await source.Rewrap(from, to, keys, cancellation);
        if (!(await source.Unwrap(from, keys, cancellation)).TryGet(out var plain, out var fault)) return fault;
        try
        {
            return await target.Wrap(to, [.. plain.Select((key, index) => new PlainKey(keys[index].ValueId, key))], cancellation);
        }
        finally
        {
            foreach (var key in plain) key.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => plainKeys.Dispose();

    async ValueTask<Outcome<Known>> Current(OrgId org, bool isFresh, CancellationToken cancellation)
    {
        if (!isFresh && orgs.TryGetValue(org, out var known) && known.Keys[^1].Provider == providers.Current.Name && time.GetElapsedTime(known.ReadAt) < TimeSpan.FromSeconds(30)) return known;
        if (!(await providers.Current.Newest(cancellation)).TryGet(out var newest, out var fault)) return fault;
        var keys = await store.Keys(org, cancellation);
        if (keys.Count == 0 || keys[^1].Provider != providers.Current.Name || keys[^1].KeyId != newest.Id || keys[^1].ProviderVersion < newest.Version)
        {
            if (await AddVersion(org, keys, cancellation) is { } refused) return refused;
            keys = await store.Keys(org, cancellation);
        }
        // what is left of a block that was taken is not lost: it is only wraps
        return orgs[org] = orgs.TryGetValue(org, out known) && known.Keys[^1].Version == keys[^1].Version ? known.With(keys, time.GetTimestamp()) : new Known(keys, time.GetTimestamp());
    }

    async ValueTask<Fault?> AddVersion(OrgId org, List<OrgKey> keys, CancellationToken cancellation)
    {
        if (!(await providers.Current.Newest(cancellation)).TryGet(out var newest, out var fault)) return fault;
        var version = keys.Count == 0 ? 1 : keys[^1].Version + 1;
        await store.Add(new OrgKey(org, version, providers.Current.Name, newest.Id, newest.Version, RandomNumberGenerator.GetBytes(32)), cancellation);
        orgs.TryRemove(org, out _);
        return null;
    }

    static async ValueTask<Outcome<SecretBuffer>> Unwrap(KeyProvider provider, OrgKey key, Guid valueId, byte[] wrapped, CancellationToken cancellation) =>
        (await provider.Unwrap(key, [new WrappedKey(valueId, wrapped)], cancellation)).TryGet(out var plain, out var fault) ? plain[0] : fault;

    /// <summary>
    /// A data key that is remembered: it may be dropped while somebody takes a copy, who then gets none. So does who has it wrapped otherwise, since a value that was moved away and back has another key.
    /// </summary>
    sealed class KeptKey : IDisposable
    {
        readonly Lock gate = new();
        readonly byte[] wrapped;
        SecretBuffer? key;

        public KeptKey(SecretBuffer from, byte[] wrapped, long keptAt)
        {
            (this.wrapped, KeptAt) = (wrapped, keptAt);
            key = new SecretBuffer(from.Length);
            from.Span.CopyTo(key.Span);
        }

        public long KeptAt { get; }

        public SecretBuffer? Copy(byte[] asWrapped)
        {
            if (!wrapped.AsSpan().SequenceEqual(asWrapped)) return null;
            lock (gate)
            {
                if (key is null) return null;
                var copy = new SecretBuffer(key.Length);
                key.Span.CopyTo(copy.Span);
                return copy;
            }
        }

        public void Dispose()
        {
            lock (gate)
            {
                key?.Dispose();
                key = null;
            }
        }
    }

    static Fault NoProvider(OrgKey key) => Fault.Unavailable($"This was encrypted by keys of '{key.Provider}', which is not set up on this node.", 30);

    /// <summary>What is known of an org's key, and what is left of the wraps that this node took.</summary>
    sealed class Known(List<OrgKey> keys, long readAt)
    {
        long left;

        public List<OrgKey> Keys => keys;

        public long ReadAt => readAt;

        public bool Take(int wraps)
        {
            if (Interlocked.Add(ref left, -wraps) >= 0) return true;
            Interlocked.Add(ref left, wraps);
            return false;
        }

        public void Add(long wraps) => Interlocked.Add(ref left, wraps);

        public Known With(List<OrgKey> fresh, long at) => new(fresh, at) { left = Volatile.Read(ref left) };
    }
}
