using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Stele.Core.Limits;

namespace Stele.Cli.Values;

/// <summary>
/// JSON as text. Values travel through the client as the text they were written in, because a number that goes
/// through double is another number: 1.10 must stay 1.10 and 9007199254740993 must not end in 2.
/// </summary>
internal static class JsonText
{
    /// <summary>Deeper than any value the server takes, because a value lies inside nested keys and an envelope.</summary>
    internal const int DepthMax = 512;

    internal static readonly JsonDocumentOptions Options = new() { MaxDepth = DepthMax };

    /// <summary>One JSON text as an element, or null if it is not one.</summary>
    internal static JsonElement? Parse(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text, Options);
            return IsWellFormed(document.RootElement) ? document.RootElement.Clone() : null;
        }
        catch (Exception e) when (e is JsonException or EncoderFallbackException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>A string as JSON, with no more escapes than JSON asks for.</summary>
    internal static string Quote(string text)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            writer.WriteStringValue(text);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>How `set` and --infer-types read a word: JSON if it is JSON, else text.</summary>
    internal static string Infer(string text) => IsWellFormedText(text) && Parse(text) is { } json ? json.GetRawText() : Quote(text);

    /// <summary>Whether two JSON texts are one value: strings by what they say, numbers by how they are written, members in order.</summary>
    internal static bool Same(JsonElement a, JsonElement b)
    {
        if (a.ValueKind != b.ValueKind) return false;
        return a.ValueKind switch
        {
            JsonValueKind.String => a.GetString() == b.GetString(),
            JsonValueKind.Number => a.GetRawText() == b.GetRawText(),
            JsonValueKind.Array => a.GetArrayLength() == b.GetArrayLength() && a.EnumerateArray().Zip(b.EnumerateArray()).All(pair => Same(pair.First, pair.Second)),
            JsonValueKind.Object => SameMembers(a, b),
            _ => true,
        };
    }

    /// <summary>The value type that the server gives a new key with this value.</summary>
    internal static string TypeOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => "string",
        JsonValueKind.Number => "number",
        JsonValueKind.True or JsonValueKind.False => "boolean",
        _ => "json",
    };

    /// <summary>A string without its quotes, anything else as its JSON: what `get` prints.</summary>
    internal static string Bare(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();

    /// <summary>A JSON number by RFC 8259, within the digits and the exponent that the server keeps.</summary>
    internal static bool IsNumber(ReadOnlySpan<char> text)
    {
        var i = 0;
        if (Next(text, i) == '-') i++;
        var whole = Digits(text, i);
        if (whole == 0 || (whole > 1 && text[i] == '0')) return false;
        i += whole;
        var digits = whole;
        if (Next(text, i) == '.')
        {
            var fraction = Digits(text, i + 1);
            if (fraction == 0) return false;
            i += 1 + fraction;
            digits += fraction;
        }
        if (Next(text, i) is 'e' or 'E')
        {
            i++;
            if (Next(text, i) is '+' or '-') i++;
            var exponent = Digits(text, i);
            if (exponent == 0) return false;
            if (!int.TryParse(text.Slice(i, exponent), CultureInfo.InvariantCulture, out var power) || power > SteleLimits.NumberExponent.Value) return false;
            i += exponent;
        }
        return i == text.Length && digits <= SteleLimits.NumberDigits.Value;
    }

    /// <summary>False for text with half a surrogate pair, which no encoding can carry.</summary>
    internal static bool IsWellFormedText(ReadOnlySpan<char> text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1])) return false;
            i++;
        }
        return true;
    }

    static bool IsWellFormed(JsonElement element)
    {
        try
        {
            return element.ValueKind switch
            {
                JsonValueKind.String => element.GetString() is not null,
                JsonValueKind.Array => element.EnumerateArray().All(IsWellFormed),
                JsonValueKind.Object => element.EnumerateObject().All(member => member.Name is not null && IsWellFormed(member.Value)),
                _ => true,
            };
        }
        catch (InvalidOperationException)
        {
            return false; // an escaped lone surrogate: a reader that decodes it throws
        }
    }

    static bool SameMembers(JsonElement a, JsonElement b)
    {
        if (a.GetPropertyCount() != b.GetPropertyCount()) return false;
        return a.EnumerateObject().Zip(b.EnumerateObject()).All(pair => pair.First.Name == pair.Second.Name && Same(pair.First.Value, pair.Second.Value));
    }

    static char Next(ReadOnlySpan<char> text, int i) => i < text.Length ? text[i] : '\0';

    static int Digits(ReadOnlySpan<char> text, int from)
    {
        var i = from;
        while (i < text.Length && char.IsAsciiDigit(text[i])) i++;
        return i - from;
    }
}
