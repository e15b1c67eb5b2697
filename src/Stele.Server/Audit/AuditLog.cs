namespace Stele.Server.Audit;

static partial class AuditLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "The audit log cannot be written: {Reason} It is tried again every second; reads that must be in it first are refused meanwhile.")]
    public static partial void AuditFails(this ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "The audit log is written again.")]
    public static partial void AuditWritesAgain(this ILogger log);

    [LoggerMessage(Level = LogLevel.Error, Message = "The database refused {Entries} entries of organization {Org}'s audit log, and they are lost: {Reason}")]
    public static partial void AuditRefused(this ILogger log, int org, int entries, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Entries of the audit log were left unwritten: the database did not take them before the shutdown's time was over.")]
    public static partial void AuditLeft(this ILogger log);

    [LoggerMessage(Level = LogLevel.Information, Message = "Dropped {Months} months of the audit log: they are older than {Keep} months.")]
    public static partial void AuditDropped(this ILogger log, int months, int keep);
}
