namespace Stele.Server.Peers;

static partial class PeerLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "This node could not tell the others that it is there ({Detail}); it goes on trying")]
    public static partial void BeatFailed(this ILogger log, string detail);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A question of another node was not answered: {Detail}")]
    public static partial void AnswerFailed(this ILogger log, string detail);
}
