using System.Text;

namespace Stele.Cli.Import;

/// <summary>
/// .env files: KEY=VALUE lines, an <c>export</c> before them, comments, 'literal' and "escaped" values, both of which
/// may span lines. No variable is replaced: ${X} is kept as it is written, because what X would be is not ours to know.
/// </summary>
internal sealed class DotenvSource(string text, bool infer)
{
    int at;
    int line = 1;

    internal static SourceDocument Parse(string text, bool infer) => new DotenvSource(text, infer).ReadAll();

    SourceDocument ReadAll()
    {
        var leaves = new List<SourceLeaf>();
        string? type = null;
        while (SkipBlank())
        {
            var starts = line;
            if (text[at] == '#')
            {
                type = TypedText.TypeOf(ReadRestOfLine()) ?? type;
                continue;
            }
            var key = ReadKey();
            leaves.Add(new SourceLeaf(key, TypedText.ToJson(ReadValue(), type, infer, starts), starts));
            type = null;
        }
        return new SourceDocument(leaves, 1);
    }

    string ReadKey()
    {
        var begin = at;
        while (at < text.Length && text[at] is not ('=' or '\n' or '\r')) at++;
        var key = text[begin..at].Trim();
        if (at == text.Length || text[at] != '=') throw new SourceFormatException(line, $"KEY=VALUE is expected, and there is no '=' after \"{key}\"");
        at++;
        return key.StartsWith("export ", StringComparison.Ordinal) ? key["export ".Length..].TrimStart() : key;
    }

    string ReadValue()
    {
        while (at < text.Length && text[at] is ' ' or '\t') at++;
        if (at == text.Length) return "";
        if (text[at] is not ('\'' or '"')) return ReadBare();
        var starts = line;
        var quote = text[at++];
        var value = new StringBuilder();
        while (at < text.Length && text[at] != quote) value.Append(ReadQuoted(quote));
        if (at == text.Length) throw new SourceFormatException(starts, $"the value's {quote} is never closed");
        at++;
        var rest = ReadRestOfLine().Trim();
        if (rest.Length > 0 && rest[0] != '#') throw new SourceFormatException(starts, $"there is something after the closing {quote}: {rest}");
        return value.ToString();
    }

    string ReadBare()
    {
        var rest = ReadRestOfLine();
        var comment = rest.StartsWith('#') ? 0 : Math.Min(IndexOrEnd(rest, " #"), IndexOrEnd(rest, "\t#"));
        return rest[..comment].Trim();
    }

    char ReadQuoted(char quote)
    {
        var c = text[at++];
        if (c == '\n') line++;
        if (c != '\\' || quote == '\'' || at == text.Length) return c;
        switch (text[at])
        {
            case 'n': at++; return '\n';
            case 'r': at++; return '\r';
            case 't': at++; return '\t';
            case '"' or '\\' or '$' or '`': return text[at++];
            default: return c; // a backslash before anything else is a backslash, as in a shell
        }
    }

    bool SkipBlank()
    {
        while (at < text.Length && char.IsWhiteSpace(text[at]))
            if (text[at++] == '\n') line++;
        return at < text.Length;
    }

    string ReadRestOfLine()
    {
        var begin = at;
        while (at < text.Length && text[at] != '\n') at++;
        return text[begin..at].TrimEnd('\r');
    }

    static int IndexOrEnd(string text, string what) => text.IndexOf(what, StringComparison.Ordinal) is var i and >= 0 ? i : text.Length;
}
