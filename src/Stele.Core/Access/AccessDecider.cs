using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;

namespace Stele.Core.Access;

/// <summary>What access decides in common: who may give what, and what events make of the state.</summary>
public static class AccessDecider
{
    /// <summary>What a command of access leads to; null for a command of another feature.</summary>
    public static Outcome<Decision>? TryDecide(OrgState state, Command command) => command switch
    {
        CreateToken create => TokenDecider.Decide(state, create),
        RevokeToken revoke => TokenDecider.Decide(state, revoke),
        CreateUser create => UserDecider.Decide(state, create),
        ChangeUser change => UserDecider.Decide(state, change),
        RemoveUser remove => UserDecider.Decide(state, remove),
        SetPassword set => UserDecider.Decide(state, set),
        CreateServiceAccount create => ServiceAccountDecider.Decide(state, create),
        ChangeServiceAccount change => ServiceAccountDecider.Decide(state, change),
        RemoveServiceAccount remove => ServiceAccountDecider.Decide(state, remove),
        SetRole set => RoleDecider.Decide(state, set),
        RemoveRole remove => RoleDecider.Decide(state, remove),
        _ => (Outcome<Decision>?)null,
    };

    /// <summary>The state after the access events of a revision.</summary>
    public static OrgState Evolve(OrgState state, RevisionRecord revision)
    {
        var access = state.Access;
        foreach (var e in revision.Events)
            access = e.Payload switch
            {
                UserSet set => access.With(new User(set.Id, set.Email, set.Name, set.Roles, set.Status, set.Version, access.User(set.Id)?.CreatedAt ?? revision.At, revision.At) { Identity = set.Identity }),
                UserPasswordSet set when access.User(set.Id) is { } user => access.With(user with { Version = set.Version, UpdatedAt = revision.At }),
                UserRemoved removed => access.WithoutUser(removed.Id),
                ServiceAccountSet set => access.With(new ServiceAccount(set.Id, set.Name, set.Roles, set.Status, set.Version, access.ServiceAccount(set.Id)?.CreatedAt ?? revision.At, revision.At)),
                ServiceAccountRemoved removed => access.WithoutServiceAccount(removed.Id),
                TokenCreated created => access.With(new Token(created.Id, created.Name, created.Owner, created.OwnerId, created.Scopes, created.Environment, created.ExpiresAt, revision.At, revision.Actor)),
                TokenRevoked revoked => access.WithoutToken(revoked.Id),
                RoleSet set => access.With(new Role(set.Name, set.Description, set.Grants, set.Denies, set.Version)),
                // its name stays known, so that a role made under it again goes on counting
                RoleRemoved removed => access.With(new Role(removed.Name, null, [], [], removed.Version) { IsRemoved = true }),
                _ => access,
            };
        return ReferenceEquals(access, state.Access) ? state : state with { Access = access };
    }

    /// <summary>Refuses environments that are not there, in grants or bindings.</summary>
    internal static Fault? UnknownEnvironments(OrgState state, IEnumerable<(string Pointer, IReadOnlyList<string>? Environments)> places)
    {
        List<Problem>? problems = null;
        foreach (var (pointer, environments) in places)
            for (var i = 0; i < (environments?.Count ?? 0); i++)
                if (state.Environment(environments![i]) is null)
                    (problems ??= []).Add(Problem.Body($"{pointer}/environments/{i}", "environment.unknown", $"There is no environment '{environments[i]}'."));
        return problems is null ? null : Fault.Invalid(problems);
    }

    /// <summary>Refuses roles that are not there, or that hold what who gives them lacks.</summary>
    internal static Fault? MayNotGive(OrgState state, Principal giver, MemberChange change)
    {
        if (change.Roles is not { } roles) return null;
        List<Problem> unknown = [], exceeding = [];
        var rights = state.Access.RightsOf(giver);
        foreach (var (index, binding) in roles.Index())
            if (state.Access.Role(binding.Role) is null)
                unknown.Add(Problem.Body(change.RolePointer(index), "role.unknown", $"There is no role '{binding.Role}'."));
            else if (rights.LacksOf(state.Access, [binding]) is { } lacked)
                exceeding.Add(Problem.Body(change.RolePointer(index), "role.exceeds", $"'{binding.Role}' may {lacked}, which you may not."));
        if (unknown.Count > 0) return Fault.Invalid(unknown);
        if (exceeding.Count > 0) return new Fault(FaultCode.Forbidden, "Nobody gives what he has not.", exceeding);
        return change.IsOneRole ? null : UnknownEnvironments(state, roles.Index().Select(pair => ($"/roles/{pair.Index}", pair.Item.Environments)));
    }

    /// <summary>Refuses to touch somebody who may do more than who asks.</summary>
    internal static Fault? MayNotTouch(OrgState state, Principal principal, IReadOnlyList<RoleBinding> roles, string what) =>
        state.Access.RightsOf(principal).LacksOf(state.Access, roles) is { } lacked
            ? new Fault(FaultCode.Forbidden, $"This {what} may {lacked}, which {principal.ActorId} may not.")
            : null;

    /// <summary>Refuses one more than the limit.</summary>
    internal static Fault? Full(int count, Limit limit, string what) => count < limit.Value ? null
        : new Fault(FaultCode.QuotaExceeded, $"An organization has at most {limit.Value} {what}.", [Problem.Body("", limit.Name, $"This would be number {count + 1}.")]);

    internal static Fault Stale(int version, int? expected) => new(FaultCode.Conflict, $"This is at version {version}, not at {expected}.",
        [Problem.Body("/expected_version", "version.stale", $"The version is {version}.")]);

    internal static Fault Missing(string what, string id, string rule) => new(FaultCode.NotFound, $"There is no {what} '{id}'.",
        [Problem.Path(what == "role" ? "name" : "id", rule, $"There is no {what} '{id}'.")]);
}
