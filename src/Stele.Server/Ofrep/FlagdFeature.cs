using Microsoft.AspNetCore.Server.Kestrel.Core;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Proto.Flagd.Sync.V1;
using Stele.Server.Gateway;
using Stele.Server.Gateway.Grpc;
using Stele.Server.Options;

namespace Stele.Server.Ofrep;

/// <summary>
/// The port for flagd's in-process providers (STELE_FLAGD; off unless it is set): gRPC without TLS and without credentials, which those providers
/// cannot send, and nothing there but flagd.sync.v1 of one organization and environment. Whoever reaches it reads the definitions of that
/// environment's flags, and nothing else. Limit: flagd.streams.
/// </summary>
internal static class FlagdFeature
{
    const string Service = "/flagd.sync.v1.FlagSyncService/";

    public static IServiceCollection AddFlagd(this IServiceCollection services) => services.AddSingleton<FlagdLog>().AddSingleton<FlagdSyncGrpc>();

    /// <summary>A port that takes nothing else.</summary>
    public static void TakeFlagd(this ListenOptions port)
    {
        port.TakeGrpc();
        port.Use(next => connection =>
        {
            connection.Features.Set(FlagdPort.Instance);
            return next(connection);
        });
    }

    /// <summary>Before everything else: what comes in there sees nothing of the rest.</summary>
    public static IApplicationBuilder UseFlagd(this IApplicationBuilder app)
    {
        var services = app.ApplicationServices;
        if (services.GetRequiredService<SteleOptions>().Flagd is null) return app;
        var (sync, ids) = (services.GetRequiredService<FlagdSyncGrpc>(), services.GetRequiredService<RequestIds>());
        var methods = new GrpcMethods();
        GrpcHandler[] handlers = [new(Service + "SyncFlags", sync.Sync), new(Service + "FetchAllFlags", sync.FetchAll), new(Service + "GetMetadata", sync.GetMetadata)];
        methods.Bind(SyncReflection.Descriptor.Services, [], handlers.ToDictionary(handler => handler.Path, StringComparer.Ordinal));
        var door = new GrpcDoor(Serve, methods, services.GetRequiredService<GrpcMetrics>(),
            services.GetRequiredService<IHostApplicationLifetime>(), services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<GrpcDoor>>());
        return app.Use(next => context => context.Features.Get<FlagdPort>() is null ? next(context) : door.Invoke(context));

        // no gate: nobody here is anybody
        Task Serve(HttpContext context)
        {
            var caller = new Caller(ids.Next());
            caller.Admit(Principal.Nobody, default(OrgId));
            context.Features.Set(caller);
            return context.GetEndpoint()!.RequestDelegate!(context);
        }
    }
}

/// <summary>On a connection of the port for flagd's providers.</summary>
internal sealed class FlagdPort
{
    public static FlagdPort Instance { get; } = new();
}
