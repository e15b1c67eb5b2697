namespace Stele.Bench.Load;

/// <summary>One run of one scenario against one peer. Latencies are milliseconds.</summary>
internal sealed record Measurement(double PerSecond, double P50, double P90, double P99, double Max, long Requests, long Refused, long Failed)
{
    /// <summary>CPU microseconds of the peer for each request: what noise on the machine disturbs least.</summary>
    public double CpuMicroseconds { get; init; }

    /// <summary>Medians of each figure, and all the errors.</summary>
    public static Measurement MedianOf(IReadOnlyList<Measurement> runs) => new(
        Median(runs, r => r.PerSecond), Median(runs, r => r.P50), Median(runs, r => r.P90), Median(runs, r => r.P99), Median(runs, r => r.Max),
        runs.Sum(r => r.Requests), runs.Sum(r => r.Refused), runs.Sum(r => r.Failed))
    {
        CpuMicroseconds = Median(runs, r => r.CpuMicroseconds),
    };

    static double Median(IReadOnlyList<Measurement> runs, Func<Measurement, double> figure)
    {
        var sorted = runs.Select(figure).Order().ToArray();
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;
    }
}

/// <summary>A request as the generators send it.</summary>
internal readonly record struct PlainRequest(string Method, string Path, string Body = "")
{
    /// <summary>The org that it is about; null: the default one.</summary>
    public string? Org { get; init; }

    /// <summary>The token that it brings; null: the peer's own.</summary>
    public string? Token { get; init; }
}
