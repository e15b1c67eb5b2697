using System.Text;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Making;

/// <summary>Files as people keep configuration in, with the corners of their formats.</summary>
internal sealed class FileMaker(Dice dice)
{
    static readonly string[] scalars =
    [
        "1", "1.10", "-0", "0x1F", "007", ".5", "+1", "1_000", ".inf", "~", "null", "true", "yes", "on", "''", "\"\"", "'it''s'", "\"\\u0041\\n\\x41\\U0001F600\"", "\"\\uD800\"", "\"\\q\"", "|\n  text\n  more", ">-\n  folded\n  text", "|2\n   x", "|+\n  kept\n\n",
        "!!str 1", "!!int 1", "!!binary aGk=", "!custom x", "!<tag:yaml.org,2002:str> x", "! x", "!!", "2026-01-31", "12:30", "*a", "*none", "&a 1", "&b [1, *a]", "[]", "{}", "[a, b, {c: d}]", "{a: 1, b: [2]}", "{a, b: }", "[a, , b]", "? x", "- x", "- - - x", "x: y: z", "#", "# c", "%", "@x", "`x`", "${x}", "\"unclosed", "'unclosed", "[unclosed", "{unclosed",
        "{$json: {a: [1]}}", "{$json: }", "9999999999999999999999999999", "1e400", "\t", "a\tb", "\u0085", "\u2028", "\uFEFF", "é😀", "%YAML 1.2", "%YAML 99999999999.1", "%TAG ! tag:x:", "---", "...",
    ];

    static readonly string[] keys = ["a", "b", "a.b", "list", "spring.profiles", "spring.config.activate.on-profile", "\"q\"", "'s'", "<<", "1", "true", "~", "? k", "[x]", "x[0]", "x[1]", "$json", "$stele", "é", "", "a b", "*a", "&a k", "!!str k", "-", "#", "\"\\u0000\""];

    /// <summary>YAML, or nearly.</summary>
    public string Yaml()
    {
        var text = new StringBuilder();
        if (dice.Next(10) == 0) text.Append(dice.Pick<string>(["%YAML 1.2\n---\n", "%TAG ! tag:x,2000:\n---\n", "\uFEFF", "---\n", "# stele:keys whole\n", "%FOO\n---\n"]));
        if (dice.Next(60) == 0) return text.Append(Swelling()).ToString();
        for (var documents = dice.Next(8) == 0 ? 2 : 1; documents > 0; documents--)
        {
            Map(text, 0, dice.Between(1, 4));
            if (documents > 1) text.Append(dice.Pick<string>(["---\n", "...\n", "--- !!map\n", "---\n---\n"]));
        }
        return text.ToString();
    }

    /// <summary>A .properties file, or nearly.</summary>
    public string Properties() => Lines(() => dice.Next(8) switch
    {
        0 => dice.Pick<string>(["# comment", "! comment", "#---", "!---", "# stele:type number", "# stele:type json", "# stele:keys whole", "# stele:type"]),
        1 => "key" + dice.Pick<string>(["\\", "=\\", "=a\\", "=\\u00", "=\\u0000", "=\\uD800", "=\\u0041", "\\=x=1", "\\:", "=\\\n  next", " : v", "\tv", "=v\\  "]),
        _ => dice.Pick(keys) + dice.Pick<string>(["=", ":", " ", " = ", ""]) + (dice.Chance(0.5) ? dice.Pick(scalars) : Nasty.Text(dice)),
    });

    /// <summary>A .env file, or nearly.</summary>
    public string Dotenv() => Lines(() => dice.Next(8) switch
    {
        0 => dice.Pick<string>(["# comment", "# stele:type boolean", "export A=1", "export", "=", "A", "A='", "A=\"\\", "A='x' y", "A=\"x\" # c"]),
        1 => $"K=\"{Nasty.Text(dice)}\"",
        _ => $"{dice.Pick(keys)}={(dice.Chance(0.5) ? dice.Pick(scalars) : Nasty.Text(dice))}",
    });

    string Lines(Func<string> line)
    {
        var text = new StringBuilder();
        for (var count = dice.Next(12); count > 0; count--) text.Append(line()).Append(dice.Pick<string>(["\n", "\n", "\n", "\r\n", "\r", "\n\n", "\f\n", ""]));
        return text.ToString();
    }

    void Map(StringBuilder text, int indent, int depth)
    {
        for (var count = dice.Between(1, 4); count > 0; count--)
        {
            text.Append(' ', indent).Append(dice.Next(3) == 0 ? dice.Pick(keys) : Nasty.Word(dice)).Append(dice.Next(25) == 0 ? dice.Pick<string>(["", " :", ":", ":\t"]) : ":");
            switch (dice.Next(depth > 0 ? 5 : 2))
            {
                case 2 or 3:
                    text.Append('\n');
                    Map(text, indent + dice.Pick<int>([2, 2, 2, 1, 0]), depth - 1);
                    break;
                case 4:
                    text.Append('\n');
                    for (var items = dice.Between(1, 3); items > 0; items--) text.Append(' ', indent + 2).Append("- ").Append(dice.Pick(scalars)).Append('\n');
                    break;
                default:
                    text.Append(' ').Append(dice.Chance(0.6) ? dice.Pick(scalars) : Nasty.Text(dice)).Append('\n');
                    break;
            }
        }
    }

    // small texts that stand for large ones, and deep ones
    string Swelling() => dice.Next(5) switch
    {
        0 => "a: &a [x,x,x,x,x,x,x,x,x]\n" + string.Concat(Enumerable.Range(0, 12).Select(i => $"{(char)('b' + i)}: &{(char)('b' + i)} [{string.Join(',', Enumerable.Repeat($"*{(char)('a' + i)}", 9))}]\n")),
        1 => "a: " + new string('[', dice.Pick<int>([60, 66, 600, 5_000])),
        2 => "a: " + string.Concat(Enumerable.Repeat("{a: ", dice.Pick<int>([60, 66, 600, 5_000]))),
        3 => "a: &a\n  <<: *a\n  b: *a\n",
        _ => string.Concat(Enumerable.Repeat("- ", dice.Pick<int>([60, 66, 2_000]))) + "x",
    };
}
