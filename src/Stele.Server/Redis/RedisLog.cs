namespace Stele.Server.Redis;

static partial class RedisLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "A connection to Redis at {EndPoint} failed ({Kind}); it is tried again by itself")]
    public static partial void Failed(this ILogger log, string endPoint, string kind);

    [LoggerMessage(Level = LogLevel.Information, Message = "The connection to Redis at {EndPoint} is back")]
    public static partial void Restored(this ILogger log, string endPoint);
}
