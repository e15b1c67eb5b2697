using System.Globalization;
using Stele.Core.Journal;

namespace Stele.Server.Journal.Hints;

/// <summary>
/// What nodes tell each other: an org is at a revision, or something that nodes ask each other about an org waits in PostgreSQL.
/// It may be lost, doubled, late or wrong without harm: whoever hears one looks into PostgreSQL, and looks once a second without any.
/// </summary>
/// <param name="Org">Of which org.</param>
/// <param name="Revision">Its newest revision; null: look at what is asked about it.</param>
internal readonly record struct Hint(OrgId Org, long? Revision)
{
    /// <summary>As carriers write it: <c>7:1042</c>, or <c>7?</c>.</summary>
    public override string ToString() =>
        Revision is { } revision ? string.Create(CultureInfo.InvariantCulture, $"{Org.Value}:{revision}") : string.Create(CultureInfo.InvariantCulture, $"{Org.Value}?");

    /// <summary>Reads what <see cref="ToString"/> wrote; anything else is passed over.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Hint hint)
    {
        hint = default;
        var end = text.IndexOfAny(':', '?');
        if (end < 1 || !int.TryParse(text[..end], NumberStyles.None, CultureInfo.InvariantCulture, out var org)) return false;
        if (text[end] == '?')
        {
            hint = new Hint(new OrgId(org), null);
            return end == text.Length - 1;
        }
        if (!long.TryParse(text[(end + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var revision)) return false;
        hint = new Hint(new OrgId(org), revision);
        return true;
    }
}
