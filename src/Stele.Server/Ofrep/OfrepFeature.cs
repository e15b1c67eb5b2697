using Stele.Core.Limits;

namespace Stele.Server.Ofrep;

/// <summary>
/// What flags answer, for clients that are not ours: the OpenFeature remote evaluation protocol (OFREP 0.3) over HTTP, and what it lacks, the way
/// to an answer and what differs between two. What it promises:
/// <list type="bullet">
/// <item>An answer is strong unless it says local: a flag that was changed before the request came answers as it was changed to.</item>
/// <item>Its metadata names the revision since which the flag answers so, the part of the rule that it came out at, and the bucket: with
/// <c>revision=</c>, or <c>at=</c> for a moment, past or to come, it is given again. Nothing else than flag, context and moment decides.</item>
/// <item>A bulk answer's ETag changes when any of its answers may have: with the set, the evaluator, the context, the steps of schedules, the
/// rights of the caller.</item>
/// <item>Who keeps answers is told when to ask again: <c>eventStreams</c> names a stream that the watch engine feeds.</item>
/// <item>Who may not read a flag does not learn of it in bulk, and is refused it singly.</item>
/// <item>Whatever is refused below /ofrep/, and by whomever, is refused in the protocol's own form.</item>
/// </list>
/// Limits: a context of 1 MiB, steps and levels of one evaluation (flag.steps, flag.levels), five seconds for all of a bulk request.
/// </summary>
internal static class OfrepFeature
{
    /// <summary>For how long one request may evaluate.</summary>
    public static readonly TimeSpan EvaluationTime = TimeSpan.FromSeconds(OfrepLimits.EvaluationSeconds.Value);

    public static IServiceCollection AddOfrep(this IServiceCollection services) => services
        .AddSingleton<OfrepPast>()
        .AddSingleton<OfrepUse>()
        .AddSingleton<OfrepStreams>()
        .AddSingleton<OfrepEndpoints>()
        .AddSingleton<OfrepStreamEndpoints>()
        .AddSingleton<FlagExplainEndpoints>()
        .AddSingleton<FlagCompareEndpoints>();

    public static IEndpointRouteBuilder MapOfrep(this IEndpointRouteBuilder routes)
    {
        var evaluations = routes.ServiceProvider.GetRequiredService<OfrepEndpoints>();
        routes.MapPost("/ofrep/v1/evaluate/flags", evaluations.Bulk);
        routes.MapPost("/ofrep/v1/evaluate/flags/{key}", evaluations.Single);
        routes.MapGet("/ofrep/v1/events", routes.ServiceProvider.GetRequiredService<OfrepStreamEndpoints>().Stream);
        routes.MapPost("/v1/flags/explain", routes.ServiceProvider.GetRequiredService<FlagExplainEndpoints>().Explain);
        routes.MapPost("/v1/flags/compare", routes.ServiceProvider.GetRequiredService<FlagCompareEndpoints>().Compare);
        return routes;
    }
}
