namespace Stele.Server.Options;

/// <summary>The settings of what is sent outside. <see cref="SteleSettings"/> reads them.</summary>
internal static class OutboundSettings
{
    public static readonly Setting
        WebhookNetworks = new("STELE_WEBHOOK_NETWORKS", "WebhookNetworks", ""),
        WebhookHttp = new("STELE_WEBHOOK_HTTP", "WebhookHttp", "refuse");

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Setting> All { get; } = [WebhookNetworks, WebhookHttp];
}
