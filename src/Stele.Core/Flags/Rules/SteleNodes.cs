namespace Stele.Core.Flags.Rules;

/// <summary><c>$ref</c>: a shared rule of the environment, as if it stood here.</summary>
sealed class SharedNode(RuleSource source, int at, string name, bool isExit) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run) => run.Shared(name, isExit);
}

/// <summary><c>flag</c>, which flagd does not have: the value of another flag for the same context; where it has none, the second argument, or null.</summary>
sealed class PrerequisiteNode(RuleSource source, int at, string name, RuleNode? otherwise) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        var value = run.Prerequisite(name);
        if (value.Kind != RuleKind.Undefined || run.Steps < 0) return value;
        return otherwise is null ? RuleValue.Null : otherwise.Evaluate(ref run);
    }
}

/// <summary><c>schedule</c>, which flagd does not have: the percentage of the last step whose time has come; 0 before the first.</summary>
sealed class ScheduleNode(RuleSource source, int at, ScheduleStep[] steps) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        var now = FlagdNode.Seconds(run.At);
        var percentage = 0;
        foreach (var step in steps)
        {
            if (step.Seconds > now) break;
            percentage = step.Percentage;
        }
        return RuleValue.Of((double)percentage);
    }
}

/// <summary>A step of a ramp.</summary>
/// <param name="Seconds">When it comes into force, in seconds since 1970.</param>
/// <param name="Percentage">From 0 to 100.</param>
readonly record struct ScheduleStep(long Seconds, int Percentage);
