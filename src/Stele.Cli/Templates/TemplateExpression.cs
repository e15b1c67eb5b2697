using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Stele.Cli.Export;
using Stele.Cli.Values;

namespace Stele.Cli.Templates;

/// <summary>A path or a literal, and what is done to it.</summary>
/// <param name="Path">The path; of a literal, as it was written.</param>
/// <param name="Literal">The literal; null: it is a path.</param>
/// <param name="Filters">In order.</param>
/// <param name="Line">Where it stands.</param>
internal sealed record TemplateExpression(string Path, JsonElement? Literal, IReadOnlyList<TemplateFilter> Filters, int Line)
{
    internal static readonly string[] Known =
        ["default", "json", "parse-json", "yaml", "base64", "base64url", "base64-decode", "upper", "lower", "trim", "quote", "indent", "join", "split", "replace", "url-encode", "sha256"];

    const int CharactersMax = 4 << 20, PartsMax = 10_000;

    internal JsonElement? Evaluate(TemplateScope scope)
    {
        var value = Literal ?? scope.Find(Path);
        foreach (var filter in Filters)
            if (filter.Name == "default") value = value is null or { ValueKind: JsonValueKind.Null } ? TemplateText.Json(filter.Argument!) : value;
            else if (value is { } given) value = filter.Name switch
            {
                "parse-json" => Parse(TemplateText.Of(given)),
                "split" => Split(TemplateText.Of(given), filter.Argument!),
                _ => TemplateText.Json(Bounded(Apply(filter, given))),
            };
        return value;
    }

    // some make a text longer, and may follow one another
    string Bounded(string text) => text.Length <= CharactersMax ? text : throw TooLong;

    TemplateException TooLong => new(Line, $"{Path} comes to more than {CharactersMax >> 20} Mi characters");

    string Apply(TemplateFilter filter, JsonElement value)
    {
        var (text, argument) = (TemplateText.Of(value), filter.Argument);
        return filter.Name switch
        {
            "yaml" => YamlTree.Of(value).TrimEnd('\n'),
            "base64url" => System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text)),
            "url-encode" => Uri.EscapeDataString(text),
            "sha256" => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))),
            "replace" => Replace(text, argument!, filter.Second!),
            "json" => value.GetRawText(),
            "base64" => Convert.ToBase64String(Encoding.UTF8.GetBytes(text)),
            "base64-decode" => Decode(text),
            "upper" => text.ToUpperInvariant(),
            "lower" => text.ToLowerInvariant(),
            "trim" => text.Trim(),
            "quote" => JsonText.Quote(text),
            "indent" => Replace(text, "\n", "\n" + new string(' ', int.Parse(argument!, System.Globalization.CultureInfo.InvariantCulture))),
            _ => value.ValueKind == JsonValueKind.Array ? string.Join(argument, value.EnumerateArray().Select(TemplateText.Of)) : text,
        };
    }

    string Replace(string text, string what, string by)
    {
        if (what.Length == 0) return text;
        var times = text.AsSpan().Count(what);
        if (text.Length + (long)times * Math.Max(0, by.Length - what.Length) > CharactersMax) throw TooLong;
        return text.Replace(what, by, StringComparison.Ordinal);
    }

    // a text without anything in it is a list without anything in it
    JsonElement Split(string text, string at)
    {
        var parts = text.Length == 0 ? [] : at.Length == 0 ? [text] : text.Split(at, PartsMax + 1);
        if (parts.Length > PartsMax) throw new TemplateException(Line, $"{Path} comes to more than {PartsMax} parts");
        return JsonElement.Parse($"[{string.Join(',', parts.Select(JsonText.Quote))}]");
    }

    JsonElement Parse(string text) => JsonText.Parse(text) ?? throw new TemplateException(Line, $"{Path} is not JSON");

    string Decode(string text)
    {
        try
        {
            return Encoding.UTF8.GetString(Convert.FromBase64String(text));
        }
        catch (FormatException)
        {
            throw new TemplateException(Line, $"{Path} is not base64");
        }
    }
}

/// <summary>What is done to a value.</summary>
/// <param name="Name">One of those that there are.</param>
/// <param name="Argument">What stands after it.</param>
/// <param name="Second">And after that.</param>
internal sealed record TemplateFilter(string Name, string? Argument, string? Second);

/// <summary>Values as text, and text as values.</summary>
internal static class TemplateText
{
    internal static string Of(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()! : value.ValueKind == JsonValueKind.Null ? "" : value.GetRawText();

    internal static JsonElement Json(string text) => JsonElement.Parse(JsonText.Quote(text));
}
