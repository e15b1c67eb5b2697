using System.Buffers;
using System.Globalization;
using System.Text;

namespace Stele.Core.Json;

/// <summary>
/// The one spelling of strings: <c>"</c>, <c>\</c> and control characters below U+0020 are escaped (short forms where
/// JSON has them, else <c>\u00xx</c> in lower case), everything else is raw UTF-8. Input is what the scanner accepted.
/// </summary>
internal static class JsonEscapes
{
    /// <summary>The bytes that end a plain run inside a string: quote, backslash, control characters.</summary>
    public static readonly SearchValues<byte> Special = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Select(b => (byte)b), (byte)'"', (byte)'\\']);

    /// <summary>The longest canonical escape, <c>\u001f</c>.</summary>
    public const int LongestEscape = 6;

    /// <summary>The text of a string's content. Halves of surrogate pairs become U+FFFD; the scanner has refused them.</summary>
    public static string Text(ReadOnlySpan<byte> content, bool escaped)
    {
        if (!escaped) return Encoding.UTF8.GetString(content);
        var bare = Bare(content);
        return Encoding.UTF8.GetString(bare);
    }

    /// <summary>The content without escapes, as UTF-8.</summary>
    public static byte[] Bare(ReadOnlySpan<byte> content)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(content.Length);
        var written = Write(content, buffer, escape: false);
        var bare = buffer.AsSpan(0, written).ToArray();
        ArrayPool<byte>.Shared.Return(buffer);
        return bare;
    }

    /// <summary>Writes the content in its canonical spelling, which is never longer than any other; returns the bytes written.</summary>
    public static int Respell(ReadOnlySpan<byte> content, Span<byte> to) => Write(content, to, escape: true);

    /// <summary>Escapes bare UTF-8 into <paramref name="to"/>, which has room for the longest escape of each byte.</summary>
    public static int Escape(ReadOnlySpan<byte> bare, Span<byte> to)
    {
        var written = 0;
        while (bare.Length > 0)
        {
            var run = bare.IndexOfAny(Special);
            if (run < 0) run = bare.Length;
            bare[..run].CopyTo(to[written..]);
            written += run;
            if (run == bare.Length) break;
            written += WriteCharacter(bare[run], to[written..], escape: true);
            bare = bare[(run + 1)..];
        }
        return written;
    }

    /// <summary>The value of a hexadecimal digit, or a negative number.</summary>
    public static int Hex(byte digit) => digit switch
    {
        >= (byte)'0' and <= (byte)'9' => digit - '0',
        >= (byte)'a' and <= (byte)'f' => digit - 'a' + 10,
        >= (byte)'A' and <= (byte)'F' => digit - 'A' + 10,
        _ => -1,
    };

    static int Write(ReadOnlySpan<byte> content, Span<byte> to, bool escape)
    {
        var written = 0;
        while (content.Length > 0)
        {
            var run = content.IndexOf((byte)'\\');
            if (run < 0) run = content.Length;
            content[..run].CopyTo(to[written..]);
            written += run;
            content = content[run..];
            if (content.Length == 0) break;
            var character = Read(content, out var length);
            written += WriteCharacter(character, to[written..], escape);
            content = content[length..];
        }
        return written;
    }

    /// <summary>The code point of the escape at the beginning of <paramref name="escape"/>; U+FFFD for half of a pair.</summary>
    static int Read(ReadOnlySpan<byte> escape, out int length)
    {
        length = 2;
        switch (escape[1])
        {
            case (byte)'b': return '\b';
            case (byte)'t': return '\t';
            case (byte)'n': return '\n';
            case (byte)'f': return '\f';
            case (byte)'r': return '\r';
            case not (byte)'u': return escape[1];
        }
        length = 6;
        var unit = (char)Unit(escape);
        if (!char.IsSurrogate(unit)) return unit;
        if (char.IsHighSurrogate(unit) && escape.Length >= 12 && escape[6] == '\\' && escape[7] == 'u' && (char)Unit(escape[6..]) is var low && char.IsLowSurrogate(low))
        {
            length = 12;
            return char.ConvertToUtf32(unit, low);
        }
        return '\ufffd';
    }

    static int Unit(ReadOnlySpan<byte> escape) => Hex(escape[2]) << 12 | Hex(escape[3]) << 8 | Hex(escape[4]) << 4 | Hex(escape[5]);

    static int WriteCharacter(int character, Span<byte> to, bool escape)
    {
        if (!escape || character is >= ' ' and not ('"' or '\\')) return new Rune(character).EncodeToUtf8(to);
        to[0] = (byte)'\\';
        var letter = character switch
        {
            '\b' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\f' => 'f',
            '\r' => 'r',
            '"' => '"',
            '\\' => '\\',
            _ => 'u',
        };
        to[1] = (byte)letter;
        if (letter != 'u') return 2;
        character.TryFormat(to[2..], out _, "x4", CultureInfo.InvariantCulture);
        return LongestEscape;
    }
}
