namespace Stele.Server.Archive;

static partial class ArchiveLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "What goes outside is behind by more than a month, and holds the archive of the journal back: {Arrears}")]
    public static partial void ArchiveHeldBack(this ILogger log, string arrears);
}
