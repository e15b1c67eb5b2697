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
    readonly long[] rules = new long[Enum.GetValues<RunKind>().Length];
    long steps, operations, messages, faults, acknowledged, lost, lostRaces, unknown, incarnations, resets, given, old;
    TimeSpan took;

    const int FailuresMax = 8, AllKindsFrom = 100;

    /// <summary>The first failures; a sweep stops early when there are many.</summary>
    public IReadOnlyList<SimulationResult> Failed => [.. failed.OrderBy(result => result.Options.Seed)];

    /// <summary>Seeds that were run.</summary>
    public long Seeds => rules.Sum();

    /// <summary>What never happened in a sweep that is long enough for everything to happen: it proves less than it says.</summary>
    public IReadOnlyList<string> Missing => Seeds < AllKindsFrom ? [] :
    [
        .. Enum.GetValues<FaultKind>().Where(kind => fired[(int)kind] == 0).Select(kind => kind.ToString()),
        .. ((string, long)[])[("lost races", lostRaces), ("unknown outcomes", unknown), ("resets", resets), ("new incarnations", incarnations), ("secrets given out", given), ("old secrets given out", old)] is var counted ? counted.Where(each => each.Item2 == 0).Select(each => each.Item1) : [],
    ];

    public static Sweep Run(ulong from, ulong count, int steps, Mutant mutant)
    {
        var sweep = new Sweep();
        var watch = Stopwatch.StartNew();
        Parallel.For((long)from, (long)(from + count), new ParallelOptions { MaxDegreeOfParallelism = Math.Max(2, Environment.ProcessorCount) }, (seed, loop) =>
        {
            if (sweep.failed.Count >= FailuresMax) loop.Stop();
            else sweep.Add(SimulationRun.Of(new RunOptions((ulong)seed) { Steps = steps, Mutant = mutant }));
        });
        sweep.took = watch.Elapsed;
        return sweep;
    }

    /// <summary>A table for people; the first failures with what runs them again.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Seeds:N0} seeds ({rules[(int)RunKind.Safety]:N0} for safety, {rules[(int)RunKind.Liveness]:N0} for liveness) in {took.TotalSeconds:N0} s on {Environment.ProcessorCount} cores, {steps:N0} steps: {operations:N0} operations, {messages:N0} messages, {faults:N0} faults. {Failed.Count} violations.\n\n| what | how often |\n| --- | --- |\n");
        foreach (var (what, count) in ((string, long)[])[("writes acknowledged", acknowledged), ("revisions lost to fail-overs and restores", lost), ("lost races", lostRaces), ("unknown outcomes", unknown), ("new incarnations", incarnations), ("resets of watchers", resets), ("values of secrets given out", given), ("old ones of them", old)])
            text.Append(CultureInfo.InvariantCulture, $"| {what} | {count:N0} |\n");
        foreach (var kind in Enum.GetValues<FaultKind>()) text.Append(CultureInfo.InvariantCulture, $"| fault: {kind} | {fired[(int)kind]:N0} |\n");
        foreach (var result in Failed) text.Append(CultureInfo.InvariantCulture, $"\nFAILED; again: ./stele simulate --run '{result.Options}', shorter: --minimise\n{result}\n");
        return text.ToString();
    }

    void Add(SimulationResult result)
    {
        var tally = result.Tally;
        Interlocked.Increment(ref rules[(int)result.Options.KindOfRun]);
        Interlocked.Add(ref steps, tally.Steps);
        Interlocked.Add(ref operations, tally.Operations);
        Interlocked.Add(ref messages, tally.Messages);
        Interlocked.Add(ref faults, tally.Faults);
        Interlocked.Add(ref acknowledged, result.Acknowledged);
        Interlocked.Add(ref lost, result.Lost);
        Interlocked.Add(ref lostRaces, tally.LostRaces);
        Interlocked.Add(ref unknown, tally.UnknownOutcomes);
        Interlocked.Add(ref incarnations, tally.Incarnations);
        Interlocked.Add(ref resets, tally.Resets);
        Interlocked.Add(ref given, tally.SecretsGiven);
        Interlocked.Add(ref old, tally.OldSecretsGiven);
        for (var i = 0; i < fired.Length; i++) Interlocked.Add(ref fired[i], tally.Fired[i]);
        if (result.Violations.Count > 0) failed.Add(result);
    }
}
