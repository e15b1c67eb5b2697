namespace Stele.Core.Flags.Rules;

/// <summary>Equality and order as JavaScript has them (ECMA-262, 7.2.12 to 7.2.15).</summary>
static class RuleComparison
{
    /// <summary><c>===</c>.</summary>
    public static bool AreSame(ref RuleRun run, RuleValue a, RuleValue b)
    {
        if (a.Kind != b.Kind) return false;
        return a.Kind switch
        {
            RuleKind.Undefined or RuleKind.Null => true,
            RuleKind.Boolean or RuleKind.Number => a.Number == b.Number,
            RuleKind.String => AreSame(ref run, a.Text, b.Text),
            _ => a.IsSame(b),
        };
    }

    /// <summary><c>==</c>.</summary>
    public static bool AreEqual(ref RuleRun run, RuleValue a, RuleValue b)
    {
        if (a.Kind == b.Kind) return AreSame(ref run, a, b);
        if (a.IsNullish || b.IsNullish) return a.IsNullish && b.IsNullish;
        if (a.Kind >= RuleKind.Array && b.Kind >= RuleKind.Array) return false;
        // what is left: a number if either can be one; an array or object becomes its text first
        a = Primitive(ref run, a);
        b = Primitive(ref run, b);
        return a.Kind == RuleKind.String && b.Kind == RuleKind.String
            ? AreSame(ref run, a.Text, b.Text)
            : RuleNumber.Of(ref run, a) == RuleNumber.Of(ref run, b);
    }

    /// <summary><c>&lt;</c> or, where equal ones pass too, <c>&lt;=</c>.</summary>
    public static bool IsLess(ref RuleRun run, RuleValue a, RuleValue b, bool orEqual)
    {
        if (a.Kind == RuleKind.Number && b.Kind == RuleKind.Number) return orEqual ? a.Number <= b.Number : a.Number < b.Number;
        a = Primitive(ref run, a);
        b = Primitive(ref run, b);
        if (a.Kind == RuleKind.String && b.Kind == RuleKind.String)
        {
            if (!run.PayFor(Math.Min(a.Text.Length, b.Text.Length) / 4)) return false;
            var order = string.CompareOrdinal(a.Text, b.Text);
            return orEqual ? order <= 0 : order < 0;
        }
        var (x, y) = (RuleNumber.Of(ref run, a), RuleNumber.Of(ref run, b));
        return orEqual ? x <= y : x < y;
    }

    static bool AreSame(ref RuleRun run, string a, string b) =>
        a.Length == b.Length && run.PayFor(a.Length / 4) && string.Equals(a, b, StringComparison.Ordinal);

    static RuleValue Primitive(ref RuleRun run, RuleValue value) =>
        value.Kind is RuleKind.Array or RuleKind.Object ? RuleValue.Of(RuleText.Of(ref run, value)) : value;
}
