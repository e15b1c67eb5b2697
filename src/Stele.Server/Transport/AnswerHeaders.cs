using System.Globalization;
using Stele.Server.Options;

namespace Stele.Server.Transport;

/// <summary>
/// What every answer says to browsers and to what lies between: keep nothing, guess no type, show it in no frame, run
/// nothing of it, name nobody where it was read. And which other origins' pages may read it: those that are listed.
/// </summary>
internal sealed class AnswerHeaders(SteleOptions options)
{
    readonly string? strictTransport = options.HstsSeconds > 0 ? $"max-age={options.HstsSeconds.ToString(CultureInfo.InvariantCulture)}" : null;

    /// <summary>Before everything that answers.</summary>
    public RequestDelegate Around(RequestDelegate next) => context =>
    {
        Apply(context);
        return options.CorsOrigins.Count > 0 && IsPreflight(context) ? Task.CompletedTask : next(context);
    };

    /// <summary>Sets them, also anew on an answer that was cleared.</summary>
    public void Apply(HttpContext context)
    {
        var headers = context.Response.Headers;
        // who may read changes from one moment to the next, and what is read may be anything: nobody on the way keeps it
        headers.CacheControl = "no-store";
        headers.XContentTypeOptions = "nosniff";
        headers.ContentSecurityPolicy = "default-src 'none'; frame-ancestors 'none'";
        headers["Referrer-Policy"] = "no-referrer";
        if (strictTransport is not null && context.Request.IsHttps) headers.StrictTransportSecurity = strictTransport;
        if (options.CorsOrigins.Count > 0) ApplyCors(context);
    }

    void ApplyCors(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.Vary = "Origin";
        if (!IsListed(context, out var origin)) return;
        headers.AccessControlAllowOrigin = origin;
        headers.AccessControlExposeHeaders = Exposed;
    }

    // https://fetch.spec.whatwg.org/#cors-preflight-fetch: it has no token, and is answered without one; cookies of ours are
    // for our own pages, so no credentials are allowed
    bool IsPreflight(HttpContext context)
    {
        if (!HttpMethods.IsOptions(context.Request.Method) || !context.Request.Headers.ContainsKey("Access-Control-Request-Method") || !IsListed(context, out _)) return false;
        var headers = context.Response.Headers;
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        headers.AccessControlAllowMethods = Methods;
        headers.AccessControlAllowHeaders = Sent;
        headers.AccessControlMaxAge = PreflightSeconds;
        return true;
    }

    bool IsListed(HttpContext context, out string origin)
    {
        origin = context.Request.Headers.Origin is [{ } only] ? only : "";
        foreach (var listed in options.CorsOrigins)
            if (listed == origin) return true;
        return false;
    }

    const string Methods = "GET, HEAD, PUT, POST, PATCH, DELETE";
    const string Sent = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Stele-Min-Cursor, Stele-Org, X-API-Key";
    const string Exposed = "ETag, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Request-Id, Retry-After, Stele-Confirmed-Ms, Stele-Cursor, Stele-Revision";
    const string PreflightSeconds = "600";
}
