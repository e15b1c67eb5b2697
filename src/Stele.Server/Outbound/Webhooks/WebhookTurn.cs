using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Watch;
using Stele.Core.Webhooks;
using Stele.Server.Journal;

namespace Stele.Server.Outbound.Webhooks;

/// <summary>
/// Sends what one webhook is behind, message after message, for a few seconds: then others have their turn. The next message waits until the one before
/// it has arrived or is given up, so that the order holds.
/// </summary>
internal sealed class WebhookTurn(
    WebhookStore store, WebhookSecrets secrets, WebhookSender sender, JournalNode node, IJournalStore journal, JournalQueries places, TimeProvider time, WebhookMetrics metrics, WebhookLog log)
{
    const int PageRevisions = 100;
    static readonly TimeSpan Length = TimeSpan.FromSeconds(10), HeldBack = TimeSpan.FromSeconds(30);

    /// <summary>One turn, if nobody else has it.</summary>
    public async Task Run(DueWebhook due, CancellationToken cancellation)
    {
        if (await store.Claim(due.Org, due.Id, cancellation) is not { } claim) return;
        try
        {
            await Send(due, claim, cancellation);
        }
        finally
        {
            // without it the claim passes by itself
            await store.Release(due.Org, due.Id, CancellationToken.None);
        }
    }

    async Task Send(DueWebhook due, WebhookClaim claim, CancellationToken cancellation)
    {
        if (!(await node.Read(due.Org, new ReadOptions(Consistency.Strong, null, null), cancellation)).TryGet(out var snapshot, out var fault))
        {
            await Hold(due, claim.Place, fault.Detail, cancellation);
            return;
        }
        var state = snapshot.State;
        if (state.Webhook(due.Id) is not { } webhook) return;
        if (Sight(state, webhook) is null)
        {
            await Hold(due, claim.Place, "Whoever it sees as is not there any more, or may not come in: change the webhook, and it sees as you.", cancellation);
            return;
        }
        if (!(await secrets.Open(due.Org, due.Id, cancellation)).TryGet(out var opened, out fault))
        {
            await Hold(due, claim.Place, fault.Detail, cancellation);
            return;
        }
        try
        {
            await Send(new Work(due, webhook, opened, time.GetTimestamp()), state, claim, cancellation);
        }
        finally
        {
            WebhookSecrets.Zero(opened);
        }
    }

    async Task Send(Work work, OrgState state, WebhookClaim claim, CancellationToken cancellation)
    {
        if (claim.Queued.Count > 0) await SendAgain(work, state, claim.Queued, cancellation);
        if (!work.Webhook.Definition.IsEnabled || claim.Place.Suspended is not null) return;
        if (claim.Place.NextAt is { } next && next > time.GetUtcNow()) return;
        var place = await Standing(work, state, claim.Place, cancellation);
        if (place is not null) await Follow(work, state, place, cancellation);
    }

    // the place, when it is one of this history; else the receiver is told to read anew, and goes on from here
    async Task<WebhookPlace?> Standing(Work work, OrgState state, WebhookPlace place, CancellationToken cancellation)
    {
        if (place.Incarnation == state.Incarnation) return place;
        var there = place.Revision > state.Revision ? null : (await places.Place(work.Due.Org, place.Revision, cancellation))?.Place;
        var holds = place.Revision == 0 || there is not null && there.Chain.AsSpan().SequenceEqual(place.Chain);
        return holds ? place : await Reset(work, state, place, place.Revision > state.Revision ? WatchResetReason.Future : WatchResetReason.History, cancellation);
    }

    async Task<WebhookPlace?> Reset(Work work, OrgState state, WebhookPlace place, WatchResetReason reason, CancellationToken cancellation)
    {
        var message = WebhookMessage.Reset(state, work.Webhook, reason, state.Place.Cursor, state.LastAt);
        log.Reset(work.Due.Org, work.Due.Id, reason);
        return await Attempt(work, place, state.Place, state.Incarnation, message, cancellation) ? After(state.Place, state.Incarnation) : null;
    }

    async Task Follow(Work work, OrgState state, WebhookPlace place, CancellationToken cancellation)
    {
        while (time.GetElapsedTime(work.BeganAt) < Length)
        {
            var page = await journal.Read(work.Due.Org, place.Revision, PageRevisions, cancellation);
            if (page.Count == 0)
            {
                // level, though it may be noted under a history that was lost further on
                if (place.Incarnation != state.Incarnation) await store.Pass(work.Due.Org, work.Due.Id, place.Revision, new JournalPlace(place.Revision, place.Chain), state.Incarnation, cancellation);
                return;
            }
            // behind its own head for a moment, or gone back: the next turn says which
            if (page[0].Revision != place.Revision + 1) return;
            if (page.Any(record => record.IsArchived))
            {
                await Reset(work, state, place, WatchResetReason.Archived, cancellation);
                return;
            }
            if (await Deliver(work, state, place, page, cancellation) is not { } moved) return;
            place = moved;
        }
    }

    /// <summary>The place after a page; null when a message has to be tried again, or the webhook is not where it was.</summary>
    async Task<WebhookPlace?> Deliver(Work work, OrgState state, WebhookPlace place, IReadOnlyList<RevisionRecord> page, CancellationToken cancellation)
    {
        var passed = place;
        foreach (var record in page)
        {
            // the rights of now, as this node knows them, and not of when the turn began
            var now = node.Peek(work.Due.Org)?.State ?? state;
            if (now.Webhook(work.Due.Id)?.Version != work.Webhook.Version || Sight(now, work.Webhook) is not { } rights) break;
            var at = new JournalPlace(record.Revision, record.Chain);
            if (WebhookMessage.Of(now, work.Webhook, rights, record) is { } message)
            {
                if (time.GetElapsedTime(work.BeganAt) >= Length) break;
                // from where the table has it: what was passed over moves with the message
                if (!await Attempt(work, place, at, state.Incarnation, message, cancellation)) return null;
                place = After(at, state.Incarnation);
            }
            passed = After(at, state.Incarnation);
        }
        if (passed.Revision == place.Revision) return passed.Revision == page[^1].Revision ? passed : null;
        var moved = await store.Pass(work.Due.Org, work.Due.Id, place.Revision, new JournalPlace(passed.Revision, passed.Chain), state.Incarnation, cancellation);
        return moved && passed.Revision == page[^1].Revision ? passed : null;
    }

    /// <summary>One attempt, and what comes of it in the tables. Whether the next message may be sent.</summary>
    async Task<bool> Attempt(Work work, WebhookPlace place, JournalPlace to, Guid incarnation, WebhookMessage message, CancellationToken cancellation)
    {
        var (org, id) = work.Due;
        var attempt = await sender.Send(work.Webhook.Definition.Url, message, work.Secrets, cancellation);
        var attempts = place.Attempts + 1;
        if (attempt.Arrived)
        {
            metrics.Delivered();
            return await store.Settle(org, id, place.Revision, to, incarnation, attempt, attempts, cancellation);
        }
        metrics.Failed();
        if (attempt.IsGone)
        {
            log.Gone(org, id);
            await store.Suspend(org, id, place.Revision, attempt, cancellation);
            return false;
        }
        if (attempts < WebhookLimits.Attempts.Value)
        {
            await store.Wait(org, id, place.Revision, attempts, attempt, WebhookPauses.Next(attempts, Random.Shared.NextDouble(), attempt.RetryAfter), cancellation);
            return false;
        }
        metrics.Dead();
        log.Dead(org, id, to.Revision, attempts);
        await store.Settle(org, id, place.Revision, to, incarnation, attempt, attempts, cancellation);
        // it may be suspended now: the next turn knows
        return false;
    }

    // out of order, and once: somebody asked, and sees what came of it
    async Task SendAgain(Work work, OrgState state, IReadOnlyList<long> revisions, CancellationToken cancellation)
    {
        foreach (var revision in revisions)
        {
            // each by itself: together they may be more than a page
            var found = await journal.Read(work.Due.Org, [revision], cancellation);
            var message = found is [{ IsArchived: false } record] && Sight(state, work.Webhook) is { } rights
                ? WebhookMessage.Of(state, work.Webhook, rights, record)
                : null;
            var attempt = message is null ? new WebhookAttempt(false, null, "There is nothing in it any more that the webhook may be sent.")
                : await sender.Send(work.Webhook.Definition.Url, message, work.Secrets, cancellation);
            if (attempt.Arrived) metrics.Delivered();
            else metrics.Failed();
            await store.Redelivered(work.Due.Org, work.Due.Id, revision, attempt, cancellation);
        }
    }

    // nothing was attempted, so nothing is counted
    Task Hold(DueWebhook due, WebhookPlace place, string why, CancellationToken cancellation) =>
        store.Wait(due.Org, due.Id, place.Revision, place.Attempts, new WebhookAttempt(false, null, why), HeldBack, cancellation);

    Rights? Sight(OrgState state, Webhook webhook) => webhook.Owner.RightsIn(state.Access, Timestamp.From(time.GetUtcNow())) is { Status: RightsStatus.Everything or RightsStatus.Ruled } rights ? rights : null;

    static WebhookPlace After(JournalPlace place, Guid incarnation) => new(place.Revision, place.Chain, incarnation, 0, null, null, null, null, null, null);

    /// <summary>What a turn works on.</summary>
    sealed record Work(DueWebhook Due, Webhook Webhook, IReadOnlyList<byte[]> Secrets, long BeganAt);
}
