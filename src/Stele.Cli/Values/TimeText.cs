using System.Globalization;
using System.Text.RegularExpressions;

namespace Stele.Cli.Values;

/// <summary>Moments as people write them: RFC 3339, a date (its first moment, UTC), or an age such as 90m, 36h or 7d.</summary>
internal static partial class TimeText
{
    internal const string Form = "a time is 2026-01-31T14:03:00Z, 2026-01-31 (UTC), or an age: 30s, 90m, 36h, 7d, 2w";

    internal static DateTimeOffset? Parse(string text, TimeProvider clock)
    {
        if (Age().Match(text) is { Success: true } age)
        {
            var seconds = age.Groups[2].Value switch { "s" => 1, "m" => 60, "h" => 3_600, "d" => 86_400, _ => 604_800 };
            return clock.GetUtcNow().AddSeconds(-double.Parse(age.Groups[1].ValueSpan, CultureInfo.InvariantCulture) * seconds);
        }
        if (!Moment().IsMatch(text)) return null;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;
    }

    [GeneratedRegex(@"^(\d{1,6})([smhdw])\z")]
    private static partial Regex Age();

    [GeneratedRegex(@"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?\z", RegexOptions.IgnoreCase)]
    private static partial Regex Moment();
}
