using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Stele.Cli.Values;

namespace Stele.Cli.Templates;

/// <summary>A path or a literal, and what is done to it.</summary>
/// <param name="Path">The path; of a literal, as it was written.</param>
/// <param name="Literal">The literal; null: it is a path.</param>
/// <param name="Filters">In order, each with its argument.</param>
internal sealed record TemplateExpression(string Path, JsonElement? Literal, IReadOnlyList<(string Name, string? Argument)> Filters)
{
    internal static readonly string[] Known = ["default", "json", "base64", "base64-decode", "upper", "lower", "trim", "quote", "indent", "join"];

    internal JsonElement? Evaluate(TemplateScope scope)
    {
        var value = Literal ?? scope.Find(Path);
        foreach (var (name, argument) in Filters)
            if (name == "default") value = value is null or { ValueKind: JsonValueKind.Null } ? TemplateText.Json(argument!) : value;
            else if (value is { } given) value = TemplateText.Json(Apply(name, argument, given));
        return value;
    }

    string Apply(string name, string? argument, JsonElement value)
    {
        var text = TemplateText.Of(value);
        return name switch
        {
            "json" => value.GetRawText(),
            "base64" => Convert.ToBase64String(Encoding.UTF8.GetBytes(text)),
            "base64-decode" => Decode(text),
            "upper" => text.ToUpperInvariant(),
            "lower" => text.ToLowerInvariant(),
            "trim" => text.Trim(),
            "quote" => JsonText.Quote(text),
            "indent" => text.Replace("\n", "\n" + new string(' ', int.Parse(argument!, System.Globalization.CultureInfo.InvariantCulture)), StringComparison.Ordinal),
            _ => value.ValueKind == JsonValueKind.Array ? string.Join(argument, value.EnumerateArray().Select(TemplateText.Of)) : text,
        };
    }

    string Decode(string text)
    {
        try
        {
            return Encoding.UTF8.GetString(Convert.FromBase64String(text));
        }
        catch (FormatException)
        {
            throw new TemplateException(0, $"{Path} is not base64");
        }
    }
}

/// <summary>Values as text, and text as values.</summary>
internal static class TemplateText
{
    internal static string Of(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()! : value.ValueKind == JsonValueKind.Null ? "" : value.GetRawText();

    internal static JsonElement Json(string text) => JsonElement.Parse(JsonText.Quote(text));
}
