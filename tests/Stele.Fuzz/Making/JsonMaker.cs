using System.Globalization;
using System.Text;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Making;

/// <summary>JSON by its grammar, most of it sound, some of it as no writer would write it.</summary>
internal sealed class JsonMaker(Dice dice)
{
    // half of what is made is as it should be, so that what lies behind a reader is reached
    readonly double hostility = dice.Pick<double>([0, 0, 0.3, 1]);

    public Dice Dice => dice;

    /// <summary>True so often where all is hostile, and less often, or never, where this maker is less so.</summary>
    public bool Odd(double probability) => dice.Chance(probability * hostility);

    /// <summary>Any value.</summary>
    public string Any(int depth) => dice.Next(depth <= 0 ? 6 : 10) switch
    {
        0 => "null",
        1 => dice.Chance(0.5) ? "true" : "false",
        2 or 3 => Number(),
        4 or 5 => Text(),
        6 or 7 => List(dice.Next(5), () => Any(depth - 1)),
        8 when dice.Next(60) == 0 => Deep(),
        _ => Object([.. Enumerable.Range(0, dice.Next(5)).Select(_ => (dice.Chance(0.7) ? Nasty.Word(dice) : AnyText(), (Func<string>)(() => Any(depth - 1))))]),
    };

    /// <summary>Nested around what is allowed, and far past it.</summary>
    public string Deep()
    {
        var levels = Odd(0.5) ? dice.Pick<int>([59, 60, 61, 62, 63, 64, 65, 66, 100, 1_000, 10_000]) : dice.Pick<int>([15, 31, 32, 33, 50]);
        return dice.Chance(0.5) ? new string('[', levels) + new string(']', levels) : string.Concat(Enumerable.Repeat("{\"a\":", levels)) + "1" + new string('}', levels);
    }

    /// <summary>A string, of nasty text.</summary>
    public string Text() => Quote(AnyText());

    /// <summary>A text: one that no value may hold only where that is odd.</summary>
    public string AnyText() => Odd(0.2) ? Nasty.Text(dice) : Nasty.SoundText(dice);

    /// <summary>A number: one that no value may be only where that is odd.</summary>
    public string Number() => Odd(0.2) ? Nasty.Number(dice) : Nasty.SoundNumber(dice);

    /// <summary>A list.</summary>
    public string List(int count, Func<string> item) => $"[{string.Join(',', Enumerable.Range(0, count).Select(_ => item()))}]";

    /// <summary>
    /// An object with members. Structure is what is broken here: now and then one is missing, stands twice, is of another kind, is null,
    /// or is one that there is not; and their order is any.
    /// </summary>
    public string Object(params IReadOnlyList<(string Name, Func<string> Value)> members)
    {
        var written = new List<string>(members.Count + 1);
        var named = new HashSet<string>(members.Count, StringComparer.Ordinal);
        foreach (var (name, value) in members)
        {
            if (Odd(0.03) || (!named.Add(name) && !Odd(0.2))) continue;
            written.Insert(Odd(0.1) ? dice.Next(written.Count + 1) : written.Count, Member(name, Instead(value)));
            if (Odd(0.01)) written.Add(Member(name, value()));
        }
        if (Odd(0.02)) written.Add(Member(AnyText(), Any(1)));
        return $"{Space()}{{{Space()}{string.Join(',', written)}{Space()}}}{Space()}";
    }

    /// <summary>A value, or now and then another than the one that is meant.</summary>
    public string Instead(Func<string> value) => !Odd(0.05) ? value() : dice.Next(5) switch
    {
        0 => "null",
        1 => Text(),
        2 => Number(),
        3 => Any(2),
        _ => List(dice.Next(3), value),
    };

    /// <summary>A JSON string, in one of the spellings that there are.</summary>
    public string Quote(string text)
    {
        var json = new StringBuilder(text.Length + 2).Append('"');
        var escapes = dice.Next(12) == 0;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (char.IsSurrogate(c) && i + 1 < text.Length && char.IsSurrogatePair(c, text[i + 1]) && !escapes) json.Append(c).Append(text[++i]);
            else if (c is '"' or '\\') json.Append('\\').Append(c);
            else if (c < ' ' || char.IsSurrogate(c) || escapes) json.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else json.Append(c);
        }
        return json.Append('"').ToString();
    }

    /// <summary>The UTF-8 of what was made, as it is or changed on the way.</summary>
    public byte[] Bytes(string json) => !Odd(0.6) ? Encoding.UTF8.GetBytes(json) : Mutation.Of(dice, Encoding.UTF8.GetBytes(json));

    string Member(string name, string value) => $"{Quote(name)}{Space()}:{Space()}{value}";

    string Space() => dice.Next(20) == 0 ? dice.Pick<string>([" ", "\n", "\t", "\r\n", "  "]) : "";
}
