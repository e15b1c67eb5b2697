namespace Stele.Server.Outbound.Redis;

static partial class RedisOutLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "Redis was emptied or restarted, or a replica took over: everything is written to it again")]
    public static partial void RedisForgot(this ILogger log);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Keys} keys were removed from Redis that nothing stands behind any more")]
    public static partial void Swept(this ILogger log, long keys);
}
