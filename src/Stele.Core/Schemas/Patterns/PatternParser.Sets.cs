using System.Text;

namespace Stele.Core.Schemas.Patterns;

/// <summary>Escapes, and sets in brackets.</summary>
sealed partial class PatternParser
{
    /// <summary>What an escape or a member of a set stands for.</summary>
    /// <param name="Ranges">Its code points.</param>
    /// <param name="Categories">Its general categories.</param>
    /// <param name="Single">The one code point it is, or a negative number.</param>
    readonly record struct Members(List<(int First, int Last)> Ranges, uint Categories, int Single)
    {
        public static Members One(int codePoint) => new([(codePoint, codePoint)], 0, codePoint);

        public CharacterSet ToSet() => new(Ranges, Categories, negated: false);
    }

    static readonly List<(int First, int Last)> digits = [('0', '9')];
    static readonly List<(int First, int Last)> word = [('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

    CharacterSet ReadClass()
    {
        var negated = Take('^');
        var ranges = new List<(int, int)>();
        uint categories = 0;
        while (refusal is null && at < text.Length && text[at] != ']')
        {
            var first = ReadMember();
            if (at + 1 < text.Length && text[at] == '-' && text[at + 1] != ']')
            {
                at++;
                var last = ReadMember();
                if (first.Single < 0 || last.Single < 0) Refuse("a range goes from one character to one character");
                else if (first.Single > last.Single) Refuse("a range ends before its beginning");
                else ranges.Add((first.Single, last.Single));
                continue;
            }
            ranges.AddRange(first.Ranges);
            categories |= first.Categories;
        }
        if (!Take(']')) Refuse("a set is not closed");
        return new CharacterSet(ranges, categories, negated);
    }

    Members ReadMember()
    {
        var character = text[at++];
        return character == '\\' ? ReadEscape(inClass: true) : Members.One(character);
    }

    Members ReadEscape(bool inClass)
    {
        if (at >= text.Length) return Refused("the pattern ends in '\\'");
        var character = text[at++];
        switch (character)
        {
            case 'd': return new Members(digits, 0, -1);
            case 'D': return new Members(CharacterSet.Complement(digits), 0, -1);
            case 'w': return new Members(word, 0, -1);
            case 'W': return new Members(CharacterSet.Complement(word), 0, -1);
            case 's': return new Members(UnicodeProperties.Space, 0, -1);
            case 'S': return new Members(CharacterSet.Complement(UnicodeProperties.Space), 0, -1);
            case 'p' or 'P': return ReadProperty(character == 'P');
            case 't': return Members.One('\t');
            case 'n': return Members.One('\n');
            case 'v': return Members.One('\v');
            case 'f': return Members.One('\f');
            case 'r': return Members.One('\r');
            case 'b' when inClass: return Members.One('\b');
            case '0' when at == text.Length || text[at] is < '0' or > '9': return Members.One(0);
            case 'c' when at < text.Length && text[at] < 128 && char.IsAsciiLetter((char)text[at]): return Members.One(text[at++] % 32);
            case 'x': return ReadHex(2) is var code and >= 0 ? Members.One(code) : Refused("'\\x' takes two hexadecimal digits");
            case 'u': return ReadUnicode();
            case >= '0' and <= '9' or 'k': return Refused("back references are not supported: no bound on the time of a match is known with them");
            case < 128 when char.IsAsciiLetter((char)character): return Refused($"'\\{(char)character}' is no escape of ECMA-262");
            default: return Members.One(character);
        }
    }

    Members ReadProperty(bool negated)
    {
        var end = Take('{') ? Array.IndexOf(text, '}', at) : -1;
        if (end < 0) return Refused("'\\p' takes a property in braces");
        var name = string.Concat(text[at..end].Select(character => new Rune(character).ToString()));
        at = end + 1;
        if (!UnicodeProperties.TryFind(name, out var ranges, out var categories)) return Refused($"the Unicode property '{name}' is not supported; {UnicodeProperties.Known}");
        if (!negated) return new Members(ranges, categories, -1);
        return categories == 0 ? new Members(CharacterSet.Complement(ranges), 0, -1) : new Members([], UnicodeProperties.All & ~categories, -1);
    }

    Members ReadUnicode()
    {
        if (Take('{'))
        {
            var code = 0;
            var start = at;
            for (; at < text.Length && Hex(text[at]) is var digit and >= 0 && code <= CharacterSet.Last; at++) code = code << 4 | digit;
            return at > start && code <= CharacterSet.Last && Take('}') ? Members.One(code) : Refused("'\\u{…}' takes the hexadecimal digits of a code point");
        }
        var unit = ReadHex(4);
        if (unit < 0) return Refused("'\\u' takes four hexadecimal digits");
        if (!char.IsHighSurrogate((char)unit) || at + 1 >= text.Length || text[at] != '\\' || text[at + 1] != 'u') return Members.One(unit);
        var before = at;
        at += 2;
        var low = ReadHex(4);
        if (low >= 0 && char.IsLowSurrogate((char)low)) return Members.One(char.ConvertToUtf32((char)unit, (char)low));
        at = before;
        return Members.One(unit);
    }

    int ReadHex(int count)
    {
        if (at + count > text.Length) return -1;
        var value = 0;
        for (var i = 0; i < count; i++)
        {
            var digit = Hex(text[at + i]);
            if (digit < 0) return -1;
            value = value << 4 | digit;
        }
        at += count;
        return value;
    }

    Members Refused(string why)
    {
        Refuse(why);
        return Members.One(0);
    }
}
