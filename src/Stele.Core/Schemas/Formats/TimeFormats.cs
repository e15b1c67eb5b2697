namespace Stele.Core.Schemas.Formats;

/// <summary>Dates and times of RFC 3339, durations of its appendix A.</summary>
static class TimeFormats
{
    static ReadOnlySpan<byte> MonthDays => [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

    public static bool IsDateTime(ReadOnlySpan<byte> text) =>
        text.Length > 11 && text[10] is (byte)'T' or (byte)'t' && IsDate(text[..10]) && IsTime(text[11..]);

    public static bool IsDate(ReadOnlySpan<byte> text)
    {
        if (text.Length != 10 || text[4] != '-' || text[7] != '-') return false;
        if (!Number(text[..4], out var year) || !Number(text[5..7], out var month) || !Number(text[8..], out var day) || month is < 1 or > 12) return false;
        var isLeap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        return day >= 1 && day <= MonthDays[month - 1] + (month == 2 && isLeap ? 1 : 0);
    }

    /// <summary>With the offset; a leap second only where one may be, at the end of a day of UTC.</summary>
    public static bool IsTime(ReadOnlySpan<byte> text)
    {
        if (text.Length < 9 || text[2] != ':' || text[5] != ':') return false;
        if (!Number(text[..2], out var hour) || !Number(text[3..5], out var minute) || !Number(text[6..8], out var second)) return false;
        if (hour > 23 || minute > 59 || second > 60) return false;
        var rest = text[8..];
        if (rest[0] == '.')
        {
            var digits = rest[1..].IndexOfAnyExceptInRange((byte)'0', (byte)'9');
            if (digits <= 0) return false;
            rest = rest[(digits + 1)..];
        }
        if (!Offset(rest, out var offset)) return false;
        return second < 60 || (hour * 60 + minute - offset + 2 * 1440) % 1440 == 1439;
    }

    public static bool IsDuration(ReadOnlySpan<byte> text)
    {
        if (text.Length < 3 || text[0] != 'P') return false;
        var rest = text[1..];
        if (rest[^1] == 'W') return Run(rest) == rest.Length - 1;
        var at = rest.IndexOf((byte)'T');
        var date = at < 0 ? rest : rest[..at];
        var time = at < 0 ? default : rest[(at + 1)..];
        return (at < 0 || !time.IsEmpty) && IsRow(date, "YMD"u8) && IsRow(time, "HMS"u8);
    }

    static bool Offset(ReadOnlySpan<byte> text, out int minutes)
    {
        minutes = 0;
        if (text is [(byte)'Z' or (byte)'z']) return true;
        if (text.Length != 6 || text[0] is not ((byte)'+' or (byte)'-') || text[3] != ':') return false;
        if (!Number(text[1..3], out var hour) || !Number(text[4..], out var minute) || hour > 23 || minute > 59) return false;
        minutes = (hour * 60 + minute) * (text[0] == '-' ? -1 : 1);
        return true;
    }

    // each unit once at most, in their order, none between the first and the last left out
    static bool IsRow(ReadOnlySpan<byte> text, ReadOnlySpan<byte> units)
    {
        var next = -1;
        while (!text.IsEmpty)
        {
            var digits = Run(text);
            if (digits == 0 || digits == text.Length) return false;
            var unit = units.IndexOf(text[digits]);
            if (unit < 0 || (next >= 0 && unit != next)) return false;
            next = unit + 1;
            text = text[(digits + 1)..];
        }
        return true;
    }

    static int Run(ReadOnlySpan<byte> text) => text.IndexOfAnyExceptInRange((byte)'0', (byte)'9') is var end and >= 0 ? end : text.Length;

    static bool Number(ReadOnlySpan<byte> text, out int value)
    {
        value = 0;
        foreach (var b in text)
        {
            if (b is < (byte)'0' or > (byte)'9') return false;
            value = value * 10 + b - '0';
        }
        return true;
    }
}
