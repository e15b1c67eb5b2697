using System.Text;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Making;

/// <summary>Texts and numbers that have broken others: limits and one past them, what parsers take for something else, what databases refuse.</summary>
internal static class Nasty
{
    static readonly string[] texts =
    [
        "", " ", "a", "A", "0", "-", "--", ".", "..", "../..", "/", "//", "\\", "\"", "'", "`", "%", "%00", "%2F", "%252F", "%zz", "%u0000", "+", "&", "=", ";", ",", "\0", "a\0b", "\t", "\n", "\r\n", "\u001f", "\u007f", "\u0085",
        "é", "ß", "ı", "😀", "\u202Etxt", "\u200b", "\u2028", "\uFEFF", "\uFFFE", "\uFFFF", "\uD800", "\uDC00", "\uDC00\uD800", "a\uD800", "𐀀", "e\u0301", "null", "true", "false", "NaN", "Infinity", "-Infinity", "undefined", "None", "~", "yes", "off",
        "0x1F", "007", "1e400", "-0", "1_000", "12:30", "1.10", "9007199254740993", "9223372036854775807", "9223372036854775808", "18446744073709551616", "-9223372036854775809", "2147483648", "__proto__", "constructor", "$ref", "$secret", "$schema", "$evaluators", "$metadata", "$kill_switch", "$json", "$stele", "<<", "*a", "&a", "!t",
        "${x}", "$(x)", "{{x}}", "<script>", "'; DROP TABLE event; --", "\\u0000", "history", "rollback", "schema", "2026-01-31T14:03:00Z", "2026-02-30T00:00:00Z", "9999-12-31T23:59:60Z", "0000-00-00T00:00:00Z", "2026-01-31T14:03:00+99:99", "00000000-0000-0000-0000-000000000000", "0-00000000", "1-ffffffff", "-1-0",
        "development", "staging", "production", "default", "app.a", "app.b", "services.payment.timeout", "flag-a", "on", "off", "config", "flag", "secret", "user@example.com", "@", "a@b", "https://example.com/hook", "http://127.0.0.1:1/", "file:///etc/passwd", "10.0.0.1", "::1", "1.0.0", "=", "^", ">=",
    ];

    // no U+0000, and no half of a pair
    static readonly string[] soundTexts = [.. texts.Where(text => !text.Contains('\0') && !text.EnumerateRunes().Contains(Rune.ReplacementChar))];

    static readonly string[] soundNumbers = ["0", "-0", "1", "2", "3", "-1", "12", "100", "1.10", "0.1", "1e5", "-1E-9", "9007199254740991", "2147483647", "2147483648", "123456.789"];

    static readonly int[] lengths = [49, 50, 51, 99, 100, 101, 255, 256, 257, 1_000, 1_024, 1_025, 4_096, 4_097, 10_000, 70_000];

    /// <summary>A text; one in thirty is long.</summary>
    public static string Text(Dice dice)
    {
        if (dice.Next(30) == 0) return Long(dice);
        var text = dice.Pick(texts);
        return dice.Next(6) == 0 ? text + dice.Pick(texts) : text;
    }

    /// <summary>A text that a value may hold.</summary>
    public static string SoundText(Dice dice) => dice.Next(30) == 0 ? Long(dice) : dice.Pick(soundTexts);

    /// <summary>A number that a value may be.</summary>
    public static string SoundNumber(Dice dice) => dice.Pick(soundNumbers);

    /// <summary>A text that is what most texts are: a short word.</summary>
    public static string Word(Dice dice) => dice.Pick<string>(["a", "b", "c", "on", "off", "x1", "tier", "email", "name", "app", "p"]);

    /// <summary>One character, often.</summary>
    public static string Long(Dice dice) => string.Concat(Enumerable.Repeat(dice.Pick<string>(["k", "é", "😀", "0", ".", "[0]", "a.", "%41"]), dice.Pick(lengths)));

    /// <summary>A number as JSON may write it, some of them past what JSON or we allow.</summary>
    public static string Number(Dice dice) => dice.Next(24) switch
    {
        0 => "0",
        1 => "-0",
        2 => "1.10",
        3 => "1e5",
        4 => "-1E-999",
        5 => "1e1000",
        6 => "1e1001",
        7 => "9007199254740993",
        8 => "9223372036854775807",
        9 => "9223372036854775808",
        10 => "-9223372036854775808",
        11 => "2147483647",
        12 => "2147483648",
        13 => "-2147483649",
        14 => "1e308",
        15 => "1e309",
        16 => "5e-324",
        17 => "0." + new string('0', dice.Next(400)) + "1",
        18 => new string('9', dice.Between(17, 30)),
        19 => new string('1', dice.Between(999, 1_001)),
        20 => "0.1",
        21 => dice.Between(-3, 100).ToString(System.Globalization.CultureInfo.InvariantCulture) + "." + dice.Next(1_000),
        _ => dice.Between(-3, 12).ToString(System.Globalization.CultureInfo.InvariantCulture),
    };

    /// <summary>Bytes of a text, in which half a surrogate pair is written as nobody may.</summary>
    public static byte[] Utf8(string text)
    {
        var bytes = new List<byte>(text.Length + 8);
        for (var i = 0; i < text.Length; i++)
            if (!char.IsSurrogate(text[i])) bytes.AddRange(Encoding.UTF8.GetBytes(text, i, 1));
            else if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1])) bytes.AddRange(Encoding.UTF8.GetBytes(text, i++, 2));
            else bytes.AddRange([(byte)(0xE0 | text[i] >> 12), (byte)(0x80 | text[i] >> 6 & 0x3F), (byte)(0x80 | text[i] & 0x3F)]);
        return [.. bytes];
    }
}
