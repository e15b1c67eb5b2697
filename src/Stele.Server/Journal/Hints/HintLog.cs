namespace Stele.Server.Journal.Hints;

static partial class HintLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "Hints by {Carrier} are away ({Detail}); the other carriers and the poll go on")]
    public static partial void CarrierAway(this ILogger log, string carrier, string detail);
}
