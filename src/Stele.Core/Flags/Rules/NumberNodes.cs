namespace Stele.Core.Flags.Rules;

/// <summary><c>+</c>: the sum of the numbers that its arguments begin with.</summary>
sealed class AddNode(RuleSource source, int at, RuleNode[] arguments) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        double sum = 0;
        foreach (var argument in arguments) sum += RuleNumber.Prefix(ref run, argument.Evaluate(ref run));
        return RuleValue.Of(sum);
    }
}

/// <summary><c>*</c>: the product of the numbers that its arguments begin with; a single one is given back as it is.</summary>
sealed class MultiplyNode(RuleSource source, int at, RuleNode[] arguments) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        var first = arguments[0].Evaluate(ref run);
        if (arguments.Length == 1) return first;
        var product = RuleNumber.Prefix(ref run, first);
        for (var i = 1; i < arguments.Length; i++)
        {
            var value = RuleNumber.Prefix(ref run, arguments[i].Evaluate(ref run));
            // minus zero loses its sign on the way, since each product is read anew
            product = (product == 0 ? 0 : product) * value;
        }
        return RuleValue.Of(product);
    }
}

/// <summary><c>-</c>, <c>/</c> and <c>%</c>.</summary>
sealed class DyadicNode(RuleSource source, int at, RuleNode left, RuleNode right, char sign) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        var (a, b) = (left.Evaluate(ref run), right.Evaluate(ref run));
        var x = RuleNumber.Of(ref run, a);
        if (sign == '-' && b.Kind == RuleKind.Undefined) return RuleValue.Of(-x);
        var y = RuleNumber.Of(ref run, b);
        return RuleValue.Of(sign switch
        {
            '-' => x - y,
            '/' => x / y,
            _ => x % y,
        });
    }
}

/// <summary><c>min</c> and <c>max</c>.</summary>
sealed class ExtremeNode(RuleSource source, int at, RuleNode[] arguments, bool largest) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        var extreme = largest ? double.NegativeInfinity : double.PositiveInfinity;
        foreach (var argument in arguments)
        {
            var value = RuleNumber.Of(ref run, argument.Evaluate(ref run));
            extreme = largest ? Math.Max(extreme, value) : Math.Min(extreme, value);
        }
        return RuleValue.Of(extreme);
    }
}
