using Stele.Server.Database;
using Stele.Server.Operation;
using Stele.Server.Options;

namespace Stele.Server.Audit;

/// <summary>
/// What happened and changed nothing: sign-ins, refusals, reads of secrets, administrative reads. A second append-only log,
/// chained and verified like the journal, with its own heads, months and retention; it never moves a revision. What changed
/// something is in the journal, and <c>GET /v1/audit</c> shows both as one. What it promises:
/// <list type="bullet">
/// <item>What must be on record before it happens (a secret's value leaves, an export begins) waits for its entry's commit
/// (<see cref="AuditTrail.Require"/>), and is refused without it.</item>
/// <item>The rest is written within a second, and at a shutdown. A process that is killed loses that second. At the bounds of the
/// queue entries are lost, counted, and an entry says how many.</item>
/// <item>An entry is written once, whatever becomes of connections: a batch has a number, and the database takes it once.</item>
/// <item>Who is not known cannot fill the log: repetitions within a minute are one entry with a count, and kinds of them are
/// bounded per org and minute.</item>
/// <item>A month that is older than the option says is dropped whole, and the rest still verifies.</item>
/// </list>
/// </summary>
internal static class AuditFeature
{
    public static IServiceCollection AddAudit(this IServiceCollection services) => services
        .AddSingleton<AuditMetrics>()
        .AddSingleton<AuditStore>()
        .AddSingleton<AuditTrail>()
        .AddSingleton<AuditQueries>()
        .AddSingleton<AuditEndpoints>()
        .AddSingleton<RequestRecords>()
        .AddSingleton(provider => new AuditRetention(provider.GetRequiredService<DatabaseConnections>().Tail, provider.GetRequiredService<SteleOptions>().AuditMonths,
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<AuditRetention>>()))
        .AddHostedService<AuditLoop>();

    public static IEndpointRouteBuilder MapAudit(this IEndpointRouteBuilder routes)
    {
        var endpoints = routes.ServiceProvider.GetRequiredService<AuditEndpoints>();
        routes.MapGet("/v1/audit", endpoints.List);
        return routes;
    }
}
