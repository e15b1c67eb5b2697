using System.Security.Cryptography;
using Microsoft.Extensions.Caching.Memory;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Secrets;
using Stele.Server.Gateway;
using Stele.Server.Secrets.Keys;
using Stele.Server.Secrets.Store;

namespace Stele.Server.Secrets;

/// <summary>
/// Opens values. What was read of PostgreSQL is ciphertext and is kept for a while; it is checked against the journal's own
/// event when it is read, and by its tag each time that it is opened, so that no row which was changed by hand, or moved, gives bytes.
/// </summary>
internal sealed class SecretValues(SecretQueries queries, OrgKeys keys, VaultValues vault) : IDisposable
{
    readonly MemoryCache cache = new(new MemoryCacheOptions { SizeLimit = SecretLimits.CacheBytes.Value });

    /// <summary>
    /// The value of a version, for the caller to dispose of. Faults: integrity; gone (destroyed since the state was taken);
    /// unavailable (who keeps the keys is away).
    /// </summary>
    /// <param name="org">The org.</param>
    /// <param name="environment">The environment.</param>
    /// <param name="path">The path.</param>
    /// <param name="version">The version: of a value, or of an undeletion.</param>
    /// <param name="expected">The value's id, where it is known; else what the version says.</param>
    /// <param name="cancellation">Ends it.</param>
    public async ValueTask<Outcome<SecretBuffer>> Open(OrgId org, string environment, string path, int version, Guid? expected, CancellationToken cancellation)
    {
        if (expected is { } id && cache.TryGetValue((org, id), out StoredValue? known))
        {
            var again = await Open(org, environment, path, known!, isFresh: false, cancellation);
            // its key may have been wrapped anew since, and the version that wrapped it retired; or it was moved
            if (again.Fault is null) return again;
            cache.Remove((org, id));
        }
        if (!Checked(await queries.Value(org, environment, path, version, cancellation), environment, path, expected).TryGet(out var stored, out var fault)) return fault;
        var opened = await Open(org, environment, path, stored, isFresh: true, cancellation);
        if (opened.Fault is null && stored.Ciphertext!.Length <= SecretLimits.CacheBytes.Value)
            cache.Set((org, stored.ValueId), stored with { Event = null, EventHash = null, Move = null, MoveHash = null },
                new MemoryCacheEntryOptions { Size = stored.Ciphertext.Length + 200, AbsoluteExpirationRelativeToNow = TimeSpan.FromSeconds(SecretLimits.KeySeconds.Value) });
        return opened;
    }

    /// <inheritdoc/>
    public void Dispose() => cache.Dispose();

    async ValueTask<Outcome<SecretBuffer>> Open(OrgId org, string environment, string path, StoredValue stored, bool isFresh, CancellationToken cancellation)
    {
        if (stored.VaultId is { } id) return await vault.Open(org, environment, path, stored.ValueId, id, stored.Ciphertext!, isFresh, cancellation);
        if (!(await keys.Open(org, stored.ValueId, stored.KeyVersion, stored.Wrapped!, cancellation)).TryGet(out var dataKey, out var fault)) return fault;
        using (dataKey) return SecretCipher.Decrypt(dataKey.Span, org, environment, path, stored.ValueId, stored.Ciphertext);
    }

    static Outcome<StoredValue> Checked(StoredValue? stored, string environment, string path, Guid? expected)
    {
        if (stored is null) return SecretCipher.Broken($"The value of {path} in {environment} is not where the journal says.");
        if (expected is { } id && stored.ValueId != id) return SecretCipher.Broken($"The value of {path} in {environment} is not the one of its version.");
        if (stored is { Ciphertext: null, Wrapped: null }) return new Fault(FaultCode.Gone, $"This value of {path} in {environment} was destroyed.", [Problem.Path("path", "secret.destroyed", "It was destroyed.")]);
        if (stored.Ciphertext is null || (stored.Wrapped is null && stored.VaultId is null)) return SecretCipher.Broken($"A part of the value of {path} in {environment} is missing.");
        if (stored.IsMoved && stored.Move is not null && !IsMovedThere(stored, environment, path)) return SecretCipher.Broken($"The value of {path} in {environment} is not the one that the journal has moved.");
        if (stored.Event is null) return stored;
        if (!SHA256.HashData(stored.Event).AsSpan().SequenceEqual(stored.EventHash)) return SecretCipher.Broken($"The journal's event of {path} in {environment} fails its check.");
        var written = Written(stored.Event, data => SecretSet.Decode(data));
        return written is not null && written.Environment == environment && written.Path == path && written.Version == stored.Version && written.Value.Id == stored.ValueId
                && (stored.IsMoved || (written.Value.VaultId == stored.VaultId && written.Value.Ciphertext.AsSpan().SequenceEqual(stored.Ciphertext)))
            ? stored
            : SecretCipher.Broken($"The value of {path} in {environment} is not the one that the journal has.");
    }

    static bool IsMovedThere(StoredValue stored, string environment, string path) => SHA256.HashData(stored.Move!).AsSpan().SequenceEqual(stored.MoveHash)
        && Written(stored.Move!, data => SecretMoved.Decode(data)) is { } moved && moved.Environment == environment && moved.Path == path
        && moved.Values.Any(value => value.Id == stored.ValueId && value.VaultId == stored.VaultId && value.Ciphertext.AsSpan().SequenceEqual(stored.Ciphertext));

    static T? Written<T>(byte[] data, Func<byte[], T> decode) where T : class
    {
        try
        {
            return decode(data);
        }
        catch (Exception e) when (e is UnknownEventException or FormatException or InvalidOperationException or KeyNotFoundException or System.Text.Json.JsonException)
        {
            return null;
        }
    }
}
