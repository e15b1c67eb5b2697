using System.Runtime.CompilerServices;

namespace Stele.Client;

/// <summary>The calls of watching.</summary>
public sealed partial class SteleClient
{
    /// <summary>
    /// Streams changes for as long as it is read. Resumes by itself, after a pause that grows and that chance spreads, from
    /// where it had come to, so that nothing is lost or doubled; throws when the server refuses (<c>unauthenticated</c>,
    /// <c>forbidden</c>, <c>invalid</c>, …), when the token is revoked, and when the server cannot be reached at the very start
    /// (<see cref="SteleClientOptions.Attempts"/>). After a <see cref="WatchEventKind.Reset"/> read what
    /// you watch anew.
    /// </summary>
    public async IAsyncEnumerable<WatchEvent> WatchAsync(WatchRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        using var stream = new WatchStream(http, transport, options, request);
        while (true) yield return await stream.Next(cancellationToken);
    }

    /// <summary>Says that what a subscription was sent is applied, up to a revision; or, with a reason, that this revision could not be.</summary>
    /// <param name="subscription"><see cref="WatchEvent.Subscription"/>.</param>
    /// <param name="revision">The revision.</param>
    /// <param name="rejected">Why it could not be applied; null: it is.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task AcknowledgeAsync(string subscription, long revision, string? rejected, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, $"/v1/subscriptions/{Uri.EscapeDataString(subscription)}/ack", new AckBody(revision, rejected is null ? null : new RejectedBody(rejected)),
            SteleJson.Default.AckBody, SteleJson.Default.JsonElement, cancellationToken);

    /// <summary>One page of those who watch on the node that answers.</summary>
    public Task<SubscriptionPage> ListSubscriptionsAsync(int? limit, string? cursor, CancellationToken cancellationToken) =>
        transport.Get(new QueryText("/v1/subscriptions").With("limit", limit).With("cursor", cursor).ToString(), SteleJson.Default.SubscriptionPage, cancellationToken);
}
