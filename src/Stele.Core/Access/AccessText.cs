using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Stele.Core.Limits;

namespace Stele.Core.Access;

/// <summary>The rules that names, addresses and passwords keep to. Each gives the broken rule and what it says, or null.</summary>
public static class AccessText
{
    /// <summary>What a name of a person, an account or a token breaks. Marks that hide or turn text are refused: they make one name look like another.</summary>
    public static (string Rule, string Message)? NameProblem(string text)
    {
        if (text.Length > SteleLimits.NameCharacters.Value) return ("name.length", $"A name has at most {SteleLimits.NameCharacters.Value} characters; this one has {text.Length}.");
        if (string.IsNullOrWhiteSpace(text) || char.IsWhiteSpace(text[0]) || char.IsWhiteSpace(text[^1])) return ("name.blank", "A name is not blank, and has no space before or after it.");
        foreach (var rune in text.EnumerateRunes())
            if (IsHidden(rune)) return ("name.characters", $"A name holds no control characters and no marks that hide or turn text; this one holds U+{rune.Value:X4}.");
        return null;
    }

    /// <summary>What an email address breaks. Printable ASCII only, so that two that look alike are alike.</summary>
    public static (string Rule, string Message)? EmailProblem(string text)
    {
        if (text.Length > SteleLimits.EmailCharacters.Value) return ("email.length", $"An email address has at most {SteleLimits.EmailCharacters.Value} characters; this one has {text.Length}.");
        var at = text.LastIndexOf('@');
        return at < 1 || at == text.Length - 1 || text.AsSpan().ContainsAnyExceptInRange('!', '~') || text.IndexOf('@', StringComparison.Ordinal) != at || text.AsSpan().ContainsAny("\"<>()[],;:\\")
            ? ("email.form", "An email address is name@host, in printable ASCII (a host beyond it in its xn-- form).")
            : null;
    }

    /// <summary>By what an address is unique, whatever its case.</summary>
    public static string EmailKey(string email) => email.ToLowerInvariant();

    /// <summary>What the name of a custom role breaks.</summary>
    public static (string Rule, string Message)? RoleNameProblem(string text)
    {
        if (text.Length is 0 or > 50 || !char.IsAsciiLetterOrDigit(text[0]) || text.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('_' or '-')))
            return ("role.name", "A role's name is 1 to 50 letters, digits, '_' and '-', and begins with a letter or a digit.");
        return BuiltInRoles.All.Any(role => role.Name.Equals(text, StringComparison.OrdinalIgnoreCase)) ? ("role.built_in", $"'{text}' is built in.") : null;
    }

    /// <summary>What a new password breaks. It is never repeated in the message.</summary>
    public static (string Rule, string Message)? PasswordProblem(string text, string? email)
    {
        if (text.Length < SteleLimits.PasswordCharactersMin.Value || text.Length > SteleLimits.PasswordCharactersMax.Value)
            return ("password.length", $"A password has {SteleLimits.PasswordCharactersMin.Value} to {SteleLimits.PasswordCharactersMax.Value} characters.");
        return email is not null && text.Contains(email, StringComparison.OrdinalIgnoreCase) ? ("password.email", "A password does not hold the email address.") : null;
    }

    /// <summary>What a key prefix of a grant breaks: it must be able to begin something.</summary>
    public static bool IsPrefix([NotNullWhen(true)] string? text) =>
        text is not null && text.Length <= SteleLimits.KeyCharacters.Value && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' or '[' or ']' or '/' or '$');

    // Cf holds the marks of direction, the zero widths and the tags; Zl and Zp break lines
    static bool IsHidden(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
        or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.Surrogate or UnicodeCategory.OtherNotAssigned || rune == Rune.ReplacementChar;
}
