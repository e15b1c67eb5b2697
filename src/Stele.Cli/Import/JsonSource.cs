using System.Text;
using System.Text.Json;
using Stele.Cli.Values;

namespace Stele.Cli.Import;

/// <summary>JSON to a tree with lines. Comments are let through, as configuration files often have them; nothing else is.</summary>
internal static class JsonSource
{
    internal static SourceNode Parse(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, MaxDepth = JsonText.DepthMax });
        var lines = new LineCount(bytes);
        try
        {
            if (!reader.Read()) return new ScalarNode("null", 1);
            var root = ReadNode(ref reader, ref lines);
            while (reader.Read()) { }
            return root;
        }
        catch (JsonException e)
        {
            if (string.IsNullOrWhiteSpace(text)) return new ScalarNode("null", 1);
            var line = (int)(e.LineNumber ?? 0) + 1;
            throw new SourceFormatException(line, $"not JSON: {e.Message.Split(" LineNumber:")[0].TrimEnd('.')}");
        }
        catch (InvalidOperationException)
        {
            throw new SourceFormatException(lines.At(reader.TokenStartIndex), "half a surrogate pair is not text");
        }
    }

    static SourceNode ReadNode(ref Utf8JsonReader reader, ref LineCount lines)
    {
        var line = lines.At(reader.TokenStartIndex);
        switch (reader.TokenType)
        {
            case JsonTokenType.StartArray:
                var items = new List<SourceNode>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray) items.Add(ReadNode(ref reader, ref lines));
                return new ListNode(items, line);
            case JsonTokenType.StartObject:
                var members = new List<MapMember>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    var (name, at) = (reader.GetString()!, lines.At(reader.TokenStartIndex));
                    reader.Read();
                    members.Add(new MapMember(name, at, ReadNode(ref reader, ref lines)));
                }
                return new MapNode(members, line);
            case JsonTokenType.String:
                return new ScalarNode(JsonText.Quote(reader.GetString()!), line);
            default:
                return new ScalarNode(Encoding.UTF8.GetString(reader.ValueSpan), line);
        }
    }

    /// <summary>Lines of rising offsets, counted once.</summary>
    struct LineCount(byte[] bytes)
    {
        int line = 1;
        long counted;

        internal int At(long offset)
        {
            for (; counted < offset; counted++)
                if (bytes[counted] == (byte)'\n') line++;
            return line;
        }
    }
}
