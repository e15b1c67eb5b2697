using System.Globalization;
using Stele.Core.Json;
using Stele.Core.Schemas;

namespace Stele.Core.Flags.Rules;

/// <summary>A parsed JSON text that rules read: a context, or a rule's own text. Strings are made when they are first asked for, and kept.</summary>
sealed class RuleData(JsonTape tape)
{
    /// <summary>Of a text with more nodes no strings are kept: the row for them would cost more than it saves.</summary>
    const int KeptNodes = 4_096;

    const long Digits15 = 1_000_000_000_000_000;

    static readonly double[] powers = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

    string?[]? strings;
    MemberIndex? index;

    public JsonTape Tape { get; } = tape;

    /// <summary>The value of a member of the object at the root; undefined if there is none. Names are looked up in an index, made when it is first needed.</summary>
    public RuleValue RootMember(ReadOnlySpan<byte> canonical, ulong mark)
    {
        var node = (index ??= new MemberIndex(Tape)).Find(Tape, canonical, mark);
        return node < 0 ? default : Value(node);
    }

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
        // up to 15 digits and a power of ten are doubles exactly, and so their quotient is rounded once, as it should be
        if (text.Length <= 16)
        {
            var (value, at, point) = (0L, text[0] == '-' ? 1 : 0, -1);
            for (; at < text.Length; at++)
            {
                if (text[at] == '.') point = at;
                else if ((uint)(text[at] - '0') <= 9) value = value * 10 + (text[at] - '0');
                else break;
            }
            if (at == text.Length && value < Digits15)
            {
                var number = point < 0 ? value : value / powers[text.Length - 1 - point];
                return text[0] == '-' ? -number : number;
            }
        }
        return double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
    }
}
