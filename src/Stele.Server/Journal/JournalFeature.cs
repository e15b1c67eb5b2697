using Stele.Core.Limits;
using Stele.Server.Database;
using Stele.Server.Journal.Hints;
using Stele.Server.Operation;

namespace Stele.Server.Journal;

/// <summary>
/// The journal in the server: the store over PostgreSQL, the node over the store, and the loops that keep the node current
/// (tail), tell the others (hints) and run the asynchronous projections that features registered. On shutdown the node takes no more writes and answers those that wait, within the
/// limit shutdown.seconds; only then do the loops end, because they keep the deadlines of what waits.
/// </summary>
internal static class JournalFeature
{
    public static IServiceCollection AddJournal(this IServiceCollection services, JournalOptions options, bool notify = true) => (notify ? services.AddSingleton<IHintCarrier, NotifyHints>() : services)
        .AddSingleton(options)
        .AddSingleton<JournalMetrics>()
        .AddSingleton<JournalLog>()
        .AddSingleton<IJournalStore>(Store)
        .AddSingleton<JournalNode>()
        .AddSingleton<JournalTail>()
        .AddSingleton<JournalQueries>()
        .AddSingleton<JournalEndpoints>()
        .AddSingleton<HintMetrics>()
        .AddSingleton<HintExchange>()
        .AddSingleton<IProjectionStore>(Projections)
        .AddHostedService<JournalLoops>();

    public static IEndpointRouteBuilder MapJournal(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/events", routes.ServiceProvider.GetRequiredService<JournalEndpoints>().Events);
        return routes;
    }

    static PostgresJournalStore Store(IServiceProvider provider)
    {
        var pools = provider.GetRequiredService<DatabaseConnections>();
        return new PostgresJournalStore(pools.App, pools.Tail, pools.Settle, provider.GetRequiredService<StatementTimer>(), pools.Hosts);
    }

    static PostgresProjectionStore Projections(IServiceProvider provider)
    {
        var pools = provider.GetRequiredService<DatabaseConnections>();
        return new PostgresProjectionStore([.. provider.GetServices<AsyncProjection>()], provider.GetRequiredService<IJournalStore>(), pools.App, pools.Tail);
    }
}

/// <summary>Runs the journal's loops for as long as the server runs.</summary>
internal sealed class JournalLoops(
    JournalNode node, JournalTail tail, HintExchange hints, IEnumerable<AsyncProjection> projections, IProjectionStore store,
    TimeProvider time, JournalOptions options, JournalLog log) : BackgroundService
{
    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        try
        {
            await node.Close().WaitAsync(TimeSpan.FromSeconds(SteleLimits.ShutdownSeconds.Value), time, cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            log.WritesLeft();
        }
        await base.StopAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        node.OnCommitted(hints.Send);
        hints.OnHint(tail.Hear);
        return Task.WhenAll([tail.Run(stoppingToken), hints.Run(stoppingToken),
            .. projections.Select(projection => new ProjectionRunner(projection.Name, store, time, options, log).Run(stoppingToken))]);
    }
}
