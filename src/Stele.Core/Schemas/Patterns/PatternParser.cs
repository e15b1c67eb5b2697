using System.Text;
using Stele.Core.Json;

namespace Stele.Core.Schemas.Patterns;

/// <summary>
/// Reads a regular expression as ECMA-262 writes them, by code points (its <c>u</c> mode), where punctuation may be escaped
/// needlessly and <c>]</c>, <c>}</c> and a <c>{</c> that begins no count stand for themselves, as its Annex B allows.
/// </summary>
/// <remarks>Back references are refused: with them no bound on the time of a match is known.</remarks>
sealed partial class PatternParser
{
    const int NestingMax = 50;

    readonly int[] text;
    int at;
    int nesting;
    string? refusal;

    PatternParser(string pattern) => text = [.. pattern.EnumerateRunes().Select(rune => rune.Value)];

    /// <summary>The pattern's parts, or why there are none.</summary>
    public static PatternNode? Parse(string pattern, out string? refusal)
    {
        var parser = new PatternParser(pattern);
        var node = parser.ReadChoice();
        if (parser.refusal is null && parser.at < parser.text.Length) parser.Refuse("a ')' closes no group");
        refusal = parser.refusal;
        return refusal is null ? node : null;
    }

    PatternNode ReadChoice()
    {
        var options = new List<PatternNode> { ReadSequence() };
        while (Take('|')) options.Add(ReadSequence());
        return options.Count == 1 ? options[0] : new PatternNode.Choice(options);
    }

    PatternNode ReadSequence()
    {
        var parts = new List<PatternNode>();
        while (refusal is null && at < text.Length && text[at] is not ('|' or ')'))
            parts.Add(ReadRepeat(ReadAtom()));
        return parts.Count == 1 ? parts[0] : new PatternNode.Sequence(parts);
    }

    PatternNode ReadAtom()
    {
        var character = text[at++];
        switch (character)
        {
            case '^': return new PatternNode.Edge(EdgeKind.Begin);
            case '$': return new PatternNode.Edge(EdgeKind.End);
            case '.': return new PatternNode.One(new CharacterSet([('\n', '\n'), ('\r', '\r'), (0x2028, 0x2029)], 0, negated: true));
            case '(': return ReadGroup();
            case '[': return new PatternNode.One(ReadClass());
            case '*' or '+' or '?': return Refuse($"'{(char)character}' repeats nothing");
            case '{' when IsCount(at - 1): return Refuse("'{' repeats nothing");
            case '\\' when at < text.Length && text[at] is 'b' or 'B':
                return new PatternNode.Edge(text[at++] == 'b' ? EdgeKind.Word : EdgeKind.NotWord);
            case '\\':
                return new PatternNode.One(ReadEscape(inClass: false).ToSet());
            default: return new PatternNode.One(new CharacterSet([(character, character)], 0, negated: false));
        }
    }

    PatternNode ReadGroup()
    {
        if (++nesting > NestingMax) return Refuse($"groups are nested deeper than {NestingMax}");
        var (behind, negated, look) = (false, false, false);
        if (Take('?'))
        {
            if (Take(':')) { }
            else if (Take('=')) look = true;
            else if (Take('!')) look = negated = true;
            else if (Take('<') && at < text.Length && text[at] is '=' or '!') (look, behind, negated) = (true, true, text[at++] == '!');
            else if (text[at - 1] == '<') SkipName();
            else return Refuse("after '(?' comes ':', '=', '!', '<=', '<!' or '<name>'");
        }
        var part = ReadChoice();
        if (!Take(')')) return Refuse("a group is not closed");
        nesting--;
        return look ? new PatternNode.Look(part, behind, negated) : part;
    }

    PatternNode ReadRepeat(PatternNode part)
    {
        if (refusal is not null || at == text.Length) return part;
        var (min, max) = (1, 1);
        switch (text[at])
        {
            case '*': (min, max) = (0, -1); break;
            case '+': (min, max) = (1, -1); break;
            case '?': (min, max) = (0, 1); break;
            case '{' when IsCount(at):
                at++;
                min = max = ReadNumber();
                if (Take(',')) max = text[at] == '}' ? -1 : ReadNumber();
                if (max >= 0 && max < min) return Refuse("a count ends below its beginning");
                break;
            default: return part;
        }
        at++;
        Take('?');
        if (part is PatternNode.Edge) return Refuse("a place such as '^' cannot be repeated");
        if (at < text.Length && (text[at] is '*' or '+' or '?' || (text[at] == '{' && IsCount(at)))) return Refuse("a repetition cannot be repeated; put it into a group");
        return new PatternNode.Repeat(part, min, max);
    }

    /// <summary>Whether a '{' begins <c>{n}</c>, <c>{n,}</c> or <c>{n,m}</c>.</summary>
    bool IsCount(int from)
    {
        var i = from + 1;
        var digits = SkipDigits(ref i);
        if (digits == 0) return false;
        if (i < text.Length && text[i] == ',')
        {
            i++;
            SkipDigits(ref i);
        }
        return i < text.Length && text[i] == '}';
    }

    int SkipDigits(ref int i)
    {
        var start = i;
        while (i < text.Length && text[i] is >= '0' and <= '9') i++;
        return i - start;
    }

    int ReadNumber()
    {
        var number = 0;
        // what is more than any program may hold need not be told apart
        for (; text[at] is >= '0' and <= '9'; at++) number = Math.Min(number * 10 + text[at] - '0', 1_000_000);
        return number;
    }

    void SkipName()
    {
        var start = at;
        while (at < text.Length && text[at] != '>' && (text[at] is '_' or '$' || Rune.IsLetterOrDigit(new Rune(text[at])))) at++;
        if (at == start || !Take('>')) Refuse("a group's name is not closed");
    }

    bool Take(char character)
    {
        if (refusal is not null || at >= text.Length || text[at] != character) return false;
        at++;
        return true;
    }

    PatternNode.Sequence Refuse(string why)
    {
        refusal ??= $"{why}, at character {at}";
        at = text.Length;
        return new PatternNode.Sequence([]);
    }

    static int Hex(int character) => character < 128 ? JsonEscapes.Hex((byte)character) : -1;
}
