using System.Diagnostics.Metrics;

namespace Stele.Client.Following;

/// <summary>The meter <c>Stele.Client</c>: age and revision of what is in use, whether it is followed, reconnects, and refused revisions.</summary>
internal sealed class FollowMetrics : IDisposable
{
    readonly Meter meter = new("Stele.Client");

    internal FollowMetrics(IReadOnlyList<Follower> followers)
    {
        IEnumerable<Measurement<T>> Each<T>(Func<SteleStatus, T> read) where T : struct =>
            followers.Select(follower => new Measurement<T>(read(follower.Status), new KeyValuePair<string, object?>("kind", follower.Kind), new KeyValuePair<string, object?>("environment", follower.Environment)));
        meter.CreateObservableGauge("stele.client.age", () => Each(status => status.Age?.TotalSeconds ?? -1), "s", "Since a server last confirmed what is in use; -1: never");
        meter.CreateObservableGauge("stele.client.revision", () => Each(status => status.Revision), null, "The revision that is in use");
        meter.CreateObservableGauge("stele.client.connected", () => Each(status => status.Connected ? 1 : 0), null, "Whether changes are followed");
        meter.CreateObservableCounter("stele.client.reconnects", () => Each(status => status.Reconnects), null, "How often the stream was opened again");
        meter.CreateObservableCounter("stele.client.rejections", () => Each(status => status.Rejections), null, "Revisions that were refused");
    }

    public void Dispose() => meter.Dispose();
}
