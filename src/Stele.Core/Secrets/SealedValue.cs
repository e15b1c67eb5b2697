using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Stele.Core.Journal;

namespace Stele.Core.Secrets;

/// <summary>A value as the journal holds it: encrypted under a data key of its own, before the command that brings it is decided.</summary>
/// <param name="Id">A random id of this value: part of what the ciphertext is bound to, and by which its key is found.</param>
/// <param name="Ciphertext">Nonce (12 bytes), ciphertext, tag (16 bytes); of a value that lies in Vault: where, and what it is checked by.</param>
/// <param name="Digest">A keyed hash of the value, by which somebody who has the value can ask whether it was ever here.</param>
/// <param name="IsText">Whether it was given as text.</param>
[SuppressMessage("Performance", "CA1819", Justification = "shared, and written as they are")]
public sealed record SealedValue(Guid Id, byte[] Ciphertext, byte[] Digest, bool IsText)
{
    /// <summary>The id under which the value lies in Vault; null: it is here, as ciphertext.</summary>
    public Guid? VaultId { get; init; }

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteString("value_id", Id);
        json.WriteBase64String("ciphertext", Ciphertext);
        json.WriteBase64String("digest", Digest);
        json.WriteBoolean("text", IsText);
        if (VaultId is { } id) json.WriteString("vault_id", id);
    }
}

/// <summary>The wrapped data key of a value: it commits with the event and stands in none.</summary>
/// <param name="Id">The value's id.</param>
/// <param name="KeyVersion">The version of the organization's key that wrapped it.</param>
/// <param name="Wrapped">The wrapped key.</param>
[SuppressMessage("Performance", "CA1819", Justification = "shared, and written as they are")]
public sealed record SecretKeyRow(Guid Id, int KeyVersion, byte[] Wrapped) : SideRow;

/// <summary>The keys of some values are gone from now on, and with them the values.</summary>
/// <param name="Ids">Whose.</param>
public sealed record SecretKeysDestroyed(IReadOnlyList<Guid> Ids) : SideRow;
