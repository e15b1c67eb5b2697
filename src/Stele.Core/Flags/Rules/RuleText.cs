using System.Text;

namespace Stele.Core.Flags.Rules;

/// <summary>From values to text, as JavaScript's String() does it.</summary>
static class RuleText
{
    const string OfObject = "[object Object]";

    /// <summary>ToString. Arrays are their items' texts with commas between.</summary>
    public static string Of(ref RuleRun run, RuleValue value)
    {
        switch (value.Kind)
        {
            case RuleKind.Undefined: return "undefined";
            case RuleKind.Null: return "null";
            case RuleKind.Boolean: return value.IsTrue ? "true" : "false";
            case RuleKind.Number: return RuleNumber.Text(value.Number);
            case RuleKind.String: return value.Text;
            case RuleKind.Object: return OfObject;
        }
        var text = new StringBuilder();
        Append(ref run, text, value);
        return text.ToString();
    }

    /// <summary>The text that a value has among others: nothing for null and undefined.</summary>
    public static string InList(ref RuleRun run, RuleValue value) => value.IsNullish ? "" : Of(ref run, value);

    // as deep as arrays may be, which is bounded
    static void Append(ref RuleRun run, StringBuilder text, RuleValue array)
    {
        var first = true;
        foreach (var item in array)
        {
            if (!run.Pay(1)) return;
            if (!first) text.Append(',');
            first = false;
            if (item.Kind == RuleKind.Array)
            {
                Append(ref run, text, item);
                continue;
            }
            var one = InList(ref run, item);
            if (!run.PayFor(one.Length)) return;
            text.Append(one);
        }
    }
}
