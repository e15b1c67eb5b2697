using System.Security.Cryptography;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Secrets;
using Stele.Server.Gateway;
using Stele.Server.Journal;
using Stele.Server.Options;
using Stele.Server.Secrets.Keys;
using Stele.Server.Secrets.Store;

namespace Stele.Server.Secrets;

/// <summary>A change of a secret whose value is still plain: it is encrypted before the change is decided.</summary>
/// <param name="Change">The change, without its value; its environment is named.</param>
/// <param name="Value">The value, or null.</param>
/// <param name="IsText">Whether it was given as text.</param>
internal sealed record PlainChange(SecretChange Change, SecretBuffer? Value, bool IsText) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Value?.Dispose();
}

/// <summary>Encrypts, or puts values into Vault: what leaves here can be decided on, stored and sent to other nodes.</summary>
internal sealed class SecretSealer(OrgKeys keys, SecretBox box, VaultValues vault, SteleOptions options)
{
    /// <summary>The changes with their values encrypted, each under a data key of its own, or in Vault; all of them or none.</summary>
    public async ValueTask<Outcome<List<SecretChange>>> Seal(OrgId org, IReadOnlyList<PlainChange> changes, CancellationToken cancellation)
    {
        var writes = changes.Where(change => change.Value is not null)
            .Select(change => new VaultWrite(change.Change.Environment!.Value.Text, change.Change.Path.Text, Guid.CreateVersion7(), change.Value!, change.IsText)).ToList();
        if (writes.Count == 0) return changes.Select(change => change.Change).ToList();
        if (options.SecretsInVault && TooLarge(changes) is { } large) return large;
        if (!(await (options.SecretsInVault ? ToVault(org, writes, cancellation) : ToDatabase(org, writes, cancellation))).TryGet(out var made, out var fault)) return fault;
        var next = 0;
        return changes.Select(change => change.Value is null ? change.Change : change.Change with { Value = made[next].Value, Key = made[next++].Key }).ToList();
    }

    /// <summary>Values encrypted under data keys of their own, with their wrapped keys.</summary>
    public async ValueTask<Outcome<List<(SealedValue Value, SecretKeyRow? Key)>>> ToDatabase(OrgId org, IReadOnlyList<VaultWrite> values, CancellationToken cancellation)
    {
        if (!(await box.Key(org, SecretBox.Digests, cancellation)).TryGet(out var digestKey, out var fault)) return fault;
        if (!(await keys.New(org, [.. values.Select(value => value.ValueId)], cancellation)).TryGet(out var made, out fault)) return fault;
        try
        {
            return values.Select((value, index) => (
                new SealedValue(value.ValueId, SecretCipher.Encrypt(made.Plain[index].Span, org, value.Environment, value.Path, value.ValueId, value.Value.Span), HMACSHA256.HashData(digestKey.Span, value.Value.Span), value.IsText),
                (SecretKeyRow?)made.Wrapped[index])).ToList();
        }
        finally
        {
            foreach (var key in made.Plain) key.Dispose();
        }
    }

    /// <summary>Values put into Vault: none of them has a key here.</summary>
    public async ValueTask<Outcome<List<(SealedValue Value, SecretKeyRow? Key)>>> ToVault(OrgId org, IReadOnlyList<VaultWrite> values, CancellationToken cancellation)
    {
        if (!(await box.Key(org, SecretBox.Digests, cancellation)).TryGet(out var digestKey, out var fault)) return fault;
        if (!(await vault.Put(org, values, cancellation)).TryGet(out var put, out fault)) return fault;
        return values.Select((value, index) => (
            new SealedValue(value.ValueId, put[index].Reference, HMACSHA256.HashData(digestKey.Span, value.Value.Span), value.IsText) { VaultId = put[index].VaultId }, (SecretKeyRow?)null)).ToList();
    }

    /// <summary>Opens what was sealed for the database, and is not there yet.</summary>
    public async ValueTask<Outcome<SecretBuffer>> Open(OrgId org, string environment, string path, SealedValue value, SecretKeyRow key, CancellationToken cancellation)
    {
        if (!(await keys.Open(org, value.Id, key.KeyVersion, key.Wrapped, cancellation)).TryGet(out var dataKey, out var fault)) return fault;
        using (dataKey) return SecretCipher.Decrypt(dataKey.Span, org, environment, path, value.Id, value.Ciphertext);
    }

    /// <summary>The keyed hash of a value, as it is stored beside values.</summary>
    public async ValueTask<Outcome<byte[]>> Digest(OrgId org, SecretBuffer value, CancellationToken cancellation) =>
        (await box.Key(org, SecretBox.Digests, cancellation)).TryGet(out var key, out var fault) ? HMACSHA256.HashData(key.Span, value.Span) : fault;

    /// <summary>
    /// An idempotency record's fingerprint of a body that holds a value, keyed: a plain hash that is stored would let whoever reads the
    /// table try values against it.
    /// </summary>
    public async ValueTask<Outcome<Idempotency>> Keyed(OrgId org, Idempotency idempotency, CancellationToken cancellation) =>
        (await box.Key(org, SecretBox.Digests, cancellation)).TryGet(out var key, out var fault) ? idempotency with { Fingerprint = HMACSHA256.HashData(key.Span, idempotency.Fingerprint) } : fault;

    static Fault? TooLarge(IReadOnlyList<PlainChange> changes)
    {
        foreach (var change in changes)
            if (change.Value?.Length > SecretLimits.VaultBytes.Value)
            {
                var message = $"A secret that lies in Vault has at most {SecretLimits.VaultBytes.Value} bytes; this one has {change.Value.Length}.";
                return new Fault(FaultCode.TooLarge, message, [Problem.Body($"{change.Change.Pointer}/{(change.IsText ? "value" : "value_base64")}", "secret.vault_bytes", message)]);
            }
        return null;
    }
}
