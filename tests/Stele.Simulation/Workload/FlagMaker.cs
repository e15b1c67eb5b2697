using System.Globalization;
using System.Text;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Orgs;
using Stele.Simulation.Scheduling;

namespace Stele.Simulation.Workload;

/// <summary>Makes changes of flags that refer to each other, to shared rules, and sometimes in a circle.</summary>
internal sealed class FlagMaker(Dice dice, Func<string> unique)
{
    static readonly string[] flags = ["f.a", "f.b", "f.c"];
    static readonly string[] rules = ["r1", "r2"];

    /// <summary>The flags that there may be.</summary>
    public static IReadOnlyList<string> Names => flags;

    /// <summary>Who asks for them.</summary>
    public static IReadOnlyList<FlagContext> Contexts { get; } = [Context("{}"), Context("""{"targetingKey":"u1","tier":"gold"}"""), Context("""{"targetingKey":"u2","tier":"lead"}""")];

    /// <summary>A definition that refers to nothing.</summary>
    public static byte[] Plain { get; } = """{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off"}"""u8.ToArray();

    /// <summary>The items that there may be.</summary>
    public static IEnumerable<string> Items => [.. flags, .. rules.Select(rule => FlagKey.RulePrefix + rule), FlagKey.KillSwitchText];

    /// <summary>The shared rules, and a flag that refers to one: what later changes refer to.</summary>
    public IEnumerable<FlagChange> Beginning()
    {
        foreach (var rule in rules) yield return Of(null, FlagKey.Stored(FlagKey.RulePrefix + rule)) with { Content = Parsed(FlagKey.Stored(FlagKey.RulePrefix + rule), $$"""{"if":[{"==":[{"var":"nobody"},"{{unique()}}"]},false,{"==":[{"var":"tier"},"gold"]}]}""") };
        foreach (var flag in flags)
            yield return Of(null, FlagKey.Stored(flag)) with { Content = Parsed(FlagKey.Stored(flag), $$$"""{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","metadata":{"by":"{{{unique()}}}"},"targeting":{"if":[{"$ref":"r1"},"on","off"]}}""") };
    }

    /// <summary>A change.</summary>
    public FlagChange Change(EnvironmentName? environment, Func<string, int> versionOf) => dice.Next(16) switch
    {
        0 => Of(environment, FlagKey.KillSwitch) with { Content = Parsed(FlagKey.KillSwitch, dice.Chance(0.4) ? "true" : "false") },
        1 => Of(environment, AFlag()) with { Killed = dice.Chance(0.5) },
        2 => Of(environment, AFlag()) with { Archived = dice.Chance(0.6) },
        3 => Of(environment, dice.Chance(0.5) ? AFlag() : ARule()) with { Op = ChangeOp.Delete },
        4 or 5 or 6 => Of(environment, ARule()) is var change ? change with { Content = Parsed(change.Key, Rule(change.Key)) } : null!,
        7 => Defined(environment) is var change ? change with { ExpectedVersion = versionOf(change.Key.Text) } : null!,
        _ => Defined(environment),
    };

    FlagChange Defined(EnvironmentName? environment)
    {
        var key = AFlag();
        var targeting = dice.Chance(0.6) ? $$""","targeting":{"if":[{{Condition(key)}},"on","off"]}""" : "";
        var text = string.Create(CultureInfo.InvariantCulture, $$$"""{"state":"{{{(dice.Chance(0.1) ? "DISABLED" : "ENABLED")}}}","variants":{"on":true,"off":false},"defaultVariant":"{{{(dice.Chance(0.5) ? "on" : "off")}}}","metadata":{"by":"{{{unique()}}}"}{{{targeting}}}}""");
        return Of(environment, key) with { Content = Parsed(key, text) };
    }

    // unique, as every value is
    string Rule(FlagKey key) => $$"""{"if":[{"==":[{"var":"nobody"},"{{unique()}}"]},false,{{Condition(key)}}]}""";

    string Condition(FlagKey of) => dice.Next(of.Kind == FlagItemKind.Rule ? 5 : 6) switch
    {
        0 => $$"""{"flag":["{{dice.Pick(flags)}}",false]}""",
        1 => $$"""{"$ref":"{{dice.Pick(rules)}}"}""",
        2 or 3 => $$"""{"==":[{"var":"tier"},"{{(dice.Chance(0.5) ? "gold" : "lead")}}"]}""",
        4 => """{"!":[{"var":"tier"}]}""",
        _ => $$"""{"$ref":"{{dice.Pick(rules)}}"}""",
    };

    static FlagChange Of(EnvironmentName? environment, FlagKey key) => new() { Op = ChangeOp.Set, Environment = environment, Key = key };

    FlagKey AFlag() => FlagKey.Stored(dice.Pick(flags));

    FlagKey ARule() => FlagKey.Stored(FlagKey.RulePrefix + dice.Pick(rules));

    static FlagContext Context(string json) => FlagContext.Parse(Encoding.UTF8.GetBytes(json), "").TryGet(out var context, out var fault) ? context : throw new InvalidOperationException(fault.Detail);

    static FlagContent Parsed(FlagKey key, string text)
    {
        var problems = new List<Problem>();
        return FlagContent.Parse(key, Encoding.UTF8.GetBytes(text), "", problems) ?? throw new InvalidOperationException($"{text}: {problems[0].Message}");
    }
}
