using System.Text;
using Stele.Core.Collections;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Flags.Rules;
using Stele.Core.Journal;
using Stele.Core.Json;
using Stele.Core.Schemas;
using Xunit;

namespace Stele.Core.Tests.Flags;

/// <summary>Flags, rules and contexts as tests write them.</summary>
static class FlagText
{
    /// <summary>A moment in 2026.</summary>
    public static readonly Timestamp Now = At("2026-11-21T12:00:00Z");

    public static Timestamp At(string text) => Timestamp.TryParse(text, out var at) ? at : throw new FormatException(text);

    public static byte[] Canonical(string json)
    {
        var problems = new List<Problem>();
        Assert.True(CanonicalJson.TryCanonicalize(Encoding.UTF8.GetBytes(json), "", problems, out var canonical), $"{json}: {string.Join("; ", problems)}");
        return canonical;
    }

    public static FlagContext Context(string json)
    {
        var outcome = FlagContext.Parse(Encoding.UTF8.GetBytes(json), "/context");
        Assert.True(outcome.Fault is null, outcome.Fault?.Detail);
        return outcome.Value;
    }

    /// <summary>A definition that is accepted.</summary>
    public static FlagDefinition Definition(string json)
    {
        var problems = new List<Problem>();
        var definition = FlagDefinition.Parse(Canonical(json), "", problems);
        Assert.Empty(problems);
        return definition!;
    }

    /// <summary>Why a definition is refused.</summary>
    public static List<Problem> Refused(string json)
    {
        var problems = new List<Problem>();
        Assert.Null(FlagDefinition.Parse(Canonical(json), "", problems));
        Assert.NotEmpty(problems);
        return problems;
    }

    public static SharedRule Shared(string name, string json)
    {
        var problems = new List<Problem>();
        var shared = SharedRule.Parse(name, Canonical(json), "", problems);
        Assert.Empty(problems);
        return shared!;
    }

    /// <summary>A set of flags, as they would be loaded: what is in them was checked, or not, elsewhere.</summary>
    public static FlagSet Set(params (string Name, string Json)[] flags) => new()
    {
        Flags = SortedMap<Flag>.Empty.SetAll(flags.Select(flag => new Flag(flag.Name, Canonical(flag.Json)))),
    };

    public static FlagSet With(this FlagSet set, string name, string rule) => set with { Rules = set.Rules.Set(SharedRule.Stored(name, Canonical(rule))) };

    public static FlagSet Having(this FlagSet set, params Flag[] flags) => set with { Flags = set.Flags.SetAll(flags) };

    /// <summary>The flag with its kill switch on or off.</summary>
    public static Flag Switched(this Flag flag, bool killed) => new(flag.Name, flag.Definition) { Killed = killed };

    /// <summary>A flag with the variants on, off and other, off being the default, and a rule.</summary>
    public static string Ruled(string rule) => $$"""{"state":"ENABLED","variants":{"on":"on","off":"off","other":"other"},"defaultVariant":"off","targeting":{{rule}}}""";

    /// <summary>What a flag with these variants and this rule answers.</summary>
    public static FlagAnswer Answer(string rule, string context) => Set(("flag", Ruled(rule))).Evaluate("flag", Context(context), Now);

    public static string? Value(this FlagAnswer answer) => answer.Variant is null ? null : Encoding.UTF8.GetString(answer.Variant.Value);

    /// <summary>What a rule by itself comes to for any data, as JSON.</summary>
    public static string Apply(string rule, string data)
    {
        var run = new RuleRun(FlagSet.Empty, Data(data).Value(0), Now, null);
        var compiled = new RuleCompiler(new RuleSource(Data(rule), ""), null).Compile(0);
        if (compiled.Broken is not null) return "error";
        var value = compiled.Root.Evaluate(ref run);
        return run.Error == FlagErrorCode.None ? RuleJson.Text(value, int.MaxValue / 8) : "error";
    }

    static RuleData Data(string json) => new(JsonTape.Keep(Canonical(json)));
}
