using System.Globalization;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Making;

/// <summary>Flag definitions, files of them, and contexts: JsonLogic with all operations that there are, and one that there is not.</summary>
internal sealed class RuleMaker(JsonMaker json)
{
    static readonly string[] operations =
    [
        "if", "?:", "and", "or", "!", "!!", "==", "===", "!=", "!==", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "min", "max", "cat", "substr", "in", "merge",
        "map", "filter", "reduce", "all", "none", "some", "missing", "missing_some", "var", "log", "fractional", "sem_ver", "starts_with", "ends_with", "flag", "schedule", "$ref",
    ];

    static readonly string[] paths = ["", "a", "b.c", "tier", "email", "targetingKey", "$flagd.timestamp", "$flagd.flagKey", "list", "list.0", "list.0.a", "current", "accumulator", "b..c", ".", "b.", "99999999999", "length", "__proto__", "deep.a.a.a.a.a.a.a.a"];

    static readonly string[] names = ["on", "off", "a", "b", "c"];

    readonly Dice dice = json.Dice;

    /// <summary>A file: flags that read each other and shared rules, and may go in circles.</summary>
    public string File() => json.Object(
        ("flags", () => json.Object([.. Enumerable.Range(0, dice.Between(1, 4)).Select(i => (FlagName(i), (Func<string>)Definition))])),
        ("$evaluators", () => json.Object([.. Enumerable.Range(0, dice.Next(3)).Select(i => (SharedName(i), (Func<string>)(() => $"{{\"or\":[{Rule(3)},{Rule(2)}]}}")))])),
        ("metadata", Metadata));

    /// <summary>A definition, in either form.</summary>
    public string Definition() => dice.Next(5) == 0 ? Short() : Full();

    /// <summary>A context.</summary>
    public string Context() => json.Odd(0.05) ? json.Any(3) : json.Object(
        ("targetingKey", () => json.Quote(dice.Chance(0.7) ? "user-" + dice.Next(100).ToString(CultureInfo.InvariantCulture) : json.AnyText())),
        ("a", () => json.Any(2)), ("b", () => json.Object(("c", () => json.Any(1)))), ("tier", () => json.Quote(Nasty.Word(dice))), ("email", () => "\"ada@example.com\""),
        ("list", () => json.List(dice.Pick<int>([0, 1, 3, 50, 300]), () => dice.Chance(0.8) ? json.Number() : json.Any(1))), ("$flagd", () => json.Any(1)));

    /// <summary>A rule.</summary>
    public string Rule(int depth)
    {
        if (depth <= 0 || dice.Next(8) == 0) return Leaf();
        if (json.Odd(0.01)) return Chain();
        var name = json.Odd(0.02) ? "nope" : dice.Pick(operations);
        return $"{{{json.Quote(json.Odd(0.01) ? json.AnyText() : name)}:{json.Instead(() => Arguments(name, depth))}}}";
    }

    string Arguments(string name, int depth) => name switch
    {
        "var" => dice.Chance(0.6) ? Path() : $"[{Path()},{Leaf()}]",
        "missing" => json.List(dice.Next(4), Path),
        "missing_some" => $"[{dice.Next(3)},{json.List(dice.Next(4), Path)}]",
        "fractional" => Fractional(depth),
        "schedule" => ShortSchedule(),
        "$ref" => json.Quote(SharedName(dice.Next(3))),
        "flag" => json.Quote(FlagName(dice.Next(4))),
        "sem_ver" => $"[{Version()},{json.Quote(json.Odd(0.1) ? "==" : dice.Pick<string>(["=", "!=", "<", "<=", ">", ">=", "^", "~"]))},{Version()}]",
        "map" or "filter" or "all" or "none" or "some" => $"[{Items(depth)},{Rule(depth - 1)}]",
        "reduce" => $"[{Items(depth)},{Rule(depth - 1)},{Leaf()}]",
        "if" or "?:" => json.List(dice.Between(0, 6), () => Rule(depth - 1)),
        "!" or "!!" or "log" when dice.Chance(0.5) => Rule(depth - 1),
        _ => json.List(json.Odd(0.3) ? 0 : dice.Between(1, 4), () => Rule(depth - 1)),
    };

    string Items(int depth) => dice.Next(3) switch
    {
        0 => "{\"var\":\"list\"}",
        1 => json.List(dice.Pick<int>([0, 2, 30]), Leaf),
        _ => Rule(depth - 1),
    };

    string Fractional(int depth)
    {
        var shares = json.Odd(0.2) ? 0 : dice.Between(1, 4);
        var parts = Enumerable.Range(0, shares).Select(_ => $"[{(dice.Chance(0.8) ? Variant() : Rule(depth - 1))},{(!json.Odd(0.2) ? dice.Next(101).ToString(CultureInfo.InvariantCulture) : json.Number())}]");
        return $"[{string.Join(',', dice.Chance(0.5) ? parts.Prepend(Rule(1)) : parts)}]";
    }

    // as deep as a text may be, and deeper
    string Chain()
    {
        var (levels, name) = (dice.Pick<int>([20, 29, 30, 31, 32, 60, 63, 64, 500]), dice.Pick<string>(["!", "cat", "merge", "and", "if", "+", "map"]));
        return string.Concat(Enumerable.Repeat($"{{\"{name}\":[", levels)) + Leaf() + string.Concat(Enumerable.Repeat("]}", levels));
    }

    string Full() => json.Object(
        ("state", () => dice.Chance(0.9) ? "\"ENABLED\"" : "\"DISABLED\""),
        ("variants", () => Variants(dice.Next(4))),
        ("defaultVariant", () => dice.Chance(0.8) ? Variant() : "null"),
        ("targeting", () => dice.Next(4) == 0 ? Rule(5) : $"{{\"if\":[{Rule(4)},{Variant()},{Rule(3)}]}}"),
        ("metadata", Metadata));

    string Variants(int kind) => json.Object([.. names.Take(dice.Between(2, 5)).Select(name => (name, (Func<string>)(() => kind switch
    {
        0 => name == "off" ? "false" : "true",
        1 => json.Text(),
        2 => json.Number(),
        _ => json.Object(("v", () => json.Any(2))),
    })))]);

    string Short()
    {
        var members = new List<(string, Func<string>)> { ("enabled", () => dice.Chance(0.9) ? "true" : "false") };
        if (dice.Chance(0.5)) members.Add(("percentage", () => json.Odd(0.3) ? json.Number() : dice.Next(101).ToString(CultureInfo.InvariantCulture)));
        else if (dice.Chance(0.5)) members.Add(("schedule", () => ShortSchedule()));
        if (dice.Chance(0.5)) members.Add(("target_users", () => json.List(dice.Pick<int>([0, 1, 5, 100]), () => json.Quote(json.Odd(0.3) ? json.AnyText() : "user-" + dice.Next(9).ToString(CultureInfo.InvariantCulture)))));
        if (json.Odd(0.1)) members.Add(("bucketing", () => "\"murmur3_x86_32\""));
        return json.Object(members);
    }

    string ShortSchedule()
    {
        var at = dice.Next(1_000_000);
        return json.List(dice.Between(1, 4), () => $"[{(json.Odd(0.3) ? Moment() : (at += dice.Between(1, 500_000_000)).ToString(CultureInfo.InvariantCulture))},{dice.Next(101)}]");
    }

    string Metadata() => json.Object([.. Enumerable.Range(0, dice.Pick<int>([0, 1, 2, json.Odd(0.3) ? 65 : 64])).Select(i => ("m" + i.ToString(CultureInfo.InvariantCulture), (Func<string>)(() => json.Odd(0.01) ? json.Any(1) : json.Odd(0.2) ? json.Number() : "1")))]);

    string Leaf() => dice.Next(5) switch
    {
        0 => Variant(),
        1 => $"{{\"var\":{Path()}}}",
        2 => json.Number(),
        3 => json.Text(),
        _ => dice.Pick<string>(["null", "true", "false", "[]", "{}", "\"1.0.0\"", "[\"on\",1]", json.Odd(0.5) ? "{\"p\":1,\"q\":[2]}" : "[[]]", "0", "1"]),
    };

    string Variant() => json.Quote(json.Odd(0.03) ? json.AnyText() : dice.Pick<string>(["on", "off"]));

    string Path() => json.Odd(0.1) ? json.Number() : json.Quote(json.Odd(0.1) ? json.AnyText() : dice.Pick(paths));

    string Moment() => !json.Odd(0.3) ? dice.Next(2_000_000_000).ToString(CultureInfo.InvariantCulture) : dice.Pick<string>(["\"2026-12-01T00:00:00Z\"", "\"1900-01-01T00:00:00Z\"", "-1", "1e18", "\"x\""]);

    string Version() => dice.Next(3) switch
    {
        0 => "{\"var\":\"a\"}",
        1 => json.Quote(dice.Pick<string>(["1.0.0", "v2.1", "1.2.3-rc.1+b", "01.2.3", "1", "99999999999999999999.0.0", "1.0.0-", "", "1.0.0-0123"])),
        _ => json.Text(),
    };

    static string FlagName(int index) => "flag-" + (char)('a' + index);

    static string SharedName(int index) => "shared-" + (char)('a' + index);
}
