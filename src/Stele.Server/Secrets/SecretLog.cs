namespace Stele.Server.Secrets;

internal static partial class SecretLog
{
    [LoggerMessage(LogLevel.Error, "Organization {Org}: what is stored of {Target} fails its check, and was not given out. {Detail}")]
    public static partial void SecretBroken(this ILogger log, int org, string target, string detail);
}
