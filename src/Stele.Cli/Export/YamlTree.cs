using System.Text;
using System.Text.Json;
using Stele.Cli.Import;
using Stele.Cli.Values;

namespace Stele.Cli.Export;

/// <summary>Any JSON as block YAML, for --yaml.</summary>
internal static class YamlTree
{
    internal static string Of(JsonElement value)
    {
        var text = new StringBuilder();
        Write(text, value, 0);
        return text.ToString().TrimStart('\n');
    }

    static void Write(StringBuilder text, JsonElement value, int depth)
    {
        var margin = new string(' ', depth * 2);
        if (value.ValueKind == JsonValueKind.Object && value.GetPropertyCount() > 0)
            foreach (var member in value.EnumerateObject())
            {
                text.Append('\n').Append(margin).Append(Scalar(member.Name)).Append(':');
                Write(text, member.Value, depth + 1);
            }
        else if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0)
            foreach (var item in value.EnumerateArray())
            {
                text.Append('\n').Append(margin).Append('-');
                Write(text, item, depth + 1);
            }
        else text.Append(' ').Append(value.ValueKind == JsonValueKind.String ? Scalar(value.GetString()!) : value.GetRawText());
    }

    // bare only where YAML reads the same text again
    static string Scalar(string text) => text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '/') && YamlSource.PlainToJson(text)[0] == '"' && !char.IsAsciiDigit(text[0]) ? text : JsonText.Quote(text);
}
