namespace Stele.Server.Stats;

/// <summary>
/// Counts of changes per day, environment and actor. An asynchronous projection: it follows the journal by a checkpoint,
/// lags by about a second, and says in its answers which revision it has counted to. It may be emptied and built anew while
/// the server runs (<c>stele projections rebuild change_counts</c>); what is shown meanwhile is what has been built so far.
/// A day is a UTC day of the revision's time. A change counts once per key it touches.
/// </summary>
internal static class StatsFeature
{
    public static IServiceCollection AddStats(this IServiceCollection services) =>
        services.AddSingleton(StatsProjection.Projection).AddSingleton<StatsEndpoints>();

    public static IEndpointRouteBuilder MapStats(this IEndpointRouteBuilder routes)
    {
        var endpoints = routes.ServiceProvider.GetRequiredService<StatsEndpoints>();
        routes.MapGet("/v1/stats/changes", endpoints.Changes);
        return routes;
    }
}
