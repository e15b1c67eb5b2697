namespace Stele.Server.Access;

/// <summary>
/// Who asks, and what he may. What it promises:
/// <list type="bullet">
/// <item>One function decides (<see cref="Core.Access.Authorisation"/>), for reads on the snapshot that answers and for writes
/// inside the decision, so that no answer is newer than the right to it. Lists, comparisons and events are decided item by item.</item>
/// <item>A deny wins over every grant. Nobody gives what he has not: not by a role, not by a token; and nobody touches who has
/// more than he. A token has its scopes and never more than whose it is, as that one is now.</item>
/// <item>A token is shown once, and kept as its SHA-256; a password as a salted PBKDF2. No event, log or error holds either.
/// A token that was never made loads no org. One that is revoked is refused at once on the node that did it, and within a
/// second on the others.</item>
/// <item>What does not let in is answered alike, whatever is wrong with it, and counted by why
/// (<c>stele_authentication_refused_total</c>).</item>
/// <item>An org that has had an owner keeps one.</item>
/// </list>
/// At each failure: while the primary is away, tokens that a node knows go on for local reads until access rights have been
/// unconfirmed for the limit access.unconfirmed_seconds; those that it does not know, and sign-ins, are refused (unavailable).
/// Last-use times are written once a minute, and a crash loses at most one.
/// </summary>
internal static class AccessFeature
{
    public static IServiceCollection AddAccess(this IServiceCollection services) => services
        .AddSingleton<AccessMetrics>()
        .AddSingleton<KnownTokens>()
        .AddSingleton<Sessions>()
        .AddSingleton<FollowedSessions>()
        .AddHostedService(provider => provider.GetRequiredService<FollowedSessions>())
        .AddSingleton<Memberships>()
        .AddSingleton<Passwords>()
        .AddSingleton<SignIn>()
        .AddSingleton<Identities>()
        .AddSingleton<TokenEndpoints>()
        .AddSingleton<MemberEndpoints>()
        .AddSingleton<RoleEndpoints>()
        .AddSingleton<ExplainEndpoints>()
        .AddSingleton<SessionEndpoints>()
        .AddSingleton<StreamPasses>()
        .AddSingleton<TokenUses>()
        .AddHostedService(provider => provider.GetRequiredService<TokenUses>());

    public static IEndpointRouteBuilder MapAccess(this IEndpointRouteBuilder routes)
    {
        var tokens = routes.ServiceProvider.GetRequiredService<TokenEndpoints>();
        routes.MapGet("/v1/tokens", tokens.List);
        routes.MapPost("/v1/tokens", tokens.Create);
        routes.MapDelete("/v1/tokens/{id}", tokens.Revoke);

        var members = routes.ServiceProvider.GetRequiredService<MemberEndpoints>();
        routes.MapGet("/v1/users", members.ListUsers);
        routes.MapPost("/v1/users", members.CreateUser);
        routes.MapGet("/v1/users/{id}", members.GetUser);
        routes.MapPut("/v1/users/{id}", members.ChangeUser);
        routes.MapDelete("/v1/users/{id}", members.RemoveUser);
        routes.MapGet("/v1/service-accounts", members.ListServiceAccounts);
        routes.MapPost("/v1/service-accounts", members.CreateServiceAccount);
        routes.MapGet("/v1/service-accounts/{id}", members.GetServiceAccount);
        routes.MapPut("/v1/service-accounts/{id}", members.ChangeServiceAccount);
        routes.MapDelete("/v1/service-accounts/{id}", members.RemoveServiceAccount);

        var roles = routes.ServiceProvider.GetRequiredService<RoleEndpoints>();
        routes.MapGet("/v1/roles", roles.List);
        routes.MapGet("/v1/roles/{name}", roles.Get);
        routes.MapPut("/v1/roles/{name}", roles.Put);
        routes.MapDelete("/v1/roles/{name}", roles.Delete);

        routes.MapPost("/v1/access/explain", routes.ServiceProvider.GetRequiredService<ExplainEndpoints>().Explain);

        var sessions = routes.ServiceProvider.GetRequiredService<SessionEndpoints>();
        routes.MapPost("/v1/session", sessions.Begin);
        routes.MapGet("/v1/session", sessions.Get);
        routes.MapDelete("/v1/session", sessions.End);
        routes.MapPut("/v1/session/password", sessions.SetOwnPassword);
        routes.MapPut("/v1/users/{id}/password", sessions.SetUserPassword);
        return routes;
    }
}
