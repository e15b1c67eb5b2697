using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Orgs;

/// <summary>
/// Orgs, their settings and their environments. What it promises:
/// <list type="bullet">
/// <item>An org's life is in its own journal, from the first revision, which makes it with its environments; the directory of
/// orgs is a table written in the same transaction, and the one place where orgs meet: a name is unique over all of them.</item>
/// <item>A name that an org has had stays its own: it leads there after a rename, and no other org can take it. So what a node
/// remembers of a name stays true, and no request ever reaches another org than it was meant for.</item>
/// <item>An org that is archived answers everything with gone, until a root token opens it again. Nothing is deleted.</item>
/// <item>A write in a protected environment needs the permission protected:write besides its own, and a reason. So does
/// taking the protection off. That is asked after every decider, of whatever feature (<c>OrgDecider.Guard</c>).</item>
/// <item>An environment keeps its place in lists until somebody reorders them. One that is deleted takes its keys along, each
/// with a version of its own, in one revision; one that holds data needs its name typed back. Their past stays readable by
/// whoever names it, and if the name comes back, its versions and its keys' versions go on.</item>
/// <item>A retry with the same Idempotency-Key gets the first answer, also of the making of an org.</item>
/// </list>
/// Limits: 100 environments an org (its own value by settings), 1,000 names of environments and 16 names of its own in its
/// life. When the primary is away, orgs whose names are not known yet to the node are unavailable.
/// </summary>
internal static class OrgFeature
{
    public static IServiceCollection AddOrgs(this IServiceCollection services) => services
        .AddSingleton<OrgQueries>()
        .AddSingleton(provider => new OrgDirectory(provider.GetRequiredService<OrgQueries>().Find, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<JournalOptions>()))
        .AddSingleton<OrgEndpoints>()
        .AddSingleton<SettingsEndpoints>()
        .AddSingleton<EnvironmentEndpoints>();

    public static IEndpointRouteBuilder MapOrgs(this IEndpointRouteBuilder routes)
    {
        var orgs = routes.ServiceProvider.GetRequiredService<OrgEndpoints>();
        routes.MapGet("/v1/orgs", orgs.List);
        routes.MapPost("/v1/orgs", orgs.Create);
        routes.MapGet("/v1/orgs/{name}", orgs.Get);
        routes.MapPatch("/v1/orgs/{name}", orgs.Rename);
        routes.MapPost("/v1/orgs/{name}/archive", orgs.Archive);
        routes.MapPost("/v1/orgs/{name}/unarchive", orgs.Unarchive);

        var settings = routes.ServiceProvider.GetRequiredService<SettingsEndpoints>();
        routes.MapGet("/v1/settings", settings.Get);
        routes.MapPatch("/v1/settings", settings.Change);

        var environments = routes.ServiceProvider.GetRequiredService<EnvironmentEndpoints>();
        routes.MapGet("/v1/environments", environments.List);
        routes.MapPost("/v1/environments", environments.Create);
        routes.MapPost("/v1/environments/reorder", environments.Reorder);
        routes.MapGet("/v1/environments/{name}", environments.Get);
        routes.MapPatch("/v1/environments/{name}", environments.Describe);
        routes.MapDelete("/v1/environments/{name}", environments.Delete);
        return routes;
    }
}
