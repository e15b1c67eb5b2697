using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Stele.Cli.Import;
using Stele.Cli.Values;

namespace Stele.Cli.Export;

/// <summary>
/// Entries as .properties or .env: one line each, as plain text that any reader of those formats understands. The type
/// of what is not text stands in a comment above (see <see cref="TypedText"/>), so that nothing is lost on the way back.
/// </summary>
internal static partial class FlatText
{
    internal static string WriteProperties(IEnumerable<ExportEntry> entries, bool wholeKeys) => Write(entries, wholeKeys, PropertiesValue);

    internal static string WriteDotenv(IEnumerable<ExportEntry> entries, bool wholeKeys) => Write(entries, wholeKeys, DotenvValue);

    static string Write(IEnumerable<ExportEntry> entries, bool wholeKeys, Func<string, string> escape)
    {
        var text = new StringBuilder();
        if (wholeKeys) text.Append("# ").Append(TypedText.WholeKeys).Append('\n');
        foreach (var entry in entries.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            var value = JsonText.Parse(entry.Json)!.Value;
            if (JsonText.TypeOf(value) is not "string" and var type) text.Append("# ").Append(TypedText.TypePrefix).Append(type).Append('\n');
            text.Append(entry.Key).Append('=').Append(escape(JsonText.Bare(value))).Append('\n');
        }
        return text.ToString();
    }

    /// <summary>ASCII, with \uXXXX for the rest: so both a reader of UTF-8 and one of ISO-8859-1 (Java before 9) see the same.</summary>
    static string PropertiesValue(string value)
    {
        var text = new StringBuilder();
        for (var i = 0; i < value.Length; i++)
            text.Append(value[i] switch
            {
                '\\' => @"\\",
                '\n' => @"\n",
                '\r' => @"\r",
                '\t' => @"\t",
                '\f' => @"\f",
                ' ' when i == 0 || i == value.Length - 1 => @"\u0020", // editors strip blanks at the ends of lines
                '=' or ':' or '#' or '!' when i == 0 => $@"\{value[i]}",
                > '\u001f' and < '\u007f' and var c => c.ToString(),
                var c => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
            });
        return text.ToString();
    }

    static string DotenvValue(string value)
    {
        if (Bare().IsMatch(value)) return value;
        if (!value.AsSpan().ContainsAny("'\r\n\0")) return $"'{value}'";
        var text = new StringBuilder("\"");
        foreach (var c in value)
            text.Append(c switch
            {
                '"' or '\\' or '$' or '`' => $@"\{c}", // the last two so that a shell which sources the file does not run them
                '\n' => @"\n",
                '\r' => @"\r",
                _ => c.ToString(),
            });
        return text.Append('"').ToString();
    }

    [GeneratedRegex(@"^[A-Za-z0-9_./:@%+,=-]*\z")]
    private static partial Regex Bare();
}
