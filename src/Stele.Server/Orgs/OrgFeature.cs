namespace Stele.Server.Orgs;

/// <summary>
/// An org and its environments. An environment is made by name, keeps its place in lists (ordinal), and is never removed;
/// an org has at most 100. The one that a request without <c>env</c> means is set when the org is made. Making one that
/// exists is a conflict, and nothing is written; a retry with the same Idempotency-Key gets the first answer.
/// </summary>
internal static class OrgFeature
{
    public static IServiceCollection AddOrgs(this IServiceCollection services) => services.AddSingleton<OrgEndpoints>();

    public static IEndpointRouteBuilder MapOrgs(this IEndpointRouteBuilder routes)
    {
        var endpoints = routes.ServiceProvider.GetRequiredService<OrgEndpoints>();
        routes.MapGet("/v1/environments", endpoints.ListEnvironments);
        routes.MapPost("/v1/environments", endpoints.CreateEnvironment);
        return routes;
    }
}
