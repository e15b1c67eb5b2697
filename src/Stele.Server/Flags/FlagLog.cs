namespace Stele.Server.Flags;

internal static partial class FlagLog
{
    [LoggerMessage(EventId = 7_100, Level = LogLevel.Warning, Message = "What flags answered could not be written, and is kept: {Reason}")]
    public static partial void UseFails(this ILogger<FlagUseFlush> log, string reason);

    [LoggerMessage(EventId = 7_101, Level = LogLevel.Warning, Message = "Counts of flags that are older than is kept could not be deleted: {Reason}")]
    public static partial void SweepFails(this ILogger<FlagUseFlush> log, string reason);
}
