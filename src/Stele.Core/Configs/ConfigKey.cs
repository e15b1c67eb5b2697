using System.Diagnostics.CodeAnalysis;
using Stele.Core.Limits;

namespace Stele.Core.Configs;

/// <summary>
/// The dotted path of a configuration value: 1 to 256 characters, the first of <c>[A-Za-z0-9_]</c>, the others of
/// <c>[A-Za-z0-9._\[\]-]</c>; its first segment, the service, is at most 50 characters. Compared by code point.
/// </summary>
public readonly record struct ConfigKey : IParsable<ConfigKey>
{
    ConfigKey(string text) => Text = text;

    /// <summary>The key as written.</summary>
    public string Text { get; }

    /// <summary>The first segment.</summary>
    public string Service => Text.IndexOf('.') is var dot and >= 0 ? Text[..dot] : Text;

    /// <inheritdoc/>
    public override string ToString() => Text;

    /// <summary>The key, or the rule it breaks and a sentence about it.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out ConfigKey key, [NotNullWhen(false)] out string? rule, [NotNullWhen(false)] out string? message)
    {
        key = default;
        if (Check(text) is { } broken)
        {
            (rule, message) = broken;
            return false;
        }
        (rule, message) = (null, null);
        key = new ConfigKey(text!);
        return true;
    }

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out ConfigKey result) => TryParse(s, out result, out _, out _);

    /// <inheritdoc/>
    public static ConfigKey Parse(string s, IFormatProvider? provider) =>
        TryParse(s, out var key, out _, out var message) ? key : throw new FormatException(message);

    static (string Rule, string Message)? Check(string? text)
    {
        if (string.IsNullOrEmpty(text)) return ("key.length", "A key has 1 to 256 characters; this one is empty.");
        if (text.Length > SteleLimits.KeyCharacters.Value)
            return ("key.length", $"A key has 1 to {SteleLimits.KeyCharacters.Value} characters; this one has {text.Length}.");
        if (!IsFirst(text[0])) return ("key.characters", $"A key begins with a letter, a digit or '_'; this one begins with {Show(text[0])}.");
        var service = text.IndexOf('.');
        for (var i = 1; i < text.Length; i++)
            if (!IsRest(text[i]))
                return ("key.characters", $"A key holds letters, digits and . _ - [ ]; character {i + 1} is {Show(text[i])}.");
        if ((service < 0 ? text.Length : service) > SteleLimits.ServiceCharacters.Value)
            return ("key.service_length", $"The first segment of a key, its service, has at most {SteleLimits.ServiceCharacters.Value} characters.");
        return null;
    }

    static bool IsFirst(char c) => char.IsAsciiLetterOrDigit(c) || c == '_';

    static bool IsRest(char c) => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' or '[' or ']';

    static string Show(char c) => c is > ' ' and < '\u007f' ? $"'{c}'" : $"U+{(int)c:X4}";
}
