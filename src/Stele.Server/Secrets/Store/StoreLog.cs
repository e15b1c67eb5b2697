namespace Stele.Server.Secrets.Store;

static partial class StoreLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "Vault's KV at {Mount} cannot be used for {Path}: {Why}")]
    public static partial void KvRefused(this ILogger log, string mount, string path, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The value at {Path} was deleted in Vault and is not deleted here: it is brought back")]
    public static partial void ValueShown(this ILogger log, string path);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Copies of secrets in Vault are behind the journal, and this node tries again: {Why}")]
    public static partial void LevelFails(this ILogger log, string why);
}
