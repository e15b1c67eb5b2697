using Stele.Server.Options;

namespace Stele.Server.Outbound.Redis;

/// <summary>What is written to Redis, where there is one.</summary>
internal static class RedisOutFeature
{
    public static IServiceCollection AddRedisOut(this IServiceCollection services, SteleOptions options) => options is not { Redis: not null, RedisOut: true } ? services : services
        .AddSingleton<RedisOutOptions>()
        .AddSingleton<RedisState>()
        .AddSingleton<RedisSweep>()
        .AddSingleton<OutboundSink, RedisSink>();
}
