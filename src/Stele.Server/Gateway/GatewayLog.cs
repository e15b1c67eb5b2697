namespace Stele.Server.Gateway;

static partial class GatewayLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "Request {RequestId} failed: {Method} {Path}")]
    public static partial void Failed(this ILogger log, Exception exception, string requestId, string method, string path);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Request {RequestId} was refused, {Method} {Path}: {Reason}")]
    public static partial void Away(this ILogger log, string reason, string requestId, string method, string path);
}
