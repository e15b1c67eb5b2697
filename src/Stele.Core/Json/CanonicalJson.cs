using System.Buffers;
using System.Text;
using System.Text.Unicode;
using Stele.Core.Faults;

namespace Stele.Core.Json;

/// <summary>
/// The one spelling of a JSON value that Stele stores, hashes and compares. White space is dropped and strings have one
/// spelling each; the order of members and the text of numbers are the author's and stay (<c>1.10</c>, <c>1E5</c>).
/// </summary>
/// <remarks>
/// In a canonical string <c>"</c>, <c>\</c> and control characters below U+0020 are escaped, in the short form where JSON
/// has one, else as <c>\u00xx</c> in lower case; everything else is raw UTF-8. So each text has exactly one canonical
/// string, and two values are equal when their bytes are.
/// </remarks>
public static class CanonicalJson
{
    /// <summary>The canonical bytes of one JSON value (RFC 8259).</summary>
    /// <param name="utf8">The value, with nothing but white space around it.</param>
    /// <param name="pointer">The JSON pointer of the value in what the caller was sent; problems are named below it.</param>
    /// <param name="problems">Gets every broken rule, at most as many as the limit <c>body.problems</c>:
    /// <c>json.syntax</c>, <c>json.utf8</c>, <c>json.duplicate_member</c>, <c>json.nul</c>, <c>json.surrogate</c>,
    /// <c>json.depth</c>, <c>number.digits</c>, <c>number.exponent</c>.</param>
    /// <param name="canonical">The canonical bytes, never more than were given; empty if a rule is broken.</param>
    public static bool TryCanonicalize(ReadOnlySpan<byte> utf8, string pointer, List<Problem> problems, out byte[] canonical)
    {
        canonical = [];
        var scanner = new JsonScanner(utf8, pointer, problems);
        var sound = scanner.ScanValue(out var value, out var isCanonical);
        scanner.End();
        if (!sound || scanner.Refused) return false;
        canonical = isCanonical ? value.ToArray() : Respell(value);
        return true;
    }

    /// <summary>The canonical JSON string of a text.</summary>
    /// <exception cref="ArgumentException">The text has U+0000 or a lone surrogate; where that can be, use <see cref="TryFromString"/>.</exception>
    public static byte[] FromString(string text) => TryFromString(text, out var canonical)
        ? canonical
        : throw new ArgumentException("The text has U+0000 or a lone surrogate.", nameof(text));

    /// <summary>The canonical JSON string of a text; false if it has U+0000 or a lone surrogate, which no value may hold.</summary>
    public static bool TryFromString(string text, out byte[] canonical)
    {
        canonical = [];
        if (text.Contains('\0')) return false;
        var bare = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        var length = 0;
        try
        {
            if (Utf8.FromUtf16(text, bare, out _, out length, replaceInvalidSequences: false) != OperationStatus.Done) return false;
            canonical = FromBareUtf8(bare.AsSpan(0, length));
            return true;
        }
        finally
        {
            // the text may be a secret, and the next who rents this may be anybody
            bare.AsSpan(0, length).Clear();
            ArrayPool<byte>.Shared.Return(bare);
        }
    }

    /// <summary>The text of a canonical JSON string: the inverse of <see cref="FromString"/>.</summary>
    /// <exception cref="ArgumentException">The value is not a string.</exception>
    public static string ToBareString(ReadOnlySpan<byte> canonical)
    {
        if (KindOf(canonical) != JsonKind.String) throw new ArgumentException("The value is not a string.", nameof(canonical));
        var content = canonical[1..^1];
        return JsonEscapes.Text(content, escaped: content.Contains((byte)'\\'));
    }

    /// <summary>What a canonical value is, by its first byte.</summary>
    /// <exception cref="ArgumentException">No value begins with that byte.</exception>
    public static JsonKind KindOf(ReadOnlySpan<byte> canonical) => (canonical.IsEmpty ? (byte)0 : canonical[0]) switch
    {
        (byte)'{' => JsonKind.Object,
        (byte)'[' => JsonKind.Array,
        (byte)'"' => JsonKind.String,
        (byte)'t' or (byte)'f' => JsonKind.Boolean,
        (byte)'n' => JsonKind.Null,
        (byte)'-' or (>= (byte)'0' and <= (byte)'9') => JsonKind.Number,
        _ => throw new ArgumentException("The bytes are not a canonical JSON value.", nameof(canonical)),
    };

    /// <summary>The canonical spelling of a value that the scanner accepted.</summary>
    internal static byte[] Respell(ReadOnlySpan<byte> value)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(value.Length);
        var written = 0;
        while (value.Length > 0)
        {
            var run = value.IndexOfAny(" \t\r\n\""u8);
            if (run < 0) run = value.Length;
            value[..run].CopyTo(buffer.AsSpan(written));
            written += run;
            value = value[run..];
            if (value.IsEmpty) break;
            if (value[0] != '"')
            {
                var blank = 1;
                while (value[blank] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t') blank++;
                value = value[blank..];
                continue;
            }
            var length = ContentLength(value[1..]);
            buffer[written++] = (byte)'"';
            written += JsonEscapes.Respell(value.Slice(1, length), buffer.AsSpan(written));
            buffer[written++] = (byte)'"';
            value = value[(length + 2)..];
        }
        var canonical = buffer.AsSpan(0, written).ToArray();
        ArrayPool<byte>.Shared.Return(buffer);
        return canonical;
    }

    /// <summary>The bytes up to the quote that ends a sound string.</summary>
    static int ContentLength(ReadOnlySpan<byte> content)
    {
        var length = 0;
        while (true)
        {
            length += content[length..].IndexOfAny((byte)'"', (byte)'\\');
            if (content[length] == '"') return length;
            length += 2;
        }
    }

    static byte[] FromBareUtf8(ReadOnlySpan<byte> bare)
    {
        var special = 0;
        for (var rest = bare; rest.IndexOfAny(JsonEscapes.Special) is var at and >= 0; rest = rest[(at + 1)..]) special++;
        var buffer = new byte[bare.Length + 2 + special * (JsonEscapes.LongestEscape - 1)];
        buffer[0] = (byte)'"';
        var end = 1 + JsonEscapes.Escape(bare, buffer.AsSpan(1));
        buffer[end++] = (byte)'"';
        if (end == buffer.Length) return buffer;
        var canonical = buffer[..end];
        buffer.AsSpan().Clear();
        return canonical;
    }
}
