using Microsoft.AspNetCore.Server.Kestrel.Core;
using Stele.Core.Limits;
using Stele.Server.Limits;

namespace Stele.Server.Gateway.Grpc;

/// <summary>
/// gRPC, on Kestrel's HTTP/2. No library for it can be restored, and what it needs is small (ADR 18). What it promises:
/// <list type="bullet">
/// <item>A call is the HTTP operation that its <c>option (http)</c> in proto/ names, spelt otherwise: the message becomes that request, goes through
/// the same gate, limits and endpoint, and the answer becomes a message. So the two cannot disagree, and a feature that has
/// HTTP has gRPC when its contract is written.</item>
/// <item>The protocol is whole: unary, server, client and bidirectional streams, deadlines, cancellation, gzip, binary
/// metadata, trailers, google.rpc.Status, health, reflection.</item>
/// <item>What a message holds and the contract does not know is refused, and so is text that is not UTF-8; a breach of the
/// protocol ends that call, not the connection.</item>
/// </list>
/// Limits: a message of 32 MiB, unpacked; 2,048 calls at a time on a connection. A call whose deadline passes is told so at
/// once, while what it began goes on to its own bound: a write is settled by its idempotency key, as ever.
/// </summary>
internal static class GrpcFeature
{
    public static IServiceCollection AddGrpc(this IServiceCollection services) => services
        .AddSingleton<GrpcMethods>()
        .AddSingleton<GrpcMetrics>()
        .AddSingleton<GrpcHealth>()
        .Configure<KestrelServerOptions>(kestrel => kestrel.Limits.Http2.MaxStreamsPerConnection = (int)GrpcLimits.StreamsPerConnection.Value);

    /// <summary>A port that takes nothing but gRPC.</summary>
    public static void TakeGrpc(this ListenOptions port)
    {
        port.Protocols = HttpProtocols.Http2;
        port.Use(next => connection =>
        {
            connection.Features.Set(GrpcPort.Instance);
            return next(connection);
        });
    }

    /// <summary>Before everything else: the rest sees the request that a call is.</summary>
    public static IApplicationBuilder UseGrpc(this IApplicationBuilder app)
    {
        var services = app.ApplicationServices;
        return app.Use(next => new GrpcDoor(next, services.GetRequiredService<GrpcMethods>(), services.GetRequiredService<GrpcMetrics>(),
            services.GetRequiredService<IHostApplicationLifetime>(), services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<GrpcDoor>>()).Invoke);
    }

    /// <summary>After everything else: calls are bound to the routes that there are.</summary>
    public static IEndpointRouteBuilder MapGrpc(this IEndpointRouteBuilder routes)
    {
        var services = routes.ServiceProvider;
        var (health, limits) = (services.GetRequiredService<GrpcHealth>(), services.GetRequiredService<HttpLimits>());
        GrpcHandler[] own =
        [
            new(GrpcHealth.CheckPath, health.Check), new(GrpcHealth.WatchPath, Stream(health.Watch)),
            new(GrpcReflection.Path, Stream(GrpcReflection.Serve)), new(GrpcReflection.AlphaPath, Stream(GrpcReflection.Serve)),
        ];
        services.GetRequiredService<GrpcMethods>().Bind([.. routes.DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()],
            own.Concat(services.GetServices<GrpcHandler>()).ToDictionary(handler => handler.Path, StringComparer.Ordinal));
        return routes;

        // a stream is no work while it waits
        Func<GrpcCall, Task> Stream(Func<GrpcCall, Task> handler) => call =>
        {
            limits.Leave(Caller.Of(call.Inner));
            return handler(call);
        };
    }
}
