using FsCheck;
using FsCheck.Fluent;
using Stele.Core.Access;
using Stele.Core.Faults;
using Xunit;
using static Stele.Core.Tests.Access.AccessWorld;

namespace Stele.Core.Tests.Access;

public sealed class AuthorisationTests
{
    static readonly Principal User = Principal.User(Ada), Token = Principal.Token(Key, null, null);

    [Fact]
    public void Root_may_do_everything_and_nobody_nothing()
    {
        var state = With([], [RoleBinding.Of("owner")], []);
        foreach (var permission in Permissions.All)
        {
            Assert.Null(Authorisation.Check(AccessState.Empty, Principal.Root, permission, "prod", "a"));
            Assert.Equal(FaultCode.Unauthenticated, Authorisation.Check(state, Principal.Nobody, permission, "prod", "a")!.Code);
        }
    }

    [Fact]
    public void What_is_allowed_is_what_the_roles_say_read_one_by_one() => Check(States, state =>
    {
        var rights = state.RightsOf(User);
        foreach (var (permission, environment, key) in Questions())
            Assert.Equal(Allowed(state, permission, environment, key), rights.Allows(permission, environment, key));
    });

    [Fact]
    public void A_deny_wins_whatever_else_is_granted() => Check(
        from state in States from deny in Grants select (state, deny),
        drawn =>
        {
            var (state, deny) = drawn;
            state = With([.. state.Roles, new Role("no", null, [], [deny], 1)], [.. state.User(Ada)!.Roles, RoleBinding.Of("owner"), RoleBinding.Of("no")], [.. Permissions.All.Select(Grant.Of)]);
            foreach (var (permission, environment, key) in Questions())
                if (permission == deny.Permission && deny.IsOn(environment, key))
                {
                    Assert.NotNull(Authorisation.Check(state, User, permission, environment, key));
                    Assert.NotNull(Authorisation.Check(state, Token, permission, environment, key));
                    Assert.NotNull(Authorisation.Check(state, User, permission, environment, null));
                }
        });

    [Fact]
    public void A_token_never_has_more_than_its_scopes_nor_than_its_owner() => Check(States, state =>
    {
        foreach (var (permission, environment, key) in Questions())
        {
            if (!state.RightsOf(Token).Allows(permission, environment, key)) continue;
            Assert.True(state.RightsOf(User).Allows(permission, environment, key));
            Assert.Contains(state.Token(Key)!.Scopes, scope => scope.Permission == permission && scope.IsOn(environment, key));
        }
    });

    [Fact]
    public void A_narrower_binding_never_allows_more() => Check(
        from roles in Roles.ListOf(3) from wide in Bindings from narrow in Bindings select (roles, wide, narrow),
        drawn =>
        {
            var (roles, wide, narrow) = drawn;
            // the same role without its denies, which a narrowed role has in fewer places
            var granting = roles.Select(role => role with { Denies = [] }).ToList();
            var all = With(granting, [wide with { Environments = null, Prefix = "" }], []).RightsOf(User);
            var less = With(granting, [wide with { Environments = narrow.Environments, Prefix = narrow.Prefix }], []).RightsOf(User);
            foreach (var (permission, environment, key) in Questions())
                Assert.True(all.Allows(permission, environment, key) || !less.Allows(permission, environment, key));
        });

    [Fact]
    public void What_is_allowed_on_all_keys_is_allowed_on_each_and_what_is_on_one_is_on_some() => Check(States, state =>
    {
        foreach (var rights in (Rights[])[state.RightsOf(User), state.RightsOf(Token)])
            foreach (var (permission, environment, key) in Questions())
            {
                if (rights.Allows(permission, environment, null)) Assert.True(rights.Allows(permission, environment, key));
                if (rights.Allows(permission, environment, key)) Assert.True(rights.AllowsSome(permission, environment));
            }
    });

    [Fact]
    public void Who_lacks_nothing_of_a_role_gives_nothing_that_he_has_not() => Check(
        from state in States from role in Roles select (state, role),
        drawn =>
        {
            var (state, role) = drawn;
            foreach (var giver in (Principal[])[User, Token])
            {
                var his = state.RightsOf(giver);
                if (his.Lacks(role.Grants, role.Denies) is not null) continue;
                var given = With([role], [RoleBinding.Of(role.Name)], []).RightsOf(User);
                foreach (var (permission, environment, key) in Questions())
                    Assert.True(his.Allows(permission, environment, key) || !given.Allows(permission, environment, key), $"{permission} {environment} {key}");
            }
        });

    [Fact]
    public void Explain_says_what_the_check_says_and_by_which_rule() => Check(States, state =>
    {
        foreach (var principal in (Principal[])[User, Token, Principal.External("idp:x", ["one", "gone"]), Principal.User(Guid.Empty), Principal.Root])
            foreach (var (permission, environment, key) in Questions().SelectMany(question => (IEnumerable<(Permission, string?, string?)>)[question, question with { Key = null! }]))
            {
                var explained = Explanation.Of(state, principal, permission, environment, key);
                Assert.Equal(Authorisation.Check(state, principal, permission, environment, key) is null, explained.Allowed);
                Assert.NotEqual("", explained.Reason);
                if (key is null) continue;
                foreach (var layer in explained.Layers)
                    Assert.True((layer.Grant?.Grant.IsOn(environment, key) ?? true) && (layer.Deny is null || key.StartsWith(layer.Deny.Grant.Prefix, StringComparison.Ordinal)));
            }
    });

    [Fact]
    public void A_token_of_somebody_who_is_suspended_or_gone_is_not_known()
    {
        var state = With([], [RoleBinding.Of("admin")], [Grant.Of(Permission.ConfigRead)]);
        Assert.Null(Authorisation.Check(state, Token, Permission.ConfigRead, "prod", "a"));
        var suspended = state with { Users = state.Users.Set(state.User(Ada)! with { Status = MemberStatus.Suspended }) };
        var gone = state with { Users = state.Users.Remove(Ada.ToString()) };
        var revoked = state with { Tokens = state.Tokens.Remove(Key.ToString()) };
        foreach (var other in (AccessState[])[suspended, gone, revoked])
            Assert.Equal(FaultCode.Unauthenticated, Authorisation.Check(other, Token, Permission.ConfigRead, "prod", "a")!.Code);
    }

    [Fact]
    public void A_token_made_with_another_ends_with_it_and_never_exceeds_it()
    {
        var state = With([], [RoleBinding.Of("admin")], [new Grant(Permission.ConfigRead, ["prod"], "a")]);
        var child = new Token(Guid.CreateVersion7(), "child", TokenOwner.Token, Key, [Grant.Of(Permission.ConfigRead)], null, null, default, "root");
        state = state with { Tokens = state.Tokens.Set(child) };
        var principal = Principal.Token(child.Id, null, null);
        Assert.Null(Authorisation.Check(state, principal, Permission.ConfigRead, "prod", "a.b"));
        Assert.Equal(FaultCode.Forbidden, Authorisation.Check(state, principal, Permission.ConfigRead, "dev", "a.b")!.Code);
        state = state with { Tokens = state.Tokens.Remove(Key.ToString()) };
        Assert.Equal(FaultCode.Unauthenticated, Authorisation.Check(state, principal, Permission.ConfigRead, "prod", "a.b")!.Code);
    }

    [Fact]
    public void A_check_among_ten_thousand_tokens_and_a_hundred_roles_allocates_nothing()
    {
        var roles = Enumerable.Range(0, 100).Select(n => new Role($"r{n}", null, [new Grant(Permission.ConfigRead, ["dev"], $"k{n}."), Grant.Of(Permission.FlagRead)], [new Grant(Permission.ConfigRead, null, $"z{n}")], 1));
        var state = With([], Enumerable.Range(0, 32).Select(n => RoleBinding.Of($"r{n * 3}")), []);
        state = state with
        {
            Roles = state.Roles.SetAll(roles),
            Tokens = state.Tokens.SetAll(Enumerable.Range(0, 10_000).Select(n => new Token(Guid.CreateVersion7(), $"t{n}", TokenOwner.User, Ada, [Grant.Of(Permission.ConfigRead)], null, null, default, "root"))),
        };
        Principal[] asking = [.. state.Tokens.Where(token => token.Id != Key).Take(200).Select(token => Principal.Token(token.Id, "user:x", null))];
        for (var round = 0; round < 2; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            foreach (var principal in asking)
            {
                Assert.True(Authorisation.Check(state, principal, Permission.ConfigRead, "dev", "k30.x") is null);
                Assert.True(state.RightsOf(principal).AllowsSome(Permission.ConfigRead, "dev"));
            }
            // worked out the first time, looked up from then on
            if (round > 0) Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }
    }

    [Fact]
    public void Names_of_permissions_are_feature_and_verb_and_parse_back()
    {
        Assert.Equal("config:read", Permissions.Name(Permission.ConfigRead));
        Assert.Equal("org:archive", Permissions.Name(Permission.OrgArchive));
        Assert.Equal("operate", Permissions.Name(Permission.Operate));
        foreach (var permission in Permissions.All)
        {
            Assert.True(Permissions.TryParse(Permissions.Name(permission), out var parsed));
            Assert.Equal(permission, parsed);
        }
        Assert.False(Permissions.TryParse("ConfigRead", out _));
        Assert.False(Permissions.TryParse(null, out _));
    }

    // what the roles say, without anything being worked out beforehand
    static bool Allowed(AccessState state, Permission permission, string? environment, string key)
    {
        var granted = false;
        foreach (var binding in state.User(Ada)!.Roles)
        {
            if (state.Role(binding.Role) is not { } role) continue;
            var bound = Permissions.Binding(permission);
            var here = bound switch
            {
                PermissionBinding.EnvironmentAndKey => (binding.Environments is null || (environment is not null && binding.Environments.Contains(environment))) && key.StartsWith(binding.Prefix, StringComparison.Ordinal),
                PermissionBinding.Key => binding.Environments is null && key.StartsWith(binding.Prefix, StringComparison.Ordinal),
                _ => binding.IsEverywhere || permission == Permission.OrgRead,
            };
            granted |= here && role.Grants.Any(grant => grant.Permission == permission && grant.IsOn(environment, key));
            var denied = bound switch
            {
                // of no environment in particular: a deny in any
                PermissionBinding.EnvironmentAndKey => key.StartsWith(binding.Prefix, StringComparison.Ordinal) && role.Denies.Any(deny => deny.Permission == permission && key.StartsWith(deny.Prefix, StringComparison.Ordinal)
                    && (environment is null ? deny.Within(binding.Environments, "") is not null : deny.IsIn(environment) && (binding.Environments?.Contains(environment) ?? true))),
                PermissionBinding.Key => key.StartsWith(binding.Prefix, StringComparison.Ordinal) && role.Denies.Any(deny => deny.Permission == permission && key.StartsWith(deny.Prefix, StringComparison.Ordinal)),
                _ => role.Denies.Any(deny => deny.Permission == permission),
            };
            if (denied) return false;
        }
        return granted;
    }

    static void Check<T>(Gen<T> gen, Action<T> holds) => Prop.ForAll(gen.ToArbitrary(), holds).Check(Config.QuickThrowOnFailure.WithMaxTest(500));
}
