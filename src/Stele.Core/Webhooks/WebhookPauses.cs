namespace Stele.Core.Webhooks;

/// <summary>How long a message waits for its next attempt.</summary>
public static class WebhookPauses
{
    /// <summary>
    /// Exponential with full jitter: anything between nothing and the bound, so that those who failed together do not come back together
    /// (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). The bound doubles from one second to <see cref="WebhookLimits.PauseSeconds"/>.
    /// </summary>
    /// <param name="failures">How many attempts have failed, from 1.</param>
    /// <param name="random">From 0 to below 1.</param>
    /// <param name="asked">What the receiver asked for (Retry-After): no less than this, as far as the longest pause; null: nothing.</param>
    public static TimeSpan Next(int failures, double random, TimeSpan? asked)
    {
        var most = TimeSpan.FromSeconds(WebhookLimits.PauseSeconds.Value);
        var bound = failures > 30 ? most : TimeSpan.FromSeconds(Math.Min(most.TotalSeconds, Math.Pow(2, failures - 1)));
        var pause = bound * random;
        if (asked is not { } least || least <= pause) return pause;
        return least < most ? least : most;
    }
}
