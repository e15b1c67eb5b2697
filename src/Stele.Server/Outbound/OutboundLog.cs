using Stele.Core.Journal;

namespace Stele.Server.Outbound;

static partial class OutboundLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "This node writes to {Sink} from now on")]
    public static partial void Leads(this ILogger log, string sink);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Sink} does not take what is to be written ({Detail}); it is tried again, with growing pauses")]
    public static partial void SinkAway(this ILogger log, string sink, string detail);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Writing to {Sink} was broken off, and is tried again: {Detail}")]
    public static partial void RunnerBroke(this ILogger log, string sink, string detail);

    [LoggerMessage(Level = LogLevel.Error, Message = "Org {Org} could not be written to {Sink}; the others go on, and it is tried again")]
    public static partial void OrgBroke(this ILogger log, string sink, OrgId org, Exception exception);

    [LoggerMessage(Level = LogLevel.Information, Message = "Org {Org} is written whole to {Sink}: {Reason}")]
    public static partial void Rewrites(this ILogger log, string sink, OrgId org, RewriteReason reason);
}
