using Stele.Server.Journal;
using Stele.Server.Operation;
using Stele.Server.Options;

namespace Stele.Server.Outbound.Redis;

/// <summary>What is written to Redis, where there is one.</summary>
internal static class RedisOutFeature
{
    public static IServiceCollection AddRedisOut(this IServiceCollection services, SteleOptions options) => options is not { Redis: not null, RedisOut: true } ? services : services
        .AddSingleton<RedisOutOptions>()
        .AddSingleton<RedisState>()
        .AddSingleton<RedisSweep>()
        .AddSingleton<RedisReads>()
        .AddHostedService<NearbyReads>()
        .AddSingleton<OutboundSink, RedisSink>();
}

/// <summary>Has local reads look into Redis from the start of the server on.</summary>
internal sealed class NearbyReads(RedisReads reads, JournalNode journal, Metrics metrics) : IHostedService
{
    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        journal.LookNearby(reads.Read, reads.Saw);
        metrics.AddCounter("stele_redis_reads_total", "Local reads of keys that Redis answered because the organization was not in memory.", () => reads.Answered);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
