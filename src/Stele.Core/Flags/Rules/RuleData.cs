using System.Globalization;
using Stele.Core.Json;
using Stele.Core.Schemas;

namespace Stele.Core.Flags.Rules;

/// <summary>A parsed JSON text that rules read: a context, or a rule's own text. Strings are made when they are first asked for, and kept.</summary>
sealed class RuleData(JsonTape tape)
{
    /// <summary>Of a text with more nodes no strings are kept: the row for them would cost more than it saves.</summary>
    const int KeptNodes = 4_096;

    string?[]? strings;

    public JsonTape Tape { get; } = tape;

    /// <summary>The value at a node.</summary>
    public RuleValue Value(int node) => Tape[node].Kind switch
    {
        JsonKind.Null => RuleValue.Null,
        JsonKind.Boolean => RuleValue.Of(Tape.IsTrue(node)),
        JsonKind.Number => RuleValue.Of(Number(Tape.Raw(node))),
        JsonKind.String => RuleValue.Of(String(node)),
        JsonKind.Array => RuleValue.Of(RuleKind.Array, this, node),
        _ => RuleValue.Of(RuleKind.Object, this, node),
    };

    /// <summary>The text of a string.</summary>
    public string String(int node)
    {
        if (Tape.Count > KeptNodes) return Tape.String(node);
        // two threads may both make it: either is right
        var kept = strings ??= new string?[Tape.Count];
        return kept[node] ??= Tape.String(node);
    }

    /// <summary>The double nearest to a number's text, as JavaScript reads it.</summary>
    static double Number(ReadOnlySpan<byte> text)
    {
        // whole numbers of a few digits, which are most
        if (text.Length <= 15)
        {
            var (value, at) = (0L, text[0] == '-' ? 1 : 0);
            while (at < text.Length && (uint)(text[at] - '0') <= 9) value = value * 10 + (text[at++] - '0');
            if (at == text.Length) return text[0] == '-' ? -(double)value : value;
        }
        return double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
    }
}
