using Stele.Server.Operation;

namespace Stele.Server.Watch;

/// <summary>The instruments of watching.</summary>
internal sealed class WatchMetrics
{
    readonly Counter frames, deliveries, resets, replayed, tooSlow, revoked, refused;

    const string EndsHelp = "Streams that the server ended, by reason.";

    public WatchMetrics(Metrics metrics)
    {
        frames = metrics.AddCounter("stele_watch_frames_total", "Changes that were written once for all who see the same.");
        deliveries = metrics.AddCounter("stele_watch_deliveries_total", "Changes that were handed to subscribers.");
        replayed = metrics.AddCounter("stele_watch_replayed_total", "Changes of the past that were handed to subscribers who resumed.");
        resets = metrics.AddCounter("stele_watch_resets_total", "Times that a subscriber was told to read anew.");
        refused = metrics.AddCounter("stele_watch_refused_total", "Subscriptions that were refused at a limit.");
        tooSlow = metrics.AddCounter("stele_watch_ends_total", EndsHelp, "reason", "too_slow");
        revoked = metrics.AddCounter("stele_watch_ends_total", EndsHelp, "reason", "revoked");
        metrics.AddGauge("stele_watch_subscribers", "Subscriptions on this node.", () => Subscribers?.Invoke() ?? double.NaN);
    }

    /// <summary>Set once by the engine.</summary>
    public Func<long>? Subscribers { get; set; }

    public void Frame() => frames.Add();

    public void Delivered(int count) => deliveries.Add(count);

    public void Replayed(int frames) => replayed.Add(frames);

    public void Reset() => resets.Add();

    public void Refused() => refused.Add();

    public void Ended(WatchEnd end)
    {
        if (end == WatchEnd.TooSlow) tooSlow.Add();
        else if (end == WatchEnd.Revoked) revoked.Add();
    }
}
