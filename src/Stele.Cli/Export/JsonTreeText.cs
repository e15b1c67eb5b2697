using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Stele.Cli.Import;
using Stele.Cli.Values;

namespace Stele.Cli.Export;

/// <summary>Entries as nested JSON.</summary>
internal static class JsonTreeText
{
    internal static string Write(IEnumerable<ExportEntry> entries, bool wholeKeys)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = JsonText.DepthMax }))
        {
            writer.WriteStartObject();
            if (wholeKeys)
            {
                writer.WriteStartObject("$stele");
                writer.WriteString("keys", "whole");
                writer.WriteEndObject();
            }
            WriteChildren(ConfigTree.Of(entries), writer);
            writer.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan) + "\n";
    }

    static void WriteChildren(ConfigTree tree, Utf8JsonWriter writer)
    {
        foreach (var (name, node) in tree.Children)
        {
            if (!tree.IsList) writer.WritePropertyName(name);
            if (node.Json is { } json) WriteValue(json, writer);
            else if (node.IsList)
            {
                writer.WriteStartArray();
                WriteChildren(node, writer);
                writer.WriteEndArray();
            }
            else
            {
                writer.WriteStartObject();
                WriteChildren(node, writer);
                writer.WriteEndObject();
            }
        }
    }

    static void WriteValue(string json, Utf8JsonWriter writer)
    {
        var marked = ConfigTree.NeedsMark(json);
        if (marked)
        {
            writer.WriteStartObject();
            writer.WritePropertyName(Flattening.Verbatim);
        }
        writer.WriteRawValue(json, skipInputValidation: true);
        if (marked) writer.WriteEndObject();
    }
}
