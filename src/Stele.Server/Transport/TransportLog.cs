namespace Stele.Server.Transport;

internal static partial class TransportLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "The certificate was changed; the new one is in use, and ends {ExpiresAt:u}")]
    public static partial void CertificateTaken(this ILogger log, DateTimeOffset expiresAt);

    [LoggerMessage(Level = LogLevel.Error, Message = "The certificate's files were changed and cannot be used, so the old one stays in use: {Reason}")]
    public static partial void CertificateRefused(this ILogger log, string reason);
}
