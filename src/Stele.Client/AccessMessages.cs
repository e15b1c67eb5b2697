using System.Text.Json;
using System.Text.Json.Serialization;

namespace Stele.Client;

/// <summary>A permission, and what it is bound to.</summary>
public sealed record AccessGrant
{
    /// <summary>Such as <c>config:read</c>.</summary>
    public required string Permission { get; init; }

    /// <summary>Names of environments, or <c>["*"]</c> for all.</summary>
    public IReadOnlyList<string> Environments { get; init; } = ["*"];

    /// <summary>On keys that begin with it; empty: on all.</summary>
    public string Prefix { get; init; } = "";
}

/// <summary>A role, and where somebody has it.</summary>
public sealed record AccessRoleBinding
{
    /// <summary>The role's name.</summary>
    public required string Role { get; init; }

    /// <summary>Names of environments, or <c>["*"]</c> for all.</summary>
    public IReadOnlyList<string> Environments { get; init; } = ["*"];

    /// <summary>On keys that begin with it; empty: on all.</summary>
    public string Prefix { get; init; } = "";
}

/// <summary>A token that is to be made.</summary>
public sealed record TokenCreate
{
    /// <summary>What it is for.</summary>
    public required string Name { get; init; }

    /// <summary>What it may at most, at least one.</summary>
    public required IReadOnlyList<AccessGrant> Scopes { get; init; }

    /// <summary>What a request without an environment means; null: the org's default one.</summary>
    public string? Environment { get; init; }

    /// <summary>Until when it holds; null: until it is revoked.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>The service account whose it is to be; null: whoever makes it.</summary>
    public string? ServiceAccount { get; init; }
}

/// <summary>A token as it is listed, and, where it was just made, itself.</summary>
public sealed record TokenItem
{
    /// <summary>Its id.</summary>
    public required string Id { get; init; }

    /// <summary>What it is for.</summary>
    public required string Name { get; init; }

    /// <summary>The token, in the answer that made it and in no other.</summary>
    public string? Token { get; init; }

    /// <summary>What it may at most.</summary>
    public IReadOnlyList<AccessGrant> Scopes { get; init; } = [];

    /// <summary>What a request without an environment means.</summary>
    public string? Environment { get; init; }

    /// <summary>Until when it holds.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Since when it is there.</summary>
    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>Who made it, as an opaque id.</summary>
    public string? CreatedBy { get; init; }

    /// <summary>When it was last used, to the minute.</summary>
    public DateTimeOffset? LastUsedAt { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>A page of tokens.</summary>
public sealed record TokenPage
{
    /// <summary>In the order of their ids.</summary>
    public required IReadOnlyList<TokenItem> Items { get; init; }

    /// <summary>For the next page; null on the last.</summary>
    public string? NextCursor { get; init; }
}

/// <summary>As whom an issuer of JWTs vouches for a user who is to be made or changed.</summary>
public sealed record AccessIdentity
{
    /// <summary>The <c>iss</c> of his tokens.</summary>
    public required string Issuer { get; init; }

    /// <summary>Their <c>sub</c>; only a hash of it is kept.</summary>
    public required string Subject { get; init; }
}

/// <summary>As whom an issuer of JWTs vouches for a user.</summary>
public sealed record MemberIdentityItem
{
    /// <summary>The <c>iss</c> of his tokens.</summary>
    public required string Issuer { get; init; }

    /// <summary>An opaque id of issuer and subject.</summary>
    public required string Id { get; init; }
}

/// <summary>A user or a service account that is to be made or changed; what is null stays.</summary>
public sealed record MemberSet
{
    /// <summary>The address; of a service account none.</summary>
    public string? Email { get; init; }

    /// <summary>The name.</summary>
    public string? Name { get; init; }

    /// <summary>The one role; or give <see cref="Roles"/>.</summary>
    public string? Role { get; init; }

    /// <summary>The roles, and where each holds.</summary>
    public IReadOnlyList<AccessRoleBinding>? Roles { get; init; }

    /// <summary><c>active</c> or <c>suspended</c>.</summary>
    public string? Status { get; init; }

    /// <summary>As whom an issuer vouches for him; of a service account none.</summary>
    [JsonIgnore]
    public AccessIdentity? Identity { get; init; }

    /// <summary>Whether no issuer is to vouch for him any more.</summary>
    [JsonIgnore]
    public bool NoIdentity { get; init; }

    [JsonInclude, JsonPropertyName("identity")]
    internal JsonElement? IdentityMember => NoIdentity ? JsonDocument.Parse("null").RootElement : Identity is null ? null : JsonSerializer.SerializeToElement(Identity, SteleJson.Default.AccessIdentity);

    /// <summary>The version that must be there; null: any.</summary>
    public long? ExpectedVersion { get; init; }
}

/// <summary>A user or a service account.</summary>
public sealed record MemberItem
{
    /// <summary>Its id.</summary>
    public required string Id { get; init; }

    /// <summary>The address; of a service account none.</summary>
    public string? Email { get; init; }

    /// <summary>The name.</summary>
    public required string Name { get; init; }

    /// <summary>As whom an issuer vouches for him, if one does.</summary>
    public MemberIdentityItem? Identity { get; init; }

    /// <summary>The first of the roles.</summary>
    public string? Role { get; init; }

    /// <summary>The roles, and where each holds.</summary>
    public IReadOnlyList<AccessRoleBinding> Roles { get; init; } = [];

    /// <summary><c>active</c> or <c>suspended</c>.</summary>
    public string? Status { get; init; }

    /// <summary>Counts its changes.</summary>
    public long Version { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>A page of users or service accounts.</summary>
public sealed record MemberPage
{
    /// <summary>In the order of their ids.</summary>
    public required IReadOnlyList<MemberItem> Items { get; init; }

    /// <summary>For the next page; null on the last.</summary>
    public string? NextCursor { get; init; }
}

/// <summary>What a role is to be, whole.</summary>
public sealed record RoleDefinition
{
    /// <summary>What it allows.</summary>
    public required IReadOnlyList<AccessGrant> Grants { get; init; }

    /// <summary>What it forbids; it wins over every grant.</summary>
    public IReadOnlyList<AccessGrant> Denies { get; init; } = [];

    /// <summary>What it is for, or null.</summary>
    public string? Description { get; init; }

    /// <summary>The version that must be there, 0: none; null: any.</summary>
    public long? ExpectedVersion { get; init; }
}

/// <summary>A role.</summary>
public sealed record RoleItem
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>What it is for, or null.</summary>
    public string? Description { get; init; }

    /// <summary>Whether every org has it, and nobody changes it.</summary>
    public bool BuiltIn { get; init; }

    /// <summary>What it allows.</summary>
    public IReadOnlyList<AccessGrant> Grants { get; init; } = [];

    /// <summary>What it forbids.</summary>
    public IReadOnlyList<AccessGrant> Denies { get; init; } = [];

    /// <summary>Counts its changes; 0 where it is built in.</summary>
    public long Version { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>A page of roles.</summary>
public sealed record RolePage
{
    /// <summary>In the order of their names.</summary>
    public required IReadOnlyList<RoleItem> Items { get; init; }

    /// <summary>For the next page; null on the last.</summary>
    public string? NextCursor { get; init; }
}

/// <summary>What to explain: of whom (null: oneself) and what.</summary>
public sealed record AccessQuestion
{
    /// <summary>Such as <c>config:read</c>.</summary>
    public required string Permission { get; init; }

    /// <summary>Where; null: where a request without one would be.</summary>
    public string? Environment { get; init; }

    /// <summary>On which key; null: on all.</summary>
    public string? Key { get; init; }

    /// <summary>A user's id.</summary>
    public string? User { get; init; }

    /// <summary>A service account's id.</summary>
    public string? ServiceAccount { get; init; }

    /// <summary>A token's id.</summary>
    public string? Token { get; init; }
}

/// <summary>Why something is allowed or not.</summary>
public sealed record AccessExplanation
{
    /// <summary>Whether it is.</summary>
    public bool Allowed { get; init; }

    /// <summary>A sentence.</summary>
    public required string Reason { get; init; }

    /// <summary>The rules, and members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>A new password, on the wire.</summary>
internal sealed record PasswordMessage(string Password);
