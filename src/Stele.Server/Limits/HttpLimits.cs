using Stele.Core.Faults;
using Stele.Server.Gateway;

namespace Stele.Server.Limits;

/// <summary>
/// The limits as HTTP has them. Every answer to somebody whose rate is limited says how it stands, in two forms: RateLimit and
/// RateLimit-Policy as draft-ietf-httpapi-ratelimit-headers has them since its eighth version, and RateLimit-Limit, -Remaining and
/// -Reset as it had them until its sixth, which is what most clients read.
/// </summary>
internal sealed class HttpLimits(RequestLimiter limiter, ClientAddress addresses, LimitOptions options)
{
    /// <summary>Takes one request of the caller's; the refusal, or null.</summary>
    public Fault? Enter(HttpContext context, Caller caller)
    {
        // an operator must see a node that is busy; the gate has let him in as root
        if (context.Request.Path.Value == "/metrics" && caller.Principal.IsRoot) return null;
        var admission = limiter.Enter(caller.Principal, caller.Org, addresses.Of(context), caller.Holder);
        (caller.Admission, caller.BodyTime) = (admission, options.Body);
        if (admission.Policy is { } policy) Tell(context.Response.Headers, policy, admission);
        return admission.Refusal;
    }

    /// <summary>Lets a refusal wait, if the limiter says so; null: it need not.</summary>
    public Task? Slow(HttpContext context, Caller caller) => caller.Admission.IsSlowed ? limiter.Slow(context.RequestAborted) : null;

    /// <summary>Takes one request of somebody whom nobody knows yet: no rate applies to him, but it is work; the refusal, or null.</summary>
    public Fault? EnterUnknown(Caller caller)
    {
        (caller.Admission, caller.BodyTime) = (limiter.EnterUnknown(), options.Body);
        return caller.Admission.Refusal;
    }

    /// <summary>The request is answered, or goes on as a stream, which is no work. Once more does no harm.</summary>
    public void Leave(Caller caller)
    {
        limiter.Leave(caller.Admission);
        caller.Admission = default;
    }

    /// <summary>A refusal for an address that sent too many tokens that nobody knows: asked before one is looked for.</summary>
    public Fault? Blocked(HttpContext context, Credential credential = Credential.Token) => limiter.Blocked(addresses.Of(context), credential);

    /// <summary>Counts a credential that was not known; the refusal to give instead if that was one too many.</summary>
    public Fault? Failed(HttpContext context, Credential credential = Credential.Token) => limiter.Failed(addresses.Of(context), credential);

    static void Tell(IHeaderDictionary headers, RatePolicy policy, in Admission admission)
    {
        headers["RateLimit-Policy"] = admission.PolicyText;
        headers["RateLimit"] = policy.State(admission.Left);
        headers["RateLimit-Limit"] = policy.LimitText;
        headers["RateLimit-Remaining"] = RatePolicy.Remaining(admission.Left);
        headers["RateLimit-Reset"] = policy.ResetText;
    }
}
