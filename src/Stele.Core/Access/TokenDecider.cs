using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;

namespace Stele.Core.Access;

/// <summary>Tokens: nobody makes one that may what he may not.</summary>
public static class TokenDecider
{
    // those that ended longer ago than this are cleared away, a few with each that is made
    const long KeptMicroseconds = 24L * 60 * 60 * 1_000_000;
    const int ClearedMax = 16, RevokedMax = 10_000;

    internal static Outcome<Decision> Decide(OrgState state, CreateToken command)
    {
        var (access, principal, token) = (state.Access, command.Principal, command.Token);
        if (MayNot(access, principal, command.ServiceAccount) is { } forbidden) return forbidden;
        var (owner, ownerId, actor) = Owner(principal, command.ServiceAccount);
        if (command.ServiceAccount is { } account && access.ServiceAccount(account) is null)
            return Fault.Invalid(Problem.Body("/service_account", "service_account.unknown", $"There is no service account '{account}'."));
        if (token.ExpiresAt is { } end && end <= command.Now)
            return Fault.Invalid(Problem.Body("/expires_at", "expires_at.past", $"{end} has passed."));
        if (owner == TokenOwner.Token && Depth(access, ownerId) >= AccessLimits.TokenDepth)
            return new Fault(FaultCode.Forbidden, $"A token made with a token made with a token ends at {AccessLimits.TokenDepth}; make this one with one that is nearer to a user.");
        if (owner == TokenOwner.Token && access.Token(ownerId)?.ExpiresAt is { } parentEnd && (token.ExpiresAt is null || token.ExpiresAt > parentEnd))
            return Fault.Invalid(Problem.Body("/expires_at", "expires_at.exceeds", $"A token does not outlive the one it is made with, which ends at {parentEnd}."));
        if (token.Environment is { } environment && state.Environment(environment) is null)
            return Fault.Invalid(Problem.Body("/environment", "environment.unknown", $"There is no environment '{environment}'."));
        if (AccessDecider.UnknownEnvironments(state, token.Scopes.Index().Select(pair => ($"/scopes/{pair.Index}", pair.Item.Environments))) is { } unknown) return unknown;
        if (Exceeding(access.RightsOf(principal), token.Scopes) is { } exceeding) return exceeding;
        var ended = Ended(access, command.Now);
        if (AccessDecider.Full(access.Tokens.Count - ended.Count, SteleLimits.TokensPerOrg, "tokens") is { } full) return full;
        return new Decision([Created(token, owner, ownerId), .. ended]) { Rows = [new TokenHash(token.Id, token.Hash, actor, token.Environment, token.ExpiresAt)] };
    }

    internal static Outcome<Decision> Decide(OrgState state, RevokeToken command)
    {
        var (access, principal) = (state.Access, command.Principal);
        var token = access.Token(command.Id);
        var own = token is not null && (principal.Kind == PrincipalKind.Token ? token.Id == principal.Id
            : principal.Kind is PrincipalKind.User or PrincipalKind.ServiceAccount && token.OwnerId == principal.Id);
        if (Authorisation.Check(access, principal, Permission.TokenWrite, null, null) is { } forbidden && !own) return forbidden;
        if (token is null) return AccessDecider.Missing("token", command.Id.ToString(), "token.unknown");
        return new Decision([new TokenRevoked(token.Id), .. RevokedWith(access, TokenOwner.Token, token.Id)]);
    }

    /// <summary>The event and the row of an org's own token, for who makes it with the org: it has its scopes, and no owner.</summary>
    public static (JournalEvent Event, SideRow Row) OfOrg(NewToken token) =>
        (Created(token, TokenOwner.Org, Guid.Empty), new TokenHash(token.Id, token.Hash, null, token.Environment, token.ExpiresAt));

    /// <summary>The tokens that end with somebody.</summary>
    internal static IEnumerable<TokenRevoked> RevokedWith(AccessState access, TokenOwner owner, Guid id)
    {
        var revoked = new List<TokenRevoked>();
        var ending = new Queue<(TokenOwner, Guid)>([(owner, id)]);
        while (ending.TryDequeue(out var next) && revoked.Count < RevokedMax)
            foreach (var token in access.Tokens)
                if ((token.Owner, token.OwnerId) == next && revoked.Count < RevokedMax)
                {
                    revoked.Add(new TokenRevoked(token.Id));
                    ending.Enqueue((TokenOwner.Token, token.Id));
                }
        return revoked;
    }

    static TokenCreated Created(NewToken token, TokenOwner owner, Guid ownerId) => new(token.Id, token.Name, owner, ownerId, token.Scopes, token.Environment, token.ExpiresAt);

    // a user or a service account makes tokens for himself without further ado: they are never more than he is
    static Fault? MayNot(AccessState access, Principal principal, Guid? serviceAccount)
    {
        var self = serviceAccount is null && principal.Kind is PrincipalKind.User or PrincipalKind.ServiceAccount && access.RightsOf(principal).Status == RightsStatus.Ruled;
        if (!self && Authorisation.Check(access, principal, Permission.TokenWrite, null, null) is { } forbidden) return forbidden;
        return serviceAccount is null && principal.Kind == PrincipalKind.External
            ? new Fault(FaultCode.Forbidden, "What an identity provider says holds while it says so: make the token for a service account.",
                [Problem.Body("/service_account", "member.required", "service_account is required here.")])
            : null;
    }

    static (TokenOwner Owner, Guid Id, string? Actor) Owner(Principal principal, Guid? serviceAccount) => (serviceAccount, principal.Kind) switch
    {
        ({ } account, _) => (TokenOwner.ServiceAccount, account, Principal.ServiceAccountActor(account)),
        (_, PrincipalKind.User) => (TokenOwner.User, principal.Id, principal.ActorId),
        (_, PrincipalKind.ServiceAccount) => (TokenOwner.ServiceAccount, principal.Id, principal.ActorId),
        (_, PrincipalKind.Token) => (TokenOwner.Token, principal.Id, principal.Owner),
        _ => (TokenOwner.Org, Guid.Empty, null),
    };

    static Fault? Exceeding(Rights rights, IReadOnlyList<Grant> scopes)
    {
        List<Problem>? problems = null;
        foreach (var (index, scope) in scopes.Index())
            if (rights.Lacks([scope], []) is not null)
                (problems ??= []).Add(Problem.Body($"/scopes/{index}", "scope.exceeds", $"You may not {scope}, so no token of yours may."));
        return problems is null ? null : new Fault(FaultCode.Forbidden, "A token never has more than who makes it.", problems);
    }

    static List<TokenRevoked> Ended(AccessState access, Timestamp now)
    {
        var ended = new List<TokenRevoked>();
        foreach (var token in access.Tokens)
            if (ended.Count < ClearedMax && token.ExpiresAt is { } end && now.Microseconds - end.Microseconds > KeptMicroseconds) ended.Add(new TokenRevoked(token.Id));
        return ended;
    }

    static int Depth(AccessState access, Guid id)
    {
        var depth = 0;
        for (var token = access.Token(id); token is not null && depth < AccessLimits.TokenDepth; token = token.Owner == TokenOwner.Token ? access.Token(token.OwnerId) : null) depth++;
        return depth;
    }
}
