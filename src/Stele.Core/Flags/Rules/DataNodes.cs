using Stele.Core.Journal;

namespace Stele.Core.Flags.Rules;

/// <summary><c>var</c> with a literal path.</summary>
sealed class VarNode(RuleSource source, int at, VarPath? path, RuleNode? otherwise) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        // JavaScript computes the arguments first, the other value too, whether it is needed or not
        var other = otherwise is null ? RuleValue.Null : otherwise.Evaluate(ref run);
        if (path is null) return run.Scope;
        var found = path.Find(ref run, run.Scope);
        return found.Kind != RuleKind.Undefined ? found : other.Kind == RuleKind.Undefined ? RuleValue.Null : other;
    }
}

/// <summary><c>var</c> with a path that is computed.</summary>
sealed class ComputedVarNode(RuleSource source, int at, RuleNode path, RuleNode? otherwise) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        var key = path.Evaluate(ref run);
        var other = otherwise is null ? RuleValue.Null : otherwise.Evaluate(ref run);
        return Find(ref run, key, other);
    }

    /// <summary>What a path leads to that is a value.</summary>
    public static RuleValue Find(ref RuleRun run, RuleValue key, RuleValue other)
    {
        if (key.IsNullish || (key.Kind == RuleKind.String && key.Text.Length == 0)) return run.Scope;
        var text = RuleText.Of(ref run, key);
        if (!run.Pay(1 + text.Length / RuleRun.StepCharacters)) return default;
        var found = FlagdNode.IsNamed(text) && !run.InScope ? FlagdNode.Value(ref run, text) : VarPath.Parse(text).Find(ref run, run.Scope);
        return found.Kind != RuleKind.Undefined ? found : other.Kind == RuleKind.Undefined ? RuleValue.Null : other;
    }
}

/// <summary>What flagd adds to the context: <c>$flagd.flagKey</c> and <c>$flagd.timestamp</c>. Inside an item's scope it is not there.</summary>
sealed class FlagdNode(RuleSource source, int at, string name, RuleNode? otherwise) : RuleNode(source, at)
{
    public const string Prefix = "$flagd", KeyPath = "$flagd.flagKey", TimePath = "$flagd.timestamp";

    readonly VarPath path = VarPath.Parse(name);

    public static bool IsNamed(string path) => path == Prefix || path.StartsWith(Prefix + ".", StringComparison.Ordinal);

    public static RuleValue Value(ref RuleRun run, string name) => name switch
    {
        KeyPath when run.Flag is { } flag => RuleValue.Of(flag.Name),
        TimePath => RuleValue.Of((double)Seconds(run.At)),
        _ => default,
    };

    /// <summary>A moment in whole seconds since 1970.</summary>
    public static long Seconds(Timestamp at) => (long)Math.Floor(at.Microseconds / 1e6);

    protected override RuleValue Compute(ref RuleRun run)
    {
        var other = otherwise is null ? RuleValue.Null : otherwise.Evaluate(ref run);
        var found = run.InScope ? path.Find(ref run, run.Scope) : Value(ref run, name);
        return found.Kind != RuleKind.Undefined ? found : other.Kind == RuleKind.Undefined ? RuleValue.Null : other;
    }
}

/// <summary><c>missing</c>: which of some paths lead to nothing, to null or to an empty string.</summary>
sealed class MissingNode(RuleSource source, int at, RuleNode[] arguments) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        var values = RuleArrays.Evaluate(ref run, arguments);
        return Of(ref run, values.Length > 0 && values[0].Kind == RuleKind.Array ? values[0] : RuleValue.Of(new RuleArray(values)));
    }

    public static RuleValue Of(ref RuleRun run, RuleValue keys)
    {
        var missing = new List<RuleValue>();
        foreach (var key in keys)
        {
            if (!run.Pay(1)) return default;
            var value = key.Kind == RuleKind.Array ? OfList(ref run, key) : ComputedVarNode.Find(ref run, key, RuleValue.Null);
            if (value.Kind == RuleKind.Null || (value.Kind == RuleKind.String && value.Text.Length == 0)) missing.Add(key);
        }
        return RuleArrays.Make(ref run, [.. missing]);
    }

    /// <summary>A key that is itself a list is what <c>var</c> takes: a path and another value.</summary>
    static RuleValue OfList(ref RuleRun run, RuleValue list)
    {
        RuleValue path = default, other = RuleValue.Null;
        var index = 0;
        foreach (var item in list)
        {
            if (index == 0) path = item;
            else if (index == 1) other = item;
            else break;
            index++;
        }
        return ComputedVarNode.Find(ref run, path, other);
    }
}

/// <summary><c>missing_some</c>: the same, but nothing if enough of them are there.</summary>
sealed class MissingSomeNode(RuleSource source, int at, RuleNode[] arguments) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        var needed = arguments[0].Evaluate(ref run);
        var paths = arguments[1].Evaluate(ref run);
        if (paths.Kind == RuleKind.Array)
        {
            var missing = MissingNode.Of(ref run, paths);
            if (run.Steps < 0) return default;
            return RuleComparison.IsLess(ref run, needed, RuleValue.Of((double)(paths.Count - missing.Count)), orEqual: true) ? RuleValue.Of(new RuleArray([])) : missing;
        }
        // a text has a length too, and is one path
        var length = paths.Kind == RuleKind.String ? paths.Text.Length : double.NaN;
        if (paths.IsNullish) return run.Fail(FlagErrorCode.General, "missing_some was given no list of paths.");
        var one = MissingNode.Of(ref run, RuleValue.Of(new RuleArray([paths])));
        if (run.Steps < 0) return default;
        return RuleComparison.IsLess(ref run, needed, RuleValue.Of(length - one.Count), orEqual: true) ? RuleValue.Of(new RuleArray([])) : one;
    }
}
