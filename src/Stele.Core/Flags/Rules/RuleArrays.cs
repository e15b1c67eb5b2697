using Stele.Core.Limits;

namespace Stele.Core.Flags.Rules;

/// <summary>What operations on arrays share.</summary>
static class RuleArrays
{
    /// <summary>An array of some values, unless it is nested too deep.</summary>
    public static RuleValue Make(ref RuleRun run, RuleValue[] values)
    {
        if (!run.Pay(values.Length / 16)) return default;
        var array = new RuleArray(values);
        return array.Depth <= RuleArray.MaxDepth ? RuleValue.Of(array)
            : run.Fail(FlagErrorCode.General, $"The rule made an array that nests deeper than {RuleArray.MaxDepth} levels (three times the limit {SteleLimits.JsonDepth.Name}).");
    }

    /// <summary>The values of some arguments.</summary>
    public static RuleValue[] Evaluate(ref RuleRun run, RuleNode[] arguments)
    {
        var values = new RuleValue[arguments.Length];
        for (var i = 0; i < values.Length; i++) values[i] = arguments[i].Evaluate(ref run);
        return values;
    }
}

/// <summary><c>map</c> and <c>filter</c>: what a rule comes to for each item, or the items for which it is true.</summary>
sealed class MapNode(RuleSource source, int at, RuleNode array, RuleNode rule, bool filter) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        var items = array.Evaluate(ref run);
        if (items.Kind != RuleKind.Array) return RuleValue.Of(new RuleArray([]));
        var values = new List<RuleValue>();
        foreach (var item in items)
        {
            var value = run.WithScope(rule, item);
            if (run.Steps < 0) return default;
            if (!filter) values.Add(value);
            else if (value.IsTruthy) values.Add(item);
        }
        return RuleArrays.Make(ref run, [.. values]);
    }
}

/// <summary><c>reduce</c>: a rule goes over the items and carries a value along.</summary>
sealed class ReduceNode(RuleSource source, int at, RuleNode array, RuleNode rule, RuleNode? initial) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        var items = array.Evaluate(ref run);
        var carried = initial is null ? RuleValue.Null : initial.Evaluate(ref run);
        if (items.Kind != RuleKind.Array) return carried;
        foreach (var item in items)
        {
            carried = run.WithScope(rule, RuleValue.Of(new ReduceFrame(item, carried)));
            if (run.Steps < 0) return default;
        }
        return carried;
    }
}

/// <summary>Which items must pass.</summary>
enum Quantifier : byte
{
    All,
    None,
    Some,
}

/// <summary><c>all</c>, <c>none</c> and <c>some</c>. Of no items all is false, as some is.</summary>
sealed class QuantifierNode(RuleSource source, int at, RuleNode array, RuleNode rule, Quantifier quantifier) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        var items = array.Evaluate(ref run);
        if (items.Kind != RuleKind.Array || items.Count == 0) return RuleValue.Of(quantifier == Quantifier.None);
        foreach (var item in items)
        {
            var passes = run.WithScope(rule, item).IsTruthy;
            if (run.Steps < 0) return default;
            if (passes != (quantifier == Quantifier.All)) return RuleValue.Of(quantifier == Quantifier.Some);
        }
        return RuleValue.Of(quantifier != Quantifier.Some);
    }
}

/// <summary><c>merge</c>: one array of the items of all arguments, and of the arguments that are none.</summary>
sealed class MergeNode(RuleSource source, int at, RuleNode[] arguments) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        var values = new List<RuleValue>();
        foreach (var argument in arguments)
        {
            var value = argument.Evaluate(ref run);
            if (value.Kind != RuleKind.Array) values.Add(value);
            else if (run.Pay(value.Count))
                foreach (var item in value) values.Add(item);
        }
        return RuleArrays.Make(ref run, [.. values]);
    }
}

/// <summary><c>in</c>: whether a text holds another, or an array an item.</summary>
sealed class InNode(RuleSource source, int at, RuleNode needle, RuleNode haystack) : RuleNode(source, at)
{
    // a search takes both lengths in the worst case; so many comparisons of characters are a step
    const int ComparisonsPerStep = 4_096;

    readonly HashSet<string>? literals = Literals(haystack);

    protected override RuleValue Compute(ref RuleRun run)
    {
        var wanted = needle.Evaluate(ref run);
        var all = haystack.Evaluate(ref run);
        switch (all.Kind)
        {
            case RuleKind.String:
                // JavaScript finds nothing in an empty text, not even an empty one, since that is no text to look in
                if (all.Text.Length == 0) return RuleValue.Of(false);
                var part = RuleText.Of(ref run, wanted);
                return RuleValue.Of(run.Pay((long)all.Text.Length * part.Length / ComparisonsPerStep) && all.Text.Contains(part, StringComparison.Ordinal));
            case RuleKind.Array when literals is not null:
                return RuleValue.Of(wanted.Kind == RuleKind.String && run.PayFor(wanted.Text.Length) && literals.Contains(wanted.Text));
            case RuleKind.Array:
                foreach (var item in all)
                {
                    if (!run.Pay(1)) break;
                    if (RuleComparison.AreSame(ref run, wanted, item)) return RuleValue.Of(true);
                }
                return RuleValue.Of(false);
            default:
                return RuleValue.Of(false);
        }
    }

    static HashSet<string>? Literals(RuleNode haystack)
    {
        if (haystack is not LiteralNode { Value: { Kind: RuleKind.Array, Count: > 4 } all }) return null;
        var texts = new HashSet<string>(StringComparer.Ordinal);
        foreach (var item in all)
        {
            if (item.Kind != RuleKind.String) return null;
            texts.Add(item.Text);
        }
        return texts;
    }
}
