using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Server.Access;
using Stele.Server.Gateway;
using Stele.Server.Limits;
using Stele.Server.Transport;

namespace Stele.Server.Identity;

/// <summary>
/// Who is known because somebody else vouches for him: an issuer by a JWT, an authority by a client certificate. What the
/// gate asks when a credential is none of Stele's own. Who is known already is let in without waiting.
/// </summary>
internal sealed class VouchedIdentities(JwtIdentities jwts, ClientCertificates certificates, Memberships members, OrgDirectory orgs, HttpLimits limits)
{
    /// <summary>Whether a request is for here: by its token, or when it has none by its connection's certificate.</summary>
    public bool Takes(HttpRequest request, ReadOnlySpan<char> token) =>
        token.IsEmpty ? certificates.Any && request.Headers.Authorization.Count == 0 && request.HttpContext.Connection.ClientCertificate is not null : jwts.Takes(token);

    /// <summary><see cref="JwtIdentities.Standing"/> of a token that was let in; null: it was none of a JWT.</summary>
    public Func<bool>? Standing(ReadOnlySpan<char> token) => jwts.Takes(token) ? jwts.Standing(token.ToString()) : null;

    /// <summary>Lets it in, or gives the refusal. <see cref="Takes"/> was asked.</summary>
    public ValueTask<Fault?> Admit(HttpRequest request, Caller caller, ReadOnlySpan<char> token)
    {
        if (token.IsEmpty) return ByCertificate(request, caller);
        return jwts.TryFind(token, out var identity) ? Enter(request, caller, identity) : new(Verify(request, caller, token.ToString()));
    }

    // once for each token
    async Task<Fault?> Verify(HttpRequest request, Caller caller, string token)
    {
        // a signature costs more to look at than to make up
        if (limits.Blocked(request.HttpContext) is { } blocked) return blocked;
        var (identity, refusal) = await jwts.Verify(token, request.HttpContext.RequestAborted);
        if (identity is not null)
        {
            caller.IsSignIn = true;
            return await Enter(request, caller, identity);
        }
        // on record it says what was wrong; the answer does only to whom the issuer vouched for
        caller.NotKnown = "jwt_" + refusal.Label();
        var fault = refusal.Fault();
        return fault.Code == FaultCode.Unauthenticated ? limits.Failed(request.HttpContext) ?? fault : fault;
    }

    ValueTask<Fault?> Enter(HttpRequest request, Caller caller, JwtIdentity identity)
    {
        caller.Person = identity.Person;
        if ((Named(request) ?? identity.OnlyOrg) is { } name) return Enter(caller, identity, name);
        // where no claim says anything, only an org that made him its user can
        return identity.Memberships.Count > 0 ? Enter(caller, identity, OrgDirectory.DefaultName) : new(LookForHome(request, caller, identity));
    }

    // whom an org has made its user is that user there and nobody else, whatever his claims would give
    ValueTask<Fault?> Enter(Caller caller, JwtIdentity identity, string name) =>
        orgs.TryFind(name, out var org) && members.TryFind(org, identity.ActorId, out var member) && (member ?? identity.In(name)) is { } principal
            ? new(Enter(caller, org, principal))
            : new(LookForMember(caller, identity, name));

    async Task<Fault?> LookForMember(Caller caller, JwtIdentity identity, string name)
    {
        var memberships = await members.Of(identity.ActorId);
        // names that the org had before lead to it too; nobody else's are looked for
        if (memberships.Count > 0)
        {
            if (!(await orgs.Find(name)).TryGet(out var found, out var fault)) return fault;
            foreach (var membership in memberships)
                if (membership.Org == found) return Enter(caller, membership.Org, Principal.User(membership.User));
        }
        return await Enter(caller, name, identity.In(name));
    }

    async Task<Fault?> LookForHome(HttpRequest request, Caller caller, JwtIdentity identity)
    {
        var memberships = await members.Of(identity.ActorId);
        // of several none is meant, unless he asks which there are
        var isAsking = HttpMethods.IsGet(request.Method) && request.Path == "/v1/orgs";
        return memberships.Count == 1 || isAsking && memberships.Count > 0
            ? Enter(caller, memberships[0].Org, Principal.User(memberships[0].User))
            : await Enter(caller, identity, OrgDirectory.DefaultName);
    }

    ValueTask<Fault?> ByCertificate(HttpRequest request, Caller caller)
    {
        if (certificates.Find(request.HttpContext.Connection.ClientCertificate) is not (var org, var principal))
        {
            caller.NotKnown = "certificate";
            return new(Authorisation.NotKnown);
        }
        var name = Named(request) ?? org;
        return Enter(caller, name, name == org ? principal : null);
    }

    // where somebody is nobody there is no org for him, whether there is one or not; nor is it looked for
    ValueTask<Fault?> Enter(Caller caller, string name, Principal? principal)
    {
        if (principal is null) return new(NoOrg(name));
        return orgs.TryFind(name, out var org) ? new(Enter(caller, org, principal)) : new(LookFor(caller, name, principal));
    }

    async Task<Fault?> LookFor(Caller caller, string name, Principal principal)
    {
        if (!(await orgs.Find(name)).TryGet(out var found, out var fault)) return fault;
        return found is { } org ? Enter(caller, org, principal) : NoOrg(name);
    }

    static Fault? Enter(Caller caller, OrgId org, Principal principal)
    {
        caller.Admit(principal, org);
        return null;
    }

    static Fault NoOrg(string name) => new(FaultCode.NotFound, $"There is no organization '{name}'.", [Problem.Header(OrgHeader, "org.unknown", $"There is no organization '{name}'.")]);

    static string? Named(HttpRequest request) => request.Headers.TryGetValue(OrgHeader, out var named) ? named.ToString() : null;

    const string OrgHeader = "Stele-Org";
}
