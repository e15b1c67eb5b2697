using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Gateway;
using Stele.Server.Identity;
using Stele.Server.Journal;
using Stele.Server.Limits;

namespace Stele.Server.Access;

/// <summary>
/// Who asks: a root token, a token of an org, a session's cookie, or somebody who is vouched for (<see cref="VouchedIdentities"/>). Whatever does not let in is answered alike,
/// and counted by why. A token that is known costs two hashes and two look-ups in memory; only one that is not is waited for.
/// </summary>
internal sealed class Identities(RootTokens roots, OrgDirectory orgs, KnownTokens tokens, StreamPasses passes, Sessions sessions, VouchedIdentities vouched, JournalNode journal, JournalOptions options, HttpLimits limits, AccessMetrics metrics)
{
    const string Scheme = "Bearer ";

    /// <summary>Lets a request in, or gives the refusal.</summary>
    public ValueTask<Fault?> Admit(HttpRequest request, Caller caller)
    {
        var authorization = request.Headers.Authorization.ToString().AsSpan();
        if (authorization.IsEmpty)
            return OfrepProblems.ApiKeyOf(request) is { } key ? AdmitToken(request, caller, key)
                : StreamPasses.Of(request) is { } pass ? new(AdmitPass(request, caller, pass))
                : Sessions.CookieOf(request) is { } cookie ? new(AdmitSession(request, caller, cookie))
                : vouched.Takes(request, default) ? Vouched(vouched.Admit(request, caller, default), caller)
                : Missing(caller);
        return authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? AdmitToken(request, caller, authorization[Scheme.Length..].Trim()) : NotKnown(request, "malformed");
    }

    ValueTask<Fault?> AdmitToken(HttpRequest request, Caller caller, ReadOnlySpan<char> text)
    {
        Span<byte> hash = stackalloc byte[32];
        // longer than any of ours: a JWT may be
        if (!RootTokens.TryHash(text, hash)) return vouched.Takes(request, text) ? Vouched(vouched.Admit(request, caller, text), caller) : NotKnown(request, "malformed");
        if (roots.Holds(hash)) return AdmitRoot(request, caller);
        var verdict = tokens.Find(hash, out var token);
        if (verdict == TokenVerdict.Ask && vouched.Takes(request, text)) return Vouched(vouched.Admit(request, caller, text), caller);
        if (verdict != TokenVerdict.Ask) return Answer(request, caller, verdict, token);
        return TokenText.IsWhole(text) ? new(Look(request, caller, hash.ToArray())) : NotKnown(request, "malformed");
    }

    async Task<Fault?> Look(HttpRequest request, Caller caller, byte[] hash)
    {
        if (limits.Blocked(request.HttpContext) is { } blocked) return blocked;
        var (verdict, token) = await tokens.Look(hash);
        return await Answer(request, caller, verdict, token);
    }

    ValueTask<Fault?> Answer(HttpRequest request, Caller caller, TokenVerdict verdict, KnownToken? token)
    {
        if (verdict == TokenVerdict.Busy) return new(Fault.Unavailable("Too many tokens are looked for at once."));
        if (verdict != TokenVerdict.Good || token is null)
        {
            return NotKnown(request, verdict switch
            {
                TokenVerdict.Expired => "expired",
                TokenVerdict.Suspended => "suspended",
                _ => "unknown",
            });
        }
        token.Use();
        caller.Holder = token;
        return AdmitOf(request, caller, token.Principal, token.Org);
    }

    ValueTask<Fault?> AdmitRoot(HttpRequest request, Caller caller)
    {
        var name = request.Headers.TryGetValue(OrgHeader, out var named) ? named.ToString() : OrgDirectory.DefaultName;
        if (!orgs.TryFind(name, out var org)) return new(LookForRoot(caller, name));
        caller.Admit(Principal.Root, org);
        return default;
    }

    async Task<Fault?> LookForRoot(Caller caller, string name)
    {
        if (!(await orgs.Find(name)).TryGet(out var found, out var fault)) return fault;
        if (found is not { } org)
            return new Fault(FaultCode.NotFound, $"There is no organization '{name}'.", [Problem.Header(OrgHeader, "org.unknown", $"There is no organization '{name}'.")]);
        caller.Admit(Principal.Root, org);
        return null;
    }

    async Task<Fault?> AdmitPass(HttpRequest request, Caller caller, string pass)
    {
        if (limits.Blocked(request.HttpContext) is { } blocked) return blocked;
        if (await passes.Find(pass) is not { } found) return await NotKnown(request, "pass");
        return Enter(caller, found.Principal, found.Org);
    }

    async Task<Fault?> AdmitSession(HttpRequest request, Caller caller, string cookie)
    {
        if (await sessions.Find(cookie) is not { } session)
        {
            return await NotKnown(request, "session");
        }
        // a page of somebody else's can send the cookie, but cannot read what belongs in the header
        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method) && !Sessions.IsCsrf(request.Headers[Sessions.CsrfHeader].ToString(), cookie))
        {
            metrics.Refused("csrf");
            return new Fault(FaultCode.Forbidden, "With a session's cookie, a request that changes something carries the session's CSRF token.",
                [Problem.Header(Sessions.CsrfHeader, "csrf", "The answer to the sign-in, and GET /v1/session, have it as csrf_token.")]);
        }
        if (journal.Peek(session.Org)?.State.Access.RightsOf(session.Principal).Status == RightsStatus.Suspended) return await NotKnown(request, "suspended");
        return await AdmitOf(request, caller, session.Principal, session.Org);
    }

    ValueTask<Fault?> AdmitOf(HttpRequest request, Caller caller, Principal principal, OrgId org)
    {
        if (!request.Headers.TryGetValue(OrgHeader, out var named)) return new(Enter(caller, principal, org));
        return orgs.TryFind(named.ToString(), out var asked) && asked == org ? new(Enter(caller, principal, org)) : new(LookForOwn(named.ToString(), caller, principal, org));
    }

    // the same whether the org that is named is there or not
    async Task<Fault?> LookForOwn(string name, Caller caller, Principal principal, OrgId org)
    {
        if (!(await orgs.Find(name)).TryGet(out var found, out var fault)) return fault;
        return found == org ? Enter(caller, principal, org)
            : new Fault(FaultCode.Forbidden, "This token belongs to another organization than the one that is named.", [Problem.Header(OrgHeader, "org.other", "Leave it out: a token belongs to one organization.")]);
    }

    Fault? Enter(Caller caller, Principal principal, OrgId org)
    {
        if (Unconfirmed(org) is { } away) return away;
        caller.Admit(principal, org);
        return null;
    }

    Fault? Unconfirmed(OrgId org) => journal.Peek(org) is { } held && held.ConfirmedAgo > options.AccessUnconfirmed
        ? Fault.Unavailable("For longer than access rights are trusted this node could not confirm them: the primary is away.")
        : null;

    /// <summary>
    /// What tells again and again whether that by which somebody was let in still holds, as far as the org's state does not say it. For
    /// streams, which last longer than a request; null: the state says it all.
    /// </summary>
    public Func<bool>? StandingOf(HttpRequest request, Caller caller)
    {
        // of an event stream's address: a token's end is in the state, a root token's is not
        if (request.Headers.Authorization.Count == 0 && StreamPasses.Of(request) is { } pass) return caller.Principal.IsRoot ? () => passes.IsOfRoot(pass) : null;
        // the same order as Admit's: whoever has no token came by his cookie
        if (request.Headers.Authorization.Count == 0 && OfrepProblems.ApiKeyOf(request) is null && Sessions.CookieOf(request) is { } cookie) return sessions.Standing(cookie);
        var text = TokenOf(request);
        if (caller.Principal.IsRoot)
        {
            var hash = RootTokens.Hash(text.ToString());
            return () => roots.Holds(hash);
        }
        if (caller.Person is not { } person || vouched.Standing(text) is not { } standing) return null;
        var (org, principal) = (caller.Org, caller.Principal);
        // the org may have made somebody else of him
        return principal.Kind != PrincipalKind.User ? standing : () => standing() && journal.Peek(org)?.State.Access.UserOf(person.Id)?.Id == principal.Id;
    }

    static ReadOnlySpan<char> TokenOf(HttpRequest request) => request.Headers.Authorization.ToString().AsSpan() is { Length: > 0 } authorization ? authorization[Scheme.Length..].Trim() : OfrepProblems.ApiKeyOf(request);

    // a user or a service account that is vouched for may be suspended here
    ValueTask<Fault?> Vouched(ValueTask<Fault?> admitted, Caller caller) => admitted.IsCompletedSuccessfully ? new(Confirmed(admitted.Result, caller)) : new(Later(admitted, caller));

    async Task<Fault?> Later(ValueTask<Fault?> admitted, Caller caller) => Confirmed(await admitted, caller);

    Fault? Confirmed(Fault? fault, Caller caller)
    {
        if (fault is { Code: FaultCode.Unauthenticated }) metrics.Refused(caller.NotKnown == "certificate" ? "certificate" : "jwt");
        if (fault is not null || journal.Peek(caller.Org)?.State.Access.RightsOf(caller.Principal).Status is null or RightsStatus.Ruled) return fault ?? Unconfirmed(caller.Org);
        metrics.Refused("suspended");
        caller.NotKnown = "suspended";
        return Authorisation.NotKnown;
    }

    ValueTask<Fault?> Missing(Caller caller)
    {
        metrics.Refused("missing");
        caller.NotKnown = "missing";
        return new(NoToken);
    }

    // who sends many that nobody knows is told to stop
    ValueTask<Fault?> NotKnown(HttpRequest request, string reason)
    {
        metrics.Refused(reason);
        Caller.Of(request.HttpContext).NotKnown = reason;
        return new(limits.Failed(request.HttpContext) ?? Authorisation.NotKnown);
    }

    static readonly Fault NoToken = new(FaultCode.Unauthenticated, "Send a token: Authorization: Bearer TOKEN.");

    const string OrgHeader = "Stele-Org";
}
