using System.Diagnostics.CodeAnalysis;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Core.Schemas;

namespace Stele.Core.Flags;

/// <summary>
/// A flagd file (flagd.dev, "flag definitions"): <c>flags</c> by name, or as an array of flags with a <c>key</c> each;
/// <c>$evaluators</c>, the rules that they share; and the set's <c>metadata</c>. Flags may be of the short form too.
/// </summary>
public sealed class FlagFile
{
    static readonly string[] members = ["$schema", "flags", "$evaluators", "metadata"];

    FlagFile()
    {
    }

    /// <summary>The flags, each checked in itself; what they refer to is not (<see cref="FlagChecks"/>).</summary>
    public IReadOnlyList<Flag> Flags { get; private set; } = [];

    /// <summary>The shared rules, each checked in itself.</summary>
    public IReadOnlyList<SharedRule> Rules { get; private set; } = [];

    /// <summary>The set's metadata, a canonical JSON object; null: the file has none.</summary>
    [SuppressMessage("Performance", "CA1819", Justification = "the caller owns the array")]
    public byte[]? Metadata { get; private set; }

    /// <summary>Reads a file.</summary>
    /// <param name="canonical">Canonical JSON bytes (<see cref="CanonicalJson"/>).</param>
    /// <param name="pointer">The file's JSON pointer in what the caller was sent.</param>
    /// <param name="problems">Gets every broken rule: <c>flag.file</c>, <c>member.unknown</c>, those of names (<see cref="FlagName"/>), of
    /// definitions (<see cref="FlagDefinition.Parse"/>) and of shared rules (<see cref="SharedRule.Parse"/>). Reading ends at the limit <c>body.problems</c>.</param>
    /// <returns>The file, or null if a rule is broken.</returns>
    public static FlagFile? Parse(byte[] canonical, string pointer, List<Problem> problems)
    {
        var before = problems.Count;
        var file = new FlagFile();
        file.Read(new Reader(JsonTape.Keep(canonical), pointer, problems));
        return problems.Count == before ? file : null;
    }

    /// <summary>Whether a set's metadata is an object of primitive values; if not, says where.</summary>
    /// <param name="canonical">Canonical JSON bytes.</param>
    /// <param name="pointer">Its JSON pointer in what the caller was sent.</param>
    /// <param name="problems">Gets every broken rule: <c>flag.metadata</c>, <c>flag.bytes</c>.</param>
    public static bool ParseMetadata(byte[] canonical, string pointer, List<Problem> problems)
    {
        var before = problems.Count;
        if (canonical.Length > SteleLimits.FlagBytes.Value)
        {
            problems.Add(Problem.Body(pointer, "flag.bytes", $"Metadata has at most {SteleLimits.FlagBytes.Value} bytes as canonical JSON; this has {canonical.Length}."));
            return false;
        }
        var tape = JsonTape.Keep(canonical);
        FlagMetadata.Read(tape, 0, (node, rule, message) => problems.Add(Problem.Body(pointer + tape.Pointer(node), rule, message)));
        return problems.Count == before;
    }

    /// <summary>Writes a set as a file that <see cref="Parse"/> reads: every flag as it was given.</summary>
    /// <param name="set">The set.</param>
    /// <param name="metadata">The set's metadata, a canonical JSON object, or null.</param>
    /// <returns>Canonical JSON bytes.</returns>
    public static byte[] Write(FlagSet set, byte[]? metadata)
    {
        var text = new MemoryStream();
        text.Write("{\"flags\":{"u8);
        WriteMembers(text, set.Flags.Select(flag => (flag.Name, (ReadOnlyMemory<byte>)flag.Definition.Text)));
        if (set.Rules.Count > 0)
        {
            text.Write("},\"$evaluators\":{"u8);
            WriteMembers(text, set.Rules.Select(rule => (rule.Name, rule.Text)));
        }
        text.Write("}"u8);
        if (metadata is not null)
        {
            text.Write(",\"metadata\":"u8);
            text.Write(metadata);
        }
        text.Write("}"u8);
        return text.ToArray();
    }

    static void WriteMembers(MemoryStream text, IEnumerable<(string Name, ReadOnlyMemory<byte> Value)> members)
    {
        var first = true;
        foreach (var (name, value) in members)
        {
            if (!first) text.WriteByte((byte)',');
            first = false;
            text.Write(CanonicalJson.FromString(name));
            text.WriteByte((byte)':');
            text.Write(value.Span);
        }
    }

    void Read(Reader reader)
    {
        if (!reader.Expect(0, JsonKind.Object, "A file is an object with the member flags.")) return;
        foreach (var (name, value) in reader.Members(0))
        {
            switch (name)
            {
                case "flags":
                    Flags = reader.Flags(value);
                    break;
                case "$evaluators" when reader.Expect(value, JsonKind.Object, "Evaluators are an object: rules by name."):
                    Rules = [.. reader.Members(value).Select(member => reader.Rule(member.Name, member.Value)).OfType<SharedRule>()];
                    break;
                case "metadata" when reader.Expect(value, JsonKind.Object, "Metadata is an object of strings, numbers and booleans by name."):
                    Metadata = reader.Metadata(value);
                    break;
                case var other when !members.Contains(other):
                    reader.Refuse(value, "member.unknown", $"A file has no such member; known are {string.Join(", ", members)}.");
                    break;
            }
        }
        if (reader.Tape.Member(0, "flags"u8) < 0) reader.Refuse(0, "flag.file", "The member flags is missing.");
    }

    /// <summary>Reads the parts of a file, and notes what is wrong with them.</summary>
    sealed class Reader(JsonTape tape, string pointer, List<Problem> problems)
    {
        readonly int before = problems.Count;

        public JsonTape Tape => tape;

        bool Full => problems.Count - before >= SteleLimits.BodyProblems.Value;

        public void Refuse(int node, string rule, string message)
        {
            if (!Full) problems.Add(Problem.Body(pointer + tape.Pointer(node), rule, message));
        }

        public bool Expect(int node, JsonKind kind, string message)
        {
            if (tape[node].Kind == kind) return true;
            Refuse(node, "flag.file", message);
            return false;
        }

        public IEnumerable<(string Name, int Value)> Members(int node)
        {
            for (var name = node + 1; name < tape[node].Next && !Full; name = tape[name + 1].Next) yield return (tape.String(name), name + 1);
        }

        public List<Flag> Flags(int node)
        {
            if (tape[node].Kind == JsonKind.Object) return [.. Members(node).Select(member => Read(member.Name, member.Value, Bytes(member.Value))).OfType<Flag>()];
            var flags = new List<Flag>();
            if (!Expect(node, JsonKind.Array, "Flags are an object, the flags by name, or an array of flags with a key each.")) return flags;
            var names = new HashSet<string>(StringComparer.Ordinal);
            for (var item = node + 1; item < tape[node].Next && !Full; item = tape[item].Next)
            {
                var key = tape.Member(item, "key"u8);
                if (key < 0 || tape[key].Kind != JsonKind.String) Refuse(item, "flag.file", "A flag in an array is an object with a key, its name.");
                else if (!names.Add(tape.String(key))) Refuse(key, "flag.file", $"There is another flag of this name in the file: '{tape.String(key)}'.");
                else if (Read(tape.String(key), item, Without(item, key)) is { } flag) flags.Add(flag);
            }
            return flags;
        }

        public SharedRule? Rule(string name, int value)
        {
            if (FlagName.TryParse(name, out _, out var rule, out var message)) return SharedRule.Parse(name, Bytes(value), pointer + tape.Pointer(value), problems);
            Refuse(value, rule, message);
            return null;
        }

        public byte[] Metadata(int value)
        {
            FlagMetadata.Read(tape, value, Refuse);
            return Bytes(value);
        }

        Flag? Read(string name, int value, byte[] text)
        {
            if (!FlagName.TryParse(name, out _, out var rule, out var message))
            {
                Refuse(value, rule, message);
                return null;
            }
            return FlagDefinition.Parse(text, pointer + tape.Pointer(value), problems) is { } definition ? new Flag(name, definition) : null;
        }

        byte[] Bytes(int value) => tape[value].Kind == JsonKind.String ? tape.Text[(tape[value].Start - 1)..(tape[value].End + 1)] : tape.Text[tape[value].Start..tape[value].End];

        /// <summary>An object's text without one of its members, whose value is a string.</summary>
        byte[] Without(int item, int value)
        {
            // from the quote of the name to behind the quote of the value, and one comma
            var (start, end) = (tape[value - 1].Start - 1, tape[value].End + 1);
            if (tape.Text[end] == ',') end++;
            else if (tape.Text[start - 1] == ',') start--;
            return [.. tape.Text.AsSpan(tape[item].Start, start - tape[item].Start), .. tape.Text.AsSpan(end, tape[item].End - end)];
        }
    }
}
