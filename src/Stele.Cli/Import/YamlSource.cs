using System.Text.RegularExpressions;
using Stele.Cli.Values;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Stele.Cli.Import;

/// <summary>
/// YAML to trees, from the parser's events and not its object model: that one refuses a key set twice, and Spring's
/// own sample repository has one. Scalars are typed by the core schema of YAML 1.2, and only where JSON writes a
/// number the same way: 1.10 stays the number 1.10; 0x1F, 007, .5, +1, 1_000 and .inf stay text.
/// </summary>
internal static partial class YamlSource
{
    internal static List<SourceNode> Parse(string text)
    {
        var documents = new List<SourceNode>();
        try
        {
            var reader = new YamlEvents(new Parser(new Scanner(new StringReader(MarksAtDocumentStart().Replace(text, "")), skipComments: true)));
            while (reader.NextDocument() is { } document) documents.Add(document);
        }
        catch (YamlException e)
        {
            throw new SourceFormatException((int)e.Start.Line, $"not YAML: {e.Message.TrimEnd('.')}");
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            // the scanner's own: a flow that is never closed, a tag that is no URI, half a surrogate pair
            throw new SourceFormatException(0, $"not YAML: {e.Message.TrimEnd('.')}");
        }
        return documents;
    }

    /// <summary>A scalar by the core schema.</summary>
    internal static string PlainToJson(string text) => text switch
    {
        "" or "~" or "null" or "Null" or "NULL" => "null",
        "true" or "True" or "TRUE" => "true",
        "false" or "False" or "FALSE" => "false",
        _ => JsonText.IsNumber(text) ? text : JsonText.Quote(text),
    };

    /// <summary>A byte-order mark may stand before each document, as files that were joined have it (YAML 1.2, 5.2).</summary>
    [GeneratedRegex(@"^\uFEFF", RegexOptions.Multiline)]
    private static partial Regex MarksAtDocumentStart();
}

/// <summary>One pass over the events of a YAML stream.</summary>
internal sealed class YamlEvents(IParser parser)
{
    const string MergeKey = "<<";
    readonly Dictionary<AnchorName, SourceNode> anchors = [];

    internal SourceNode? NextDocument()
    {
        anchors.Clear();
        while (parser.MoveNext())
        {
            if (parser.Current is not DocumentStart) continue;
            parser.MoveNext();
            return ReadNode(1);
        }
        return null;
    }

    SourceNode ReadNode(int depth)
    {
        var current = parser.Current!;
        var line = (int)current.Start.Line;
        if (depth > JsonText.DepthMax) throw new SourceFormatException(line, $"nested deeper than {JsonText.DepthMax} levels");
        SourceNode node = current switch
        {
            Scalar scalar => new ScalarNode(ToJson(scalar), line),
            SequenceStart => ReadList(line, depth),
            MappingStart => ReadMap(line, depth),
            AnchorAlias alias => anchors.TryGetValue(alias.Value, out var known)
                ? known with { Line = line }
                : throw new SourceFormatException(line, $"the alias *{alias.Value} names an anchor that is not complete before it"),
            _ => throw new SourceFormatException(line, $"unexpected {current.GetType().Name}"),
        };
        if (current is NodeEvent { Anchor.IsEmpty: false } anchored) anchors[anchored.Anchor] = node;
        return node;
    }

    ListNode ReadList(int line, int depth)
    {
        var items = new List<SourceNode>();
        while (Advance() is not SequenceEnd) items.Add(ReadNode(depth + 1));
        return new ListNode(items, line);
    }

    MapNode ReadMap(int line, int depth)
    {
        var members = new List<MapMember>();
        var merged = new List<MapMember>();
        while (Advance() is not MappingEnd)
        {
            if (parser.Current is not Scalar key)
                throw new SourceFormatException((int)parser.Current!.Start.Line, "a key of a map must be one word, not a list, a map or an alias");
            var at = (int)key.Start.Line;
            Advance();
            var value = ReadNode(depth + 1);
            if (key is { Value: MergeKey, Style: ScalarStyle.Plain }) merged.AddRange(Merge(value, at));
            else members.Add(new MapMember(key.Value, at, value));
        }
        if (merged.Count == 0) return new MapNode(members, line);
        // What the map says itself wins over what is merged in, and the first merged map over the next: no warning, that is what << is for.
        var own = members.Select(member => member.Name).ToHashSet(StringComparer.Ordinal);
        return new MapNode([.. merged.Where(member => own.Add(member.Name)), .. members], line);
    }

    static IEnumerable<MapMember> Merge(SourceNode value, int line) => value switch
    {
        MapNode map => map.Members.Select(member => member with { Line = line }),
        ListNode list => list.Items.SelectMany(item => Merge(item, line)),
        _ => throw new SourceFormatException(line, "<< merges maps only"),
    };

    static string ToJson(Scalar scalar)
    {
        if (!JsonText.IsWellFormedText(scalar.Value)) throw new SourceFormatException((int)scalar.Start.Line, "half a surrogate pair is not text");
        if (scalar.Tag.IsEmpty || scalar.Tag.IsNonSpecific)
            return scalar.Style == ScalarStyle.Plain && scalar.Tag.IsEmpty ? YamlSource.PlainToJson(scalar.Value) : JsonText.Quote(scalar.Value);
        return scalar.Tag.Value switch
        {
            "tag:yaml.org,2002:str" or "tag:yaml.org,2002:binary" or "tag:yaml.org,2002:timestamp" => JsonText.Quote(scalar.Value),
            "tag:yaml.org,2002:int" or "tag:yaml.org,2002:float" or "tag:yaml.org,2002:bool" or "tag:yaml.org,2002:null" => YamlSource.PlainToJson(scalar.Value),
            var tag => throw new SourceFormatException((int)scalar.Start.Line, $"the tag {tag} is not known: write the value without it"),
        };
    }

    ParsingEvent Advance() => parser.MoveNext() ? parser.Current! : throw new SourceFormatException(0, "the YAML ends in the middle");
}
