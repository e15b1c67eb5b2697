namespace Stele.Core.Flags.Rules;

/// <summary><c>if</c> (and <c>?:</c>): pairs of condition and outcome, and what counts when none is true.</summary>
sealed class IfNode(RuleSource source, int at, RuleNode[] arguments) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        var i = 0;
        for (; i < arguments.Length - 1; i += 2)
            if (arguments[i].Evaluate(ref run).IsTruthy)
                return arguments[i + 1].Evaluate(ref run);
        return i < arguments.Length ? arguments[i].Evaluate(ref run) : RuleValue.Null;
    }
}

/// <summary><c>and</c>: the first that is false, or the last.</summary>
sealed class AndNode(RuleSource source, int at, RuleNode[] arguments) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        RuleValue value = default;
        foreach (var argument in arguments)
        {
            value = argument.Evaluate(ref run);
            if (!value.IsTruthy) return value;
        }
        return value;
    }
}

/// <summary><c>or</c>: the first that is true, or the last.</summary>
sealed class OrNode(RuleSource source, int at, RuleNode[] arguments) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        RuleValue value = default;
        foreach (var argument in arguments)
        {
            value = argument.Evaluate(ref run);
            if (value.IsTruthy) return value;
        }
        return value;
    }
}

/// <summary><c>!</c> and <c>!!</c>.</summary>
sealed class TruthNode(RuleSource source, int at, RuleNode argument, bool expected) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run) => RuleValue.Of(argument.Evaluate(ref run).IsTruthy == expected);
}

/// <summary><c>==</c>, <c>!=</c>, <c>===</c> and <c>!==</c>.</summary>
sealed class EqualNode(RuleSource source, int at, RuleNode left, RuleNode right, bool strict, bool expected) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        var (a, b) = (left.Evaluate(ref run), right.Evaluate(ref run));
        return RuleValue.Of((strict ? RuleComparison.AreSame(ref run, a, b) : RuleComparison.AreEqual(ref run, a, b)) == expected);
    }
}

/// <summary><c>&lt;</c>, <c>&lt;=</c>, <c>&gt;</c> and <c>&gt;=</c>.</summary>
sealed class OrderNode(RuleSource source, int at, RuleNode left, RuleNode right, bool swap, bool orEqual) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        var (a, b) = (left.Evaluate(ref run), right.Evaluate(ref run));
        return RuleValue.Of(swap ? RuleComparison.IsLess(ref run, b, a, orEqual) : RuleComparison.IsLess(ref run, a, b, orEqual));
    }
}

/// <summary><c>&lt;</c> and <c>&lt;=</c> with three arguments: whether the middle one lies between the others.</summary>
sealed class BetweenNode(RuleSource source, int at, RuleNode low, RuleNode middle, RuleNode high, bool orEqual) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        var (a, b, c) = (low.Evaluate(ref run), middle.Evaluate(ref run), high.Evaluate(ref run));
        var above = RuleComparison.IsLess(ref run, a, b, orEqual);
        return RuleValue.Of(above && (c.Kind == RuleKind.Undefined || RuleComparison.IsLess(ref run, b, c, orEqual)));
    }
}

/// <summary><c>log</c>: its argument. Nothing is written anywhere; explain shows it.</summary>
sealed class LogNode(RuleSource source, int at, RuleNode argument) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run) => argument.Evaluate(ref run);
}
