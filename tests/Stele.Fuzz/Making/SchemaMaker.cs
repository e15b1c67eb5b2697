using System.Globalization;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Making;

/// <summary>JSON Schemas with every keyword of draft 2020-12, references in circles, patterns that would take for ever elsewhere; and values for them.</summary>
internal sealed class SchemaMaker(JsonMaker json)
{
    static readonly string[] types = ["null", "boolean", "object", "array", "number", "string", "integer"];

    static readonly string[] references = ["#", "#/$defs/a", "#/$defs/b", "#/$defs/none", "#anchor", "#dyn", "urn:x:a", "urn:x:none", "", "a", "#/%24defs/a", "#/$defs/~0~1", "https://example.com/s", "https://json-schema.org/draft/2020-12/schema", "#/properties/a", "\u0000"];

    static readonly string[] formats = ["date-time", "date", "time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6", "uri", "uri-reference", "iri", "uuid", "json-pointer", "relative-json-pointer", "regex", "uri-template", "none"];

    static readonly string[] unary = ["not", "if", "then", "else", "contains", "additionalProperties", "propertyNames", "items", "unevaluatedItems", "unevaluatedProperties", "contentSchema"];

    static readonly string[] lists = ["allOf", "anyOf", "oneOf", "prefixItems"];

    static readonly string[] maps = ["properties", "patternProperties", "$defs", "dependentSchemas"];

    static readonly string[] counts = ["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains"];

    static readonly string[] bounds = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];

    readonly Dice dice = json.Dice;

    /// <summary>A schema.</summary>
    public string Schema(int depth)
    {
        if (depth <= 0 || dice.Next(12) == 0) return dice.Pick<string>(["true", "false", "{}", "{\"type\":\"string\"}", "{\"$ref\":\"#\"}", "{\"$ref\":\"#/$defs/a\"}"]);
        if (json.Odd(0.005)) return Chain();
        var members = Enumerable.Range(0, dice.Between(1, 5)).Select(_ => Keyword(depth)).DistinctBy(member => member.Item1).ToList();
        if (depth >= 4)
        {
            if (!json.Odd(0.3)) members.Add(("$defs", () => json.Object(("a", () => Schema(depth - 1)), ("b", () => Schema(depth - 1)))));
            if (json.Odd(0.2)) members.Add(("$schema", () => json.Quote(dice.Pick<string>(["https://json-schema.org/draft/2020-12/schema", "urn:stele:schema:assert-formats", "http://json-schema.org/draft-07/schema#", "x"]))));
        }
        return json.Object([.. members.DistinctBy(member => member.Item1)]);
    }

    /// <summary>A value that may keep to one.</summary>
    public string Value() => dice.Next(12) switch
    {
        0 => json.Deep(),
        1 => json.List(dice.Pick<int>([50, 500, 3_000]), () => dice.Chance(0.5) ? json.Number() : json.Text()),
        2 => json.Quote(string.Concat(Enumerable.Repeat(dice.Pick<string>(["a", "ab", "aaaaaaaa", "é", "😀"]), dice.Pick<int>([1, 30, 1_000, 20_000])))),
        _ => json.Any(4),
    };

    /// <summary>A regular expression, as ECMA has them or nearly.</summary>
    public string Pattern(int depth) => depth <= 0 ? dice.Pick<string>(["a", "b", ".", "\\d", "\\w", "\\s", "[a-z]", "[^\\d]", "é", "😀", "\\u{1F600}", "\\p{L}", "\\p{Script=Greek}", "[\\p{Lu}a]", "^", "$", "\\b", "\\/", "\\x41", "\\cA", "[", "\\", "\\k<a>", "\\1", "\\0", "[z-a]", "(?=a)", "(?<!a)", "\\uD83D", "\\"]) : dice.Next(7) switch
    {
        0 => Pattern(depth - 1) + Pattern(depth - 1),
        1 => $"({Pattern(depth - 1)}|{Pattern(depth - 1)})",
        2 => $"({Pattern(depth - 1)})*",
        3 => $"(?:{Pattern(depth - 1)})+",
        4 => $"({Pattern(depth - 1)}){dice.Pick<string>(["{2}", "{0,3}", "{1,}", "{100}", "{1000}", "{99999}", "{2,1}", "?", "*?", "{,3}", "{a}"])}",
        5 => $"({string.Concat(Enumerable.Repeat("(a*)*", dice.Next(12)))})$",
        _ => Pattern(depth - 1),
    };

    (string, Func<string>) Keyword(int depth) => dice.Next(16) switch
    {
        0 => ("type", () => dice.Chance(0.7) ? json.Quote(dice.Pick(types)) : json.List(dice.Next(4), () => json.Quote(dice.Pick(types)))),
        1 => ("enum", () => json.List(dice.Next(5), () => json.Any(2))),
        2 => ("const", () => json.Any(2)),
        3 => (dice.Pick(counts), () => !json.Odd(0.2) ? dice.Next(5).ToString(CultureInfo.InvariantCulture) : json.Number()),
        4 => (dice.Pick(bounds), () => json.Odd(0.5) ? json.Number() : dice.Pick<string>(["1", "0.5", "100", "2.50"])),
        5 => ("pattern", () => json.Quote(Pattern(json.Odd(1) ? dice.Next(6) : 0) is var one && json.Odd(1) ? one : "^[a-z]+(a|b)*$")),
        6 => ("format", () => json.Quote(dice.Pick(formats))),
        7 => ("required", () => json.List(dice.Next(4), () => json.Quote(Nasty.Word(dice)))),
        8 => ("$ref", () => json.Quote(json.Odd(0.7) ? dice.Pick(references) : dice.Pick<string>(["#/$defs/a", "#/$defs/b", "#"]))),
        9 when !json.Odd(1) => ("title", () => "\"t\""),
        9 => (dice.Pick<string>(["$dynamicRef", "$anchor", "$dynamicAnchor", "$id", "$comment", "title", "$vocabulary", "definitions", "dependencies"]), () => json.Quote(dice.Pick<string>(["anchor", "dyn", "#dyn", "urn:x:a", "a/b", "#", ""]))),
        10 => ("uniqueItems", () => "true"),
        11 => ("dependentRequired", () => json.Object((Nasty.Word(dice), () => json.List(dice.Next(3), () => json.Quote(Nasty.Word(dice)))))),
        12 => (dice.Pick(lists), () => json.List(dice.Pick<int>([json.Odd(0.5) ? 0 : 1, 1, 2, 3, 10]), () => Schema(depth - 1))),
        13 or 14 => (dice.Pick(maps), () => json.Object([.. Enumerable.Range(0, dice.Between(1, 3)).Select(_ => (!json.Odd(0.3) ? Nasty.Word(dice) : Pattern(3), (Func<string>)(() => Schema(depth - 1))))])),
        _ => (dice.Pick(unary), () => Schema(depth - 1)),
    };

    string Chain()
    {
        var (levels, name) = (dice.Pick<int>([20, 30, 31, 60, 63, 64, 400]), dice.Pick<string>(["not", "items", "additionalProperties", "if"]));
        return string.Concat(Enumerable.Repeat($"{{\"{name}\":", levels)) + "true" + new string('}', levels);
    }
}
