using System.Collections.Concurrent;
using Stele.Core.Collections;

namespace Stele.Core.Access;

/// <summary>Who may do what in an org, at a revision. Immutable; what it comes to for one principal is worked out once and kept.</summary>
public sealed record AccessState
{
    // beyond it what was worked out is forgotten: identity providers may vouch for any number of people
    const int RightsMax = 20_000;

    // not part of what it is: reset in a copy, whose roles may be other ones
    ConcurrentDictionary<Principal, Rights> rights;

    /// <summary>An org in which only root may do anything.</summary>
    public static AccessState Empty { get; } = new();

    /// <summary>Nobody, and no role but the built-in ones.</summary>
    public AccessState() => rights = NoRights;

    AccessState(AccessState other)
    {
        rights = NoRights;
        (Users, ServiceAccounts, Tokens, Roles, MemoryBytes) = (other.Users, other.ServiceAccounts, other.Tokens, other.Roles, other.MemoryBytes);
    }

    /// <summary>The users by id.</summary>
    public SortedMap<User> Users { get; init; } = SortedMap<User>.Empty;

    /// <summary>The service accounts by id.</summary>
    public SortedMap<ServiceAccount> ServiceAccounts { get; init; } = SortedMap<ServiceAccount>.Empty;

    /// <summary>The tokens that are not revoked, by id.</summary>
    public SortedMap<Token> Tokens { get; init; } = SortedMap<Token>.Empty;

    /// <summary>The custom roles by name.</summary>
    public SortedMap<Role> Roles { get; init; } = SortedMap<Role>.Empty;

    /// <summary>About how many bytes of memory it takes.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>A user, or null.</summary>
    public User? User(Guid id) => Users.TryGetValue(id.ToString(), out var user) ? user : null;

    /// <summary>A service account, or null.</summary>
    public ServiceAccount? ServiceAccount(Guid id) => ServiceAccounts.TryGetValue(id.ToString(), out var account) ? account : null;

    /// <summary>A token that is not revoked, or null.</summary>
    public Token? Token(Guid id) => Tokens.TryGetValue(id.ToString(), out var token) ? token : null;

    /// <summary>A role, built in or custom, or null.</summary>
    public Role? Role(string name) => BuiltInRoles.Find(name) ?? (Roles.TryGetValue(name, out var role) ? role : null);

    /// <summary>What a principal may do. Takes no lock and allocates nothing but the first time.</summary>
    public Rights RightsOf(Principal principal)
    {
        if (principal.IsRoot) return Rights.Everything;
        var known = Volatile.Read(ref rights);
        if (known.TryGetValue(principal, out var found)) return found;
        found = Rights.Of(this, principal);
        if (known.Count < RightsMax) known.TryAdd(principal, found);
        else Volatile.Write(ref rights, NoRights);
        return found;
    }

    static ConcurrentDictionary<Principal, Rights> NoRights => new(concurrencyLevel: 1, capacity: 7);

    /// <inheritdoc/>
    public bool Equals(AccessState? other) => other is not null && Users.SequenceEqual(other.Users) && ServiceAccounts.SequenceEqual(other.ServiceAccounts)
        && Tokens.SequenceEqual(other.Tokens) && Roles.SequenceEqual(other.Roles);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Users.Count, ServiceAccounts.Count, Tokens.Count, Roles.Count);
}
