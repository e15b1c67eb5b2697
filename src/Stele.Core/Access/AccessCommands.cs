using Stele.Core.Journal;

namespace Stele.Core.Access;

/// <summary>A verifier that commits with a decision and stands in no event.</summary>
public abstract record AccessRow : SideRow;

/// <summary>Where a token is found.</summary>
/// <param name="TokenId">Which.</param>
/// <param name="Hash">SHA-256 of the token, 32 bytes.</param>
/// <param name="Owner">The actor id of the user or service account whose it is in the end, or null.</param>
/// <param name="Environment">What a request without an environment means, or null.</param>
/// <param name="ExpiresAt">Until when it holds, or null.</param>
public sealed record TokenHash(Guid TokenId, byte[] Hash, string? Owner, string? Environment, Timestamp? ExpiresAt) : AccessRow;

/// <summary>What a password is held against.</summary>
/// <param name="UserId">Whose.</param>
/// <param name="Verifier">Salt, work and hash, as text.</param>
public sealed record PasswordVerifier(Guid UserId, string Verifier) : AccessRow;

/// <summary>A token that is to be, made before it is decided: only its hash comes this far.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Hash">SHA-256 of the token, 32 bytes.</param>
/// <param name="Name">What it is for.</param>
/// <param name="Scopes">What it may at most.</param>
/// <param name="Environment">What a request without an environment means, or null.</param>
/// <param name="ExpiresAt">Until when it holds, or null.</param>
public sealed record NewToken(Guid Id, byte[] Hash, string Name, IReadOnlyList<Grant> Scopes, string? Environment, Timestamp? ExpiresAt);

/// <summary>Makes a token.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Token">The token.</param>
/// <param name="ServiceAccount">The service account whose it is to be; null: whoever asks.</param>
/// <param name="Now">When, for its end and for tokens that have ended.</param>
public sealed record CreateToken(Principal Principal, Guid RequestId, NewToken Token, Guid? ServiceAccount, Timestamp Now) : Command(Principal, RequestId, null)
{
    /// <inheritdoc/>
    public override bool BringsValues => true;
}

/// <summary>Revokes a token, and those that were made with it.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Id">Which.</param>
public sealed record RevokeToken(Principal Principal, Guid RequestId, Guid Id) : Command(Principal, RequestId, null);

/// <summary>What somebody is to be; what is null stays as it is.</summary>
public sealed record MemberChange
{
    /// <summary>The address; of a service account none.</summary>
    public string? Email { get; init; }

    /// <summary>The name.</summary>
    public string? Name { get; init; }

    /// <summary>The roles.</summary>
    public IReadOnlyList<RoleBinding>? Roles { get; init; }

    /// <summary>Whether <see cref="Roles"/> was written as the one member <c>role</c>: where problems point.</summary>
    public bool IsOneRole { get; init; }

    /// <summary>Whether he may come in.</summary>
    public MemberStatus? Status { get; init; }

    /// <summary>As whom an issuer vouches for him; null with <see cref="SetsIdentity"/>: nobody does any more.</summary>
    public MemberIdentity? Identity { get; init; }

    /// <summary>Whether <see cref="Identity"/> was given.</summary>
    public bool SetsIdentity { get; init; }

    /// <summary>The version that must be there; null: any.</summary>
    public int? ExpectedVersion { get; init; }

    /// <summary>Where a problem of the n-th role points.</summary>
    public string RolePointer(int index) => IsOneRole ? "/role" : $"/roles/{index}";
}

/// <summary>Makes a user.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Id">His id.</param>
/// <param name="User">Email, name and roles are there.</param>
public sealed record CreateUser(Principal Principal, Guid RequestId, Guid Id, MemberChange User) : Command(Principal, RequestId, null)
{
    /// <inheritdoc/>
    public override bool BringsValues => true;
}

/// <summary>Changes a user.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Id">Whom.</param>
/// <param name="User">What is to be.</param>
public sealed record ChangeUser(Principal Principal, Guid RequestId, Guid Id, MemberChange User) : Command(Principal, RequestId, null);

/// <summary>Removes a user, with his tokens.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Id">Whom.</param>
public sealed record RemoveUser(Principal Principal, Guid RequestId, Guid Id) : Command(Principal, RequestId, null);

/// <summary>Gives a user a password; his sessions end.</summary>
/// <param name="Principal">Who: the user himself, or one who may change him.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Id">Whom.</param>
/// <param name="Verifier">What the password is held against.</param>
public sealed record SetPassword(Principal Principal, Guid RequestId, Guid Id, string Verifier) : Command(Principal, RequestId, null);

/// <summary>Makes a service account.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Id">Its id.</param>
/// <param name="Account">Name and roles are there.</param>
public sealed record CreateServiceAccount(Principal Principal, Guid RequestId, Guid Id, MemberChange Account) : Command(Principal, RequestId, null)
{
    /// <inheritdoc/>
    public override bool BringsValues => true;
}

/// <summary>Changes a service account.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Id">Which.</param>
/// <param name="Account">What is to be.</param>
public sealed record ChangeServiceAccount(Principal Principal, Guid RequestId, Guid Id, MemberChange Account) : Command(Principal, RequestId, null);

/// <summary>Removes a service account, with its tokens.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Id">Which.</param>
public sealed record RemoveServiceAccount(Principal Principal, Guid RequestId, Guid Id) : Command(Principal, RequestId, null);

/// <summary>Makes a custom role, or changes it whole.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Name">Its name.</param>
/// <param name="Description">What it is for, or null.</param>
/// <param name="Grants">What it allows.</param>
/// <param name="Denies">What it forbids.</param>
/// <param name="ExpectedVersion">The version that must be there, 0: none; null: any.</param>
public sealed record SetRole(
    Principal Principal, Guid RequestId, string Name, string? Description, IReadOnlyList<Grant> Grants, IReadOnlyList<Grant> Denies, int? ExpectedVersion) : Command(Principal, RequestId, null)
{
    /// <inheritdoc/>
    public override bool BringsValues => true;
}

/// <summary>Removes a custom role that nobody has.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Name">Its name.</param>
public sealed record RemoveRole(Principal Principal, Guid RequestId, string Name) : Command(Principal, RequestId, null);
