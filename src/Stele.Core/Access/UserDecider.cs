using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;

namespace Stele.Core.Access;

/// <summary>Users: made, changed and removed by who may, and never by who may less than they.</summary>
static class UserDecider
{
    public static Outcome<Decision> Decide(OrgState state, CreateUser command)
    {
        if (Authorisation.Check(state.Access, command.Principal, Permission.UserWrite, null, null) is { } forbidden) return forbidden;
        var user = command.User;
        if ((EmailTaken(state, user.Email!, null) ?? IdentityTaken(state, user, null)) is { } taken) return taken;
        if (AccessDecider.MayNotGive(state, command.Principal, user) is { } refused) return refused;
        if (AccessDecider.Full(state.Access.Users.Count, SteleLimits.UsersPerOrg, "users") is { } full) return full;
        return new Decision([new UserSet(command.Id, user.Email!, user.Name!, user.Roles!, user.Status ?? MemberStatus.Active, 1) { Identity = user.Identity }]);
    }

    public static Outcome<Decision> Decide(OrgState state, ChangeUser command)
    {
        // what somebody is called he may say himself
        var ofHimself = command.Principal.Kind == PrincipalKind.User && command.Principal.Id == command.Id && command.User is { Email: null, Roles: null, Status: null, SetsIdentity: false };
        if (Authorisation.Check(state.Access, command.Principal, Permission.UserWrite, null, null) is { } forbidden && !ofHimself) return forbidden;
        if (state.Access.User(command.Id) is not { } user) return Unknown(command.Id);
        var change = command.User;
        if (change.ExpectedVersion is { } expected && expected != user.Version) return AccessDecider.Stale(user.Version, expected);
        if (!ofHimself && AccessDecider.MayNotTouch(state, command.Principal, user.Roles, "user") is { } greater) return greater;
        if (((change.Email is { } email ? EmailTaken(state, email, user) : null) ?? IdentityTaken(state, change, user)) is { } taken) return taken;
        if (AccessDecider.MayNotGive(state, command.Principal, change) is { } refused) return refused;
        var changed = user with
        {
            Email = change.Email ?? user.Email, Name = change.Name ?? user.Name, Roles = change.Roles ?? user.Roles, Status = change.Status ?? user.Status,
            Identity = change.SetsIdentity ? change.Identity : user.Identity,
        };
        if (changed.Equals(user)) return Decision.Nothing;
        if (IsLastOwner(state, user) && !changed.IsOwner) return LastOwner("/role");
        return new Decision([new UserSet(user.Id, changed.Email, changed.Name, changed.Roles, changed.Status, user.Version + 1) { Identity = changed.Identity }]);
    }

    public static Outcome<Decision> Decide(OrgState state, RemoveUser command)
    {
        if (Authorisation.Check(state.Access, command.Principal, Permission.UserWrite, null, null) is { } forbidden) return forbidden;
        if (state.Access.User(command.Id) is not { } user) return Unknown(command.Id);
        if (AccessDecider.MayNotTouch(state, command.Principal, user.Roles, "user") is { } greater) return greater;
        if (IsLastOwner(state, user)) return LastOwner("");
        return new Decision([new UserRemoved(user.Id, user.Version + 1), .. TokenDecider.RevokedWith(state.Access, TokenOwner.User, user.Id)]);
    }

    public static Outcome<Decision> Decide(OrgState state, SetPassword command)
    {
        var own = command.Principal.Kind == PrincipalKind.User && command.Principal.Id == command.Id;
        // of himself too it is asked whether he is there
        if (!own && Authorisation.Check(state.Access, command.Principal, Permission.UserWrite, null, null) is { } forbidden) return forbidden;
        if (own && state.Access.RightsOf(command.Principal).Status != RightsStatus.Ruled) return Authorisation.NotKnown;
        if (state.Access.User(command.Id) is not { } user) return Unknown(command.Id);
        if (!own && AccessDecider.MayNotTouch(state, command.Principal, user.Roles, "user") is { } greater) return greater;
        return new Decision([new UserPasswordSet(user.Id, user.Version + 1)]) { Rows = [new PasswordVerifier(user.Id, command.Verifier)] };
    }

    static Fault? EmailTaken(OrgState state, string email, User? but)
    {
        foreach (var user in state.Access.Users)
            if (user.Id != but?.Id && AccessText.EmailKey(user.Email) == AccessText.EmailKey(email))
                return new Fault(FaultCode.Conflict, $"{email} is a user already.", [Problem.Body("/email", "email.taken", "Addresses are compared without regard to case.")]);
        return null;
    }

    // one person is one user of an org, or a token would speak for two
    static Fault? IdentityTaken(OrgState state, MemberChange change, User? but) =>
        change.Identity is not { } identity || state.Access.UserOf(identity.Id) is not { } user || user.Id == but?.Id ? null
            : new Fault(FaultCode.Conflict, $"This subject of {identity.Issuer} is a user already.", [Problem.Body("/identity", "identity.taken", "Each subject of an issuer is one user of the organization at most.")]);

    static bool IsLastOwner(OrgState state, User user) => user.IsOwner && !state.Access.Users.Any(other => other.Id != user.Id && other.IsOwner);

    static Fault LastOwner(string pointer) => new(FaultCode.Conflict, "This user is the last owner of the organization; make another one first.",
        [Problem.Body(pointer, "user.last_owner", "An organization that has had an owner keeps one.")]);

    static Fault Unknown(Guid id) => AccessDecider.Missing("user", id.ToString(), "user.unknown");
}

/// <summary>Service accounts, as users but for address and password.</summary>
static class ServiceAccountDecider
{
    public static Outcome<Decision> Decide(OrgState state, CreateServiceAccount command)
    {
        if (Authorisation.Check(state.Access, command.Principal, Permission.UserWrite, null, null) is { } forbidden) return forbidden;
        var account = command.Account;
        if (NameTaken(state, account.Name!, null) is { } taken) return taken;
        if (AccessDecider.MayNotGive(state, command.Principal, account) is { } refused) return refused;
        if (AccessDecider.Full(state.Access.ServiceAccounts.Count, SteleLimits.ServiceAccountsPerOrg, "service accounts") is { } full) return full;
        return new Decision([new ServiceAccountSet(command.Id, account.Name!, account.Roles!, account.Status ?? MemberStatus.Active, 1)]);
    }

    public static Outcome<Decision> Decide(OrgState state, ChangeServiceAccount command)
    {
        if (Authorisation.Check(state.Access, command.Principal, Permission.UserWrite, null, null) is { } forbidden) return forbidden;
        if (state.Access.ServiceAccount(command.Id) is not { } account) return Unknown(command.Id);
        var change = command.Account;
        if (change.ExpectedVersion is { } expected && expected != account.Version) return AccessDecider.Stale(account.Version, expected);
        if (AccessDecider.MayNotTouch(state, command.Principal, account.Roles, "service account") is { } greater) return greater;
        if (change.Name is { } name && NameTaken(state, name, account) is { } taken) return taken;
        if (AccessDecider.MayNotGive(state, command.Principal, change) is { } refused) return refused;
        var changed = account with { Name = change.Name ?? account.Name, Roles = change.Roles ?? account.Roles, Status = change.Status ?? account.Status };
        return changed.Equals(account) ? Decision.Nothing
            : new Decision([new ServiceAccountSet(account.Id, changed.Name, changed.Roles, changed.Status, account.Version + 1)]);
    }

    public static Outcome<Decision> Decide(OrgState state, RemoveServiceAccount command)
    {
        if (Authorisation.Check(state.Access, command.Principal, Permission.UserWrite, null, null) is { } forbidden) return forbidden;
        if (state.Access.ServiceAccount(command.Id) is not { } account) return Unknown(command.Id);
        if (AccessDecider.MayNotTouch(state, command.Principal, account.Roles, "service account") is { } greater) return greater;
        return new Decision([new ServiceAccountRemoved(account.Id, account.Version + 1), .. TokenDecider.RevokedWith(state.Access, TokenOwner.ServiceAccount, account.Id)]);
    }

    static Fault? NameTaken(OrgState state, string name, ServiceAccount? but)
    {
        foreach (var account in state.Access.ServiceAccounts)
            if (account.Id != but?.Id && string.Equals(account.Name, name, StringComparison.OrdinalIgnoreCase))
                return new Fault(FaultCode.Conflict, $"There is a service account '{account.Name}' already.", [Problem.Body("/name", "name.taken", "Names are compared without regard to case.")]);
        return null;
    }

    static Fault Unknown(Guid id) => AccessDecider.Missing("service account", id.ToString(), "service_account.unknown");
}
