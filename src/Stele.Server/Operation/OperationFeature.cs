using Stele.Server.Archive;
using Stele.Server.Audit;
using Stele.Server.Database;
using Stele.Server.Options;

namespace Stele.Server.Operation;

/// <summary>
/// How the node is run. What it promises: <c>/healthz</c> answers as long as the process does; <c>/readyz</c> is 503 when a
/// strong read would be, and while the node shuts down, so that a balancer takes it out first; both need no token.
/// <c>/metrics</c> needs the root token like everything else. Measuring costs a request under a microsecond.
/// </summary>
internal static class OperationFeature
{
    public static IServiceCollection AddOperation(this IServiceCollection services) => services
        .AddSingleton<Metrics>()
        .AddSingleton<RequestTimer>()
        .AddSingleton<ProcessMetrics>()
        .AddSingleton<OperationEndpoints>()
        .AddSingleton<TokenStore>()
        .AddSingleton(provider => ActivatorUtilities.CreateInstance<StatementTimer>(provider, provider.GetRequiredService<SteleOptions>().SlowStatement))
        .AddSingleton(provider => MonthPartitions.OfEvents(provider.GetRequiredService<DatabaseConnections>().Tail,
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<MonthPartitions>>()))
        .AddSingleton(provider => new ArchiveArrears(provider.GetRequiredService<DatabaseConnections>().Tail,
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<ArchiveArrears>>()))
        .AddHostedService<Bootstrap>()
        .AddHostedService<Upkeep>();

    /// <summary>Before everything else: it times the rest.</summary>
    public static IApplicationBuilder UseOperation(this IApplicationBuilder app)
    {
        var services = app.ApplicationServices;
        services.GetRequiredService<ProcessMetrics>();
        var partitions = services.GetRequiredService<MonthPartitions>();
        services.GetRequiredService<Metrics>().AddGauge("stele_event_partition_horizon_timestamp_seconds",
            "From when on events have no partition, so that writes fail: seconds since the Unix epoch.",
            () => Seconds(partitions));
        var audit = services.GetRequiredService<AuditRetention>().Months;
        services.GetRequiredService<Metrics>().AddGauge("stele_audit_partition_horizon_timestamp_seconds",
            "From when on the audit log has no partition, so that nothing is put on record: seconds since the Unix epoch.",
            () => Seconds(audit));
        var arrears = services.GetRequiredService<ArchiveArrears>();
        services.GetRequiredService<Metrics>().AddGauge("stele_archive_arrears",
            "Sinks and webhooks, five at most, that have not had what was written before this month: they hold the archive of the journal back.",
            () => arrears.Count);
        var (lifetime, log) = (services.GetRequiredService<IHostApplicationLifetime>(), services.GetRequiredService<ILogger<Bootstrap>>());
        lifetime.ApplicationStopping.Register(log.Stopping);
        lifetime.ApplicationStopped.Register(log.Stopped);
        return app.Use(services.GetRequiredService<RequestTimer>().Around);
    }

    public static IEndpointRouteBuilder MapOperation(this IEndpointRouteBuilder routes)
    {
        var endpoints = routes.ServiceProvider.GetRequiredService<OperationEndpoints>();
        routes.MapGet("/healthz", OperationEndpoints.Health);
        routes.MapGet("/readyz", endpoints.Ready);
        routes.MapGet("/metrics", endpoints.Scrape);
        routes.MapGet("/openapi/v1.json", OperationEndpoints.OpenApi);
        return routes;
    }

    static double Seconds(MonthPartitions partitions) => partitions.Horizon is { } horizon ? (horizon - DateTime.UnixEpoch).TotalSeconds : double.NaN;
}
