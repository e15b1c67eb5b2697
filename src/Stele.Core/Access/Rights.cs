namespace Stele.Core.Access;

/// <summary>A rule that speaks for or against something, and where it stands.</summary>
/// <param name="Grant">What it says, as far as it holds for the principal.</param>
/// <param name="Role">The role it is of; null: a scope of a token.</param>
/// <param name="Stated">As it stands there.</param>
public sealed record AccessRule(Grant Grant, string? Role, Grant Stated);

/// <summary>
/// What a principal may do, worked out from an <see cref="AccessState"/>: layers, all of which must allow it. A user has one,
/// of his roles; his token has two, its scopes and his roles, so that it never exceeds him. In a layer something is allowed
/// if a grant covers it and no deny does.
/// </summary>
public sealed class Rights
{
    readonly Layer[] layers;

    Rights(RightsStatus status, params Layer[] layers) => (Status, this.layers) = (status, layers);

    /// <summary>What root has.</summary>
    public static readonly Rights Everything = new(RightsStatus.Everything);

    /// <summary>Why it is all or nothing, or that it is as the layers say.</summary>
    public RightsStatus Status { get; }

    /// <summary>The layers: none when the status is not <see cref="RightsStatus.Ruled"/>.</summary>
    internal IReadOnlyList<Layer> Layers => layers;

    /// <summary>Whether something is allowed.</summary>
    /// <param name="permission">What.</param>
    /// <param name="environment">Where; null for what belongs to no environment.</param>
    /// <param name="key">On which key; null: on all that there are or may be.</param>
    public bool Allows(Permission permission, string? environment, string? key)
    {
        if (Status != RightsStatus.Ruled) return Status == RightsStatus.Everything;
        foreach (var layer in layers)
            if (layer.Deny(permission, environment, key) is not null || layer.Grant(permission, environment, key) is null) return false;
        return true;
    }

    /// <summary>Whether it may be allowed on some keys of an environment: what a list asks before it asks for each item.</summary>
    public bool AllowsSome(Permission permission, string? environment)
    {
        if (Status != RightsStatus.Ruled) return Status == RightsStatus.Everything;
        foreach (var layer in layers)
            if (!layer.GrantsSome(permission, environment)) return false;
        return true;
    }

    /// <summary>Whether another's rules of a permission, as far as they hold in an environment, are the same as these: whoever watches is told when they are not.</summary>
    public bool SameIn(Rights other, Permission permission, string environment)
    {
        if (Status != other.Status || layers.Length != other.layers.Length) return false;
        for (var i = 0; i < layers.Length; i++)
            if (!layers[i].SameIn(other.layers[i], permission, environment)) return false;
        return true;
    }

    /// <summary>The first of some grants that somebody with these rights may not give away, or null: he may give what he has.</summary>
    /// <param name="grants">What is to be given.</param>
    /// <param name="denies">What is withheld from it.</param>
    public Grant? Lacks(IEnumerable<Grant> grants, IReadOnlyCollection<Grant> denies)
    {
        if (Status == RightsStatus.Everything) return null;
        foreach (var grant in grants)
        {
            if (Status != RightsStatus.Ruled) return grant;
            foreach (var layer in layers)
                if (!layer.Covers(grant, denies)) return grant;
        }
        return null;
    }

    /// <summary>As <see cref="Lacks"/>, of what roles come to where they are bound.</summary>
    public Grant? LacksOf(AccessState access, IReadOnlyList<RoleBinding> bindings)
    {
        var given = Layer.Of(access, bindings);
        return Lacks(given.Grants, [.. given.Denies]);
    }

    internal static Rights Of(AccessState access, Principal principal) => principal.Kind switch
    {
        PrincipalKind.Root => Everything,
        PrincipalKind.User => OfUser(access, principal.Id),
        PrincipalKind.ServiceAccount => OfServiceAccount(access, principal.Id),
        PrincipalKind.Token => OfToken(access, principal.Id, 0),
        PrincipalKind.External => new Rights(RightsStatus.Ruled, Layer.Of(access, principal.Roles.Select(RoleBinding.Of))),
        _ => new Rights(RightsStatus.Unknown),
    };

    static Rights OfUser(AccessState access, Guid id) => access.User(id) is not { } user ? new Rights(RightsStatus.Unknown)
        : user.Status != MemberStatus.Active ? new Rights(RightsStatus.Suspended)
        : new Rights(RightsStatus.Ruled, Layer.Of(access, user.Roles));

    static Rights OfServiceAccount(AccessState access, Guid id) => access.ServiceAccount(id) is not { } account ? new Rights(RightsStatus.Unknown)
        : account.Status != MemberStatus.Active ? new Rights(RightsStatus.Suspended)
        : new Rights(RightsStatus.Ruled, Layer.Of(access, account.Roles));

    static Rights OfToken(AccessState access, Guid id, int depth)
    {
        if (access.Token(id) is not { } token || depth == AccessLimits.TokenDepth) return new Rights(RightsStatus.Unknown);
        var owner = token.Owner switch
        {
            TokenOwner.User => OfUser(access, token.OwnerId),
            TokenOwner.ServiceAccount => OfServiceAccount(access, token.OwnerId),
            TokenOwner.Token => OfToken(access, token.OwnerId, depth + 1),
            _ => Everything,
        };
        return owner.Status is RightsStatus.Everything or RightsStatus.Ruled ? new Rights(RightsStatus.Ruled, [Layer.Of(token), .. owner.layers]) : owner;
    }

    /// <summary>Grants and denies, by permission.</summary>
    internal sealed class Layer
    {
        static readonly AccessRule[] none = [];

        // of a token, and of most roles' denies: shared, so that it is at hand whoever asks, and no memory of his
        static readonly AccessRule[][] nothing = Nothing();

        readonly AccessRule[][] grants, denies;

        Layer(bool isToken, IReadOnlyCollection<AccessRule> grants, IReadOnlyCollection<AccessRule> denies) => (IsToken, this.grants, this.denies) = (isToken, ByPermission(grants), ByPermission(denies));

        /// <summary>Whether it is a token's scopes.</summary>
        public bool IsToken { get; }

        public IEnumerable<Grant> Grants => grants.SelectMany(rules => rules).Select(rule => rule.Grant);

        public IEnumerable<Grant> Denies => denies.SelectMany(rules => rules).Select(rule => rule.Grant);

        public static Layer Of(Token token) => new(true, [.. token.Scopes.Select(scope => new AccessRule(scope, null, scope))], []);

        public static Layer Of(AccessState access, IEnumerable<RoleBinding> bindings)
        {
            var (grants, denies) = (new List<AccessRule>(), new List<AccessRule>());
            foreach (var binding in bindings)
            {
                if (access.Role(binding.Role) is not { } role) continue;
                grants.AddRange(role.Grants.Select(grant => (Here: Narrowed(grant, binding), grant)).Where(pair => pair.Here is not null).Select(pair => new AccessRule(pair.Here!, role.Name, pair.grant)));
                denies.AddRange(role.Denies.Select(deny => (Here: Denied(deny, binding), deny)).Where(pair => pair.Here is not null).Select(pair => new AccessRule(pair.Here!, role.Name, pair.deny)));
            }
            return new Layer(false, grants, denies);
        }

        public AccessRule? Grant(Permission permission, string? environment, string? key)
        {
            foreach (var rule in grants[(int)permission])
                if (key is null ? rule.Grant.Prefix.Length == 0 && rule.Grant.IsIn(environment) : rule.Grant.IsOn(environment, key)) return rule;
            return null;
        }

        // on all keys: a deny of any of them is enough
        public AccessRule? Deny(Permission permission, string? environment, string? key)
        {
            foreach (var rule in denies[(int)permission])
                if (key is null ? Reaches(rule.Grant, environment) : Reaches(rule.Grant, environment) && key.StartsWith(rule.Grant.Prefix, StringComparison.Ordinal)) return rule;
            return null;
        }

        public bool GrantsSome(Permission permission, string? environment)
        {
            foreach (var rule in grants[(int)permission])
            {
                if (!rule.Grant.IsIn(environment)) continue;
                var denied = false;
                foreach (var deny in denies[(int)permission])
                    denied |= Reaches(deny.Grant, environment) && rule.Grant.Prefix.StartsWith(deny.Grant.Prefix, StringComparison.Ordinal);
                if (!denied) return true;
            }
            return false;
        }

        public bool SameIn(Layer other, Permission permission, string environment) =>
            PrefixesIn(grants[(int)permission], environment).SetEquals(PrefixesIn(other.grants[(int)permission], environment))
            && PrefixesIn(denies[(int)permission], environment).SetEquals(PrefixesIn(other.denies[(int)permission], environment));

        static HashSet<string> PrefixesIn(AccessRule[] rules, string environment) =>
            [.. rules.Where(rule => rule.Grant.IsIn(environment)).Select(rule => rule.Grant.Prefix)];

        public bool Covers(Grant grant, IReadOnlyCollection<Grant> withheld)
        {
            var covered = grant.Environments is null ? grants[(int)grant.Permission].Any(rule => rule.Grant.Covers(grant))
                : grant.Environments.All(name => grants[(int)grant.Permission].Any(rule => rule.Grant.Covers(grant with { Environments = [name] })));
            // where he is denied it himself, it must be withheld from what he gives
            return covered && denies[(int)grant.Permission].All(deny => grant.Within(deny.Grant.Environments, deny.Grant.Prefix) is not { } common || withheld.Any(deny => deny.Covers(common)));
        }

        // of an org as a whole there is nothing to narrow: a narrowed role sees which environments there are, and no more
        static Grant? Narrowed(Grant grant, RoleBinding binding) => Permissions.Binding(grant.Permission) switch
        {
            PermissionBinding.EnvironmentAndKey => grant.Within(binding.Environments, binding.Prefix),
            PermissionBinding.Key when binding.Environments is null => grant.Within(null, binding.Prefix),
            _ => binding.IsEverywhere || grant.Permission == Permission.OrgRead ? grant : null,
        };

        // what cannot be narrowed is denied whole
        static Grant? Denied(Grant deny, RoleBinding binding) => Permissions.Binding(deny.Permission) switch
        {
            PermissionBinding.EnvironmentAndKey => deny.Within(binding.Environments, binding.Prefix),
            PermissionBinding.Key => deny.Within(null, binding.Prefix),
            _ => deny,
        };

        // of what belongs to no environment a deny in any one is a deny
        static bool Reaches(Grant deny, string? environment) => environment is null || deny.IsIn(environment);

        static AccessRule[][] Nothing()
        {
            var byPermission = new AccessRule[Permissions.Count][];
            Array.Fill(byPermission, none);
            return byPermission;
        }

        static AccessRule[][] ByPermission(IReadOnlyCollection<AccessRule> rules)
        {
            if (rules.Count == 0) return nothing;
            var byPermission = Nothing();
            // what a wider rule says already need not be said again: it would only be looked at
            foreach (var group in rules.GroupBy(rule => rule.Grant.Permission))
            {
                var kept = new List<AccessRule>();
                foreach (var rule in group)
                {
                    if (kept.Exists(other => other.Grant.Covers(rule.Grant))) continue;
                    kept.RemoveAll(other => rule.Grant.Covers(other.Grant));
                    kept.Add(rule);
                }
                byPermission[(int)group.Key] = [.. kept];
            }
            return byPermission;
        }
    }
}

/// <summary>Whether rights are worked out from rules, and if not, why.</summary>
public enum RightsStatus : byte
{
    /// <summary>As grants and denies say.</summary>
    Ruled,
    /// <summary>All: root.</summary>
    Everything,
    /// <summary>None: there is no such user or account, or the token is revoked.</summary>
    Unknown,
    /// <summary>None: the user or account, or the one whose token it is, is suspended.</summary>
    Suspended,
}
