namespace Stele.Server.Usage;

static partial class UsageLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "Usage cannot be written: {Reason} It goes on being counted, and is tried again every minute.")]
    public static partial void UsageFails(this ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Usage that was counted since the last flush is lost: the database did not take it before the end.")]
    public static partial void UsageLeft(this ILogger log);
}
