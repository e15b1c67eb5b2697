namespace Stele.Core.Flags.Rules;

/// <summary>A compiled part of a rule: an operation, or a literal.</summary>
abstract class RuleNode(RuleSource source, int at)
{
    string? pointer;

    protected RuleSource Source { get; } = source;

    protected int At { get; } = at;

    /// <summary>The JSON pointer of the part, in the text that it was compiled from.</summary>
    public string Pointer => pointer ??= Source.Pointer(At);

    /// <summary>The operation's name; null for a literal.</summary>
    public string? Operation { get; set; }

    /// <summary>What this part comes to.</summary>
    public RuleValue Evaluate(ref RuleRun run)
    {
        if (--run.Steps < 0) return run.OutOfSteps();
        return run.Trace is null ? Compute(ref run) : Traced(ref run, run.Trace);
    }

    protected abstract RuleValue Compute(ref RuleRun run);

    RuleValue Traced(ref RuleRun run, FlagTrace trace)
    {
        // where a rule comes out is a note about the part inside it, not a part
        if (this is ExitNode) return Compute(ref run);
        trace.Enter(this);
        var value = Compute(ref run);
        trace.Leave(value, run.Message);
        return value;
    }
}

/// <summary>The text that a rule was compiled from, and where it stands in what people see.</summary>
sealed class RuleSource(RuleData data, string pointer)
{
    public RuleData Data { get; } = data;

    public string Pointer(int node) => pointer + Data.Tape.Pointer(node);
}

/// <summary>A literal.</summary>
sealed class LiteralNode(RuleSource source, int at, RuleValue value) : RuleNode(source, at)
{
    public RuleValue Value { get; } = value;

    protected override RuleValue Compute(ref RuleRun run) => Value;
}

/// <summary>An array with operations in it.</summary>
sealed class ArrayNode(RuleSource source, int at, RuleNode[] items) : RuleNode(source, at)
{
    public RuleNode[] Items { get; } = items;

    protected override RuleValue Compute(ref RuleRun run)
    {
        var values = new RuleValue[Items.Length];
        for (var i = 0; i < values.Length; i++) values[i] = Items[i].Evaluate(ref run);
        return RuleArrays.Make(ref run, values);
    }
}

/// <summary>Notes that the rule came out at a part, once it has been evaluated.</summary>
sealed class ExitNode(RuleSource source, int at, RuleNode inner) : RuleNode(source, at)
{
    public RuleNode Inner { get; } = inner;

    protected override RuleValue Compute(ref RuleRun run)
    {
        var value = Inner.Evaluate(ref run);
        run.Exit = Inner;
        return value;
    }
}

/// <summary>An operation that the engine does not have; a rule with one is never run, and this says why if one is.</summary>
sealed class BrokenNode(RuleSource source, int at, string message) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run) => run.Fail(FlagErrorCode.ParseError, message);
}
