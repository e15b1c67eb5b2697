using System.Text.Json;
using System.Text.RegularExpressions;
using Stele.Cli.Values;

namespace Stele.Cli.Export;

/// <summary>
/// Keys as the nested maps and lists that people write. What cannot be nested without becoming another key when it is
/// read again stays a flat, dotted key: "a" beside "a.b", a list with holes, an empty or a bracketed segment.
/// </summary>
internal sealed partial class ConfigTree
{
    readonly Dictionary<string, ConfigTree> below = new(StringComparer.Ordinal);
    string? json;
    bool isList;

    /// <summary>A value, or null for a map or a list.</summary>
    internal string? Json => json;

    internal bool IsList => isList;

    /// <summary>Members in ordinal order, items in theirs.</summary>
    internal IEnumerable<(string Name, ConfigTree Node)> Children => IsList
        ? Enumerable.Range(0, below.Count).Select(i => ($"[{i}]", below[$"[{i}]"]))
        : below.OrderBy(child => child.Key, StringComparer.Ordinal).Select(child => (child.Key, child.Value));

    internal static ConfigTree Of(IEnumerable<ExportEntry> entries)
    {
        var root = new ConfigTree();
        var flat = new List<ExportEntry>();
        // Shorter keys first: whether "a" is a value is known before "a.b" asks.
        foreach (var entry in entries.OrderBy(entry => entry.Key.Length).ThenBy(entry => entry.Key, StringComparer.Ordinal))
            if (Segments(entry.Key) is not { } path || !root.TryAdd(path, entry.Json)) flat.Add(entry);
        root.Collapse("", flat);
        foreach (var entry in flat) root.below[entry.Key] = new ConfigTree { json = entry.Json };
        return root;
    }

    bool TryAdd(IReadOnlyList<string> path, string value)
    {
        var node = this;
        foreach (var segment in path)
        {
            if (node.json is not null || (node.below.Count > 0 && node.isList != (segment[0] == '['))) return false;
            node.isList = segment[0] == '[';
            if (!node.below.TryGetValue(segment, out var next)) node.below[segment] = next = new ConfigTree();
            node = next;
        }
        if (node.below.Count > 0) return false;
        node.json = value;
        return true;
    }

    /// <summary>Takes lists with holes, and branches that this or a refused key left empty, out of the tree.</summary>
    void Collapse(string path, List<ExportEntry> flat)
    {
        foreach (var (segment, child) in below.ToList())
        {
            child.Collapse(Join(path, segment), flat);
            if (child.json is null && child.below.Count == 0) below.Remove(segment);
        }
        if (!isList || Enumerable.Range(0, below.Count).All(i => below.ContainsKey($"[{i}]"))) return;
        Drain(path, flat);
    }

    void Drain(string path, List<ExportEntry> flat)
    {
        if (json is not null) flat.Add(new ExportEntry(path, json));
        foreach (var (segment, child) in below) child.Drain(Join(path, segment), flat);
        below.Clear();
    }

    static string Join(string path, string segment) => path.Length == 0 || segment[0] == '[' ? path + segment : $"{path}.{segment}";

    /// <summary>"a.b[0].c" as a, b, [0], c; null when it cannot be taken apart and joined again to the same key.</summary>
    static List<string>? Segments(string key)
    {
        var segments = new List<string>();
        foreach (var part in key.Split('.'))
        {
            if (Segment().Match(part) is not { Success: true } match) return null;
            segments.Add(match.Groups[1].Value);
            segments.AddRange(match.Groups[2].Captures.Select(index => index.Value));
        }
        return segments;
    }

    [GeneratedRegex(@"^([^\[\]]+)(\[(?:0|[1-9][0-9]{0,5})\])*$")]
    private static partial Regex Segment();

    /// <summary>Whether a value must be marked as one JSON value, because a reader would take it apart into keys.</summary>
    internal static bool NeedsMark(string json) => JsonText.Parse(json) switch
    {
        { ValueKind: JsonValueKind.Object } map => map.GetPropertyCount() > 0,
        { ValueKind: JsonValueKind.Array } list => list.GetArrayLength() > 0,
        _ => false,
    };
}
