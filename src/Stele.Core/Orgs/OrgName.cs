using System.Diagnostics.CodeAnalysis;
using Stele.Core.Limits;

namespace Stele.Core.Orgs;

/// <summary>
/// The name of an org: <c>[a-z0-9]</c>, then up to 49 of <c>[a-z0-9-]</c>. Lower case only, so that no two orgs differ by case
/// alone; no <c>_</c>, <c>/</c> or <c>.</c>, because tokens, keys of caches and host names are made of it.
/// </summary>
public readonly record struct OrgName : IParsable<OrgName>
{
    OrgName(string text) => Text = text;

    /// <summary>The name as written.</summary>
    public string Text { get; }

    /// <summary>The rule that names break.</summary>
    public const string Rule = "org.name";

    /// <summary>What a name must be.</summary>
    public const string Message = "An organization's name is 1 to 50 lower-case letters, digits and '-', and begins with a letter or a digit.";

    /// <inheritdoc/>
    public override string ToString() => Text;

    /// <summary>The name, if it is one.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out OrgName name)
    {
        name = default;
        if (string.IsNullOrEmpty(text) || text.Length > SteleLimits.OrgCharacters.Value || text[0] == '-') return false;
        foreach (var c in text)
            if (!char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c != '-') return false;
        name = new OrgName(text);
        return true;
    }

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out OrgName result) => TryParse(s, out result);

    /// <inheritdoc/>
    public static OrgName Parse(string s, IFormatProvider? provider) => TryParse(s, out var name) ? name : throw new FormatException(Message);
}
