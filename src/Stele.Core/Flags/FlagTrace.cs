using System.Globalization;
using System.Text;
using Stele.Core.Flags.Rules;
using Stele.Core.Limits;

namespace Stele.Core.Flags;

/// <summary>The way of an evaluation through its rule, written down for people: every part that was evaluated, what went into it, and what it came to.</summary>
public sealed class FlagTrace
{
    readonly Stack<FlagTracePart> open = [];
    int parts;

    /// <summary>The rule; null if none was evaluated.</summary>
    public FlagTracePart? Root { get; private set; }

    /// <summary>Whether parts were left out, because there were more than the limit <c>flag.trace_parts</c>.</summary>
    public bool Truncated { get; private set; }

    internal void Enter(RuleNode node)
    {
        var part = new FlagTracePart(node.Pointer, node.Operation);
        if (parts >= SteleLimits.FlagTraceParts.Value) Truncated = true;
        else if (open.TryPeek(out var around)) around.Add(part);
        else Root ??= part;
        parts++;
        open.Push(part);
    }

    internal void Leave(RuleValue value, string? failure)
    {
        var part = open.Pop();
        part.Result = failure is null ? RuleJson.Shown(value) : null;
        part.Failure = failure;
    }

    /// <summary>The text by which the open part puts the subject into a bucket; null if there is none.</summary>
    internal void Key(string? key)
    {
        if (open.TryPeek(out var part)) part.BucketKey = key;
    }

    internal void Split(uint hash, int bucket, int total, ReadOnlySpan<int> ends)
    {
        if (open.TryPeek(out var part)) part.Split = new FlagSplit(hash, bucket, total, ends.ToArray());
    }
}

/// <summary>One part of a rule that was evaluated.</summary>
/// <param name="pointer">JSON pointer, in the flag's full definition, or in the environment's <c>/$evaluators</c>.</param>
/// <param name="operation">The operation; null for a literal.</param>
public sealed class FlagTracePart(string pointer, string? operation)
{
    readonly List<FlagTracePart> inputs = [];

    /// <summary>JSON pointer, in the flag's full definition, or in the environment's <c>/$evaluators</c>.</summary>
    public string Pointer { get; } = pointer;

    /// <summary>The operation; null for a literal.</summary>
    public string? Operation { get; } = operation;

    /// <summary>What was evaluated for it, in order.</summary>
    public IReadOnlyList<FlagTracePart> Inputs => inputs;

    /// <summary>What it came to, as JSON, cut off where it is long; null if the evaluation failed here.</summary>
    public string? Result { get; internal set; }

    /// <summary>Why the evaluation failed here, or null.</summary>
    public string? Failure { get; internal set; }

    /// <summary>Of a split: the text whose hash is the bucket; null if there was none.</summary>
    public string? BucketKey { get; internal set; }

    /// <summary>Of a split: the bucket and the shares.</summary>
    public FlagSplit? Split { get; internal set; }

    internal void Add(FlagTracePart input) => inputs.Add(input);
}

/// <summary>How a subject was put into a bucket.</summary>
/// <param name="Hash">The hash of the key.</param>
/// <param name="Bucket">The bucket, from 0 to below the total.</param>
/// <param name="Total">The total weight.</param>
/// <param name="Ends">For each share the bucket behind its last; it begins where the one before ends.</param>
public sealed record FlagSplit(uint Hash, int Bucket, int Total, IReadOnlyList<int> Ends);

/// <summary>Values of rules as JSON, for people.</summary>
static class RuleJson
{
    const int ShownCharacters = 256;

    /// <summary>The value's JSON, cut off where it is long. What JSON does not have is null, as JavaScript writes it.</summary>
    public static string Shown(RuleValue value) => Text(value, ShownCharacters);

    /// <summary>The value's JSON, cut off behind so many characters.</summary>
    public static string Text(RuleValue value, int characters)
    {
        var text = new StringBuilder();
        Write(text, value, characters);
        return text.Length <= characters ? text.ToString() : text.ToString(0, characters) + "…";
    }

    static void Write(StringBuilder text, RuleValue value, int most)
    {
        switch (value.Kind)
        {
            case RuleKind.Boolean:
                text.Append(value.IsTrue ? "true" : "false");
                break;
            case RuleKind.Number when double.IsFinite(value.Number):
                text.Append(RuleNumber.Text(value.Number));
                break;
            case RuleKind.String:
                WriteText(text, value.Text.Length <= most ? value.Text : value.Text[..most]);
                break;
            case RuleKind.Array when value.Made is { } made:
                text.Append('[');
                for (var i = 0; i < made.Items.Length && text.Length <= most; i++)
                {
                    if (i > 0) text.Append(',');
                    Write(text, made.Items[i], most);
                }
                text.Append(']');
                break;
            case RuleKind.Object when value.Frame is not null:
                text.Append("{\"current\":…,\"accumulator\":…}");
                break;
            case RuleKind.Array or RuleKind.Object:
                var tape = value.Data!.Tape;
                var raw = tape.Text.AsSpan(tape[value.Node].Start, tape[value.Node].End - tape[value.Node].Start);
                text.Append(Encoding.UTF8.GetString(raw[..Math.Min(raw.Length, 4 * most)]));
                break;
            default:
                text.Append("null");
                break;
        }
    }

    static void WriteText(StringBuilder text, string value)
    {
        text.Append('"');
        for (var i = 0; i < value.Length; i++)
        {
            var c = value[i];
            if (c is '"' or '\\') text.Append('\\').Append(c);
            else if (i + 1 < value.Length && char.IsSurrogatePair(c, value[i + 1])) text.Append(c).Append(value[++i]);
            else if (c < ' ' || char.IsSurrogate(c)) text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else text.Append(c);
        }
        text.Append('"');
    }
}
