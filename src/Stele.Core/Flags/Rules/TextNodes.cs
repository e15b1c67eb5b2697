namespace Stele.Core.Flags.Rules;

/// <summary><c>cat</c>: the texts of its arguments, one behind the other.</summary>
sealed class CatNode(RuleSource source, int at, RuleNode[] arguments) : RuleNode(source, at)
{
    /// <summary>Puts the text behind another without making it.</summary>
    public void AppendTo(ref RuleRun run, ref TextBuffer text)
    {
        foreach (var argument in arguments) text.Append(ref run, argument.Evaluate(ref run));
    }

    protected override RuleValue Compute(ref RuleRun run)
    {
        var text = new TextBuffer(stackalloc char[TextBuffer.StackCharacters]);
        AppendTo(ref run, ref text);
        var value = RuleValue.Of(run.Steps < 0 ? "" : text.ToString());
        text.Dispose();
        return value;
    }
}

/// <summary><c>substr</c>: from a place, counted from the end if it is negative; so many UTF-16 units, or up to so many before the end.</summary>
sealed class SubstrNode(RuleSource source, int at, RuleNode text, RuleNode start, RuleNode length) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        var (a, b, c) = (text.Evaluate(ref run), start.Evaluate(ref run), length.Evaluate(ref run));
        var whole = RuleText.Of(ref run, a);
        if (!run.PayFor(whole.Length)) return default;
        var from = RuleNumber.Whole(ref run, b);
        if (!RuleComparison.IsLess(ref run, c, RuleValue.Of(0), orEqual: false))
            return RuleValue.Of(Part(whole, from, c.Kind == RuleKind.Undefined ? double.PositiveInfinity : RuleNumber.Whole(ref run, c)));
        var rest = Part(whole, from, double.PositiveInfinity);
        // JavaScript's + puts a text behind the number instead of adding it
        var end = c.Kind == RuleKind.Number ? rest.Length + c.Number : RuleNumber.Of(ref run, RuleValue.Of(RuleNumber.Text(rest.Length) + RuleText.Of(ref run, c)));
        return RuleValue.Of(Part(rest, 0, double.IsNaN(end) ? 0 : Math.Truncate(end)));
    }

    static string Part(string text, double start, double length)
    {
        var from = (int)(start < 0 ? Math.Max(0, text.Length + start) : Math.Min(start, text.Length));
        var count = (int)Math.Clamp(length, 0, text.Length - from);
        return text.Substring(from, count);
    }
}

/// <summary><c>starts_with</c> and <c>ends_with</c>: of two texts; null for anything else.</summary>
sealed class AffixNode(RuleSource source, int at, RuleNode[] arguments, bool atEnd) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        if (arguments.Length != 2) return RuleValue.Null;
        var (text, part) = (arguments[0].Evaluate(ref run), arguments[1].Evaluate(ref run));
        if (text.Kind != RuleKind.String || part.Kind != RuleKind.String || !run.PayFor(part.Text.Length / 4)) return RuleValue.Null;
        return RuleValue.Of(atEnd ? text.Text.EndsWith(part.Text, StringComparison.Ordinal) : text.Text.StartsWith(part.Text, StringComparison.Ordinal));
    }
}

/// <summary><c>sem_ver</c>: compares two versions; null if one of them is none, or the comparison is unknown.</summary>
sealed class SemVerNode(RuleSource source, int at, RuleNode[] arguments) : RuleNode(source, at)
{
    // mostly a literal, read once
    readonly SemanticVersion? literal = arguments.Length == 3 && arguments[2] is LiteralNode { Value.Kind: RuleKind.String } other ? SemanticVersion.Parse(other.Value.Text) : null;

    protected override RuleValue Compute(ref RuleRun run)
    {
        if (arguments.Length != 3) return RuleValue.Null;
        var (a, sign) = (Version(ref run, arguments[0].Evaluate(ref run)), arguments[1].Evaluate(ref run));
        var b = literal ?? Version(ref run, arguments[2].Evaluate(ref run));
        if (a is not { } left || b is not { } right || sign.Kind != RuleKind.String) return RuleValue.Null;
        return sign.Text switch
        {
            "=" => RuleValue.Of(left.CompareTo(right) == 0),
            "!=" => RuleValue.Of(left.CompareTo(right) != 0),
            "<" => RuleValue.Of(left.CompareTo(right) < 0),
            "<=" => RuleValue.Of(left.CompareTo(right) <= 0),
            ">" => RuleValue.Of(left.CompareTo(right) > 0),
            ">=" => RuleValue.Of(left.CompareTo(right) >= 0),
            "^" => RuleValue.Of(left.Major == right.Major),
            "~" => RuleValue.Of(left.Major == right.Major && left.Minor == right.Minor),
            _ => RuleValue.Null,
        };
    }

    static SemanticVersion? Version(ref RuleRun run, RuleValue value) =>
        value.Kind is RuleKind.String or RuleKind.Number ? SemanticVersion.Parse(RuleText.Of(ref run, value)) : null;
}
