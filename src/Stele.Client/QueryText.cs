using System.Globalization;
using System.Text;

namespace Stele.Client;

/// <summary>A path with its query; what is null is left out.</summary>
internal sealed class QueryText(string path)
{
    readonly StringBuilder text = new(path);
    char separator = '?';

    internal QueryText With(string name, string? value)
    {
        if (value is null) return this;
        text.Append(separator).Append(name).Append('=').Append(Uri.EscapeDataString(value));
        separator = '&';
        return this;
    }

    internal QueryText With(string name, long? value) => With(name, value?.ToString(CultureInfo.InvariantCulture));

    /// <summary>RFC 3339 in UTC, to the microsecond, which is as fine as the journal's clock.</summary>
    internal QueryText With(string name, DateTimeOffset? value) => With(name, value is { } at ? Time(at) : null);

    internal static string Time(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    public override string ToString() => text.ToString();
}
