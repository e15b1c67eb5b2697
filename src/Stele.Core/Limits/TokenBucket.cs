namespace Stele.Core.Limits;

/// <summary>
/// How fast a bucket fills: as many a period as it holds. In units of time so small (1/64 ns) that a rate of 20,000 a second is exact, and
/// one of a million to a hundred-thousandth.
/// </summary>
public sealed class BucketRate
{
    /// <summary>Units of time in a second, in which a bucket's moments are given. 63 bits of them are four and a half years.</summary>
    public const long UnitsPerSecond = 64_000_000_000;

    /// <param name="tokens">How many a period: 1 to <see cref="Limit.ValueMax"/>. As many may be taken at once.</param>
    /// <param name="seconds">The period.</param>
    public BucketRate(long tokens, int seconds)
    {
        (Tokens, Seconds) = (tokens, seconds);
        Interval = UnitsPerSecond * seconds / tokens;
        Window = Interval * tokens;
    }

    /// <summary>How many a period, and how many at once.</summary>
    public long Tokens { get; }

    /// <summary>The period.</summary>
    public int Seconds { get; }

    /// <summary>Units of time in which one comes back.</summary>
    public long Interval { get; }

    /// <summary>Units of time in which an empty bucket fills.</summary>
    public long Window { get; }
}

/// <summary>
/// A token bucket as one number: the moment at which it will be full again (the generic cell rate algorithm, ITU-T I.371).
/// Any number of threads may take at once: no lock, no allocation, one compare-and-set when nobody interferes; of N that it
/// holds exactly N are given. Moments are <see cref="BucketRate.UnitsPerSecond"/>, and come from the caller.
/// </summary>
public sealed class TokenBucket
{
    const long Retired = long.MaxValue;

    long fullAt = long.MinValue;

    /// <summary>Takes one.</summary>
    /// <param name="rate">How fast it fills; may differ from call to call.</param>
    /// <param name="now">The moment, not negative.</param>
    /// <param name="left">How many are left; of one that is refused, the units of time until there is one, negated.</param>
    public bool TryTake(BucketRate rate, long now, out long left)
    {
        while (true)
        {
            var before = Volatile.Read(ref fullAt);
            if (before == Retired)
            {
                left = -rate.Interval;
                return false;
            }
            var after = Math.Max(before, now) + rate.Interval;
            var room = now + rate.Window - after;
            if (room < 0)
            {
                left = room;
                return false;
            }
            if (Interlocked.CompareExchange(ref fullAt, after, before) != before) continue;
            left = room / rate.Interval;
            return true;
        }
    }

    /// <summary>Gives one back that was taken and not used.</summary>
    public void GiveBack(BucketRate rate)
    {
        var before = Volatile.Read(ref fullAt);
        // one that is retired, or full, has nothing to take back; a race with another only leaves it a little emptier
        if (before != Retired) Interlocked.CompareExchange(ref fullAt, before - rate.Interval, before);
    }

    /// <summary>How many are there.</summary>
    public long Left(BucketRate rate, long now) => Volatile.Read(ref fullAt) is var full && full <= now ? rate.Tokens : Math.Max(0, (now + rate.Window - full) / rate.Interval);

    /// <summary>When it will be full: a mark for <see cref="TakenSince"/>.</summary>
    public long FullAt => Volatile.Read(ref fullAt);

    /// <summary>How many were taken since a mark, and have not come back.</summary>
    public long TakenSince(long mark, BucketRate rate, long now)
    {
        var full = Volatile.Read(ref fullAt);
        return full <= now || full == Retired ? 0 : Math.Min(rate.Tokens, (full - Math.Max(mark, now) + rate.Interval - 1) / rate.Interval);
    }

    /// <summary>Ends it if it is full, when a new one is as good: who still holds it is refused, and finds it <see cref="IsRetired"/>.</summary>
    public bool TryRetire(long now)
    {
        var before = Volatile.Read(ref fullAt);
        return before == Retired || (before <= now && Interlocked.CompareExchange(ref fullAt, Retired, before) == before);
    }

    /// <summary>Whether another has taken its place.</summary>
    public bool IsRetired => Volatile.Read(ref fullAt) == Retired;
}
