using System.Text;
using Stele.Core.Schemas.Patterns;

namespace Stele.Core.Schemas.Formats;

/// <summary>A test of a string's text, which is sound UTF-8. It takes time in proportion to the text.</summary>
delegate bool FormatTest(ReadOnlySpan<byte> text);

/// <summary>One of the formats of draft 2020-12, section 7.3 of its validation specification.</summary>
sealed class Format
{
    static readonly Dictionary<string, Format> all = new[]
    {
        new Format("date-time", TimeFormats.IsDateTime), new Format("date", TimeFormats.IsDate), new Format("time", TimeFormats.IsTime), new Format("duration", TimeFormats.IsDuration),
        new Format("email", text => EmailFormat.Is(text, international: false)), new Format("idn-email", text => EmailFormat.Is(text, international: true)),
        new Format("hostname", HostFormats.IsHostname), new Format("idn-hostname", HostFormats.IsInternational),
        new Format("ipv4", HostFormats.IsIpv4), new Format("ipv6", HostFormats.IsIpv6),
        new Format("uri", text => UriFormats.Is(text, international: false, relative: false)), new Format("uri-reference", text => UriFormats.Is(text, international: false, relative: true)),
        new Format("iri", text => UriFormats.Is(text, international: true, relative: false)), new Format("iri-reference", text => UriFormats.Is(text, international: true, relative: true)),
        new Format("uri-template", UriFormats.IsTemplate), new Format("uuid", IsUuid),
        new Format("json-pointer", IsPointer), new Format("relative-json-pointer", IsRelativePointer), new Format("regex", IsPattern),
    }.ToDictionary(format => format.Name, StringComparer.Ordinal);

    readonly FormatTest test;

    Format(string name, FormatTest test)
    {
        Name = name;
        this.test = test;
    }

    /// <summary>All names.</summary>
    public static string Names => string.Join(", ", all.Keys);

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>A format by name, or null.</summary>
    public static Format? Find(string name) => all.GetValueOrDefault(name);

    /// <summary>Whether a text is of it.</summary>
    public bool Fits(ReadOnlySpan<byte> text) => test(text);

    static bool IsUuid(ReadOnlySpan<byte> text)
    {
        if (text.Length != 36) return false;
        for (var i = 0; i < text.Length; i++)
            if (i is 8 or 13 or 18 or 23 ? text[i] != '-' : !char.IsAsciiHexDigit((char)text[i])) return false;
        return true;
    }

    static bool IsPointer(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty) return true;
        if (text[0] != '/') return false;
        for (var i = 0; i < text.Length; i++)
            if (text[i] == '~' && (i + 1 == text.Length || text[i + 1] is not ((byte)'0' or (byte)'1'))) return false;
        return true;
    }

    static bool IsRelativePointer(ReadOnlySpan<byte> text)
    {
        var digits = text.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        if (digits < 0) digits = text.Length;
        if (digits == 0 || (text[0] == '0' && digits > 1)) return false;
        var rest = text[digits..];
        return rest is [(byte)'#'] || IsPointer(rest);
    }

    static bool IsPattern(ReadOnlySpan<byte> text) => PatternParser.Parse(Encoding.UTF8.GetString(text), out _) is not null;
}
