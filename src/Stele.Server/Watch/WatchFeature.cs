using Stele.Server.Gateway.Grpc;
using Stele.Server.Peers;
using Stele.Server.Usage;

namespace Stele.Server.Watch;

/// <summary>
/// Watching: each change of an org, whole and in order, to all who ask for it and may see it. What it promises:
/// <list type="bullet">
/// <item>A stream is the journal under its filter and its principal's rights: every revision of which something is to be seen,
/// once, in order, none left out, from whatever cursor it began. Where that cannot be, it says so: <c>reset</c>.</item>
/// <item>Each change is authorised when it goes out, by the rights of then. Who lost a right sees nothing of it from the moment
/// this node knows; whose rights changed is reset; whose token is revoked is ended.</item>
/// <item>A change is written once for all who see the same, and wakes only them. Who watches what does not change costs
/// nothing but heartbeats, which move its cursor.</item>
/// <item>Who cannot keep up is cut off with a reason and resumes from its cursor: the memory that waits for a connection is
/// bounded, and nobody waits for another.</item>
/// <item>An org that somebody watches stays in memory.</item>
/// </list>
/// When PostgreSQL is away streams stay and heartbeats go on; what is committed after it comes. When the node stops, streams
/// end with <c>restart</c> and resume on another.
/// </summary>
internal static class WatchFeature
{
    public static IServiceCollection AddWatch(this IServiceCollection services) => services
        .AddPeers()
        .AddSingleton<WatchOptions>()
        .AddSingleton<WatchMetrics>()
        .AddSingleton<WatchLog>()
        .AddSingleton<WatchEngine>()
        .AddSingleton<WatchConvergence>()
        .AddSingleton<WatchPeers>()
        .AddSingleton<KeyWait>()
        .AddSingleton<WatchEndpoints>()
        .AddSingleton<SocketEndpoints>()
        .AddSingleton<SubscriptionEndpoints>()
        .AddSingleton<WatchGrpc>()
        .AddSingleton(provider => new GrpcHandler("/stele.v1.WatchService/Watch", provider.GetRequiredService<WatchGrpc>().Watch))
        .AddHostedService<WatchLoop>();

    /// <summary>After the gate. Heartbeats are messages of ours, which move cursors as well, so no pings.</summary>
    public static IApplicationBuilder UseWatch(this IApplicationBuilder app) => app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = Timeout.InfiniteTimeSpan });

    public static IEndpointRouteBuilder MapWatch(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/watch", routes.ServiceProvider.GetRequiredService<WatchEndpoints>().Watch);
        routes.MapGet("/v1/ws", routes.ServiceProvider.GetRequiredService<SocketEndpoints>().Accept);
        var subscriptions = routes.ServiceProvider.GetRequiredService<SubscriptionEndpoints>();
        routes.MapGet("/v1/subscriptions", subscriptions.List);
        routes.MapPost("/v1/subscriptions/{id}/ack", subscriptions.Ack);
        return routes;
    }
}

/// <summary>Ticks the engine for as long as the server runs, and ends the streams when it is told to stop: a server waits for what is open.</summary>
internal sealed class WatchLoop(WatchEngine engine, UsageCounters usage, IHostApplicationLifetime lifetime, TimeProvider time, WatchOptions options) : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var stopping = lifetime.ApplicationStopping.UnsafeRegister(static engine => ((WatchEngine)engine!).Close(), engine);
        using var timer = new PeriodicTimer(options.Tick, time);
        try
        {
            for (var last = time.GetTimestamp(); await timer.WaitForNextTickAsync(stoppingToken);)
            {
                engine.Tick();
                var now = time.GetTimestamp();
                engine.CountTo(usage, time.GetElapsedTime(last, now));
                last = now;
            }
        }
        catch (OperationCanceledException)
        {
            // the end of the node
        }
    }
}
