using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Server.Gateway;
using Stele.Server.Limits;
using Stele.Server.Transport;

namespace Stele.Server.Identity;

/// <summary>
/// Who is known because somebody else vouches for him: an issuer by a JWT, an authority by a client certificate. What the
/// gate asks when a credential is none of Stele's own. Who is known already is let in without waiting.
/// </summary>
internal sealed class VouchedIdentities(JwtIdentities jwts, ClientCertificates certificates, OrgDirectory orgs, HttpLimits limits)
{
    /// <summary>Whether a request is for here: by its token, or when it has none by its connection's certificate.</summary>
    public bool Takes(HttpRequest request, ReadOnlySpan<char> token) =>
        token.IsEmpty ? certificates.Any && request.Headers.Authorization.Count == 0 && request.HttpContext.Connection.ClientCertificate is not null : jwts.Takes(token);

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
        if ((await jwts.Verify(token, request.HttpContext.RequestAborted)).TryGet(out var identity, out var fault))
        {
            caller.IsSignIn = true;
            return await Enter(request, caller, identity);
        }
        caller.NotKnown = "jwt";
        return fault.Code == FaultCode.Unauthenticated ? limits.Failed(request.HttpContext) ?? fault : fault;
    }

    ValueTask<Fault?> Enter(HttpRequest request, Caller caller, JwtIdentity identity)
    {
        var name = Named(request) ?? identity.OnlyOrg ?? OrgDirectory.DefaultName;
        return Enter(caller, name, identity.In(name));
    }

    ValueTask<Fault?> ByCertificate(HttpRequest request, Caller caller)
    {
        if (certificates.Find(request.HttpContext.Connection.ClientCertificate) is not (var org, var principal)) return new(Authorisation.NotKnown);
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
