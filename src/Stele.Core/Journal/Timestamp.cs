using System.Globalization;

namespace Stele.Core.Journal;

/// <summary>
/// A moment in whole microseconds since 1970-01-01T00:00:00Z, which is what PostgreSQL's timestamptz can hold, so that a
/// moment survives the way to the database and back unchanged.
/// </summary>
public readonly record struct Timestamp(long Microseconds) : IComparable<Timestamp>
{
    /// <summary>The epoch: the last_at of a journal that holds nothing.</summary>
    public static readonly Timestamp Epoch = new(0);

    /// <summary>The last moment that there is a date for.</summary>
    public static readonly Timestamp Max = From(DateTime.MaxValue);

    /// <summary>The moment, with what is finer than a microsecond cut off.</summary>
    public static Timestamp From(DateTimeOffset moment) => new(FloorMicroseconds(moment.UtcTicks));

    /// <summary>The moment, with what is finer than a microsecond cut off.</summary>
    public static Timestamp From(DateTime utc) => new(FloorMicroseconds(utc.Ticks));

    /// <summary>The moment as a UTC DateTime.</summary>
    public DateTime ToDateTime() => DateTime.UnixEpoch.AddTicks(Microseconds * TimeSpan.TicksPerMicrosecond);

    /// <summary>RFC 3339 in UTC with six digits of fraction.</summary>
    public override string ToString() => ToDateTime().ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    /// <summary>Reads RFC 3339 with any offset; digits of the fraction past the sixth are cut off.</summary>
    public static bool TryParse(string? text, out Timestamp timestamp)
    {
        timestamp = default;
        if (text is null || text.Length is < 20 or > 35) return false;
        // RFC 3339 allows lower case t and z
        var shaped = text.Replace('t', 'T').Replace('z', 'Z');
        if (shaped[10] != 'T' || (shaped[^1] != 'Z' && shaped[^3] != ':')) return false;
        if (!DateTimeOffset.TryParseExact(CutFraction(shaped), Formats, CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var moment)) return false;
        timestamp = From(moment);
        return true;
    }

    /// <inheritdoc/>
    public int CompareTo(Timestamp other) => Microseconds.CompareTo(other.Microseconds);

    /// <summary>The later of two moments.</summary>
    public static Timestamp Later(Timestamp a, Timestamp b) => a.Microseconds >= b.Microseconds ? a : b;

    /// <summary>Earlier than.</summary>
    public static bool operator <(Timestamp a, Timestamp b) => a.Microseconds < b.Microseconds;

    /// <summary>Later than.</summary>
    public static bool operator >(Timestamp a, Timestamp b) => a.Microseconds > b.Microseconds;

    /// <summary>Not later than.</summary>
    public static bool operator <=(Timestamp a, Timestamp b) => a.Microseconds <= b.Microseconds;

    /// <summary>Not earlier than.</summary>
    public static bool operator >=(Timestamp a, Timestamp b) => a.Microseconds >= b.Microseconds;

    static readonly string[] Formats = ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFK"];

    static long FloorMicroseconds(long ticks)
    {
        var (quotient, rest) = Math.DivRem(ticks - DateTime.UnixEpoch.Ticks, TimeSpan.TicksPerMicrosecond);
        return rest < 0 ? quotient - 1 : quotient;
    }

    static string CutFraction(string text)
    {
        var dot = text.IndexOf('.');
        if (dot < 0) return text;
        var end = dot + 1;
        while (end < text.Length && char.IsAsciiDigit(text[end])) end++;
        return end - dot - 1 > 6 ? text[..(dot + 7)] + text[end..] : text;
    }
}
