using FsCheck;
using FsCheck.Fluent;
using Stele.Core.Access;
using Stele.Core.Journal;

namespace Stele.Core.Tests.Access;

/// <summary>Small worlds in which rules meet often: two environments, a few keys and prefixes, a permission of each binding.</summary>
static class AccessWorld
{
    public static readonly string?[] Environments = ["dev", "prod", null];

    public static readonly string[] Keys = ["a", "a.b", "a.b.c", "z"];

    public static readonly Permission[] Some = [Permission.ConfigRead, Permission.ConfigWrite, Permission.LockWrite, Permission.OrgRead, Permission.TokenWrite];

    public static readonly Guid Ada = new("00000000-0000-7000-8000-0000000000ad"), Key = new("00000000-0000-7000-8000-0000000000ee");

    static readonly Gen<IReadOnlyList<string>?> Places = Gen.Elements<IReadOnlyList<string>?>(null, null, ["dev"], ["prod"], ["dev", "prod"]);

    static readonly Gen<string> Prefixes = Gen.Elements("", "", "a", "a.b", "a.b.c", "z", "q");

    /// <summary>Grants that a role or a token may hold: bound as far as their permission can be.</summary>
    public static readonly Gen<Grant> Grants =
        from permission in Gen.Elements(Some)
        from environments in Places
        from prefix in Prefixes
        select new Grant(permission, Permissions.Binding(permission) == PermissionBinding.EnvironmentAndKey ? environments : null,
            Permissions.Binding(permission) == PermissionBinding.Org ? "" : prefix);

    public static Gen<IReadOnlyList<Grant>> Lists(int most) => from count in Gen.Choose(0, most) from grants in Grants.ListOf(count) select (IReadOnlyList<Grant>)[.. grants];

    public static readonly Gen<Role> Roles =
        from name in Gen.Elements("one", "two", "three")
        from grants in Lists(5)
        from denies in Lists(2)
        select new Role(name, null, grants, denies, 1);

    public static readonly Gen<RoleBinding> Bindings =
        from name in Gen.Elements("one", "two", "three", "viewer", "admin", "gone")
        from environments in Places
        from prefix in Prefixes
        select new RoleBinding(name, environments, prefix);

    /// <summary>An org with some roles, a user Ada and a token of hers.</summary>
    public static readonly Gen<AccessState> States =
        from roles in Roles.ListOf(3)
        from bound in Gen.Choose(1, 3)
        from bindings in Bindings.ListOf(bound)
        from scopes in Lists(4)
        select With(roles, bindings, scopes);

    public static AccessState With(IEnumerable<Role> roles, IEnumerable<RoleBinding> bindings, IReadOnlyList<Grant> scopes)
    {
        var access = new AccessState();
        return access with
        {
            Roles = access.Roles.SetAll(roles),
            Users = access.Users.Set(new User(Ada, "ada@example.com", "Ada", [.. bindings], MemberStatus.Active, 1, Timestamp.Epoch, Timestamp.Epoch)),
            Tokens = access.Tokens.Set(new Token(Key, "hers", TokenOwner.User, Ada, scopes, null, null, Timestamp.Epoch, "root")),
        };
    }

    /// <summary>Everything that can be asked for.</summary>
    public static IEnumerable<(Permission Permission, string? Environment, string Key)> Questions() =>
        from permission in Some from environment in Environments from key in Keys select (permission, environment, key);
}
