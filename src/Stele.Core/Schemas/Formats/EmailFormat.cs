namespace Stele.Core.Schemas.Formats;

/// <summary>Mailboxes: RFC 5321, section 4.1.2, and RFC 6531 for those beyond ASCII.</summary>
static class EmailFormat
{
    public static bool Is(ReadOnlySpan<byte> text, bool international)
    {
        var at = text.LastIndexOf((byte)'@');
        if (at < 1) return false;
        var local = text[..at];
        var domain = text[(at + 1)..];
        return (local[0] == '"' ? IsQuoted(local, international) : IsDotted(local, international)) && IsDomain(domain, international);
    }

    static bool IsDomain(ReadOnlySpan<byte> domain, bool international)
    {
        if (domain is [(byte)'[', .. var literal, (byte)']'])
            return literal.StartsWith("IPv6:"u8) ? HostFormats.IsIpv6(literal[5..]) : HostFormats.IsIpv4(literal);
        return international ? HostFormats.IsInternational(domain) : HostFormats.IsHostname(domain);
    }

    static bool IsDotted(ReadOnlySpan<byte> local, bool international)
    {
        foreach (var range in local.Split((byte)'.'))
        {
            var atom = local[range];
            if (atom.IsEmpty) return false;
            foreach (var b in atom)
                if (!char.IsAsciiLetterOrDigit((char)b) && !"!#$%&'*+-/=?^_`{|}~"u8.Contains(b) && !(international && b >= 0x80)) return false;
        }
        return true;
    }

    static bool IsQuoted(ReadOnlySpan<byte> local, bool international)
    {
        if (local.Length < 2 || local[^1] != '"') return false;
        var content = local[1..^1];
        for (var i = 0; i < content.Length; i++)
        {
            if (content[i] == '\\' && ++i == content.Length) return false;
            else if (content[i] == '"' && content[i - 1] != '\\') return false;
            if (content[i] < ' ' || content[i] == 0x7f || (content[i] >= 0x80 && !international)) return false;
        }
        return true;
    }
}
