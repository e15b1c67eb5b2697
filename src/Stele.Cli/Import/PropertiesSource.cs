using System.Globalization;
using System.Text;

namespace Stele.Cli.Import;

/// <summary>
/// .properties by the rules of java.util.Properties (escapes, continued lines, '=', ':' or white space between key and
/// value, comments by # and !), read as UTF-8, with \uXXXX where a writer preferred it. A comment line of exactly
/// <c>#---</c> or <c>!---</c> begins a new document, as in Spring Boot.
/// </summary>
internal sealed class PropertiesSource(string text, bool infer)
{
    int at;
    int line = 1;

    internal static List<SourceDocument> Parse(string text, bool infer) => new PropertiesSource(text, infer).ReadAll();

    List<SourceDocument> ReadAll()
    {
        var documents = new List<SourceDocument>();
        var leaves = new List<SourceLeaf>();
        var begins = 1;
        string? type = null;
        while (at < text.Length)
        {
            SkipBlanks();
            if (at == text.Length) break;
            if (text[at] is '\n' or '\r')
            {
                EndLine();
                continue;
            }
            if (text[at] is '#' or '!')
            {
                var comment = ReadRestOfLine();
                if (comment.TrimEnd() is "#---" or "!---")
                {
                    documents.Add(new SourceDocument(leaves, begins));
                    (leaves, begins) = ([], line);
                }
                type = TypedText.TypeOf(comment) ?? type;
                continue;
            }
            var starts = line;
            var key = ReadKey();
            leaves.Add(new SourceLeaf(key, TypedText.ToJson(ReadValue(), type, infer, starts), starts));
            type = null;
        }
        documents.Add(new SourceDocument(leaves, begins));
        return documents;
    }

    string ReadKey()
    {
        var key = new StringBuilder();
        while (at < text.Length && text[at] is not ('\n' or '\r' or '=' or ':' or ' ' or '\t' or '\f'))
            if (!ReadContinuation()) key.Append(ReadCharacter());
        SkipBlanksAndContinuations();
        if (at < text.Length && text[at] is '=' or ':')
        {
            at++;
            SkipBlanksAndContinuations();
        }
        return key.ToString();
    }

    string ReadValue()
    {
        var value = new StringBuilder();
        while (at < text.Length && text[at] is not ('\n' or '\r'))
            if (!ReadContinuation()) value.Append(ReadCharacter());
        EndLine();
        return value.ToString();
    }

    /// <summary>A backslash before the end of the line joins the next one, without its leading blanks.</summary>
    bool ReadContinuation()
    {
        if (text[at] != '\\' || (at + 1 < text.Length && text[at + 1] is not ('\n' or '\r'))) return false;
        at++;
        EndLine();
        SkipBlanks();
        return true;
    }

    char ReadCharacter()
    {
        var c = text[at++];
        if (c != '\\') return c;
        switch (text[at++])
        {
            case 't': return '\t';
            case 'n': return '\n';
            case 'r': return '\r';
            case 'f': return '\f';
            case 'u':
                if (at + 4 > text.Length || !ushort.TryParse(text.AsSpan(at, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code))
                    throw new SourceFormatException(line, @"\u needs four hexadecimal digits");
                at += 4;
                return (char)code;
            default: return text[at - 1];
        }
    }

    string ReadRestOfLine()
    {
        var begin = at;
        while (at < text.Length && text[at] is not ('\n' or '\r')) at++;
        var rest = text[begin..at];
        EndLine();
        return rest;
    }

    void SkipBlanks()
    {
        while (at < text.Length && text[at] is ' ' or '\t' or '\f') at++;
    }

    void SkipBlanksAndContinuations()
    {
        SkipBlanks();
        while (at < text.Length && ReadContinuation()) SkipBlanks();
    }

    void EndLine()
    {
        if (at == text.Length) return;
        if (text[at] == '\r' && at + 1 < text.Length && text[at + 1] == '\n') at++;
        at++;
        line++;
    }
}
