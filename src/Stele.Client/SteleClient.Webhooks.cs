namespace Stele.Client;

/// <summary>Where an organization's changes are sent.</summary>
public sealed partial class SteleClient
{
    /// <summary>Makes a webhook; <see cref="WebhookItem.Secret"/> signs its messages, and is shown this once.</summary>
    public Task<WebhookItem> CreateWebhookAsync(WebhookDefinition webhook, CancellationToken cancellationToken) => WriteWebhook(HttpMethod.Post, "/v1/webhooks", webhook, cancellationToken);

    /// <summary>Changes a webhook, which sees as whoever changed it from then on; what is null stays.</summary>
    public Task<WebhookItem> ChangeWebhookAsync(string id, WebhookDefinition webhook, CancellationToken cancellationToken) => WriteWebhook(HttpMethod.Put, PathOfWebhook(id), webhook, cancellationToken);

    /// <summary>A webhook, with how far it has come.</summary>
    public Task<WebhookItem> GetWebhookAsync(string id, CancellationToken cancellationToken) => transport.Get(PathOfWebhook(id), SteleJson.Default.WebhookItem, cancellationToken);

    /// <summary>One page of the webhooks.</summary>
    public Task<WebhookPage> ListWebhooksAsync(int? limit, string? cursor, CancellationToken cancellationToken) => Page("/v1/webhooks", limit, cursor, SteleJson.Default.WebhookPage, cancellationToken);

    /// <summary>Removes a webhook, with its secrets and dead letters.</summary>
    public Task RemoveWebhookAsync(string id, CancellationToken cancellationToken) => Delete(PathOfWebhook(id), cancellationToken);

    /// <summary>Gives a webhook another secret; the one before signs beside it for so many seconds.</summary>
    public Task<WebhookItem> RotateWebhookSecretAsync(string id, long overlapSeconds, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, PathOfWebhook(id) + "/rotate", new WebhookRotation(overlapSeconds), SteleJson.Default.WebhookRotation, SteleJson.Default.WebhookItem, cancellationToken);

    /// <summary>Sends one message now, and says what came of it.</summary>
    public Task<WebhookTestResult> TestWebhookAsync(string id, CancellationToken cancellationToken) =>
        transport.Call(HttpMethod.Post, PathOfWebhook(id) + "/test", null, SteleJson.Default.WebhookTestResult, cancellationToken);

    /// <summary>One page of what became of messages, the newest first; of those that were given up alone, if asked.</summary>
    public Task<WebhookDeliveryPage> ListDeliveriesAsync(string id, bool onlyDead, int? limit, string? cursor, CancellationToken cancellationToken) =>
        Page(PathOfWebhook(id) + (onlyDead ? "/dead-letters" : "/deliveries"), limit, cursor, SteleJson.Default.WebhookDeliveryPage, cancellationToken);

    /// <summary>Sends the message of a revision again, once and soon, out of order.</summary>
    public Task<WebhookItem> RedeliverAsync(string id, long revision, CancellationToken cancellationToken) =>
        DoWithWebhook(id, FormattableString.Invariant($"/deliveries/{revision}/redeliver"), cancellationToken);

    /// <summary>Forgets the messages that were given up.</summary>
    public Task<WebhookItem> DiscardDeadLettersAsync(string id, CancellationToken cancellationToken) => DoWithWebhook(id, "/dead-letters/discard", cancellationToken);

    /// <summary>Sends everything after a revision again, in order.</summary>
    public Task<WebhookItem> ReplayWebhookAsync(string id, long afterRevision, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, PathOfWebhook(id) + "/replay", new WebhookReplay(afterRevision), SteleJson.Default.WebhookReplay, SteleJson.Default.WebhookItem, cancellationToken);

    /// <summary>Ends a suspension.</summary>
    public Task<WebhookItem> ResumeWebhookAsync(string id, CancellationToken cancellationToken) => DoWithWebhook(id, "/resume", cancellationToken);

    static string PathOfWebhook(string id) => $"/v1/webhooks/{Uri.EscapeDataString(id)}";

    Task<WebhookItem> DoWithWebhook(string id, string what, CancellationToken cancellation) => transport.Call(HttpMethod.Post, PathOfWebhook(id) + what, null, SteleJson.Default.WebhookItem, cancellation);

    Task<WebhookItem> WriteWebhook(HttpMethod method, string path, WebhookDefinition webhook, CancellationToken cancellation) =>
        transport.Write(method, path, webhook, SteleJson.Default.WebhookDefinition, SteleJson.Default.WebhookItem, cancellation);
}
