using Stele.Core.Collections;
using Stele.Core.Journal;

namespace Stele.Core.Access;

/// <summary>Whether somebody may come in.</summary>
public enum MemberStatus : byte
{
    /// <summary>Yes.</summary>
    Active,
    /// <summary>Not now: his sessions and tokens are refused, and hold again when he is active again.</summary>
    Suspended,
}

/// <summary>Who somebody is at an issuer of JWTs.</summary>
/// <param name="Issuer">Its <c>iss</c>.</param>
/// <param name="Id">An opaque id of issuer and subject, the same for every token: subjects are often names and addresses, which the journal does not hold.</param>
public sealed record MemberIdentity(string Issuer, string Id);

/// <summary>A person of the org.</summary>
/// <param name="Id">His id, which stands in the journal.</param>
/// <param name="Email">As it was written; unique in the org whatever its case.</param>
/// <param name="Name">How he is called.</param>
/// <param name="Roles">What he has, at least one.</param>
/// <param name="Status">Whether he may come in.</param>
/// <param name="Version">The version of his stream.</param>
/// <param name="CreatedAt">Since when he is there.</param>
/// <param name="UpdatedAt">When he was last changed.</param>
public sealed record User(
    Guid Id, string Email, string Name, IReadOnlyList<RoleBinding> Roles, MemberStatus Status, int Version, Timestamp CreatedAt, Timestamp UpdatedAt) : IKeyed
{
    /// <inheritdoc/>
    public string Key { get; } = Id.ToString();

    /// <summary>As whom an issuer vouches for him, or null; unique in the org.</summary>
    public MemberIdentity? Identity { get; init; }

    /// <summary>Whether he owns the org: active, and owner everywhere.</summary>
    public bool IsOwner => Status == MemberStatus.Active && Roles.Any(binding => binding.IsEverywhere && binding.Role == BuiltInRoles.Owner.Name);

    /// <inheritdoc/>
    public bool Equals(User? other) => other is not null && (Id, Email, Name, Status, Version, CreatedAt, UpdatedAt)
        == (other.Id, other.Email, other.Name, other.Status, other.Version, other.CreatedAt, other.UpdatedAt) && Identity == other.Identity && Roles.SequenceEqual(other.Roles);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Id, Version);
}

/// <summary>A program of the org: it has roles and tokens, and no password.</summary>
/// <param name="Id">Its id, which stands in the journal.</param>
/// <param name="Name">Unique in the org.</param>
/// <param name="Roles">What it has, at least one.</param>
/// <param name="Status">Whether it may come in.</param>
/// <param name="Version">The version of its stream.</param>
/// <param name="CreatedAt">Since when it is there.</param>
/// <param name="UpdatedAt">When it was last changed.</param>
public sealed record ServiceAccount(
    Guid Id, string Name, IReadOnlyList<RoleBinding> Roles, MemberStatus Status, int Version, Timestamp CreatedAt, Timestamp UpdatedAt) : IKeyed
{
    /// <inheritdoc/>
    public string Key { get; } = Id.ToString();

    /// <inheritdoc/>
    public bool Equals(ServiceAccount? other) => other is not null && (Id, Name, Status, Version, CreatedAt, UpdatedAt)
        == (other.Id, other.Name, other.Status, other.Version, other.CreatedAt, other.UpdatedAt) && Roles.SequenceEqual(other.Roles);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Id, Version);
}

/// <summary>Whose rights a token's can never exceed, whatever its scopes.</summary>
public enum TokenOwner : byte
{
    /// <summary>The org's own: it was made with a root token, and has its scopes.</summary>
    Org,
    /// <summary>A user's.</summary>
    User,
    /// <summary>A service account's.</summary>
    ServiceAccount,
    /// <summary>It was made with another token of the org, and ends with that one.</summary>
    Token,
}

/// <summary>A token that is not revoked. What it is made of is not here, nor is its hash.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">What it is for.</param>
/// <param name="Owner">Whose it is.</param>
/// <param name="OwnerId">The user's, the service account's or the token's id; empty for the org's own.</param>
/// <param name="Scopes">What it may at most, at least one.</param>
/// <param name="Environment">What a request without an environment means; null: the org's default one.</param>
/// <param name="ExpiresAt">Until when it holds, or null: until it is revoked.</param>
/// <param name="CreatedAt">Since when it is there.</param>
/// <param name="CreatedBy">The actor id of who made it.</param>
public sealed record Token(
    Guid Id, string Name, TokenOwner Owner, Guid OwnerId, IReadOnlyList<Grant> Scopes, string? Environment, Timestamp? ExpiresAt, Timestamp CreatedAt, string CreatedBy) : IKeyed
{
    /// <inheritdoc/>
    public string Key { get; } = Id.ToString();

    /// <inheritdoc/>
    public bool Equals(Token? other) => other is not null && (Id, Name, Owner, OwnerId, Environment, ExpiresAt, CreatedAt, CreatedBy)
        == (other.Id, other.Name, other.Owner, other.OwnerId, other.Environment, other.ExpiresAt, other.CreatedAt, other.CreatedBy) && Scopes.SequenceEqual(other.Scopes);

    /// <inheritdoc/>
    public override int GetHashCode() => Id.GetHashCode();
}

/// <summary>The wire names of <see cref="MemberStatus"/>.</summary>
public static class MemberStatuses
{
    /// <summary>The name.</summary>
    public static string Name(MemberStatus status) => status == MemberStatus.Active ? "active" : "suspended";

    /// <summary>The status of a name, or null.</summary>
    public static MemberStatus? TryParse(string? name) => name switch
    {
        "active" => MemberStatus.Active,
        "suspended" => MemberStatus.Suspended,
        _ => null,
    };

    /// <summary>The status of a stored name.</summary>
    public static MemberStatus Parse(string? name) => TryParse(name) ?? throw new Journal.UnknownEventException($"status '{name}' is not known to this server");
}

/// <summary>The stored names of <see cref="TokenOwner"/>.</summary>
public static class TokenOwners
{
    /// <summary>The name.</summary>
    public static string Name(TokenOwner owner) => owner switch
    {
        TokenOwner.User => "user",
        TokenOwner.ServiceAccount => "service_account",
        TokenOwner.Token => "token",
        _ => "org",
    };

    /// <summary>The owner of a stored name.</summary>
    public static TokenOwner Parse(string? name) => name switch
    {
        "org" => TokenOwner.Org,
        "user" => TokenOwner.User,
        "service_account" => TokenOwner.ServiceAccount,
        "token" => TokenOwner.Token,
        _ => throw new Journal.UnknownEventException($"token owner '{name}' is not known to this server"),
    };
}
