using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Stele.Core.Faults;

namespace Stele.Core.Json;

/// <summary>
/// Reads a request's body, a JSON object with known members, in one pass, and collects every broken rule on the way.
/// Reading methods give null where a rule is broken, and the loops end by themselves where nothing more can be read, so
/// the code that reads has no error paths: it looks at the list of problems once, at the end.
/// </summary>
/// <remarks>
/// <para>Problems of its own: <c>member.unknown</c>, <c>member.required</c>, <c>member.type</c>, <c>member.range</c>, and those of
/// <see cref="CanonicalJson.TryCanonicalize"/>, whose rules hold for every string and number of the body.</para>
/// <para>Let loops run to their end (a <c>break</c> inside one leaves the reader in the middle); what is not read is
/// checked and passed over. A copy reads on by itself: pass a body on by <c>ref</c>.</para>
/// <example><code>
/// static readonly BodyMembers Members = new(required: ["changes"], optional: ["change_log"]);
/// static readonly BodyMembers ChangeMembers = new(required: ["op", "key"], optional: ["value", "expected_version"]);
///
/// var body = new JsonBody(utf8, Members, problems);
/// while (body.NextMember(out var name))
///     switch (name)
///     {
///         case "change_log": changeLog = body.ReadString(); break;
///         case "changes":
///             body.BeginArray();
///             while (body.NextItem())
///             {
///                 var change = new Change();
///                 body.BeginObject(ChangeMembers);
///                 while (body.NextMember(out var member))
///                     switch (member)
///                     {
///                         case "key": change.Key = body.ReadString(); break;
///                         case "value": change.Value = body.ReadJson(); break;
///                         case "expected_version": change.ExpectedVersion = body.ReadInt64(0, long.MaxValue); break;
///                         …
///                     }
///                 changes.Add(change);
///             }
///             break;
///     }
/// if (problems.Count > 0) return Fault.Invalid(problems);
/// </code></example>
/// </remarks>
public ref struct JsonBody
{
    JsonScanner scanner;
    bool atValue = true;
    bool refused;

    /// <summary>Begins to read a body none of which is stored: its strings may hold U+0000, which JSON allows.</summary>
    /// <param name="utf8">All of the body.</param>
    /// <param name="members">What its object may have.</param>
    /// <param name="problems">Gets every broken rule; the caller may have put others there.</param>
    public static JsonBody OfTransient(ReadOnlySpan<byte> utf8, BodyMembers members, List<Problem> problems) => new(utf8, members, problems, allowsNul: true);

    /// <summary>Begins to read a body.</summary>
    /// <param name="utf8">All of the body.</param>
    /// <param name="members">What its object may have.</param>
    /// <param name="problems">Gets every broken rule; the caller may have put others there.</param>
    public JsonBody(ReadOnlySpan<byte> utf8, BodyMembers members, List<Problem> problems) : this(utf8, members, problems, allowsNul: false) { }

    JsonBody(ReadOnlySpan<byte> utf8, BodyMembers members, List<Problem> problems, bool allowsNul)
    {
        scanner = new JsonScanner(utf8, "", problems) { AllowsNul = allowsNul };
        BeginObject(members);
        if (refused) scanner.End();
    }

    /// <summary>The JSON pointer of the member or item that is read, such as <c>/changes/3/key</c>.</summary>
    public readonly string Pointer => scanner.Pointer;

    /// <summary>Adds a problem of the value at <see cref="Pointer"/>, for the rules that only the caller knows.</summary>
    public void Refuse(string rule, string message) => scanner.Report(rule, message);

    /// <summary>To the next known member of the innermost object; false at its end, which also checks that no required one is missing.</summary>
    /// <param name="name">Its name, as given to <see cref="BodyMembers"/>; empty at the end.</param>
    public bool NextMember(out string name)
    {
        name = "";
        if (!Settle(isArray: false)) return false;
        var members = scanner.Top.Members!;
        while (true)
        {
            var seen = scanner.Top.Seen;
            switch (scanner.Step())
            {
                case JsonStep.Failed:
                    return false;
                case JsonStep.Closed:
                    ReportMissing(members, seen);
                    if (scanner.Depth == 0) scanner.End();
                    return false;
            }
            if (FindMember(members) is { } known)
            {
                name = known;
                return atValue = true;
            }
            scanner.Report("member.unknown", $"There is no such member here; known are {members.All}.");
            if (!scanner.ScanTree()) return false;
        }
    }

    /// <summary>Into the object that is the value here, for the loop over <see cref="NextMember"/> that must follow. If it is another kind of value, that loop is empty.</summary>
    public void BeginObject(BodyMembers members) => Begin(JsonKind.Object, members);

    /// <summary>Into the array that is the value here, for the loop over <see cref="NextItem"/> that must follow. If it is another kind of value, that loop is empty.</summary>
    public void BeginArray() => Begin(JsonKind.Array, null);

    /// <summary>To the next item of the innermost array; false at its end.</summary>
    public bool NextItem() => Settle(isArray: true) && (atValue = scanner.Step() == JsonStep.Value);

    /// <summary>Passes over the value if it is <c>null</c>, for members where that means something; else false and it is still to be read.</summary>
    public bool TryReadNull()
    {
        if (!atValue || !scanner.Peek(out var kind) || kind != JsonKind.Null) return false;
        atValue = false;
        return scanner.ScanTree();
    }

    /// <summary>The text of a string.</summary>
    public string? ReadString()
    {
        if (!Expect(JsonKind.String) || !scanner.ScanValue(out var value, out _)) return null;
        var content = value[1..^1];
        return JsonEscapes.Text(content, escaped: content.Contains((byte)'\\'));
    }

    /// <summary>A string as it stands in the body, quotes and escapes included, for what must not become a string in memory; empty where a rule is broken.</summary>
    public ReadOnlySpan<byte> ReadStringToken() => Expect(JsonKind.String) && scanner.ScanValue(out var value, out _) ? value : default;

    /// <summary>A whole number, written without fraction and exponent, within inclusive bounds.</summary>
    public long? ReadInt64(long min, long max)
    {
        if (!Expect(JsonKind.Number) || !scanner.ScanValue(out var value, out _)) return null;
        if (long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= min && number <= max)
            return number;
        scanner.Report("member.range", $"The number must be a whole one from {min} to {max}.");
        return null;
    }

    /// <summary><c>true</c> or <c>false</c>.</summary>
    public bool? ReadBoolean()
    {
        if (!Expect(JsonKind.Boolean) || !scanner.ScanValue(out var value, out _)) return null;
        return value[0] == 't';
    }

    /// <summary>Any JSON value, <c>null</c> included, as its canonical bytes (<see cref="CanonicalJson"/>).</summary>
    [SuppressMessage("Performance", "CA1819", Justification = "the caller owns the array")]
    public byte[]? ReadJson()
    {
        if (!atValue) return null;
        atValue = false;
        if (!scanner.ScanValue(out var value, out var canonical)) return null;
        return canonical ? value.ToArray() : CanonicalJson.Respell(value);
    }

    /// <summary>Passes over what was not read; false if there is nothing to step through.</summary>
    bool Settle(bool isArray)
    {
        if (refused)
        {
            // the loop over a container that was another kind of value ends before it begins
            refused = false;
            return false;
        }
        if (scanner.Failed || scanner.Depth == 0) return false;
        if (atValue)
        {
            atValue = false;
            if (!scanner.ScanTree()) return false;
        }
        if (scanner.Top.IsArray != isArray) throw new InvalidOperationException("A loop over a body was left before its end.");
        return true;
    }

    void Begin(JsonKind kind, BodyMembers? members)
    {
        refused = !Expect(kind);
        if (!refused) scanner.Open(kind == JsonKind.Array, members);
    }

    /// <summary>Whether the value here is of a kind; if not, it is reported and passed over.</summary>
    bool Expect(JsonKind kind)
    {
        if (!atValue) return false;
        atValue = false;
        var begins = scanner.Peek(out var found);
        if (begins && found == kind) return true;
        if (begins) scanner.Report("member.type", $"The value must be {Words(kind)}; this is {Words(found)}.");
        scanner.ScanTree();
        return false;
    }

    readonly string? FindMember(BodyMembers members)
    {
        ref var frame = ref scanner.Top;
        var content = scanner.Content(frame.Name);
        var index = members.IndexOf(frame.Name.Has(JsonStringTraits.Escaped) ? JsonEscapes.Bare(content) : content);
        if (index < 0) return null;
        frame.Seen |= 1UL << index;
        return members[index];
    }

    void ReportMissing(BodyMembers members, ulong seen)
    {
        for (var i = 0; i < members.RequiredCount; i++)
            if ((seen & 1UL << i) == 0)
                scanner.Report($"{scanner.Pointer}/{members[i]}", "member.required", $"The member {members[i]} is missing.");
    }

    static string Words(JsonKind kind) => kind switch
    {
        JsonKind.Null => "null",
        JsonKind.Boolean => "true or false",
        JsonKind.Number => "a number",
        JsonKind.String => "a string",
        JsonKind.Array => "an array",
        _ => "an object",
    };
}
