using System.Collections.Concurrent;
using Stele.Core.Webhooks;
using Stele.Server.Journal;
using Stele.Server.Journal.Hints;

namespace Stele.Server.Outbound.Webhooks;

/// <summary>
/// Gives each webhook that is behind its turn. Every node runs one, and they share the work: a turn begins with a claim in PostgreSQL. A receiver that
/// is slow holds up its own webhook alone.
/// </summary>
internal sealed class WebhookRunner(WebhookStore store, WebhookSecrets secrets, WebhookTurn turn, JournalNode node, HintExchange hints, TimeProvider time, WebhookMetrics metrics, WebhookLog log) : BackgroundService
{
    // however often it is woken, it does not look more often than the second
    static readonly TimeSpan Poll = TimeSpan.FromSeconds(1), Least = TimeSpan.FromMilliseconds(20);

    readonly ConcurrentDictionary<DueWebhook, Task> turns = new();
    readonly SemaphoreSlim woken = new(0, 1);

    /// <summary>An org may be ahead: looks now, and not at the next poll. Returns at once.</summary>
    public void Wake()
    {
        try
        {
            if (woken.CurrentCount == 0) woken.Release();
        }
        catch (SemaphoreFullException)
        {
            // somebody else woke it this moment
        }
    }

    /// <summary>Begins the turns that are due, and waits for them and for those under way; how many there were.</summary>
    public async Task<int> RunOnce(CancellationToken cancellation)
    {
        await Begin(cancellation);
        Task[] all = [.. turns.Values];
        await Task.WhenAll(all);
        return all.Length;
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // of an org that is not in memory it is not known whether it has any
        hints.OnHint(hint =>
        {
            if (node.Peek(hint.Org) is not { State.Webhooks.Count: 0 }) Wake();
        });
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Begin(stoppingToken);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                log.NotLooked(StoreFaults.IsAway(e) ? e.Message : e.ToString());
            }
            await WaitForMore(stoppingToken);
        }
        await Task.WhenAll(turns.Values);
    }

    async Task Begin(CancellationToken cancellation)
    {
        await secrets.SealOlder(cancellation);
        var due = await store.Due(cancellation);
        metrics.Due = due.Count;
        foreach (var webhook in due)
        {
            if (turns.Count >= WebhookLimits.AtOnce.Value) break;
            if (turns.ContainsKey(webhook)) continue;
            var begun = new TaskCompletionSource();
            turns[webhook] = begun.Task;
            _ = Take(webhook, begun, cancellation);
        }
    }

    async Task Take(DueWebhook webhook, TaskCompletionSource ended, CancellationToken cancellation)
    {
        try
        {
            await turn.Run(webhook, cancellation);
        }
        catch (OperationCanceledException)
        {
            // the end of the node
        }
        catch (Exception e)
        {
            log.TurnFailed(webhook.Org, webhook.Id, StoreFaults.IsAway(e) || e is StoreUnavailableException ? e.Message : e.ToString());
        }
        finally
        {
            turns.TryRemove(webhook, out _);
            ended.SetResult();
            // others may have waited for this turn
            Wake();
        }
    }

    async Task WaitForMore(CancellationToken cancellation)
    {
        using var tick = new CancellationTokenSource(Poll, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(tick.Token, cancellation);
        try
        {
            await Task.Delay(Least, time, cancellation);
            await woken.WaitAsync(either.Token);
        }
        catch (OperationCanceledException)
        {
            // the poll's turn, or the end
        }
    }
}
