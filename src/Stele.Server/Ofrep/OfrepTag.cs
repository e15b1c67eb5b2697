using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.Primitives;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Orgs;

namespace Stele.Server.Ofrep;

/// <summary>
/// The ETag of a bulk answer: two requests get the same one only if every flag answers them alike. It names the revision of the set and the
/// history it is of, which is what <c>flagConfigEtag</c> needs of it, and a hash of what else decides: the evaluator, the context, which
/// schedules have come into force, who may read what, and the address of the stream that the answer names.
/// </summary>
internal static class OfrepTag
{
    const int HashBytes = 15;

    /// <summary>The tag, with its quotes.</summary>
    public static string Of(OrgState state, OfrepSet set, OfrepVisible visible, Timestamp at, ReadOnlySpan<byte> context, long streamWindow)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        Span<byte> bytes = stackalloc byte[4 * sizeof(long) + 2 * SHA256.HashSizeInBytes];
        BitConverter.TryWriteBytes(bytes, FlagSet.EvaluatorVersion);
        BitConverter.TryWriteBytes(bytes[8..], set.Flags.Times.Phase(at));
        BitConverter.TryWriteBytes(bytes[16..], streamWindow);
        SHA256.HashData(context, bytes[32..]);
        visible.Mark.CopyTo(bytes[(32 + SHA256.HashSizeInBytes)..]);
        SHA256.HashData(bytes, hash);
        return string.Create(CultureInfo.InvariantCulture, $"\"{set.Revision}-{state.IncarnationTag}.{Base64Url.EncodeToString(hash[..HashBytes])}\"");
    }

    /// <summary>The place that a stream's message or an answer's tag names, for <c>flagConfigEtag</c>.</summary>
    public static bool TryPlace(ReadOnlySpan<char> text, out Cursor cursor)
    {
        if (text.StartsWith("W/", StringComparison.Ordinal)) text = text[2..];
        text = text.Trim('"');
        if (text.IndexOf('.') is var dot and >= 0) text = text[..dot];
        return Cursor.TryParse(text.ToString(), out cursor);
    }

    /// <summary>Whether an If-None-Match names the tag; weak ones count (RFC 9110, 13.1.2).</summary>
    public static bool IsIn(StringValues ifNoneMatch, string tag)
    {
        foreach (var line in ifNoneMatch)
            foreach (var range in line.AsSpan().Split(','))
            {
                var one = line.AsSpan()[range].Trim();
                if (one is "*") return true;
                if (one.StartsWith("W/", StringComparison.Ordinal)) one = one[2..];
                if (one.SequenceEqual(tag)) return true;
            }
        return false;
    }
}
