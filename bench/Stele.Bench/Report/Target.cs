using Stele.Bench.Load;

namespace Stele.Bench.Report;

/// <summary>One line of "what it must reach": a figure of this run, and whether it is far enough.</summary>
/// <param name="Scenario">Whose figure.</param>
/// <param name="Against">The peer, or the scenario of Stele's, that the figure is a ratio to; null for an absolute figure.</param>
internal sealed record Target(string Text, string Scenario, string? Against, Func<Measurement, Measurement?, double> Figure, double Bound, bool AtLeast, string Unit)
{
    public static IReadOnlyList<Target> All { get; } =
    [
        new("strong GET ≥ 5 × etcd's linearizable range", "strong-get", "etcd", Throughput, 5, true, "×"),
        new("strong GET ≥ 65 % of bare Kestrel", "strong-get", "bare", Throughput, 0.65, true, "×"),
        new("local GET ≥ 80 % of bare Kestrel", "local-get", "bare", Throughput, 0.80, true, "×"),
        new("PUT, 128 connections ≥ 2 × etcd's put", "put-128", "etcd", Throughput, 2, true, "×"),
        new("PUT, 32 connections ≥ 1.3 × etcd's put", "put-32", "etcd", Throughput, 1.3, true, "×"),
        new("PUT of a single client: p50 ≤ 4 × a lone insert", "put-1", "insert-1", (stele, lone) => stele.P50 / lone!.P50, 4, false, "×"),
        new("strong GET at half load: p99 < 5 ms", "strong-get-half", null, (stele, _) => stele.P99, 5, false, "ms"),
        new("read of the past at half load: p99 < 50 ms", "past-get-half", null, (stele, _) => stele.P99, 50, false, "ms"),
        new("PUT at half load: p99 < 100 ms", "put-half", null, (stele, _) => stele.P99, 100, false, "ms"),
    ];

    /// <summary>The figure, or null if this run did not measure it.</summary>
    public double? Reached(IReadOnlyDictionary<(string Scenario, string Peer), Measurement> results)
    {
        if (!results.TryGetValue((Scenario, "stele"), out var stele)) return null;
        if (Against is null) return Figure(stele, null);
        return results.TryGetValue((Scenario, Against), out var other) || results.TryGetValue((Against, "stele"), out other) ? Figure(stele, other) : null;
    }

    public bool IsMet(double reached) => AtLeast ? reached >= Bound : reached <= Bound;

    static double Throughput(Measurement stele, Measurement? other) => stele.PerSecond / other!.PerSecond;
}
