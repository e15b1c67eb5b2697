namespace Stele.Server.Journal;

/// <summary>
/// When a round trip that many share is worth waiting for. Under load one round trip follows the other, and each that goes
/// out with half of those who will ask anyway is one that the others wait for: so the next is held back until most of those
/// who came and went in the last one are there, or for <see cref="AtMost"/>. Few at a time are never held back, and whoever
/// comes alone never waits. Head checks and appends do so; ADR 3 has the measurement.
/// </summary>
internal sealed class Gathering
{
    /// <summary>How long a round trip is held back when not all come who are expected: about what timers can do.</summary>
    public static readonly TimeSpan AtMost = TimeSpan.FromMilliseconds(1);

    /// <summary>From how many at a time it is worth it.</summary>
    public const int From = 6;

    /// <summary>So many share one round trip well enough, however many more there are.</summary>
    public const int Enough = 256;

    readonly ITimer timer;
    Action release = () => { };
    int quorum;

    public Gathering(TimeProvider time) => timer = time.CreateTimer(_ => Release(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    /// <summary>How many must wait before the next round trip starts; 0 when it is not held back.</summary>
    public int Quorum => Volatile.Read(ref quorum);

    /// <summary>At the end of a round trip: the quorum of the next, at least 1.</summary>
    /// <param name="concurrent">How many were in this one or came meanwhile.</param>
    /// <param name="start">Starts the next if anybody waits; called when the time is up.</param>
    public int Expect(int concurrent, Action start)
    {
        var needed = concurrent < From ? 0 : Math.Min(concurrent, Enough) * 7 / 8;
        Volatile.Write(ref release, start);
        Volatile.Write(ref quorum, needed);
        if (needed > 0) timer.Change(AtMost, Timeout.InfiniteTimeSpan);
        return Math.Max(1, needed);
    }

    void Release()
    {
        Volatile.Write(ref quorum, 0);
        Volatile.Read(ref release)();
    }
}
