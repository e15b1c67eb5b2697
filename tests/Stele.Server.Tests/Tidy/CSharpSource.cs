using System.Text.RegularExpressions;

namespace Stele.Server.Tests.Tidy;

/// <summary>
/// A C# file as these tests need it: its code with comments and the contents of literals blanked out (same length, same
/// lines), and the comments and literals by themselves. Not a compiler: it knows tokens and braces, no more.
/// </summary>
internal sealed partial class CSharpSource
{
    static readonly string[] modifiers = ["public", "internal", "protected", "private", "static", "async", "override", "virtual", "readonly", "ref", "unsafe", "new", "partial"];

    readonly string text;
    readonly char[] code;

    CSharpSource(string path, string text)
    {
        Path = path;
        this.text = text;
        code = text.ToCharArray();
        for (var at = 0; at < text.Length; at++) at = SkipCode(at);
        Code = new string(code);
    }

    public string Path { get; }
    public string Text => text;

    /// <summary>The text with everything that is not code turned into spaces.</summary>
    public string Code { get; }

    public List<(int At, string Text)> Comments { get; } = [];
    public List<(int At, string Text, bool Raw)> Literals { get; } = [];
    public int Lines => text.Length == 0 ? 0 : text.Count(c => c == '\n') + (text[^1] == '\n' ? 0 : 1);

    public static CSharpSource Read(string path) => new(path, Repository.Read(path));

    public static CSharpSource Of(string text) => new("sample.cs", text);

    public int LineOf(int at) => text.AsSpan(0, at).Count('\n') + 1;

    /// <summary>The names of the types that the file declares, with the kind of each and what stands after its colon.</summary>
    public IEnumerable<(string Kind, string Name, string Bases, int At)> Types() => TypePattern().Matches(Code)
        .Select(match => (match.Groups["kind"].Value, match.Groups["name"].Value, BasesAfter(match.Index + match.Length), match.Index));

    /// <summary>Methods, constructors, operators and properties: name, first line, number of lines.</summary>
    public IEnumerable<(string Name, int Line, int Lines)> Functions()
    {
        for (var at = 0; at < Code.Length;)
        {
            if (char.IsWhiteSpace(Code[at]) || Code[at] is '}' or ';' or ')' or ',')
            {
                at++;
                continue;
            }
            var start = at;
            var stop = EndOfHeader(at);
            if (stop >= Code.Length) yield break;
            var header = WherePattern().Replace(Code[start..stop], "");
            if (Code[stop] == '{' && ContainerPattern().IsMatch(header))
            {
                at = stop + 1;
                continue;
            }
            at = EndOfMember(stop);
            if (Code[stop] is ';' || (Code[stop] == '=' && Code[stop + 1] != '>') || header.Contains(" enum ", StringComparison.Ordinal)) continue;
            yield return (NameIn(AttributePattern().Replace(header, "")), LineOf(start), LineOf(Math.Min(at, Code.Length) - 1) - LineOf(start) + 1);
        }
    }

    // The word before the first parenthesis that is not a modifier before a tuple; without parentheses, the last word.
    static string NameIn(string header) => NamePattern().Matches(header).Select(match => match.Groups[1].Value).FirstOrDefault(name => !modifiers.Contains(name))
        ?? header.Trim().Split(' ')[^1];

    int EndOfHeader(int at)
    {
        for (var depth = 0; at < Code.Length; at++)
        {
            if (Code[at] is '(' or '[') depth++;
            else if (Code[at] is ')' or ']') depth--;
            else if (depth == 0 && Code[at] is '{' or ';' or '=') return at;
        }
        return at;
    }

    // From the character that ended the header to behind the member: its closing brace, or its semicolon.
    int EndOfMember(int at)
    {
        var block = Code[at] == '{';
        for (var depth = 0; at < Code.Length; at++)
        {
            if (Code[at] is '(' or '[' or '{') depth++;
            else if (Code[at] is ')' or ']' or '}') depth--;
            if (depth == 0 && (Code[at] == ';' || (block && Code[at] == '}' && !IsInitialised(at)))) return at + 1;
        }
        return at;
    }

    bool IsInitialised(int brace) => Code.AsSpan(brace + 1).TrimStart() is ['=', ..];

    string BasesAfter(int at)
    {
        var depth = 0;
        var colon = -1;
        for (; at < Code.Length; at++)
        {
            if (Code[at] is '(' or '<') depth++;
            else if (Code[at] is ')' or '>') depth--;
            else if (depth == 0 && Code[at] == ':' && colon < 0) colon = at;
            else if (depth == 0 && Code[at] is '{' or ';') break;
        }
        return colon < 0 ? "" : Code[(colon + 1)..at];
    }

    // Skips one token from 'at'; returns the position of its last character.
    int SkipCode(int at)
    {
        var rest = text.AsSpan(at);
        if (rest.StartsWith("//")) return Blank(at, EndOr(text.IndexOf('\n', at)), Comments);
        if (rest.StartsWith("/*")) return Blank(at, EndOr(text.IndexOf("*/", at + 2, StringComparison.Ordinal)) + 2, Comments);
        if (rest is ['\'', '\\', ..]) return EndOr(text.IndexOf('\'', at + 3)) is var quote ? Blank(at + 1, quote, null) + 1 : at;
        if (rest is ['\'', _, '\'', ..]) return Blank(at + 1, at + 2, null) + 1;
        var prefix = rest.IndexOfAnyExcept('$', '@');
        if (prefix >= 0 && rest[prefix] == '"') return SkipString(at, at + prefix, rest[..prefix].Count('$'), rest[..prefix].Contains('@'));
        return at;
    }

    int SkipString(int start, int quote, int dollars, bool verbatim)
    {
        var quotes = Run(quote, '"');
        var raw = quotes >= 3;
        if (quotes == 2 && !raw) return quote + 1;
        var from = raw ? quote + quotes : quote + 1;
        var at = from;
        while (at < text.Length)
        {
            if (text[at] == '"' && raw && Run(at, '"') is var run && run >= quotes) return EndString(from, at + run - quotes, at + run - 1, raw);
            if (text[at] == '"' && verbatim && !raw && Run(at, '"') >= 2) at += 2;
            else if (text[at] == '"' && !raw) return EndString(from, at, at, raw);
            else if (text[at] == '\\' && !raw && !verbatim) at += 2;
            else if (text[at] == '{' && dollars > 0) at = SkipHole(at, raw ? dollars : 1, raw);
            else at++;
        }
        return EndString(from, start + 1, text.Length - 1, raw);
    }

    int SkipHole(int at, int braces, bool raw)
    {
        var run = Run(at, '{');
        if (raw ? run < braces : run % 2 == 0) return at + run;
        var depth = 1;
        for (at += run; at < text.Length && depth > 0; at++)
        {
            at = SkipCode(at);
            if (at < text.Length && text[at] == '{') depth++;
            if (at < text.Length && text[at] == '}') depth--;
        }
        return at - 1 + braces;
    }

    int EndString(int from, int to, int last, bool raw)
    {
        Literals.Add((from, to > from ? text[from..to] : "", raw));
        Blank(from, to, null);
        return last;
    }

    int Blank(int from, int to, List<(int, string)>? list)
    {
        to = Math.Min(to, text.Length);
        list?.Add((from, text[from..to]));
        for (var i = from; i < to; i++)
            if (code[i] is not ('\n' or '\r')) code[i] = ' ';
        return to - 1;
    }

    int Run(int at, char c)
    {
        var end = at;
        while (end < text.Length && text[end] == c) end++;
        return end - at;
    }

    int EndOr(int index) => index < 0 ? text.Length : index;

    [GeneratedRegex(@"\b(?<kind>class|struct|interface|enum|record\s+struct|record\s+class|record)\s+(?<name>[A-Z]\w*)(?=\s*[<({:;]|\s+where\b|\s*$)", RegexOptions.Multiline)]
    private static partial Regex TypePattern();

    [GeneratedRegex(@"\bwhere\s+\w+\s*:[^{;=]*")]
    private static partial Regex WherePattern();

    [GeneratedRegex(@"(^|[\s\]])(class|struct|interface|record|namespace)\s|(^|\s)extension\s*[(<]")]
    private static partial Regex ContainerPattern();

    [GeneratedRegex(@"^(\s*\[[^\]]*\])+")]
    private static partial Regex AttributePattern();

    [GeneratedRegex(@"([\w.]+)\s*(?:<[^()]*>)?\s*\(")]
    private static partial Regex NamePattern();
}
