using Stele.Server.Journal.Hints;
using Stele.Server.Options;

namespace Stele.Server.Redis;

/// <summary>
/// Redis, for those who have one: rates that nodes share (Limits), hints between nodes, and what consumers read (Outbound/Redis).
/// It is never asked for the truth: wiped or away, it costs speed and nothing else.
/// </summary>
internal static class RedisFeature
{
    public static IServiceCollection AddRedis(this IServiceCollection services, SteleOptions options)
    {
        services.AddSingleton<RedisLink>();
        if (options.CarriesHints("redis")) services.AddSingleton<IHintCarrier, RedisHints>();
        return services;
    }
}
