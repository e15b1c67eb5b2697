namespace Stele.Server.Database;

internal static partial class DatabaseLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "Schema migration {Name} applied in {Milliseconds} ms")]
    public static partial void MigrationApplied(this ILogger log, string name, long milliseconds);

    [LoggerMessage(Level = LogLevel.Information, Message = "The schema has migration {Version}, which this server ({Server}) does not know and may still run on")]
    public static partial void SchemaAhead(this ILogger log, int version, Version server);

    [LoggerMessage(Level = LogLevel.Information, Message = "Database role {Role} made")]
    public static partial void RoleMade(this ILogger log, string role);

    [LoggerMessage(Level = LogLevel.Information, Message = "Password of database login {Role} set")]
    public static partial void PasswordSet(this ILogger log, string role);

    [LoggerMessage(Level = LogLevel.Warning, Message = "stele_tail may not end other sessions, so a frozen node can hold an org's writes until its connection is noticed to be dead. As an administrator: GRANT pg_signal_backend TO stele_tail")]
    public static partial void CannotSignal(this ILogger log);

    [LoggerMessage(Level = LogLevel.Information, Message = "{What}: {Count} partitions made, up to {Horizon:u}")]
    public static partial void PartitionsMade(this ILogger log, string what, int count, DateTime horizon);

    [LoggerMessage(Level = LogLevel.Error, Message = "{What}: partitions only up to {Horizon:u}, {Failing} from then on. Look why making them fails")]
    public static partial void PartitionsRunOut(this ILogger log, string what, DateTime horizon, string failing, Exception? failure);
}
