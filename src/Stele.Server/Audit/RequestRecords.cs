using System.Collections.Concurrent;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Server.Access;
using Stele.Server.Gateway;
using Stele.Server.Limits;
using Stele.Server.Operation;
using Stele.Server.Usage;

namespace Stele.Server.Audit;

/// <summary>
/// What is put on record of a request when it has ended: its use, and, if it was refused or administrative, an entry. Called for
/// each request, so what a route counts as is looked up by the endpoint's reference.
/// </summary>
internal sealed class RequestRecords(UsageCounters usage, AuditTrail trail, ClientAddress addresses, AccessMetrics access, Metrics metrics)
{
    // Reads of what runs the org, and not of what it holds: by whom is on record.
    static readonly Dictionary<string, string> administrative = new(StringComparer.Ordinal)
    {
        ["/v1/events"] = "journal.read",
        ["/v1/usage"] = "usage.read",
        ["/v1/tokens"] = "token.list",
        ["/v1/users"] = "user.list",
        ["/v1/service-accounts"] = "service.list",
        ["/v1/roles"] = "role.list",
        ["/v1/orgs"] = "org.list",
        ["/v1/access/explain"] = "access.explained",
        ["/v1/flags/export"] = "flag.exported",
        ["/v1/webhooks"] = "webhook.list",
        ["/v1/webhooks/{id}/test"] = "webhook.tested",
        ["/v1/webhooks/{id}/deliveries/{revision}/redeliver"] = "webhook.redelivered",
        ["/v1/webhooks/{id}/dead-letters/discard"] = "webhook.discarded",
        ["/v1/webhooks/{id}/replay"] = "webhook.replayed",
        ["/v1/webhooks/{id}/resume"] = "webhook.resumed",
    };

    // What is sent by POST and changes nothing that is kept.
    static readonly HashSet<string> dry = new(StringComparer.Ordinal)
    {
        "/v1/schema/validate", "/v1/config/schema-check", "/v1/access/explain", "/v1/flags/explain", "/v1/flags/compare", "/v1/flags/usage",
        "/v1/webhooks/{id}/test", "/v1/webhooks/{id}/deliveries/{revision}/redeliver", "/v1/webhooks/{id}/dead-letters/discard", "/v1/webhooks/{id}/replay", "/v1/webhooks/{id}/resume",
    };

    readonly Counter forbidden = metrics.AddCounter("stele_forbidden_total", "Requests of somebody known that were refused because he may not.");
    readonly ConcurrentDictionary<Endpoint, RouteKind> kinds = new();

    /// <summary>Takes a request that has been answered.</summary>
    public void Ended(HttpContext context)
    {
        var status = context.Response.StatusCode;
        if (context.Features.Get<Caller>() is not { } caller) return;
        if (caller.IsSignIn && caller.Org.Value != 0) trail.Record(caller.Org, Entry(context, caller) with { Action = AuditActions.SessionBegan });
        if (status < StatusCodes.Status400BadRequest)
        {
            if (caller.Org.Value == 0 || context.GetEndpoint() is not RouteEndpoint endpoint) return;
            var kind = kinds.TryGetValue(endpoint, out var known) ? known : kinds.GetOrAdd(endpoint, KindOf);
            if (kind.Use == RouteUse.Read) usage.Of(caller.Org).AddRead();
            else if (kind.Use == RouteUse.Write) usage.Of(caller.Org).AddWrite();
            if (kind.Action is { } action) trail.Repeat(caller.Org, Entry(context, caller) with { Action = action }, isSample: false);
        }
        else if (status == StatusCodes.Status403Forbidden && caller.Org.Value != 0)
        {
            forbidden.Add();
            trail.Repeat(caller.Org, Entry(context, caller) with { Action = AuditActions.AccessRefused, Code = caller.Refusal is { } refusal ? HttpProblems.Of(refusal.Code).Code : "forbidden", Detail = caller.Refusal?.Detail }, isSample: false);
        }
        else if (status == StatusCodes.Status401Unauthorized)
        {
            // he was let in, and lost what let him in before the answer
            if (caller.NotKnown is null) access.Refused("withdrawn");
            // whoever is not known writes no row of his own: the first of a minute is a sample, the rest are a number
            trail.Repeat(caller.Org.Value != 0 ? caller.Org : caller.Concerns ?? AuditEntry.Installation, Entry(context, caller) with { Action = AuditActions.AuthenticationRefused, Code = caller.NotKnown ?? "withdrawn" }, isSample: true);
        }
    }

    AuditEntry Entry(HttpContext context, Caller caller) => new()
    {
        Action = "", Actor = caller.Principal.ActorId, RequestId = caller.RequestId, Target = $"{context.Request.Method} {context.Request.Path.Value}",
        Address = AddressOf(context),
    };

    /// <summary>Where a request came from.</summary>
    public string AddressOf(HttpContext context) => addresses.Of(context) is { IsIPv4MappedToIPv6: true } mapped ? mapped.MapToIPv4().ToString() : addresses.Of(context).ToString();

    static RouteKind KindOf(Endpoint endpoint)
    {
        var pattern = ((RouteEndpoint)endpoint).RoutePattern.RawText ?? "";
        var method = endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods is [var only, ..] ? only : "";
        var isRead = HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || dry.Contains(pattern);
        return new RouteKind(!pattern.StartsWith("/v1/", StringComparison.Ordinal) ? RouteUse.None : isRead ? RouteUse.Read : RouteUse.Write, isRead ? administrative.GetValueOrDefault(pattern) : null);
    }

    enum RouteUse
    {
        None,
        Read,
        Write,
    }

    sealed record RouteKind(RouteUse Use, string? Action);
}
