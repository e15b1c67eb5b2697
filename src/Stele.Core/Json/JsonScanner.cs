using System.Text;
using System.Text.Unicode;
using Stele.Core.Faults;
using Stele.Core.Limits;

namespace Stele.Core.Json;

/// <summary>
/// One forward pass over UTF-8 JSON (RFC 8259), with Stele's own rules on top: no duplicate members, no U+0000, no lone
/// surrogates, bounded numbers and depth. A broken rule is noted and the pass goes on; broken syntax ends it.
/// </summary>
/// <remarks>Iterative, so no input can overflow the stack; linear, so none can take long. A copy scans on its own: pass it by <c>ref</c>.</remarks>
internal ref partial struct JsonScanner
{
    /// <summary>Bytes of a member name that a pointer shows; a pointer to something longer is for people only.</summary>
    const int PointerNameBytes = 256;

    readonly ReadOnlySpan<byte> text;
    readonly string root;
    readonly List<Problem> problems;
    readonly bool validUtf8;
    JsonFrame[] frames = [];
    JsonNames? names;
    int position;
    int reported;
    int valueFloor;
    bool respelled;

    public JsonScanner(ReadOnlySpan<byte> text, string root, List<Problem> problems)
    {
        this.text = text;
        this.root = root;
        this.problems = problems;
        // one vectorized look here; only when it fails is each string looked at, to say which
        validUtf8 = Utf8.IsValid(text);
    }

    /// <summary>Whether the pass has ended early; every step then fails.</summary>
    public bool Failed { get; private set; }

    /// <summary>Whether strings may hold U+0000: only what is never stored may, since PostgreSQL's text cannot.</summary>
    public bool AllowsNul { get; set; }

    /// <summary>Whether a rule or the syntax was broken so far.</summary>
    public readonly bool Refused => reported > 0;

    /// <summary>How many arrays and objects are open.</summary>
    public int Depth { get; private set; }

    /// <summary>The innermost open array or object.</summary>
    public readonly ref JsonFrame Top => ref frames[Depth - 1];

    /// <summary>The JSON pointer (RFC 6901) of the value before or behind which the scanner stands.</summary>
    public readonly string Pointer
    {
        get
        {
            if (Depth == 0) return root;
            var pointer = new StringBuilder(root);
            foreach (ref readonly var frame in frames.AsSpan(0, Depth))
            {
                if (frame.Begun == 0) break;
                if (frame.IsArray) pointer.Append('/').Append(frame.Begun - 1);
                else AppendName(pointer.Append('/'), frame.Name);
            }
            return pointer.ToString();
        }
    }

    /// <summary>Notes a broken rule at <see cref="Pointer"/>. Past the limit of problems the pass ends.</summary>
    public void Report(string rule, string message) => Report(Pointer, rule, message);

    /// <summary>Notes a broken rule at a pointer of the caller's.</summary>
    public void Report(string pointer, string rule, string message)
    {
        // one name may break two rules
        if (reported >= SteleLimits.BodyProblems.Value) return;
        problems.Add(Problem.Body(pointer, rule, message));
        if (++reported >= SteleLimits.BodyProblems.Value) Failed = true;
    }

    /// <summary>The bytes of a string's content, between the quotes.</summary>
    public readonly ReadOnlySpan<byte> Content(JsonString token) => text.Slice(token.Start, token.Length);

    /// <summary>What kind of value comes next, by its first byte; false if none can begin there.</summary>
    public bool Peek(out JsonKind kind)
    {
        SkipWhitespace();
        kind = default;
        if (Failed || position == text.Length) return false;
        switch (text[position])
        {
            case (byte)'{': kind = JsonKind.Object; return true;
            case (byte)'[': kind = JsonKind.Array; return true;
            case (byte)'"': kind = JsonKind.String; return true;
            case (byte)'t' or (byte)'f': kind = JsonKind.Boolean; return true;
            case (byte)'n': kind = JsonKind.Null; return true;
            case (byte)'-' or (>= (byte)'0' and <= (byte)'9'): kind = JsonKind.Number; return true;
            default: return false;
        }
    }

    /// <summary>Passes over a value with all that is in it, and gives its bytes if they broke no rule.</summary>
    /// <param name="value">The bytes, without white space around them.</param>
    /// <param name="canonical">Whether they are canonical as they stand.</param>
    public bool ScanValue(out ReadOnlySpan<byte> value, out bool canonical)
    {
        value = default;
        SkipWhitespace();
        var (start, before) = (position, reported);
        respelled = false;
        canonical = ScanTree() && !respelled;
        if (Failed || reported > before) return false;
        value = text[start..position];
        return true;
    }

    /// <summary>Passes over a value with all that is in it; false if the text is broken.</summary>
    public bool ScanTree()
    {
        var floor = valueFloor = Depth;
        while (BeginValue())
        {
            // a scalar lies behind, or a container has opened: walk to the next value, out of all that ends here
            var step = JsonStep.Closed;
            while (step == JsonStep.Closed)
            {
                if (Depth == floor) return true;
                step = Step();
            }
            if (step == JsonStep.Failed) return false;
        }
        return false;
    }

    /// <summary>Opens the object or array that comes next. The caller has peeked.</summary>
    public void Open(bool isArray, BodyMembers? members)
    {
        SkipWhitespace();
        position++;
        if (Depth == frames.Length) Array.Resize(ref frames, Math.Max(2, 2 * Depth));
        frames[Depth++] = new JsonFrame { IsArray = isArray, FirstName = names?.Count ?? 0, Members = members };
    }

    /// <summary>To the next item of the array, or the next member's value of the object, that is innermost; or out of it.</summary>
    public JsonStep Step()
    {
        SkipWhitespace();
        if (Failed) return JsonStep.Failed;
        ref var frame = ref Top;
        if (position < text.Length && text[position] == (frame.IsArray ? ']' : '}')) return Close();
        if (frame.Begun > 0)
        {
            if (position == text.Length || text[position] != ',')
                return Broken(frame.IsArray ? "',' or ']' must follow an item" : "',' or '}' must follow a member");
            position++;
            SkipWhitespace();
        }
        if (!frame.IsArray) return StepName(ref frame);
        frame.Begun++;
        return JsonStep.Value;
    }

    /// <summary>Checks that nothing but white space is left.</summary>
    public void End()
    {
        SkipWhitespace();
        if (!Failed && position < text.Length) Broken("more text follows the value");
    }

    JsonStep Close()
    {
        position++;
        names?.Truncate(Top.FirstName);
        Depth--;
        return JsonStep.Closed;
    }

    JsonStep StepName(ref JsonFrame frame)
    {
        if (position == text.Length || text[position] != '"') return Broken("a member's name, a string, must come here");
        if (!ScanString(out var name)) return JsonStep.Failed;
        frame.Begun++;
        frame.Name = name;
        ReportTraits(name, "name");
        names ??= new JsonNames();
        if (!names.Add(text, name, frame.FirstName, ref frame.Slots))
            Report("json.duplicate_member", "The object has this member twice.");
        SkipWhitespace();
        if (position == text.Length || text[position] != ':') return Broken("':' must follow a member's name");
        position++;
        return Failed ? JsonStep.Failed : JsonStep.Value;
    }

    /// <summary>Notes broken syntax at the current byte, which ends the pass.</summary>
    JsonStep Broken(string why)
    {
        var found = position >= text.Length ? "the text ends"
            : text[position] is > (byte)' ' and < 0x7f and var ascii ? $"'{(char)ascii}' is there"
            : $"byte 0x{text[position]:x2} is there";
        if (!Failed) Report("json.syntax", $"Not valid JSON at byte {position}: {why}; {found}.");
        Failed = true;
        return JsonStep.Failed;
    }

    void SkipWhitespace()
    {
        var at = position;
        while (at < text.Length && text[at] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t') at++;
        if (at == position) return;
        position = at;
        respelled = true;
    }
}
