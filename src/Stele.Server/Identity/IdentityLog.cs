namespace Stele.Server.Identity;

internal static partial class IdentityLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "Issuer {Issuer} has {Count} keys")]
    public static partial void KeysFetched(this ILogger log, string issuer, int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The keys of issuer {Issuer} could not be fetched, and will be tried again: {Reason}")]
    public static partial void KeysAway(this ILogger log, string issuer, string reason);

    // never the token, nor what its bearer claimed
    [LoggerMessage(Level = LogLevel.Debug, Message = "A JWT was refused: {Refusal}")]
    public static partial void Refused(this ILogger log, JwtRefusal refusal);
}
