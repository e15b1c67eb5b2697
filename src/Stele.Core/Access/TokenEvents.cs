using Stele.Core.Journal;
using Stele.Core.Orgs;

namespace Stele.Core.Access;

/// <summary>A token is there. Nothing in it helps to make another that is taken for it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">What it is for.</param>
/// <param name="Owner">Whose it is.</param>
/// <param name="OwnerId">The owner's id; empty for the org's own.</param>
/// <param name="Scopes">What it may at most.</param>
/// <param name="Environment">What a request without an environment means, or null.</param>
/// <param name="ExpiresAt">Until when it holds, or null.</param>
public sealed record TokenCreated(
    Guid Id, string Name, TokenOwner Owner, Guid OwnerId, IReadOnlyList<Grant> Scopes, string? Environment, Timestamp? ExpiresAt) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "token.created";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => $"token/{Id}";

    /// <inheritdoc/>
    public override long StreamVersion => 1;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Access;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json =>
    {
        json.WriteString("id", Id);
        json.WriteString("name", Name);
        json.WriteString("owner", TokenOwners.Name(Owner));
        json.WriteString("owner_id", OwnerId);
        json.WritePropertyName("scopes");
        AccessJson.Write(json, Scopes);
        json.WriteString("environment", Environment);
        json.WriteString("expires_at", ExpiresAt?.ToString());
    });

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static TokenCreated Decode(ReadOnlySpan<byte> data)
    {
        var members = OrgEventJson.Read(TypeName, data, "id", "name", "owner", "owner_id", "scopes", "environment", "expires_at");
        Timestamp? expiresAt = Timestamp.TryParse(members[6].GetString(), out var at) ? at : null;
        return new TokenCreated(members[0].GetGuid(), members[1].GetString()!, TokenOwners.Parse(members[2].GetString()), members[3].GetGuid(), AccessJson.ReadGrants(members[4]),
            members[5].GetString(), expiresAt);
    }
}

/// <summary>A token does not hold any more.</summary>
/// <param name="Id">Its id.</param>
public sealed record TokenRevoked(Guid Id) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "token.revoked";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => $"token/{Id}";

    /// <inheritdoc/>
    public override long StreamVersion => 2;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Access;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json => json.WriteString("id", Id));

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static TokenRevoked Decode(ReadOnlySpan<byte> data) => new(OrgEventJson.Read(TypeName, data, "id")[0].GetGuid());
}
