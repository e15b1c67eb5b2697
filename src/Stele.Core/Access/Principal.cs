namespace Stele.Core.Access;

/// <summary>Which kind of somebody asks.</summary>
public enum PrincipalKind : byte
{
    /// <summary>Nobody is known to ask.</summary>
    Nobody,
    /// <summary>The holder of a root token, who may do everything in every org.</summary>
    Root,
    /// <summary>A user, by his session.</summary>
    User,
    /// <summary>A service account, known by other means than a token: a client certificate.</summary>
    ServiceAccount,
    /// <summary>Whoever holds a token of the org.</summary>
    Token,
    /// <summary>Somebody whom an identity provider vouches for, with the roles that its claims map to.</summary>
    External,
}

/// <summary>What was last worked out for a principal.</summary>
/// <param name="Mark">Of which state.</param>
/// <param name="Rights">What he may there.</param>
sealed record PrincipalRights(object Mark, Rights Rights);

/// <summary>
/// Who asks. Every command carries one, and every read is decided for one. It says who, and not what he may: that is in
/// <see cref="AccessState"/>, at a revision. Equal when who asks is the same.
/// </summary>
public sealed class Principal : IEquatable<Principal>
{
    readonly int hash;
    PrincipalRights? last;

    Principal(PrincipalKind kind, string actorId, Guid id, IReadOnlyList<string> roles)
    {
        (Kind, ActorId, Id, Roles) = (kind, actorId, id, roles);
        var hash = new HashCode();
        hash.Add(kind);
        hash.Add(actorId, StringComparer.Ordinal);
        foreach (var role in roles) hash.Add(role, StringComparer.Ordinal);
        // once: it is asked for on every request
        this.hash = hash.ToHashCode();
    }

    /// <summary>The holder of a root token.</summary>
    public static readonly Principal Root = new(PrincipalKind.Root, "root", Guid.Empty, []);

    /// <summary>Nobody: may do nothing.</summary>
    public static readonly Principal Nobody = new(PrincipalKind.Nobody, "nobody", Guid.Empty, []);

    /// <summary>A user, by his session.</summary>
    public static Principal User(Guid id) => new(PrincipalKind.User, UserActor(id), id, []);

    /// <summary>A service account.</summary>
    public static Principal ServiceAccount(Guid id) => new(PrincipalKind.ServiceAccount, ServiceAccountActor(id), id, []);

    /// <summary>Whoever holds a token.</summary>
    /// <param name="id">The token's id.</param>
    /// <param name="owner">The actor id of the user or service account whose it is in the end; null when it is the org's own.</param>
    /// <param name="environment">What a request without an environment means, or null.</param>
    public static Principal Token(Guid id, string? owner, string? environment) =>
        new(PrincipalKind.Token, owner is null ? $"token:{id}" : $"{owner}/token:{id}", id, []) { Owner = owner, Environment = environment };

    /// <summary>Somebody whom an identity provider vouches for.</summary>
    /// <param name="actorId">Opaque, at most 255 characters, the same for the same person for ever.</param>
    /// <param name="roles">Names of roles that his claims map to; those that the org does not have give nothing.</param>
    public static Principal External(string actorId, IReadOnlyList<string> roles) => new(PrincipalKind.External, actorId, Guid.Empty, roles);

    /// <summary>The actor id of a user.</summary>
    public static string UserActor(Guid id) => $"user:{id}";

    /// <summary>The actor id of a service account.</summary>
    public static string ServiceAccountActor(Guid id) => $"service:{id}";

    /// <summary>Which kind.</summary>
    public PrincipalKind Kind { get; }

    /// <summary>
    /// Opaque id, at most 255 characters; it stands in the journal. Names and addresses never do. Of a token it says whose it
    /// is as well: <c>user:ID/token:ID</c>.
    /// </summary>
    public string ActorId { get; }

    /// <summary>The id of the user, service account or token; empty for the other kinds.</summary>
    public Guid Id { get; }

    /// <summary>The roles of <see cref="PrincipalKind.External"/>; of others none, since theirs are in the state.</summary>
    public IReadOnlyList<string> Roles { get; }

    /// <summary>Of a token: the actor id of the user or service account whose it is in the end; null when it is the org's own.</summary>
    public string? Owner { get; private init; }

    /// <summary>What a request without an environment means; null: the org's default one.</summary>
    public string? Environment { get; private init; }

    /// <summary>Whether it holds a root token.</summary>
    public bool IsRoot => Kind == PrincipalKind.Root;

    /// <summary>No part of who it is: what was worked out last, so that it need not be looked up. Of two written at once either is right.</summary>
    internal PrincipalRights? Last
    {
        get => Volatile.Read(ref last);
        set => Volatile.Write(ref last, value);
    }

    /// <inheritdoc/>
    public bool Equals(Principal? other) => ReferenceEquals(this, other)
        || (other is not null && hash == other.hash && Kind == other.Kind && ActorId == other.ActorId && Roles.SequenceEqual(other.Roles, StringComparer.Ordinal));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Principal);

    /// <inheritdoc/>
    public override int GetHashCode() => hash;

    /// <inheritdoc/>
    public override string ToString() => ActorId;
}
