using Microsoft.AspNetCore.Server.Kestrel.Core;
using Stele.Server.Access;
using Stele.Server.Limits;
using Stele.Server.Transport;

namespace Stele.Server.Gateway;

/// <summary>
/// The door. What it promises:
/// <list type="bullet">
/// <item>Every request has an id, answered as Request-Id, in every problem and in every log line about it; a write's events
/// carry it.</item>
/// <item>Nothing but /healthz, /readyz and a sign-in (POST /v1/session) is answered without a token, not even that a route does not exist. Of tokens only
/// the SHA-256 is kept, and compared in constant time.</item>
/// <item>Every refusal is a problem+json with a code from one closed list, and names each field with the rule it breaks:
/// all problems of a request at once. An exception is logged once, with the id, and answered with the id only.</item>
/// <item>A parameter or a body's member that is not known is refused. So is a body that is not JSON (415), past its limit
/// (413), or not read to its end.</item>
/// </list>
/// What it costs: one middleware, one small object and one hash a request; no state machine where nothing is waited for.
/// When an answer has begun and then fails, the connection is cut, so that half an answer never passes for a whole one.
/// </summary>
internal static class GatewayFeature
{
    public static IServiceCollection AddGateway(this IServiceCollection services)
    {
        services.AddSingleton<RequestIds>();
        services.AddSingleton<RootTokens>();
        services.AddSingleton<GatewayEndpoints>();
        services.AddSingleton<Microsoft.AspNetCore.Connections.IMemoryPoolFactory<byte>, ZeroingMemory>();
        services.Configure<KestrelServerOptions>(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = RequestBody.ReadBytesMax;
        });
        return services;
    }

    /// <summary>Before everything that answers requests.</summary>
    public static IApplicationBuilder UseGateway(this IApplicationBuilder app)
    {
        var services = app.ApplicationServices;
        var (ids, identities, headers) = (services.GetRequiredService<RequestIds>(), services.GetRequiredService<Identities>(), services.GetRequiredService<AnswerHeaders>());
        var log = services.GetRequiredService<ILogger<RequestGate>>();
        var limits = services.GetRequiredService<HttpLimits>();
        app.Use(next => new RequestGate(next, ids, identities, headers, limits, log).Invoke);
        app.Use(next => context => SlashedNames.Invoke(context, next));
        return app.UseRouting();
    }

    public static IEndpointRouteBuilder MapGateway(this IEndpointRouteBuilder routes)
    {
        var endpoints = routes.ServiceProvider.GetRequiredService<GatewayEndpoints>();
        routes.MapGet("/v1/limits", endpoints.Limits);
        routes.MapGet("/v1/status", endpoints.Status);
        return routes;
    }
}
