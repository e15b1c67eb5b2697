using System.Globalization;
using Stele.Core.Faults;
using Stele.Core.Flags.Rules;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Core.Schemas;

namespace Stele.Core.Flags;

/// <summary>Reads a definition's text. Every broken rule is noted; what is sound is read all the same, so that one pass finds them all.</summary>
/// <param name="text">Canonical JSON bytes.</param>
/// <param name="pointer">The definition's JSON pointer in what the caller was sent.</param>
/// <param name="problems">Gets every broken rule.</param>
/// <param name="bytesMax">How long the text may be; what is stored may be longer than what is accepted today.</param>
sealed class FlagReader(byte[] text, string pointer, List<Problem> problems, long bytesMax)
{
    public const string BucketingName = "murmur3_x86_32";

    static readonly string[] fullMembers = ["state", "variants", "defaultVariant", "targeting", "metadata", "bucketing"];

    // the integers that every client holds exactly
    const double NumberMax = (1L << 53) - 1;

    readonly int before = problems.Count;
    readonly FlagParts parts = new();
    JsonTape tape = null!;

    public FlagParts Read()
    {
        if (text.Length > bytesMax)
            return Unreadable("flag.bytes", $"A flag has at most {bytesMax} bytes as canonical JSON; this one has {text.Length}.");
        tape = JsonTape.Keep(text);
        if (tape[0].Kind == JsonKind.Null && bytesMax == int.MaxValue) return Redacted();
        if (tape[0].Kind != JsonKind.Object) return Unreadable("flag.definition", "A flag is an object: flagd's, or the short form with enabled, percentage and target_users.");
        if (tape.Depth > RuleArray.TextDepth) return Unreadable("json.depth", $"A flag has at most {RuleArray.TextDepth} levels.");
        if (tape.Member(0, "enabled"u8) >= 0) ReadShort();
        else ReadFull();
        return parts;
    }

    // of what was stored: nobody can give it
    FlagParts Redacted()
    {
        parts.Broken = "its definition of then was redacted.";
        return parts;
    }

    FlagParts Unreadable(string rule, string message)
    {
        Refuse(-1, rule, message);
        return parts;
    }

    void ReadShort()
    {
        parts.IsShort = true;
        var form = ShortFlag.Read(tape, Refuse);
        parts.Enabled = form.Enabled;
        ReadMetadata(tape.Member(0, "metadata"u8));
        if (problems.Count > before) return;
        // through the same engine as any other: what it stands for is read as if it had been given
        parts.Full = form.ToFull(text, tape);
        var full = new FlagReader(parts.Full, pointer, problems, int.MaxValue);
        full.Read();
        foreach (var (name, variant) in full.parts.Variants) parts.Variants.Add(name, variant);
        (parts.DefaultVariant, parts.Rule, parts.Bucketing) = (full.parts.DefaultVariant, full.parts.Rule, full.parts.Bucketing);
    }

    void ReadFull()
    {
        for (var name = 1; name < tape[0].Next; name = tape[name + 1].Next)
            if (!fullMembers.Contains(tape.String(name)))
                Refuse(name + 1, "member.unknown", $"A flag has no such member; known are {string.Join(", ", fullMembers)}, or those of the short form: {string.Join(", ", ShortFlag.Members)}.");
        ReadState();
        ReadVariants(tape.Member(0, "variants"u8));
        ReadDefault(tape.Member(0, "defaultVariant"u8));
        ReadMetadata(tape.Member(0, "metadata"u8));
        ReadBucketing(tape.Member(0, "bucketing"u8));
        ReadTargeting(tape.Member(0, "targeting"u8));
    }

    void ReadState()
    {
        var state = tape.Member(0, "state"u8);
        var value = state < 0 || tape[state].Kind != JsonKind.String ? "" : tape.String(state);
        if (state < 0) Miss("state", "ENABLED or DISABLED");
        else if (value is not ("ENABLED" or "DISABLED")) Refuse(state, "flag.state", "A flag's state is ENABLED or DISABLED.");
        parts.Enabled = value != "DISABLED";
    }

    void ReadVariants(int node)
    {
        if (node < 0) Miss("variants", "the flag's values by name");
        if (node < 0 || !Expect(node, JsonKind.Object, "flag.variants", "Variants are an object: the flag's values by name.")) return;
        if (tape[node].Count == 0) Refuse(node, "flag.variants", "A flag has one variant or more.");
        if (tape[node].Count > SteleLimits.FlagVariants.Value)
        {
            Refuse(node, "flag.variants", $"A flag has at most {SteleLimits.FlagVariants.Value} variants; this one has {tape[node].Count}.");
            return;
        }
        var data = new RuleData(tape);
        FlagValueType? common = null;
        for (var name = node + 1; name < tape[node].Next; name = tape[name + 1].Next)
        {
            var value = name + 1;
            if (tape[name].Start == tape[name].End) Refuse(value, "flag.variants", "A variant's name is not empty.");
            if (TypeOf(value) is not { } type) continue;
            common ??= type;
            if (type != common) Refuse(value, "flag.variants", $"All variants are of one type; the first is of type {common.Value.Name()}, this one of type {type.Name()}.");
            var text = tape.String(name);
            parts.Variants[text] = new FlagVariant(text, type, Bytes(value), data.Value(value));
        }
    }

    FlagValueType? TypeOf(int value)
    {
        switch (tape[value].Kind)
        {
            case JsonKind.Boolean: return FlagValueType.Boolean;
            case JsonKind.String: return FlagValueType.String;
            case JsonKind.Object: return FlagValueType.Object;
            case JsonKind.Number:
                var number = double.Parse(tape.Raw(value), NumberStyles.Float, CultureInfo.InvariantCulture);
                if (Math.Abs(number) > NumberMax) Refuse(value, "flag.variants", "A variant's number lies within ±9007199254740991, beyond which clients round.");
                return FlagValueType.Number;
            default:
                Refuse(value, "flag.variants", "A variant is a boolean, a string, a number or an object.");
                return null;
        }
    }

    void ReadDefault(int node)
    {
        if (node < 0 || tape[node].Kind == JsonKind.Null) return;
        if (!Expect(node, JsonKind.String, "flag.default_variant", "The default variant is a variant's name, or null.")) return;
        // an empty name is how some tools write that there is none
        if (tape[node].Start == tape[node].End) return;
        parts.DefaultVariant = parts.Variants.GetValueOrDefault(tape.String(node));
        if (parts.DefaultVariant is null) Refuse(node, "flag.default_variant", "The default variant is the name of one of the variants.");
    }

    void ReadMetadata(int node)
    {
        if (node >= 0) parts.Metadata = FlagMetadata.Read(tape, node, Refuse);
    }

    void ReadBucketing(int node)
    {
        if (node >= 0 && (tape[node].Kind != JsonKind.String || tape.String(node) != BucketingName))
            Refuse(node, "flag.bucketing", $"The way of bucketing is {BucketingName}.");
    }

    void ReadTargeting(int node)
    {
        // null is none, as flagd has it
        if (node < 0 || tape[node].Kind == JsonKind.Null) return;
        if (!Expect(node, JsonKind.Object, "flag.rule", "Targeting is an operation: an object with one member, its name; an empty object, or null, is none.")) return;
        if (tape[node].Count == 0) return;
        var compiler = new RuleCompiler(new RuleSource(new RuleData(tape), ""), parts.Variants);
        parts.Rule = compiler.Compile(node);
        // those that keep the rule from being evaluated are with the rule
        foreach (var problem in compiler.Problems) Add(problem.Node, problem.Name, problem.Message);
    }

    bool Expect(int node, JsonKind kind, string rule, string message)
    {
        if (tape[node].Kind == kind) return true;
        Refuse(node, rule, message);
        return false;
    }

    void Miss(string member, string what)
    {
        parts.Broken ??= $"the member {member} is missing.";
        problems.Add(Problem.Body($"{pointer}/{member}", "member.required", $"The member {member} is missing: {what}."));
    }

    void Refuse(int node, string rule, string message)
    {
        parts.Broken ??= message;
        Add(node, rule, message);
    }

    void Add(int node, string rule, string message)
    {
        if (problems.Count - before < SteleLimits.BodyProblems.Value) problems.Add(Problem.Body(node < 0 ? pointer : pointer + tape.Pointer(node), rule, message));
    }

    byte[] Bytes(int value) => tape[value].Kind == JsonKind.String
        ? text[(tape[value].Start - 1)..(tape[value].End + 1)]
        : text[tape[value].Start..tape[value].End];
}
