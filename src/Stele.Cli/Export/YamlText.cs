using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Stele.Cli.Import;
using Stele.Cli.Values;

namespace Stele.Cli.Export;

/// <summary>
/// Entries as YAML. Written by hand and not by an emitter, because two things must hold that emitters do not promise:
/// a number keeps its text, and text that YAML 1.1 (Spring's reader) or 1.2 could take for something else is quoted.
/// </summary>
internal static partial class YamlText
{
    internal static string Write(IEnumerable<ExportEntry> entries, bool wholeKeys)
    {
        var text = new StringBuilder();
        if (wholeKeys) text.Append("# ").Append(TypedText.WholeKeys).Append('\n');
        WriteChildren(ConfigTree.Of(entries), 0, text);
        return text.ToString();
    }

    static void WriteChildren(ConfigTree tree, int indent, StringBuilder text)
    {
        foreach (var (name, node) in tree.Children)
        {
            text.Append(' ', indent).Append(tree.IsList ? "-" : Key(name) + ":");
            if (node.Json is { } json) text.Append(' ').Append(Value(json)).Append('\n');
            else
            {
                text.Append('\n');
                WriteChildren(node, indent + 2, text);
            }
        }
    }

    static string Value(string json)
    {
        var element = JsonText.Parse(json)!.Value;
        if (ConfigTree.NeedsMark(json)) return $"{{{Flattening.Verbatim}: {Flow(element)}}}";
        if (element.ValueKind != JsonValueKind.String) return element.GetRawText();
        var value = element.GetString()!;
        return PlainText().IsMatch(value) && !Resolves(value) ? value : Quoted(value);
    }

    /// <summary>JSON is YAML's flow style but for its escapes, and a reader may want a blank after ':' and ','.</summary>
    static string Flow(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => $"{{{string.Join(", ", element.EnumerateObject().Select(member => $"{Quoted(member.Name)}: {Flow(member.Value)}"))}}}",
        JsonValueKind.Array => $"[{string.Join(", ", element.EnumerateArray().Select(Flow))}]",
        JsonValueKind.String => Quoted(element.GetString()!),
        _ => element.GetRawText(),
    };

    static string Key(string name) => PlainKey().IsMatch(name) && !Resolves(name) ? name : Quoted(name);

    static string Quoted(string value)
    {
        var text = new StringBuilder("\"");
        foreach (var c in value)
            text.Append(c switch
            {
                '"' => "\\\"",
                '\\' => @"\\",
                '\n' => @"\n",
                '\r' => @"\r",
                '\t' => @"\t",
                _ when char.IsControl(c) || c is '\u2028' or '\u2029' or '\uFEFF' or '\uFFFE' or '\uFFFF' => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => c.ToString(),
            });
        return text.Append('"').ToString();
    }

    /// <summary>Whether a reader of YAML 1.1 or 1.2 could see anything but text.</summary>
    static bool Resolves(string text) => Word().IsMatch(text) || NumberLike().IsMatch(text);

    [GeneratedRegex(@"^[A-Za-z_][A-Za-z0-9_.-]*\z")]
    private static partial Regex PlainKey();

    // No "- ", ": ", " #" can occur: there are no blanks, and ':' does not end it.
    [GeneratedRegex(@"^[A-Za-z0-9_/$](?:[A-Za-z0-9_./:@%+*?&=,;${}()~^!-]*[A-Za-z0-9_./@%+*?&=,;${}()~^!-])?\z")]
    private static partial Regex PlainText();

    [GeneratedRegex("^(?:~|null|true|false|yes|no|on|off|y|n)$", RegexOptions.IgnoreCase)]
    private static partial Regex Word();

    // Wider than any schema's numbers, dates and sexagesimals: a needless quote harms nobody.
    [GeneratedRegex("^[-+.]*[0-9]")]
    private static partial Regex NumberLike();
}
