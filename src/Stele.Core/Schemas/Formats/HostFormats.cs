using System.Globalization;
using System.Text;

namespace Stele.Core.Schemas.Formats;

/// <summary>Names and addresses of hosts: RFC 1123, RFC 5890 with the rules of RFC 5892, RFC 2673, RFC 4291.</summary>
static class HostFormats
{
    const int NameBytesMax = 253;
    const int LabelBytesMax = 63;

    public static bool IsHostname(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty || text.Length > NameBytesMax) return false;
        foreach (var part in text.Split((byte)'.'))
            if (!IsLabel(text[part])) return false;
        return true;
    }

    public static bool IsInternational(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty || text.Length > 4 * NameBytesMax) return false;
        var name = Encoding.UTF8.GetString(text);
        var length = 0;
        foreach (var label in name.Split('.', '\u3002', '\uff0e', '\uff61'))
        {
            var encoded = Ascii.IsValid(label) ? IsLabel(Encoding.ASCII.GetBytes(label)) ? label.Length : -1 : IsUnicodeLabel(label) ? Punycode.Length(label) + 4 : -1;
            if (encoded is < 0 or > LabelBytesMax) return false;
            length += encoded + 1;
        }
        return length - 1 <= NameBytesMax;
    }

    public static bool IsIpv4(ReadOnlySpan<byte> text)
    {
        var parts = 0;
        foreach (var range in text.Split((byte)'.'))
        {
            var part = text[range];
            if (++parts > 4 || part.Length is 0 or > 3 || (part[0] == '0' && part.Length > 1) || part.IndexOfAnyExceptInRange((byte)'0', (byte)'9') >= 0) return false;
            if (int.Parse(part, NumberStyles.None, CultureInfo.InvariantCulture) > 255) return false;
        }
        return parts == 4;
    }

    public static bool IsIpv6(ReadOnlySpan<byte> text)
    {
        var (groups, gap, at) = (0, false, 0);
        if (text.StartsWith("::"u8)) (gap, at) = (true, 2);
        else if (text.Length < 2 || text[0] == ':') return false;
        while (at < text.Length)
        {
            var rest = text[at..];
            var end = rest.IndexOf((byte)':');
            if (end < 0 && rest.Contains((byte)'.')) return IsIpv4(rest) && IsWhole(groups + 2, gap);
            var group = end < 0 ? rest : rest[..end];
            if (group.Length is 0 or > 4 || !IsHex(group)) return false;
            groups++;
            if (end < 0) break;
            at += end + 1;
            if (at == text.Length) return false;
            if (text[at] != ':') continue;
            if (gap) return false;
            (gap, at) = (true, at + 1);
        }
        return IsWhole(groups, gap);
    }

    static bool IsWhole(int groups, bool gap) => gap ? groups < 8 : groups == 8;

    static bool IsHex(ReadOnlySpan<byte> text)
    {
        foreach (var b in text)
            if (!char.IsAsciiHexDigit((char)b)) return false;
        return true;
    }

    static bool IsLabel(ReadOnlySpan<byte> label)
    {
        if (label.Length is 0 or > LabelBytesMax || label[0] == '-' || label[^1] == '-') return false;
        foreach (var b in label)
            if (!char.IsAsciiLetterOrDigit((char)b) && b != '-') return false;
        if (label.Length < 4 || label[2] != '-' || label[3] != '-') return true;
        // what looks like an encoded label must be one
        return Ascii.EqualsIgnoreCase(label[..2], "xn"u8) && Punycode.TryDecode(label[4..], out var text) && IsUnicodeLabel(text);
    }

    // RFC 5891, 4.2.3, and the contextual rules of RFC 5892, appendix A
    static bool IsUnicodeLabel(string label)
    {
        var runes = label.EnumerateRunes().Select(rune => rune.Value).ToArray();
        if (runes.Length == 0 || runes[0] == '-' || runes[^1] == '-' || (runes.Length > 3 && runes[2] == '-' && runes[3] == '-')) return false;
        if (CharUnicodeInfo.GetUnicodeCategory(runes[0]) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark) return false;
        for (var i = 0; i < runes.Length; i++)
            if (!IsAllowed(runes, i)) return false;
        var (arabic, extended) = (runes.Any(rune => rune is >= 0x660 and <= 0x669), runes.Any(rune => rune is >= 0x6f0 and <= 0x6f9));
        return !(arabic && extended);
    }

    static bool IsAllowed(int[] label, int i)
    {
        var before = i > 0 ? label[i - 1] : 0;
        var after = i + 1 < label.Length ? label[i + 1] : 0;
        switch (label[i])
        {
            case 0xb7: return before == 'l' && after == 'l';
            case 0x375: return after is (>= 0x370 and <= 0x3ff) or (>= 0x1f00 and <= 0x1fff);
            case 0x5f3 or 0x5f4: return before is >= 0x590 and <= 0x5ff;
            case 0x30fb: return Array.Exists(label, rune => rune is (>= 0x3041 and <= 0x309f) or (>= 0x30a1 and <= 0x30fa) or (>= 0x30fc and <= 0x30ff) or (>= 0x3400 and <= 0x9fff) or 0x3005 or 0x3007);
            // a virama joins what follows: Unicode's combining class 9
            case 0x200c or 0x200d: return IsVirama(before);
            case 0xf0b or 0x3007 or 0x6fd or 0x6fe: return true;
            case 0x640 or 0x7fa or 0x302e or 0x302f or (>= 0x3031 and <= 0x3035) or 0x303b: return false;
        }
        return label[i] == '-' || CharUnicodeInfo.GetUnicodeCategory(label[i]) is UnicodeCategory.LowercaseLetter or UnicodeCategory.OtherLetter or UnicodeCategory.ModifierLetter
            or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.UppercaseLetter;
    }

    static bool IsVirama(int rune) => rune is 0x94d or 0x9cd or 0xa4d or 0xacd or 0xb4d or 0xbcd or 0xc4d or 0xccd or 0xd3b or 0xd3c or 0xd4d or 0xdca or 0xe3a or 0xeba or 0xf84 or 0x1039 or 0x103a or 0x1714 or 0x17d2;
}
