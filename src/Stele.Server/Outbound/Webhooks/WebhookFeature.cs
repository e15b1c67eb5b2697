using System.Net;
using Stele.Core.Journal;
using Stele.Server.Journal;
using Stele.Server.Options;

namespace Stele.Server.Outbound.Webhooks;

/// <summary>
/// Webhooks: changes, sent to whoever an org names. What it promises:
/// <list type="bullet">
/// <item>At least once, and in order: the journal is the outbox, each webhook has its own place in it, and a message is sent when the one before it
/// has arrived or was given up. A revision is one message, with what a watcher would see of it.</item>
/// <item>A message is signed (Standard Webhooks) with a secret that was shown once. While secrets are exchanged, both sign.</item>
/// <item>It holds nothing that the webhook's owner may not read when it is sent. Whoever changes a webhook becomes its owner.</item>
/// <item>It goes to the public internet over TLS, or where the operator allows; the address is checked when it is connected to.</item>
/// </list>
/// At each failure: a receiver that does not answer is tried again after growing pauses, up to the limit webhooks.attempts; then the message is a dead letter,
/// which can be sent again. 410 suspends the webhook, as too many dead letters do; nothing is lost by that, because its place stays. A node that dies is
/// followed by another after less than a minute, which may send a message twice. A history that was lost, or archived, is said with stele.reset.
/// </summary>
internal static class WebhookFeature
{
    public static IServiceCollection AddWebhooks(this IServiceCollection services) => services
        .AddSingleton<WebhookMetrics>()
        .AddSingleton<WebhookLog>()
        .AddSingleton<WebhookQueries>()
        .AddSingleton<WebhookStore>()
        .AddSingleton<WebhookSecrets>()
        .AddSingleton<WebhookTurn>()
        .AddSingleton<WebhookEndpoints>()
        .AddSingleton<DeliveryEndpoints>()
        .AddSingleton(Sender)
        .AddSingleton<WebhookRunner>()
        .AddHostedService(provider => provider.GetRequiredService<WebhookRunner>());

    public static IEndpointRouteBuilder MapWebhooks(this IEndpointRouteBuilder routes)
    {
        var webhooks = routes.ServiceProvider.GetRequiredService<WebhookEndpoints>();
        routes.MapGet("/v1/webhooks", webhooks.List);
        routes.MapPost("/v1/webhooks", webhooks.Create);
        routes.MapGet("/v1/webhooks/{id}", webhooks.Get);
        routes.MapPut("/v1/webhooks/{id}", webhooks.Change);
        routes.MapDelete("/v1/webhooks/{id}", webhooks.Remove);
        routes.MapPost("/v1/webhooks/{id}/rotate", webhooks.Rotate);

        var deliveries = routes.ServiceProvider.GetRequiredService<DeliveryEndpoints>();
        routes.MapPost("/v1/webhooks/{id}/test", deliveries.Test);
        routes.MapGet("/v1/webhooks/{id}/deliveries", deliveries.List);
        routes.MapPost("/v1/webhooks/{id}/deliveries/{revision}/redeliver", deliveries.Redeliver);
        routes.MapGet("/v1/webhooks/{id}/dead-letters", deliveries.ListDead);
        routes.MapPost("/v1/webhooks/{id}/dead-letters/discard", deliveries.Discard);
        routes.MapPost("/v1/webhooks/{id}/replay", deliveries.Replay);
        routes.MapPost("/v1/webhooks/{id}/resume", deliveries.Resume);
        return routes;
    }

    static WebhookSender Sender(IServiceProvider provider)
    {
        var options = provider.GetRequiredService<SteleOptions>();
        return new WebhookSender(new WebhookAddresses(options.WebhookNetworks), options.WebhookHttp, provider.GetRequiredService<TimeProvider>(), static (host, cancellation) => Dns.GetHostAddressesAsync(host, cancellation));
    }
}
