namespace Stele.Server.Flags;

/// <summary>
/// Flags: definitions as flagd has them, or the short form, in environments, with the rules that they share. What it promises:
/// <list type="bullet">
/// <item>A flag is versioned like a key of configuration: one revision or nothing, versions without gaps, every write may be
/// conditional, history, rollback, comparison and the past.</item>
/// <item>What belongs to an environment's set has versions of its own, under names that no flag can have: <c>$evaluators/NAME</c>
/// (rules that flags share), <c>$metadata</c>, <c>$kill_switch</c>.</item>
/// <item>A definition comes back as it was given, member order and number text included; of the short form also the flag
/// that it stands for.</item>
/// <item>What the engine would fail to evaluate is refused when it is written, with its place; so is the deletion or archiving
/// of what others read. An import alone may refer to shared rules that are not there, as flagd's files may.</item>
/// <item>An archived flag is kept, and is not evaluated: whoever asks for it gets FLAG_NOT_FOUND, and so his own default.</item>
/// </list>
/// Limits: names 100 characters, definitions 256 KiB, 10,000 flags an environment. At a limit the request is refused.
/// </summary>
internal static class FlagFeature
{
    public static IServiceCollection AddFlags(this IServiceCollection services) => services
        .AddSingleton<FlagQueries>()
        .AddSingleton<FlagPast>()
        .AddSingleton<FlagEndpoints>()
        .AddSingleton<FlagWrites>()
        .AddSingleton<FlagWriteEndpoints>()
        .AddSingleton<FlagFileEndpoints>()
        .AddSingleton<FlagUse>()
        .AddSingleton<FlagUseQueries>()
        .AddSingleton<FlagUseEndpoints>()
        .AddSingleton<FlagUseFlush>()
        .AddHostedService(provider => provider.GetRequiredService<FlagUseFlush>());

    public static IEndpointRouteBuilder MapFlags(this IEndpointRouteBuilder routes)
    {
        var reads = routes.ServiceProvider.GetRequiredService<FlagEndpoints>();
        routes.MapGet("/v1/flags", reads.List);
        routes.MapGet("/v1/flags/{name}", reads.Get);
        routes.MapGet("/v1/flags/{name}/history", reads.History);

        var writes = routes.ServiceProvider.GetRequiredService<FlagWriteEndpoints>();
        routes.MapPut("/v1/flags/{name}", writes.Put);
        routes.MapDelete("/v1/flags/{name}", writes.Delete);
        routes.MapPost("/v1/flags/{name}/rollback", writes.Rollback);

        var files = routes.ServiceProvider.GetRequiredService<FlagFileEndpoints>();
        routes.MapPost("/v1/flags/import", files.Import);
        routes.MapGet("/v1/flags/export", files.Export);
        routes.MapPost("/v1/flags/copy", files.Copy);
        routes.MapPost("/v1/flags/usage", routes.ServiceProvider.GetRequiredService<FlagUseEndpoints>().Report);
        return routes;
    }
}
