namespace Stele.Core.Schemas.Formats;

/// <summary>URIs and their references (RFC 3986), the same beyond ASCII (RFC 3987), and templates (RFC 6570).</summary>
static class UriFormats
{
    public static bool Is(ReadOnlySpan<byte> text, bool international, bool relative)
    {
        var rest = text;
        var colon = Scheme(rest);
        if (colon > 0) rest = rest[(colon + 1)..];
        else if (!relative) return false;
        if (rest.IndexOf((byte)'#') is var hash and >= 0)
        {
            if (!HasOnly(rest[(hash + 1)..], ":@/?"u8, international)) return false;
            rest = rest[..hash];
        }
        if (rest.IndexOf((byte)'?') is var mark and >= 0)
        {
            if (!HasOnly(rest[(mark + 1)..], ":@/?"u8, international)) return false;
            rest = rest[..mark];
        }
        if (rest.StartsWith("//"u8))
        {
            var end = rest[2..].IndexOf((byte)'/');
            var authority = end < 0 ? rest[2..] : rest.Slice(2, end);
            if (!IsAuthority(authority, international)) return false;
            rest = end < 0 ? default : rest[(end + 2)..];
        }
        else if (colon <= 0)
        {
            // without a scheme a colon in the first segment would make one
            var slash = rest.IndexOf((byte)'/');
            if ((slash < 0 ? rest : rest[..slash]).Contains((byte)':')) return false;
        }
        return HasOnly(rest, ":@/"u8, international);
    }

    public static bool IsTemplate(ReadOnlySpan<byte> text)
    {
        while (!text.IsEmpty)
        {
            var at = text.IndexOfAny((byte)'{', (byte)'}');
            var literal = at < 0 ? text : text[..at];
            foreach (var b in literal)
                if (b is <= (byte)' ' or (byte)'"' or (byte)'<' or (byte)'>' or (byte)'\\' or (byte)'^' or (byte)'`' or (byte)'|' or 0x7f) return false;
            if (!HasSoundEscapes(literal)) return false;
            if (at < 0) return true;
            var end = text.IndexOf((byte)'}');
            if (text[at] == '}' || end < at || !IsExpression(text[(at + 1)..end])) return false;
            text = text[(end + 1)..];
        }
        return true;
    }

    static int Scheme(ReadOnlySpan<byte> text)
    {
        var colon = text.IndexOf((byte)':');
        if (colon < 1 || !char.IsAsciiLetter((char)text[0])) return -1;
        foreach (var b in text[..colon])
            if (!char.IsAsciiLetterOrDigit((char)b) && b is not ((byte)'+' or (byte)'-' or (byte)'.')) return -1;
        return colon;
    }

    static bool IsAuthority(ReadOnlySpan<byte> text, bool international)
    {
        if (text.LastIndexOf((byte)'@') is var at and >= 0)
        {
            if (!HasOnly(text[..at], ":"u8, international)) return false;
            text = text[(at + 1)..];
        }
        var host = text;
        if (text is [(byte)'[', ..])
        {
            var close = text.IndexOf((byte)']');
            if (close < 0 || !IsLiteral(text[1..close])) return false;
            host = default;
            text = text[(close + 1)..];
        }
        else
        {
            var colon = text.IndexOf((byte)':');
            host = colon < 0 ? text : text[..colon];
            text = text[host.Length..];
        }
        var isPort = text.IsEmpty || (text[0] == ':' && text[1..].IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0);
        return isPort && HasOnly(host, default, international);
    }

    static bool IsLiteral(ReadOnlySpan<byte> text)
    {
        if (text is not [(byte)'v' or (byte)'V', ..]) return HostFormats.IsIpv6(text);
        var dot = text.IndexOf((byte)'.');
        if (dot < 2 || dot == text.Length - 1) return false;
        foreach (var b in text[1..dot])
            if (!char.IsAsciiHexDigit((char)b)) return false;
        return !text.Contains((byte)'%') && HasOnly(text[(dot + 1)..], ":"u8, international: false);
    }

    /// <summary>Whether a text has unreserved characters, sub-delimiters, escapes, and some others.</summary>
    static bool HasOnly(ReadOnlySpan<byte> text, ReadOnlySpan<byte> others, bool international)
    {
        foreach (var b in text)
            if (!char.IsAsciiLetterOrDigit((char)b) && !"-._~!$&'()*+,;=%"u8.Contains(b) && !others.Contains(b) && !(international && b >= 0x80)) return false;
        return HasSoundEscapes(text);
    }

    static bool HasSoundEscapes(ReadOnlySpan<byte> text)
    {
        while (text.IndexOf((byte)'%') is var at and >= 0)
        {
            if (at + 2 >= text.Length || !char.IsAsciiHexDigit((char)text[at + 1]) || !char.IsAsciiHexDigit((char)text[at + 2])) return false;
            text = text[(at + 3)..];
        }
        return true;
    }

    static bool IsExpression(ReadOnlySpan<byte> text)
    {
        if (!text.IsEmpty && "+#./;?&=,!@|"u8.Contains(text[0])) text = text[1..];
        foreach (var range in text.Split((byte)','))
        {
            var variable = text[range];
            if (variable is [.., (byte)'*']) variable = variable[..^1];
            else if (variable.IndexOf((byte)':') is var colon and >= 0)
            {
                var length = variable[(colon + 1)..];
                if (length.Length is 0 or > 4 || length[0] == '0' || length.IndexOfAnyExceptInRange((byte)'0', (byte)'9') >= 0) return false;
                variable = variable[..colon];
            }
            if (variable.IsEmpty || variable[0] == '.' || variable[^1] == '.' || !HasSoundEscapes(variable)) return false;
            foreach (var b in variable)
                if (!char.IsAsciiLetterOrDigit((char)b) && b is not ((byte)'_' or (byte)'.' or (byte)'%')) return false;
        }
        return true;
    }
}
