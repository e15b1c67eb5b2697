namespace Stele.Server.Secrets.Keys.Vault;

static partial class VaultLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "Vault at {Address} {What} Secrets whose keys were not used lately cannot be read, and none can be written. ({Why})")]
    public static partial void VaultFails(this ILogger log, string address, string what, string why);

    [LoggerMessage(Level = LogLevel.Information, Message = "Vault at {Address} answers again")]
    public static partial void VaultAnswers(this ILogger log, string address);

    [LoggerMessage(Level = LogLevel.Information, Message = "Logged in to Vault by {Method}, for {Seconds} seconds (0: for ever)")]
    public static partial void LoggedIn(this ILogger log, string method, long seconds);

    [LoggerMessage(Level = LogLevel.Error, Message = "This node cannot log in to Vault by {Method}: it {What} ({Why})")]
    public static partial void LoginFails(this ILogger log, string method, string what, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Vault did not renew this node's token, and the node logs in anew ({Why})")]
    public static partial void RenewalFails(this ILogger log, string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "Vault refuses {Path} to this node's token, which is good: its policy lacks the right, or the key is gone ({Why})")]
    public static partial void VaultRefuses(this ILogger log, string path, string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "The key {Key} cannot be used: {Why}")]
    public static partial void KeyRefused(this ILogger log, string key, string why);
}
