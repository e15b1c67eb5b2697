using System.Numerics;

namespace Stele.Server.Operation;

/// <summary>
/// A histogram with fixed bounds. Observing is one search of a short array and two interlocked adds on a stripe that
/// belongs to the processor, so that it can stand on the request path: no tags are looked up, nothing is allocated.
/// </summary>
internal sealed class Histogram
{
    // two cache lines: neighbours must not share one, nor be fetched with it
    const int PaddingLongs = 16;

    static readonly int Stripes = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Min(Environment.ProcessorCount, 16));

    readonly long[] bounds;
    readonly double scale;
    readonly long[][] stripes;

    /// <param name="bounds">Inclusive upper bounds, rising, in raw units.</param>
    /// <param name="scale">Raw units in one unit of what is shown.</param>
    Histogram(long[] bounds, double scale)
    {
        this.bounds = bounds;
        this.scale = scale;
        stripes = [.. Enumerable.Range(0, Stripes).Select(_ => new long[bounds.Length + 2 + PaddingLongs])];
    }

    /// <summary>Of durations, shown in seconds: from 50 µs, below which a read in memory lies, to 10 s, where a request ends.</summary>
    public static Histogram OfSeconds() => new(
        [.. new[] { 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 2_500_000, 10_000_000 }.Select(us => us * TimeSpan.TicksPerMicrosecond)],
        TimeSpan.TicksPerSecond);

    /// <summary>Of counts.</summary>
    public static Histogram OfCounts(params long[] bounds) => new(bounds, 1);

    public void Observe(TimeSpan duration) => Observe(duration.Ticks);

    public void Observe(long raw)
    {
        var stripe = stripes[Thread.GetCurrentProcessorId() & (Stripes - 1)];
        var bucket = 0;
        while (bucket < bounds.Length && raw > bounds[bucket]) bucket++;
        Interlocked.Increment(ref stripe[bucket]);
        Interlocked.Add(ref stripe[bounds.Length + 1], raw);
    }

    /// <summary>Cumulative counts with their upper bounds, the last of which is infinite, and the sum of all values.</summary>
    public HistogramReading Read()
    {
        var buckets = new HistogramBucket[bounds.Length + 1];
        long count = 0, sum = 0;
        for (var bucket = 0; bucket < buckets.Length; bucket++)
        {
            foreach (var stripe in stripes) count += Volatile.Read(ref stripe[bucket]);
            buckets[bucket] = new HistogramBucket(bucket < bounds.Length ? bounds[bucket] / scale : double.PositiveInfinity, count);
        }
        foreach (var stripe in stripes) sum += Volatile.Read(ref stripe[bounds.Length + 1]);
        return new HistogramReading(buckets, sum / scale);
    }
}

/// <summary>What a histogram held at a moment.</summary>
internal sealed record HistogramReading(IReadOnlyList<HistogramBucket> Buckets, double Sum)
{
    public long Count => Buckets[^1].Count;
}

/// <summary>How many values were at most so large.</summary>
internal readonly record struct HistogramBucket(double UpperBound, long Count);

/// <summary>A number that only rises.</summary>
internal sealed class Counter
{
    long value;

    public long Value => Volatile.Read(ref value);

    public void Add(long count = 1) => Interlocked.Add(ref value, count);
}
