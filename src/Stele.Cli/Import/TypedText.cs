using Stele.Cli.Values;

namespace Stele.Cli.Import;

/// <summary>
/// .properties and .env know text only. What export writes there carries the type of a value that is not text in a
/// comment above it (<c># stele:type number</c>), so that importing the file again changes nothing, and every other
/// reader of the file sees plain text. A file from elsewhere is text, unless --infer-types says to read its values as
/// <c>set</c> does.
/// </summary>
internal static class TypedText
{
    /// <summary>Comments that begin so are for us.</summary>
    internal const string Directive = "stele:";

    /// <summary>The directive of a file whose keys are whole: they are not below the file's name.</summary>
    internal const string WholeKeys = "stele:keys whole";

    internal const string TypePrefix = "stele:type ";

    internal static string ToJson(string text, string? type, bool infer, int line)
    {
        if (!JsonText.IsWellFormedText(text)) throw new SourceFormatException(line, "half a surrogate pair is not text");
        if (type is null) return infer ? JsonText.Infer(text) : JsonText.Quote(text);
        var json = JsonText.Parse(text);
        if (json is null || JsonText.TypeOf(json.Value) != type && type != "json")
            throw new SourceFormatException(line, $"the comment above says that this is a {type}, and it is not one: change the value or delete the comment");
        return json.Value.GetRawText();
    }

    /// <summary>Whether one of the comments before the first value says that keys are whole.</summary>
    internal static bool SaysWholeKeys(string text)
    {
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            var trimmed = line.Trim();
            if (trimmed.IsEmpty) continue;
            if (trimmed[0] != '#') return false;
            if (trimmed[1..].Trim().SequenceEqual(WholeKeys)) return true;
        }
        return false;
    }

    /// <summary>The type that a comment gives to the next value, if it gives one.</summary>
    internal static string? TypeOf(ReadOnlySpan<char> comment)
    {
        var text = comment.TrimStart('#').Trim();
        return text.StartsWith(TypePrefix, StringComparison.Ordinal) ? text[TypePrefix.Length..].Trim().ToString() : null;
    }
}
