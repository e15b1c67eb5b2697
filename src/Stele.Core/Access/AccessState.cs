using System.Collections.Concurrent;
using Stele.Core.Collections;

namespace Stele.Core.Access;

/// <summary>Who may do what in an org, at a revision. Immutable; what it comes to for one principal is worked out once and kept.</summary>
public sealed record AccessState
{
    // beyond it what was worked out is forgotten: identity providers may vouch for any number of people
    const int RightsMax = 20_000;

    // which users issuers vouch for: it follows from the users
    SortedMap<KnownIdentity> identities = SortedMap<KnownIdentity>.Empty;

    // not part of what it is: reset in a copy, whose roles may be other ones
    ConcurrentDictionary<Principal, Rights> rights;

    // what a principal remembers of this state: not the state, which it would keep alive
    readonly object mark;

    /// <summary>An org in which only root may do anything.</summary>
    public static AccessState Empty { get; } = new();

    /// <summary>Nobody, and no role but the built-in ones.</summary>
    public AccessState() => (rights, mark) = (NoRights, new object());

    AccessState(AccessState other)
    {
        (rights, mark) = (NoRights, new object());
        (Users, ServiceAccounts, Tokens, Roles, identities, MemoryBytes) = (other.Users, other.ServiceAccounts, other.Tokens, other.Roles, other.identities, other.MemoryBytes);
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

    /// <summary>The user whom an issuer vouches for under an id (<see cref="MemberIdentity.Id"/>), or null.</summary>
    public User? UserOf(string identity) => identities.TryGetValue(identity, out var known) ? User(known.User) : null;

    /// <summary>A service account, or null.</summary>
    public ServiceAccount? ServiceAccount(Guid id) => ServiceAccounts.TryGetValue(id.ToString(), out var account) ? account : null;

    /// <summary>A token that is not revoked, or null.</summary>
    public Token? Token(Guid id) => Tokens.TryGetValue(id.ToString(), out var token) ? token : null;

    /// <summary>A role, built in or custom, or null.</summary>
    public Role? Role(string name) => BuiltInRoles.Find(name) ?? (Roles.TryGetValue(name, out var role) && !role.IsRemoved ? role : null);

    /// <summary>The last version of a custom role, a removal included; 0 if there never was one.</summary>
    public int LastRoleVersion(string name) => Roles.TryGetValue(name, out var role) ? role.Version : 0;

    /// <summary>With a user as he is now.</summary>
    public AccessState With(User user)
    {
        var before = User(user.Id);
        var known = identities;
        if (before?.Identity is { } old && old != user.Identity) known = known.Remove(old.Id);
        if (user.Identity is { } identity && identity != before?.Identity) known = known.Set(new KnownIdentity(identity.Id, user.Id));
        return this with { Users = Users.Set(user), identities = known, MemoryBytes = MemoryBytes + UserBytes(user) - (before is null ? 0 : UserBytes(before)) };
    }

    /// <summary>Without a user.</summary>
    public AccessState WithoutUser(Guid id) => User(id) is not { } user ? this
        : this with { Users = Users.Remove(user.Key), identities = user.Identity is { } identity ? identities.Remove(identity.Id) : identities, MemoryBytes = MemoryBytes - UserBytes(user) };

    /// <summary>With a service account as it is now.</summary>
    public AccessState With(ServiceAccount account) => this with
    {
        ServiceAccounts = ServiceAccounts.Set(account), MemoryBytes = MemoryBytes + (ServiceAccount(account.Id) is null ? MemberBytes : 0),
    };

    /// <summary>Without a service account.</summary>
    public AccessState WithoutServiceAccount(Guid id) => ServiceAccount(id) is not { } account ? this
        : this with { ServiceAccounts = ServiceAccounts.Remove(account.Key), MemoryBytes = MemoryBytes - MemberBytes };

    /// <summary>With one more token.</summary>
    public AccessState With(Token token) => this with { Tokens = Tokens.Set(token), MemoryBytes = MemoryBytes + TokenBytes(token) };

    /// <summary>Without a token.</summary>
    public AccessState WithoutToken(Guid id) => Token(id) is not { } token ? this : this with { Tokens = Tokens.Remove(token.Key), MemoryBytes = MemoryBytes - TokenBytes(token) };

    /// <summary>With a custom role as it is now.</summary>
    public AccessState With(Role role) => this with
    {
        Roles = Roles.Set(role), MemoryBytes = MemoryBytes + RoleBytes(role) - (Roles.TryGetValue(role.Name, out var before) ? RoleBytes(before) : 0),
    };

    /// <summary>What a principal may do. Takes no lock and allocates nothing but the first time.</summary>
    public Rights RightsOf(Principal principal)
    {
        if (principal.IsRoot) return Rights.Everything;
        if (principal.Last is { } last && ReferenceEquals(last.Mark, mark)) return last.Rights;
        var known = Volatile.Read(ref rights);
        if (!known.TryGetValue(principal, out var found))
        {
            found = Rights.Of(this, principal);
            if (known.Count < RightsMax) known.TryAdd(principal, found);
            else Volatile.Write(ref rights, NoRights);
        }
        // a token's principal is the same object from request to request: the next one need not look
        principal.Last = new PrincipalRights(mark, found);
        return found;
    }

    /// <summary>What is loaded from tables, in any order.</summary>
    public static AccessState Of(IEnumerable<User> users, IEnumerable<ServiceAccount> accounts, IEnumerable<Token> tokens, IEnumerable<Role> roles)
    {
        var (u, s, t, r) = (SortedMap<User>.Empty.SetAll(users), SortedMap<ServiceAccount>.Empty.SetAll(accounts), SortedMap<Token>.Empty.SetAll(tokens), SortedMap<Role>.Empty.SetAll(roles));
        return new AccessState
        {
            Users = u, ServiceAccounts = s, Tokens = t, Roles = r,
            identities = SortedMap<KnownIdentity>.Empty.SetAll(u.Where(user => user.Identity is not null).Select(user => new KnownIdentity(user.Identity!.Id, user.Id))),
            MemoryBytes = u.Sum(UserBytes) + s.Count * MemberBytes + t.Sum(TokenBytes) + r.Sum(RoleBytes),
        };
    }

    // about what the objects take: a node's budget is kept by the sum of them
    const long MemberBytes = 500, GrantBytes = 120, IdentityBytes = 150;

    static long UserBytes(User user) => MemberBytes + 2 * (user.Email.Length + user.Name.Length) + GrantBytes * user.Roles.Count + (user.Identity is { } identity ? IdentityBytes + 2 * (identity.Issuer.Length + identity.Id.Length) : 0);

    static long TokenBytes(Token token) => MemberBytes + GrantBytes * token.Scopes.Count;

    static long RoleBytes(Role role) => MemberBytes + GrantBytes * (role.Grants.Count + role.Denies.Count);

    sealed record KnownIdentity(string Key, Guid User) : IKeyed;

    static ConcurrentDictionary<Principal, Rights> NoRights => new(concurrencyLevel: 1, capacity: 7);

    /// <inheritdoc/>
    public bool Equals(AccessState? other) => other is not null && Users.SequenceEqual(other.Users) && ServiceAccounts.SequenceEqual(other.ServiceAccounts)
        && Tokens.SequenceEqual(other.Tokens) && Roles.SequenceEqual(other.Roles);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Users.Count, ServiceAccounts.Count, Tokens.Count, Roles.Count);
}
