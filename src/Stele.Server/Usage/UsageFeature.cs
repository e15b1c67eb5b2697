namespace Stele.Server.Usage;

/// <summary>
/// What each organization uses, by UTC day: reads, writes, watch-hours and flag evaluations. What it promises:
/// <list type="bullet">
/// <item>Counting costs a request a look-up and an interlocked add: no lock, and no allocation but for the first request of an
/// org that was idle.</item>
/// <item>A node writes its counts at most once a minute, on the minute, and when it stops. Each batch has a number, and the
/// database takes it once: a commit whose end nobody saw is sent again without doubling anything.</item>
/// <item>A process that is killed loses what it counted since its last flush: at most a minute, or as long as PostgreSQL was
/// away. It never counts too much.</item>
/// <item>A day is told by the minute in which a flush began: what is counted in the instant of midnight may fall on either day.</item>
/// </list>
/// Table <c>stele.usage</c> is the record that bills may be written from: it only grows, which a trigger keeps. A read is a
/// request under /v1 that was answered (below 400) and can change nothing; a write is any other that was answered.
/// </summary>
internal static class UsageFeature
{
    public static IServiceCollection AddUsage(this IServiceCollection services) => services
        .AddSingleton<UsageCounters>()
        .AddSingleton<UsageEndpoints>()
        .AddSingleton<UsageFlush>()
        .AddHostedService(provider => provider.GetRequiredService<UsageFlush>());

    public static IEndpointRouteBuilder MapUsage(this IEndpointRouteBuilder routes)
    {
        var endpoints = routes.ServiceProvider.GetRequiredService<UsageEndpoints>();
        routes.MapGet("/v1/usage", endpoints.Days);
        return routes;
    }
}
