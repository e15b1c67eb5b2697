using Stele.Core.Journal;

namespace Stele.Server.Watch;

/// <summary>What watching says to operators.</summary>
internal sealed partial class WatchLog(ILogger<WatchLog> logger)
{
    readonly ILogger logger = logger;

    [LoggerMessage(1, LogLevel.Error, "The watch of org {Org} met an unexpected error; it goes on after a pause")]
    public partial void Broke(OrgId org, Exception exception);

    [LoggerMessage(2, LogLevel.Error, "The replay to a subscriber of org {Org} met an unexpected error; the subscriber is cut off and may resume")]
    public partial void ReplayBroke(OrgId org, Exception exception);

    [LoggerMessage(3, LogLevel.Information, "A subscriber of org {Org} was cut off ({Reason}): {Client}")]
    public partial void CutOff(OrgId org, string reason, string client);

    [LoggerMessage(4, LogLevel.Warning, "Subscribers of org {Org} are reset: the history that they follow was lost")]
    public partial void HistoryLost(OrgId org);
}
