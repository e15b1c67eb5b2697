namespace Stele.Server.Secrets;

internal static partial class SecretLog
{
    [LoggerMessage(LogLevel.Error, "Organization {Org}: what is stored of {Target} fails its check, and was not given out. {Detail}")]
    public static partial void SecretBroken(this ILogger log, int org, string target, string detail);

    [LoggerMessage(LogLevel.Warning, "Organization {Org}: a restore had brought {Versions} versions of secret {Secret} back that were destroyed; they are destroyed again.")]
    public static partial void DestroyedAgain(this ILogger log, int org, string secret, int versions);

    [LoggerMessage(LogLevel.Error, "Organization {Org}: a restore has brought versions of secret {Secret} back that were destroyed, and they could not be destroyed again. {Reason}")]
    public static partial void NotDestroyedAgain(this ILogger log, int org, string secret, string reason);

    [LoggerMessage(LogLevel.Error, "The list of destroyed values, {File}, could not be written. {Reason}")]
    public static partial void DestructionsNotWritten(this ILogger log, string file, string reason);

    [LoggerMessage(LogLevel.Warning, "It could not be looked whether destroyed values came back. {Reason}")]
    public static partial void DestructionsNotLooked(this ILogger log, string reason);

    [LoggerMessage(LogLevel.Error, "Organization {Org}: a wrap of {Target} was opened a second time; it had been opened at {At} by {By}. One of the two was not meant to.")]
    public static partial void UnwrappedTwice(this ILogger log, int org, string target, string at, string by);

    [LoggerMessage(LogLevel.Warning, "It could not be looked which secrets are due for rotation or expire. {Reason}")]
    public static partial void RemindersFail(this ILogger log, string reason);
}
