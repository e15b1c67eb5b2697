using Stele.Core.Journal;
using Stele.Core.Watch;

namespace Stele.Server.Outbound.Webhooks;

/// <summary>What webhooks log. No address: its path and query may be a secret of the receiver's.</summary>
internal sealed partial class WebhookLog(ILogger<WebhookLog> log)
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "Organization {Org}, webhook {Webhook}: the message of revision {Revision} is given up after {Attempts} attempts")]
    public partial void Dead(OrgId org, Guid webhook, long revision, int attempts);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Organization {Org}, webhook {Webhook}: suspended, because its receiver answered 410")]
    public partial void Gone(OrgId org, Guid webhook);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Organization {Org}, webhook {Webhook}: what comes next is not there ({Reason}); its receiver is told to read anew")]
    public partial void Reset(OrgId org, Guid webhook, WatchResetReason reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Organization {Org}, webhook {Webhook}: its turn failed and comes again: {Detail}")]
    public partial void TurnFailed(OrgId org, Guid webhook, string detail);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Which webhooks are behind could not be asked: {Detail}")]
    public partial void NotLooked(string detail);
}
