using System.Security.Cryptography;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Secrets;
using Stele.Server.Gateway;
using Stele.Server.Journal;
using Stele.Server.Secrets.Keys;

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

/// <summary>Encrypts: what leaves here can be decided on, stored and sent to other nodes.</summary>
internal sealed class SecretSealer(OrgKeys keys, SecretBox box)
{
    /// <summary>The changes with their values encrypted, each under a data key of its own; all of them or none.</summary>
    public async ValueTask<Outcome<List<SecretChange>>> Seal(OrgId org, IReadOnlyList<PlainChange> changes, CancellationToken cancellation)
    {
        var ids = changes.Where(change => change.Value is not null).Select(_ => Guid.CreateVersion7()).ToList();
        if (ids.Count == 0) return changes.Select(change => change.Change).ToList();
        if (!(await box.Key(org, SecretBox.Digests, cancellation)).TryGet(out var digestKey, out var fault)) return fault;
        if (!(await keys.New(org, ids, cancellation)).TryGet(out var made, out fault)) return fault;
        var sealedChanges = new List<SecretChange>(changes.Count);
        try
        {
            var next = 0;
            foreach (var change in changes)
            {
                if (change.Value is not { } value)
                {
                    sealedChanges.Add(change.Change);
                    continue;
                }
                var id = ids[next];
                var ciphertext = SecretCipher.Encrypt(made.Plain[next].Span, org, change.Change.Environment!.Value.Text, change.Change.Path.Text, id, value.Span);
                sealedChanges.Add(change.Change with { Value = new SealedValue(id, ciphertext, HMACSHA256.HashData(digestKey.Span, value.Span), change.IsText), Key = made.Wrapped[next] });
                next++;
            }
            return sealedChanges;
        }
        finally
        {
            foreach (var key in made.Plain) key.Dispose();
        }
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
}
