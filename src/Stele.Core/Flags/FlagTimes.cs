using Stele.Core.Flags.Rules;
using Stele.Core.Journal;

namespace Stele.Core.Flags;

/// <summary>When the answers of a set may change though nothing in it does: at the steps of schedules, or at any second where a rule reads the clock.</summary>
public sealed class FlagTimes
{
    readonly long[] steps;
    readonly bool clock;

    FlagTimes(long[] steps, bool clock) => (this.steps, this.clock) = (steps, clock);

    /// <summary>Whether some rule reads the clock itself, so that answers may change at any second.</summary>
    public bool IsClock => clock;

    /// <summary>A number that is the same for two moments only if every flag answers the same at both: for ETags.</summary>
    public long Phase(Timestamp at)
    {
        var seconds = FlagdNode.Seconds(at);
        return clock ? seconds : Passed(seconds);
    }

    /// <summary>The first moment after another at which an answer may change; null: never.</summary>
    public Timestamp? Next(Timestamp at)
    {
        var seconds = FlagdNode.Seconds(at);
        if (clock) return new Timestamp((seconds + 1) * 1_000_000);
        var index = Passed(seconds);
        return index < steps.Length ? new Timestamp(steps[index] * 1_000_000) : null;
    }

    /// <summary>How many steps have come into force.</summary>
    int Passed(long seconds)
    {
        var index = Array.BinarySearch(steps, seconds);
        return index >= 0 ? index + 1 : ~index;
    }

    internal static FlagTimes Of(FlagSet set)
    {
        var reads = set.Flags.Select(flag => flag.Definition.Rule?.Reads).Concat(set.Rules.Select(shared => shared.Rule.Reads)).OfType<RuleReads>().ToList();
        return new FlagTimes([.. reads.SelectMany(read => read.Schedules).SelectMany(schedule => schedule.Steps).Select(step => step.Seconds).Distinct().Order()], reads.Exists(read => read.Clock));
    }
}
