using System.Diagnostics.CodeAnalysis;
using Stele.Core.Limits;

namespace Stele.Core.Flags;

/// <summary>
/// The name of a flag: 1 to 100 characters, the first of <c>[A-Za-z0-9_]</c>, the others of <c>[A-Za-z0-9._\[\]/-]</c>,
/// without empty segments between slashes, and without a segment that the paths of the API need. Compared by code point.
/// </summary>
public readonly record struct FlagName : IParsable<FlagName>
{
    /// <summary>Refused as last segments of flag names and secret paths: they are verbs of the API.</summary>
    static readonly string[] lastSegments = ["history", "rollback", "schema", "wrap", "undelete", "destroy", "generate"];

    /// <summary>Refused as whole names: <c>/v1/flags/export</c> is no flag.</summary>
    static readonly string[] whole = ["import", "export", "copy", "explain", "compare", "usage"];

    FlagName(string text) => Text = text;

    /// <summary>The name as written.</summary>
    public string Text { get; }

    /// <inheritdoc/>
    public override string ToString() => Text;

    /// <summary>The name, or the rule it breaks (<c>flag.length</c>, <c>flag.characters</c>, <c>flag.segment</c>, <c>flag.reserved</c>) and a sentence about it.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out FlagName name, [NotNullWhen(false)] out string? rule, [NotNullWhen(false)] out string? message)
    {
        name = default;
        if (Check(text) is { } broken)
        {
            (rule, message) = broken;
            return false;
        }
        (rule, message) = (null, null);
        name = new FlagName(text!);
        return true;
    }

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out FlagName result) => TryParse(s, out result, out _, out _);

    /// <inheritdoc/>
    public static FlagName Parse(string s, IFormatProvider? provider) =>
        TryParse(s, out var name, out _, out var message) ? name : throw new FormatException(message);

    static (string Rule, string Message)? Check(string? text)
    {
        var limit = SteleLimits.FlagNameCharacters.Value;
        if (string.IsNullOrEmpty(text)) return ("flag.length", $"A flag's name has 1 to {limit} characters; this one is empty.");
        if (text.Length > limit) return ("flag.length", $"A flag's name has 1 to {limit} characters; this one has {text.Length}.");
        if (!char.IsAsciiLetterOrDigit(text[0]) && text[0] != '_')
            return ("flag.characters", $"A flag's name begins with a letter, a digit or '_'; this one begins with {Show(text[0])}.");
        for (var i = 1; i < text.Length; i++)
            if (!char.IsAsciiLetterOrDigit(text[i]) && text[i] is not ('.' or '_' or '-' or '[' or ']' or '/'))
                return ("flag.characters", $"A flag's name holds letters, digits and . _ - [ ] /; character {i + 1} is {Show(text[i])}.");
        if (text[^1] == '/' || text.Contains("//", StringComparison.Ordinal)) return ("flag.segment", "A flag's name has no empty segment beside a '/'.");
        var last = text[(text.LastIndexOf('/') + 1)..];
        if (lastSegments.Contains(last)) return ("flag.reserved", $"A flag's name does not end in '{last}', which is a verb of the API.");
        return whole.Contains(text) ? ("flag.reserved", $"A flag's name is not '{text}', which is a verb of the API.") : null;
    }

    static string Show(char c) => c is > ' ' and < '\u007f' ? $"'{c}'" : $"U+{(int)c:X4}";
}
