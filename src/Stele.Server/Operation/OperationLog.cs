namespace Stele.Server.Operation;

internal static partial class OperationLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "SQL statement {Statement} took {ElapsedMs} ms")]
    public static partial void SlowStatement(this ILogger log, string statement, long elapsedMs);
}
