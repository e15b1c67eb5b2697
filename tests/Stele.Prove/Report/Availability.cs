using Stele.Prove.Faults;
using Stele.Prove.Workload;

namespace Stele.Prove.Report;

/// <summary>How long nobody was served: the longest time between two answers, as far as it lies in the time of a fault.</summary>
/// <param name="Kind">The fault.</param>
/// <param name="Times">How often it happened.</param>
/// <param name="LastedSeconds">How long it lasted at most.</param>
/// <param name="Writes">Seconds without any write acknowledged, anywhere.</param>
/// <param name="Reads">Seconds without any strong read answered, anywhere.</param>
/// <param name="Client">Seconds that the unluckiest client went without any success, changing nodes as it saw fit.</param>
internal sealed record Availability(FaultKind Kind, int Times, double LastedSeconds, double Writes, double Reads, double Client)
{
    // what was asked during a fault may be answered just after it
    const double After = 1_000;

    /// <summary>By kind, the worst of all times that it happened; alphabetically.</summary>
    public static List<Availability> Of(IReadOnlyList<FaultRecord> faults, IReadOnlyList<Sample> samples)
    {
        var writes = Moments(samples.Where(sample => sample is { Ok: true, Class: "write" }));
        var reads = Moments(samples.Where(sample => sample is { Ok: true, Class: "strong" }));
        var clients = samples.Where(sample => sample.Ok && sample.Client.StartsWith("client", StringComparison.Ordinal)).GroupBy(sample => sample.Client).Select(Moments).ToList();
        return [.. faults.GroupBy(fault => fault.Step.Kind).OrderBy(group => group.Key.ToString(), StringComparer.Ordinal).Select(group => new Availability(group.Key, group.Count(),
            group.Max(fault => fault.Healed - fault.From) / 1e3,
            group.Max(fault => Longest(writes, fault)) / 1e3,
            group.Max(fault => Longest(reads, fault)) / 1e3,
            group.Max(fault => clients.Select(client => Longest(client, fault)).DefaultIfEmpty().Max()) / 1e3))];
    }

    /// <summary>The share of seconds in which at least one of the class was a success.</summary>
    public static double Share(IReadOnlyList<Sample> samples, string sort, double milliseconds)
    {
        var seconds = Math.Max(1, (int)(milliseconds / 1e3));
        return samples.Where(sample => sample.Ok && sample.Class == sort).Select(sample => (int)(sample.To / 1e3)).Where(second => second < seconds).Distinct().Count() / (double)seconds;
    }

    internal static double Longest(double[] moments, FaultRecord fault)
    {
        var (from, to) = (fault.From, fault.To + After);
        var first = Array.BinarySearch(moments, from);
        if (first < 0) first = ~first;
        var longest = 0.0;
        // the gap that the fault begins in counts whole: it began with the last answer
        for (var i = first; i <= moments.Length; i++)
        {
            var before = i == 0 ? from : moments[i - 1];
            if (before >= to) break;
            longest = Math.Max(longest, (i == moments.Length ? to : moments[i]) - before);
        }
        return longest;
    }

    static double[] Moments(IEnumerable<Sample> samples) => [.. samples.Select(sample => sample.To).Order()];
}
