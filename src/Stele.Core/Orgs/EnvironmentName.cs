using System.Diagnostics.CodeAnalysis;
using Stele.Core.Limits;

namespace Stele.Core.Orgs;

/// <summary>The name of an environment: <c>[A-Za-z0-9][A-Za-z0-9_-]{0,49}</c>. Compared by code point.</summary>
public readonly record struct EnvironmentName : IParsable<EnvironmentName>
{
    EnvironmentName(string text) => Text = text;

    /// <summary>The name as written.</summary>
    public string Text { get; }

    /// <summary>The rule that names break.</summary>
    public const string Rule = "environment.name";

    /// <summary>What a name must be.</summary>
    public const string Message = "An environment's name is 1 to 50 letters, digits, '_' and '-', and begins with a letter or a digit.";

    /// <inheritdoc/>
    public override string ToString() => Text;

    /// <summary>The name, if it is one.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out EnvironmentName name)
    {
        name = default;
        if (string.IsNullOrEmpty(text) || text.Length > SteleLimits.EnvironmentCharacters.Value || !char.IsAsciiLetterOrDigit(text[0])) return false;
        foreach (var c in text)
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('_' or '-')) return false;
        name = new EnvironmentName(text);
        return true;
    }

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out EnvironmentName result) => TryParse(s, out result);

    /// <inheritdoc/>
    public static EnvironmentName Parse(string s, IFormatProvider? provider) => TryParse(s, out var name) ? name : throw new FormatException(Message);
}
