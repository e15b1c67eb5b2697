namespace Stele.Core.Flags.Rules;

/// <summary>The kinds of value that rules compute with; JavaScript's <c>undefined</c> is what a missing argument is.</summary>
enum RuleKind : byte
{
    Undefined,
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}

/// <summary>
/// A value inside a rule. Scalars are in it; arrays and objects are a node of a parsed text (<see cref="RuleData"/>), an
/// array that an operation made (<see cref="RuleArray"/>), or the two names inside a reduction (<see cref="ReduceFrame"/>).
/// </summary>
readonly struct RuleValue
{
    readonly object? reference;
    readonly double number;
    readonly int node;

    RuleValue(RuleKind kind, object? reference, double number, int node)
    {
        Kind = kind;
        this.reference = reference;
        this.number = number;
        this.node = node;
    }

    public RuleKind Kind { get; }

    public static RuleValue Null => new(RuleKind.Null, null, 0, 0);

    public static RuleValue Of(bool value) => new(RuleKind.Boolean, null, value ? 1 : 0, 0);

    public static RuleValue Of(double value) => new(RuleKind.Number, null, value, 0);

    public static RuleValue Of(string value) => new(RuleKind.String, value, 0, 0);

    public static RuleValue Of(RuleArray value) => new(RuleKind.Array, value, 0, 0);

    public static RuleValue Of(ReduceFrame value) => new(RuleKind.Object, value, 0, 0);

    /// <summary>An array or object of a parsed text.</summary>
    public static RuleValue Of(RuleKind kind, RuleData data, int node) => new(kind, data, 0, node);

    /// <summary>Whether this is <c>null</c> or <c>undefined</c>.</summary>
    public bool IsNullish => Kind <= RuleKind.Null;

    public bool IsTrue => number != 0;

    /// <summary>The value of a number; of a boolean 1 or 0.</summary>
    public double Number => number;

    public string Text => (string)reference!;

    public RuleData? Data => reference as RuleData;

    public int Node => node;

    public RuleArray? Made => reference as RuleArray;

    public ReduceFrame? Frame => reference as ReduceFrame;

    /// <summary>Truth as JsonLogic has it: JavaScript's, but an empty array is false.</summary>
    public bool IsTruthy => Kind switch
    {
        RuleKind.Boolean => number != 0,
        RuleKind.Number => number != 0 && !double.IsNaN(number),
        RuleKind.String => Text.Length > 0,
        RuleKind.Array => Count > 0,
        RuleKind.Object => true,
        _ => false,
    };

    /// <summary>How many items an array has.</summary>
    public int Count => reference is RuleArray made ? made.Items.Length : Data!.Tape[node].Count;

    /// <summary>How deep an array is at most; what is below is bounded by the nesting of a text.</summary>
    public int Depth => Kind != RuleKind.Array ? 0 : reference is RuleArray made ? made.Depth : RuleArray.TextDepth;

    /// <summary>Whether two arrays or objects are the same one.</summary>
    public bool IsSame(RuleValue other) => ReferenceEquals(reference, other.reference) && node == other.node;

    /// <summary>The items of an array.</summary>
    public ItemEnumerator GetEnumerator() => new(this);

    /// <summary>Goes through an array, of either kind.</summary>
    public struct ItemEnumerator
    {
        readonly RuleArray? made;
        readonly RuleData? data;
        readonly int end;
        int at;

        public ItemEnumerator(RuleValue array)
        {
            made = array.Made;
            data = array.Data;
            at = made is null ? array.node + 1 : 0;
            end = made is null ? data!.Tape[array.node].Next : made.Items.Length;
            Current = default;
        }

        public RuleValue Current { get; private set; }

        public bool MoveNext()
        {
            if (at >= end) return false;
            if (made is not null)
            {
                Current = made.Items[at++];
                return true;
            }
            Current = data!.Value(at);
            at = data.Tape[at].Next;
            return true;
        }
    }
}

/// <summary>An array that an operation made.</summary>
sealed class RuleArray
{
    /// <summary>What an array of a parsed text counts as.</summary>
    public const int TextDepth = 64;

    /// <summary>Deeper ones are refused, since their text is made by recursion.</summary>
    public const int MaxDepth = 3 * TextDepth;

    public RuleArray(RuleValue[] items)
    {
        Items = items;
        foreach (var item in items) Depth = Math.Max(Depth, item.Depth);
        Depth++;
    }

    public RuleValue[] Items { get; }

    public int Depth { get; }
}

/// <summary>What a reduction's rule sees as its data.</summary>
sealed record ReduceFrame(RuleValue Current, RuleValue Accumulator);
