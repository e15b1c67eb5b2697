using System.Text;
using System.Text.Json;
using Stele.Client;

namespace Stele.Cli.Running;

/// <summary>
/// Values as environment variables: <c>services.payment.max-rate</c> is <c>SERVICES_PAYMENT_MAX_RATE</c>; every character that is no
/// letter, digit or _ is _, and a digit in front gets one. Text is bare, everything else its JSON; null is no variable.
/// </summary>
internal static class EnvironmentVariables
{
    internal static Dictionary<string, string> Of(IEnumerable<SteleValue> values, IReadOnlyList<string> prefixes, bool strip, List<string> problems)
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        var owners = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var value in values.OrderBy(value => value.Key, StringComparer.Ordinal))
        {
            var name = Name(strip ? Stripped(value.Key, prefixes) : value.Key);
            if (name.Length == 0) problems.Add($"{value.Key} is all prefix, and has no name left: leave --strip out");
            else if (value.Text.Contains('\0', StringComparison.Ordinal)) problems.Add($"{value.Key} holds U+0000, which no environment variable can");
            else if (!owners.TryAdd(name, value.Key)) problems.Add($"{owners[name]} and {value.Key} both are {name}: rename one, or narrow --prefix");
            else if (value.Value.ValueKind != JsonValueKind.Null) variables[name] = value.Text;
        }
        return variables;
    }

    internal static string Name(string key)
    {
        var name = new StringBuilder(key.Length + 1);
        foreach (var c in key)
            if (c == ']') continue;
            else if (char.IsAsciiLetterOrDigit(c)) name.Append(char.ToUpperInvariant(c));
            else name.Append('_');
        if (name.Length > 0 && char.IsAsciiDigit(name[0])) name.Insert(0, '_');
        return name.ToString();
    }

    // the longest that fits: of "a." and "a.b." a key of the second is the second's
    static string Stripped(string key, IReadOnlyList<string> prefixes) => prefixes.Where(prefix => key.StartsWith(prefix, StringComparison.Ordinal)).OrderByDescending(prefix => prefix.Length).FirstOrDefault() is { } found ? key[found.Length..] : key;
}
