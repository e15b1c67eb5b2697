using System.Diagnostics.CodeAnalysis;

namespace Stele.Core.Secrets;

/// <summary>
/// The path of a secret: 1 to 256 characters, the first of <c>[A-Za-z0-9_]</c>, the others of <c>[A-Za-z0-9._\[\]/-]</c>, without empty segments
/// between slashes, without two dots in a row, and without a last segment that the API needs. Compared by code point.
/// </summary>
public readonly record struct SecretPath : IParsable<SecretPath>
{
    static readonly string[] lastSegments = ["history", "rollback", "schema", "wrap", "undelete", "destroy", "generate"];

    SecretPath(string text) => Text = text;

    /// <summary>The path as written.</summary>
    public string Text { get; }

    /// <inheritdoc/>
    public override string ToString() => Text;

    /// <summary>The path, or the rule it breaks (<c>secret.length</c>, <c>secret.characters</c>, <c>secret.segment</c>, <c>secret.dots</c>, <c>secret.reserved</c>) and a sentence about it.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out SecretPath path, [NotNullWhen(false)] out string? rule, [NotNullWhen(false)] out string? message)
    {
        path = default;
        if (Check(text) is { } broken)
        {
            (rule, message) = broken;
            return false;
        }
        (rule, message) = (null, null);
        path = new SecretPath(text!);
        return true;
    }

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out SecretPath result) => TryParse(s, out result, out _, out _);

    /// <inheritdoc/>
    public static SecretPath Parse(string s, IFormatProvider? provider) =>
        TryParse(s, out var path, out _, out var message) ? path : throw new FormatException(message);

    static (string Rule, string Message)? Check(string? text)
    {
        var limit = SecretLimits.PathCharacters.Value;
        if (string.IsNullOrEmpty(text)) return ("secret.length", $"A secret's path has 1 to {limit} characters; this one is empty.");
        if (text.Length > limit) return ("secret.length", $"A secret's path has 1 to {limit} characters; this one has {text.Length}.");
        if (text.Contains("..", StringComparison.Ordinal)) return ("secret.dots", "A secret's path has no '..': it is a name, and leads nowhere else.");
        if (!char.IsAsciiLetterOrDigit(text[0]) && text[0] is not ('_' or '/'))
            return ("secret.characters", $"A secret's path begins with a letter, a digit or '_'; this one begins with {Show(text[0])}.");
        for (var i = 1; i < text.Length; i++)
            if (!char.IsAsciiLetterOrDigit(text[i]) && text[i] is not ('.' or '_' or '-' or '[' or ']' or '/'))
                return ("secret.characters", $"A secret's path holds letters, digits and . _ - [ ] /; character {i + 1} is {Show(text[i])}.");
        var segments = text.Split('/');
        if (segments.Contains("")) return ("secret.segment", "A secret's path has no empty segment beside a '/'.");
        if (segments.Contains(".")) return ("secret.dots", "A secret's path has no segment '.': it is a name, and leads nowhere else.");
        return lastSegments.Contains(segments[^1]) ? ("secret.reserved", $"A secret's path does not end in '{segments[^1]}', which is a verb of the API.") : null;
    }

    static string Show(char c) => c is > ' ' and < '\u007f' ? $"'{c}'" : $"U+{(int)c:X4}";
}
