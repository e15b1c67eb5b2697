using Microsoft.AspNetCore.Http.Features;

namespace Stele.Server.Gateway;

/// <summary>
/// Names that may hold slashes, in paths: written as they are or as <c>%2F</c>, decoded exactly once, and given to routing
/// as one segment. Kestrel decodes all escapes but that one, so that afterwards nobody could tell <c>%2F</c> from <c>%252F</c>.
/// </summary>
internal static class SlashedNames
{
    static readonly string[] places = ["/v1/flags/", "/v1/secrets/", "/ofrep/v1/evaluate/flags/"];
    static readonly string[] verbs = ["history", "rollback", "generate", "undelete", "destroy", "wrap"];

    /// <summary>Before routing: makes one segment of a name.</summary>
    public static Task Invoke(HttpContext context, RequestDelegate next)
    {
        var path = context.Request.Path.Value!;
        // Kestrel takes dots out of a path: what was asked for would become another secret
        if (Raw(context, "/v1/secrets/") is { } raw && raw.Contains("..", StringComparison.Ordinal)) path = "/v1/secrets/" + raw;
        foreach (var place in places)
            if (path.StartsWith(place, StringComparison.Ordinal) && path.AsSpan(place.Length).ContainsAny('/', '%'))
                // by its constructor: a string that is assigned would be decoded once more
                context.Request.Path = new PathString(place + Joined(Raw(context, place) ?? path[place.Length..]));
        return next(context);
    }

    /// <summary>The name in a route's value.</summary>
    public static string? Of(HttpContext context, string routeValue) =>
        ((string?)context.Request.RouteValues[routeValue])?.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase).Replace("%25", "%", StringComparison.Ordinal);

    static string? Raw(HttpContext context, string place)
    {
        var target = context.Features.Get<IHttpRequestFeature>()?.RawTarget;
        if (target is null || !target.StartsWith(place, StringComparison.Ordinal)) return null;
        var query = target.IndexOf('?', StringComparison.Ordinal);
        return target[place.Length..(query < 0 ? target.Length : query)];
    }

    static string Joined(string raw)
    {
        var end = raw.LastIndexOf('/');
        var verb = end > 0 && verbs.Contains(raw[(end + 1)..]) ? raw[end..] : "";
        var name = Uri.UnescapeDataString(raw[..(raw.Length - verb.Length)]);
        return name.Replace("%", "%25", StringComparison.Ordinal).Replace("/", "%2F", StringComparison.Ordinal) + verb;
    }
}
