namespace Stele.Server.Access;

static partial class AccessLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "When tokens were last used could not be written: {Reason}")]
    public static partial void UsesNotWritten(this ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Whether the sessions whose streams are open still are could not be looked up: {Reason}")]
    public static partial void SessionsNotLookedUp(this ILogger log, string reason);
}
