using Stele.Simulation.Database;
using Stele.Simulation.Workload;

namespace Stele.Simulation.Runs;

/// <summary>
/// Makes a failing run shorter, as long as it breaks the same promise: without kinds of faults, with fewer faults, operations,
/// clients and watchers. What it finds is again a run that replays exactly.
/// </summary>
internal static class Minimiser
{
    /// <summary>The shortest failing run that it finds, and what it comes to.</summary>
    public static SimulationResult Shorten(SimulationResult failing)
    {
        var rule = failing.Violations[0].Rule;
        var best = failing;
        bool Try(RunOptions options)
        {
            var result = SimulationRun.Of(options);
            if (result.Violations.Count == 0 || result.Violations[0].Rule != rule) return false;
            best = result;
            return true;
        }
        for (var before = -1; before != Size(best);)
        {
            before = Size(best);
            foreach (var kind in Enum.GetValues<FaultKind>())
                if (best.Tally.Fired[(int)kind] > 0) Try(best.Options with { Without = [.. best.Options.Without, kind] });
            Least(best.Tally.Operations, most => Try(best.Options with { OperationsMax = most }));
            Least(best.Tally.Faults, most => Try(best.Options with { FaultsMax = most }));
            Least(Math.Min(best.Options.ClientsMax, 6), most => most > 0 && Try(best.Options with { ClientsMax = most }));
            Least(best.Options.Watchers, most => Try(best.Options with { Watchers = most }));
        }
        return best;
    }

    /// <summary>What somebody who looks for the cause has to read.</summary>
    public static int Size(SimulationResult result) => result.Tally.Operations + result.Tally.Faults;

    // halves what is left as long as it fails, then takes one away at a time a few times
    static void Least(int now, Func<int, bool> fails)
    {
        while (now > 0 && fails(now / 2)) now /= 2;
        for (var step = now / 4; step > 0 && now > 0; step /= 2)
            while (now > step && fails(now - step)) now -= step;
    }
}
