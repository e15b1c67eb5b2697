using Stele.Server.Operation;

namespace Stele.Server.Outbound.Webhooks;

/// <summary>The instruments of webhooks.</summary>
internal sealed class WebhookMetrics
{
    readonly Counter delivered, failed, dead;

    public WebhookMetrics(Metrics metrics)
    {
        delivered = metrics.AddCounter("stele_webhook_attempts_total", "Attempts to send a message to a webhook, by what came of it.", "result", "delivered");
        failed = metrics.AddCounter("stele_webhook_attempts_total", "Attempts to send a message to a webhook, by what came of it.", "result", "failed");
        dead = metrics.AddCounter("stele_webhook_dead_letters_total", "Messages that were given up.");
        metrics.AddGauge("stele_webhooks_due", "Webhooks that were behind and could go on when this node last looked, of all organizations.", () => Due);
    }

    /// <summary>How many are behind.</summary>
    public int Due { get; set; }

    public void Delivered() => delivered.Add();

    public void Failed() => failed.Add();

    public void Dead() => dead.Add();
}
