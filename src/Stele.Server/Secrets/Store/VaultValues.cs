using System.Security.Cryptography;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Secrets;
using Stele.Server.Gateway;

namespace Stele.Server.Secrets.Store;

/// <summary>A value that is to lie in Vault, and where.</summary>
internal readonly record struct VaultWrite(string Environment, string Path, Guid ValueId, SecretBuffer Value, bool IsText);

/// <summary>
/// Values of orgs in Vault: each is noted, written, and held against a keyed hash of itself in its place (org, environment, path, value, copy) whenever it is read, so that nothing which somebody
/// puts there instead is given out. What a process that dies leaves in Vault is found by its note (<see cref="StoreCopies"/>).
/// </summary>
/// <param name="store">Vault; null: none is set up here.</param>
/// <param name="copies">The notes.</param>
/// <param name="box">The key of the keyed hashes.</param>
internal sealed class VaultValues(VaultStore? store, StoreCopies copies, SecretBox box)
{
    const string Use = "stele/vault-kv/1";

    /// <summary>Writes values; what stands in the journal for each, in order. All of them, or a fault, after which those that were written are cleared away some time later.</summary>
    public async ValueTask<Outcome<(Guid VaultId, byte[] Reference)[]>> Put(OrgId org, IReadOnlyList<VaultWrite> writes, CancellationToken cancellation)
    {
        if (store is null) return NotHere;
        var places = writes.Select(write => store.NewPlace(org.Value, write.Environment, write.Path)).ToArray();
        var references = new (Guid, byte[])[places.Length];
        for (var i = 0; i < places.Length; i++)
        {
            if (!(await Check(org, writes[i].Environment, writes[i].Path, writes[i].ValueId, places[i], writes[i].Value, cancellation)).TryGet(out var check, out var fault)) return fault;
            references[i] = (places[i].VaultId, places[i].Reference(check));
        }
        await copies.Note(org, [.. places.Zip(writes, (place, write) => (place, write.ValueId))], cancellation);
        for (var i = 0; i < places.Length; i++)
            if (await store.Write(places[i], writes[i].Value, writes[i].IsText, cancellation) is { } fault) return fault;
        return references;
    }

    /// <summary>The value, for the caller to dispose of; integrity if it is not the one that was written.</summary>
    /// <param name="org">The org.</param>
    /// <param name="environment">The environment.</param>
    /// <param name="path">The path.</param>
    /// <param name="valueId">The value.</param>
    /// <param name="vaultId">Its copy.</param>
    /// <param name="reference">What stands in the journal for it.</param>
    /// <param name="isLive">Whether that was read of the database just now.</param>
    /// <param name="cancellation">Ends it.</param>
    public async ValueTask<Outcome<SecretBuffer>> Open(OrgId org, string environment, string path, Guid valueId, Guid vaultId, byte[] reference, bool isLive, CancellationToken cancellation)
    {
        if (VaultPlace.Read(vaultId, reference) is not var (place, expected)) return SecretCipher.Broken("The place of a value in Vault is none.");
        if (store is null) return NotHere;
        if (!(await store.Read(place, isLive, cancellation)).TryGet(out var value, out var fault)) return fault;
        if ((await Check(org, environment, path, valueId, place, value, cancellation)).TryGet(out var check, out fault))
        {
            if (CryptographicOperations.FixedTimeEquals(check, expected)) return value;
            fault = SecretCipher.Broken("The value in Vault is not the one that was written there.");
        }
        value.Dispose();
        return fault;
    }

    async ValueTask<Outcome<byte[]>> Check(OrgId org, string environment, string path, Guid valueId, VaultPlace place, SecretBuffer value, CancellationToken cancellation)
    {
        if (!(await box.Key(org, SecretBox.VaultValues, cancellation)).TryGet(out var key, out var fault)) return fault;
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key.Span);
        hash.AppendData(SecretCipher.Fields(Use, org.Value, environment, path, valueId, place.VaultId, place.Mount, place.Path));
        hash.AppendData(value.Span);
        return hash.GetHashAndReset();
    }

    static Fault NotHere => Fault.Unavailable("This value lies in Vault, which is not set up on this node.", 30);
}
