namespace Stele.Server.Operation;

internal static partial class OperationLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "SQL statement {Statement} took {ElapsedMs} ms")]
    public static partial void SlowStatement(this ILogger log, string statement, long elapsedMs);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Variable} is set and is no setting of this server: misspelt? docs/operations/settings.md lists them")]
    public static partial void UnknownVariable(this ILogger log, string variable);

    [LoggerMessage(Level = LogLevel.Information, Message = "Stopping: no new connections, what is queued is finished")]
    public static partial void Stopping(this ILogger log);

    [LoggerMessage(Level = LogLevel.Information, Message = "Stopped")]
    public static partial void Stopped(this ILogger log);

    [LoggerMessage(Level = LogLevel.Information, Message = "Made organization {Name} with environments {Environments}")]
    public static partial void OrgMade(this ILogger log, string name, string environments);

    [LoggerMessage(Level = LogLevel.Information, Message = "Made a root token, kept in {File}")]
    public static partial void TokenMade(this ILogger log, string file);

    [LoggerMessage(Level = LogLevel.Information, Message = "The root token is the one of STELE_ROOT_TOKEN from now on")]
    public static partial void TokenReplaced(this ILogger log);

    [LoggerMessage(Level = LogLevel.Information, Message = "Removed {File}: the token in it is not valid any more")]
    public static partial void StaleTokenRemoved(this ILogger log, string file);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{What} failed and will be tried again: {Reason}")]
    public static partial void UpkeepFailed(this ILogger log, string what, string reason);
}
