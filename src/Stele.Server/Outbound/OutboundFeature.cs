using Stele.Server.Journal.Hints;
using Stele.Server.Options;
using Stele.Server.Outbound.Kafka;
using Stele.Server.Outbound.Redis;
using Stele.Server.Outbound.Webhooks;
using Stele.Server.Redis;

namespace Stele.Server.Outbound;

/// <summary>
/// What goes out: the journal, written to Redis, Kafka and webhooks where somebody has them. The journal is the outbox, so a write waits for none of
/// them, and what any of them forgets is written again. What it promises:
/// <list type="bullet">
/// <item>At least once, whole revisions, in order within an org; from a checkpoint in PostgreSQL, on one node at a time, which another
/// takes over when it stops (at once), dies (when PostgreSQL sees that its session is gone) or freezes (after ten seconds).</item>
/// <item>What is away is tried again with pauses that grow to fifteen seconds, and nobody waits meanwhile.</item>
/// <item>After a restore or a fail-over that lost writes, and where an archive begins, an org is written whole.</item>
/// </list>
/// </summary>
internal static class OutboundFeature
{
    public static IServiceCollection AddOutbound(this IServiceCollection services, SteleOptions options) => services
        .AddRedis(options)
        .AddRedisOut(options)
        .AddSingleton<OutboundOptions>()
        .AddSingleton<OutboundMetrics>()
        .AddSingleton<OutboundCheckpoints>()
        .AddKafkaOut(options)
        .AddWebhooks()
        .AddHostedService<OutboundLoops>();

    public static IEndpointRouteBuilder MapOutbound(this IEndpointRouteBuilder routes) => routes.MapWebhooks();
}

/// <summary>Runs every sink that was registered, for as long as the server runs.</summary>
internal sealed class OutboundLoops(IEnumerable<OutboundSink> sinks, HintExchange hints, IServiceProvider services) : BackgroundService
{
    readonly OutboundRunner[] runners = [.. sinks.Select(sink => ActivatorUtilities.CreateInstance<OutboundRunner>(services, sink))];

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        foreach (var runner in runners) hints.OnHint(runner.Hear);
        return Task.WhenAll(runners.Select(runner => Task.Run(() => runner.Run(stoppingToken), CancellationToken.None)));
    }
}
