namespace Stele.Server.Secrets;

internal static partial class SecretLog
{
    [LoggerMessage(LogLevel.Error, "Organization {Org}: what is stored of {Target} fails its check, and was not given out. {Detail}")]
    public static partial void SecretBroken(this ILogger log, int org, string target, string detail);

    [LoggerMessage(LogLevel.Error, "Organization {Org}: a wrap of {Target} was opened a second time; it had been opened at {At} by {By}. One of the two was not meant to.")]
    public static partial void UnwrappedTwice(this ILogger log, int org, string target, string at, string by);
}
