using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Stele.Simulation.Database;
using Stele.Simulation.Workload;

namespace Stele.Simulation.Runs;

/// <summary>Many seeds, on all cores: each runs on one thread from beginning to end.</summary>
internal sealed class Sweep
{
    readonly ConcurrentBag<SimulationResult> failed = [];
    readonly int[] fired = new int[Enum.GetValues<FaultKind>().Length];
    long seeds, steps, asked, acknowledged, lost;
    TimeSpan took;

    /// <summary>The first failures; a sweep stops early when there are many.</summary>
    public IReadOnlyList<SimulationResult> Failed => [.. failed.OrderBy(result => result.Seed)];

    /// <summary>How often each kind of fault fired.</summary>
    public IReadOnlyList<int> Fired => fired;

    const int FailuresMax = 8;

    public static Sweep Run(ulong from, ulong count)
    {
        var sweep = new Sweep();
        var watch = Stopwatch.StartNew();
        Parallel.For((long)from, (long)(from + count), new ParallelOptions { MaxDegreeOfParallelism = Math.Max(2, Environment.ProcessorCount) }, (seed, loop) =>
        {
            if (sweep.failed.Count >= FailuresMax) loop.Stop();
            else sweep.Add(SimulationRun.Of((ulong)seed));
        });
        sweep.took = watch.Elapsed;
        return sweep;
    }

    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{seeds} seeds in {took.TotalSeconds:0.0} s ({seeds / took.TotalMinutes:0} a minute), {steps} steps, {asked} requests, {acknowledged} writes acknowledged, {lost} lost to rewinds\n");
        foreach (var kind in Enum.GetValues<FaultKind>()) text.Append(CultureInfo.InvariantCulture, $"  {kind}: {fired[(int)kind]}\n");
        foreach (var result in Failed) text.Append(CultureInfo.InvariantCulture, $"FAILED, replay with STELE_SIM_SEED={result.Seed}\n{result}\n");
        return text.ToString();
    }

    void Add(SimulationResult result)
    {
        Interlocked.Increment(ref seeds);
        Interlocked.Add(ref steps, result.Steps);
        Interlocked.Add(ref asked, result.Asked);
        Interlocked.Add(ref acknowledged, result.Acknowledged);
        Interlocked.Add(ref lost, result.Lost);
        for (var i = 0; i < fired.Length; i++) Interlocked.Add(ref fired[i], result.Fired[i]);
        if (result.Violations.Count > 0) failed.Add(result);
    }
}
