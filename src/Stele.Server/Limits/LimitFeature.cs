using Microsoft.AspNetCore.Server.Kestrel.Core;
using Stele.Core.Limits;
using Stele.Server.Options;

namespace Stele.Server.Limits;

/// <summary>
/// What a node takes from its clients. What it promises:
/// <list type="bullet">
/// <item>A principal and an org each have a rate of requests, exact on a node: as many as the limit says may come at once, and as many
/// a second after that. Answers say how it stands, and a refusal (429) when to come again.</item>
/// <item>An address that shows tokens nobody knows, or whose sign-ins fail, is refused before anything is looked up for it.
/// Whose address counts is the connection's, or what a trusted proxy says.</item>
/// <item>A node works on a bounded number of requests, and on a smaller one of any org, so that none takes it for itself;
/// health, readiness and metrics are answered all the same.</item>
/// <item>Headers, first lines, bodies and connections that are too large, too many or too slow are Kestrel's to cut, at named limits.</item>
/// </list>
/// What it costs a request: under a quarter of a microsecond, no lock, and no allocation.
/// </summary>
internal static class LimitFeature
{
    public static IServiceCollection AddLimits(this IServiceCollection services, LimitOptions limits) => services
        .AddSingleton(limits)
        .AddSingleton<LimitMetrics>()
        .AddSingleton<RequestLimiter>()
        .AddSingleton<HttpLimits>()
        .AddSingleton<SharedBudget>()
        .AddSingleton<ReadOnlyMode>()
        .AddSingleton<LimitEndpoints>()
        .AddSingleton(provider => new ClientAddress(provider.GetRequiredService<SteleOptions>().TrustedProxies))
        .AddHostedService<LimitLoops>()
        .Configure<KestrelServerOptions>(kestrel => Bound(kestrel.Limits, limits));

    public static IEndpointRouteBuilder MapLimits(this IEndpointRouteBuilder routes)
    {
        var endpoints = routes.ServiceProvider.GetRequiredService<LimitEndpoints>();
        routes.MapGet("/v1/operations/read-only", endpoints.Show);
        routes.MapPost("/v1/operations/read-only", endpoints.Switch);
        return routes;
    }

    static void Bound(KestrelServerLimits kestrel, LimitOptions limits)
    {
        kestrel.MaxConcurrentConnections = kestrel.MaxConcurrentUpgradedConnections = limits.Connections;
        kestrel.MaxRequestLineSize = (int)TrafficLimits.LineBytes.Value;
        kestrel.MaxRequestHeadersTotalSize = (int)TrafficLimits.HeaderBytes.Value;
        kestrel.MaxRequestHeaderCount = (int)TrafficLimits.HeaderFields.Value;
        (kestrel.RequestHeadersTimeout, kestrel.KeepAliveTimeout) = (limits.Header, limits.KeepAlive);
        kestrel.MinRequestBodyDataRate = kestrel.MinResponseDataRate = new MinDataRate(limits.BodyBytesPerSecond, limits.BodyGrace);
        // its buffer must hold a whole first line
        kestrel.MaxRequestBufferSize = Math.Max(1 << 20, kestrel.MaxRequestLineSize);
        kestrel.Http2.MaxRequestHeaderFieldSize = (int)TrafficLimits.HeaderBytes.Value;
    }
}
