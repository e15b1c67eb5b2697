using System.Globalization;
using System.Text.Json;
using Stele.Cli.Values;

namespace Stele.Cli;

/// <summary>How things look: in colour where there is a terminal for it.</summary>
internal readonly record struct Ink(bool Colours)
{
    internal string Added(string text) => Paint("32", text);

    internal string Removed(string text) => Paint("31", text);

    internal string Changed(string text) => Paint("33", text);

    internal string Faint(string text) => Paint("2", text);

    internal string Strong(string text) => Paint("1", text);

    string Paint(string code, string text) => Colours ? $"\u001b[{code}m{text}\u001b[0m" : text;

    /// <summary>What stands where a value was taken out of the journal.</summary>
    internal const string Redacted = "(redacted)";

    /// <summary>A value on one line: text bare unless it has line ends or control characters.</summary>
    internal static string Show(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Undefined => "",
        JsonValueKind.String when value.GetString() is { Length: > 0 } bare && !bare.Any(char.IsControl) => bare,
        JsonValueKind.String => JsonText.Quote(value.GetString()!),
        _ => value.GetRawText(),
    };

    /// <summary>At most so many characters.</summary>
    internal static string Cut(string text, int length) => text.Length <= length ? text : string.Concat(text.AsSpan(0, length - 1), "…");

    internal static string Time(DateTimeOffset? at) => at?.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture) ?? "";

    /// <summary>Columns under headings; the last one as long as it is.</summary>
    internal IEnumerable<string> Table(IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<string>> rows)
    {
        // a name or a reason is somebody's text: what would move the cursor of a terminal is none of it
        var all = rows.Select(row => row.Select(cell => cell.Any(char.IsControl) ? string.Concat(cell.Select(c => char.IsControl(c) ? ' ' : c)) : cell).ToList()).ToList();
        var widths = headings.Select((heading, i) => all.Select(row => row[i].Length).Append(heading.Length).Max()).ToList();
        yield return Faint(Row(headings, widths));
        foreach (var row in all) yield return Row(row, widths);
    }

    static string Row(IReadOnlyList<string> cells, List<int> widths) => string.Join("  ", cells.Select((cell, i) => cell.PadRight(widths[i]))).TrimEnd();
}
