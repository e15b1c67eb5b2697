namespace Stele.Server.Limits;

static partial class LimitLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "This node {Does} writes from now on; the reason given: {Reason}")]
    public static partial void ModeChanged(this ILogger log, string does, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "Rates are shared with the other nodes, by Redis")]
    public static partial void Shared(this ILogger log);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Redis does not answer ({Reason}): this node counts rates for itself")]
    public static partial void NotShared(this ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "What limits go by could not be read, and stays as it was: {Reason}")]
    public static partial void LoopFailed(this ILogger log, string reason);
}
