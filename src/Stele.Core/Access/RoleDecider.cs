using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;

namespace Stele.Core.Access;

/// <summary>Custom roles: nobody makes one that may what he may not, nor changes one that does.</summary>
static class RoleDecider
{
    public static Outcome<Decision> Decide(OrgState state, SetRole command)
    {
        var access = state.Access;
        if (Authorisation.Check(access, command.Principal, Permission.RoleWrite, null, null) is { } forbidden) return forbidden;
        var before = access.Role(command.Name);
        if (command.ExpectedVersion is { } expected && expected != (before?.Version ?? 0)) return AccessDecider.Stale(before?.Version ?? 0, expected);
        var rights = access.RightsOf(command.Principal);
        if (Exceeding(rights, command) is { } exceeding) return exceeding;
        if (before is not null && rights.Lacks(before.Grants, before.Denies) is { } lacked)
            return new Fault(FaultCode.Forbidden, $"Role '{before.Name}' may {lacked}, which {command.Principal.ActorId} may not.");
        var unknown = AccessDecider.UnknownEnvironments(state, Places("/grants", command.Grants).Concat(Places("/denies", command.Denies)));
        if (unknown is not null) return unknown;
        if (before is not null && before.Description == command.Description && before.Grants.SequenceEqual(command.Grants) && before.Denies.SequenceEqual(command.Denies)) return Decision.Nothing;
        if (before is null && AccessDecider.Full(access.Roles.Count(role => !role.IsRemoved), SteleLimits.RolesPerOrg, "roles of its own") is { } full) return full;
        return new Decision([new RoleSet(command.Name, command.Description, command.Grants, command.Denies, access.LastRoleVersion(command.Name) + 1)]);
    }

    public static Outcome<Decision> Decide(OrgState state, RemoveRole command)
    {
        var access = state.Access;
        if (Authorisation.Check(access, command.Principal, Permission.RoleWrite, null, null) is { } forbidden) return forbidden;
        if (access.Role(command.Name) is not { } role) return AccessDecider.Missing("role", command.Name, "role.unknown");
        if (role.IsBuiltIn) return new Fault(FaultCode.Conflict, $"'{role.Name}' is built in.", [Problem.Path("name", "role.built_in", "A built-in role is in every organization.")]);
        if (access.RightsOf(command.Principal).Lacks(role.Grants, role.Denies) is { } lacked)
            return new Fault(FaultCode.Forbidden, $"Role '{role.Name}' may {lacked}, which {command.Principal.ActorId} may not.");
        var holders = access.Users.Count(user => user.Roles.Any(binding => binding.Role == role.Name)) + access.ServiceAccounts.Count(account => account.Roles.Any(binding => binding.Role == role.Name));
        if (holders > 0)
            return new Fault(FaultCode.Conflict, $"{holders} users and service accounts have this role.", [Problem.Path("name", "role.in_use", "Take it from them first.")]);
        return new Decision([new RoleRemoved(role.Name, role.Version + 1)]);
    }

    static Fault? Exceeding(Rights rights, SetRole command)
    {
        List<Problem>? problems = null;
        foreach (var (index, grant) in command.Grants.Index())
            if (rights.Lacks([grant], command.Denies) is not null)
                (problems ??= []).Add(Problem.Body($"/grants/{index}", "role.exceeds", $"You may not {grant}, so no role that you make may."));
        return problems is null ? null : new Fault(FaultCode.Forbidden, "Nobody gives what he has not.", problems);
    }

    static IEnumerable<(string, IReadOnlyList<string>?)> Places(string pointer, IReadOnlyList<Grant> grants) => grants.Index().Select(pair => ($"{pointer}/{pair.Index}", pair.Item.Environments));
}
