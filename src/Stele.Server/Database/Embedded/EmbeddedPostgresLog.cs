namespace Stele.Server.Database.Embedded;

static partial class EmbeddedPostgresLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "Made a PostgreSQL {Version} cluster in {Directory}")]
    public static partial void Made(this ILogger log, string version, string directory);

    [LoggerMessage(Level = LogLevel.Information, Message = "PostgreSQL {Version} started in {ElapsedMs} ms, process {Pid}, data in {Directory}")]
    public static partial void Started(this ILogger log, string version, long elapsedMs, int pid, string directory);

    [LoggerMessage(Level = LogLevel.Information, Message = "Took over the running PostgreSQL, process {Pid}, data in {Directory}: the server that started it has gone")]
    public static partial void Adopted(this ILogger log, int pid, string directory);

    [LoggerMessage(Level = LogLevel.Information, Message = "Still waiting for PostgreSQL, process {Pid}: {State}")]
    public static partial void Waiting(this ILogger log, int pid, string state);

    [LoggerMessage(Level = LogLevel.Error, Message = "PostgreSQL, process {Pid}, has gone; starting it again")]
    public static partial void Gone(this ILogger log, int pid);

    [LoggerMessage(Level = LogLevel.Error, Message = "PostgreSQL does not start again, next try in {DelayMs} ms: {Reason}")]
    public static partial void RestartFailed(this ILogger log, long delayMs, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Ended process {Pid}, left over from the PostgreSQL that has gone")]
    public static partial void EndedLeftover(this ILogger log, int pid);

    [LoggerMessage(Level = LogLevel.Information, Message = "Removed {File}: process {Pid} in it has ended or is another program")]
    public static partial void RemovedStale(this ILogger log, string file, int pid);

    [LoggerMessage(Level = LogLevel.Information, Message = "PostgreSQL stopped in {ElapsedMs} ms")]
    public static partial void Stopped(this ILogger log, long elapsedMs);

    [LoggerMessage(Level = LogLevel.Warning, Message = "PostgreSQL did not stop: {Reason}. The next start takes it over")]
    public static partial void StopFailed(this ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Directory} holds an older cluster that nothing points to; a new one is made in {NewDirectory}. Remove the older one if you do not need it")]
    public static partial void LeftAside(this ILogger log, string directory, string newDirectory);
}
