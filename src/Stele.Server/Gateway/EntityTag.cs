using System.Buffers.Binary;
using System.Globalization;
using Microsoft.Extensions.Primitives;

namespace Stele.Server.Gateway;

/// <summary>
/// A version in a history: <c>"7-0a1b2c3d"</c>, the second half being the first digits of the incarnation, so that a tag
/// from a history that was lost never matches one of the history that followed.
/// </summary>
internal readonly record struct EntityTag(int Version, uint Incarnation)
{
    /// <summary>The tag of a version.</summary>
    public static EntityTag Of(int version, Guid incarnation)
    {
        Span<byte> bytes = stackalloc byte[16];
        incarnation.TryWriteBytes(bytes, bigEndian: true, out _);
        return new EntityTag(version, BinaryPrimitives.ReadUInt32BigEndian(bytes));
    }

    /// <summary>As the header has it, quotes included.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"\"{Version}-{Incarnation:x8}\"");

    /// <summary>Reads a strong tag that this server may have given.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out EntityTag tag)
    {
        tag = default;
        if (text.Length < 12 || text[0] != '"' || text[^1] != '"') return false;
        text = text[1..^1];
        var dash = text.IndexOf('-');
        if (dash < 1 || text.Length != dash + 9 ||
            !int.TryParse(text[..dash], NumberStyles.None, CultureInfo.InvariantCulture, out var version) ||
            !uint.TryParse(text[(dash + 1)..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var incarnation)) return false;
        tag = new EntityTag(version, incarnation);
        return true;
    }

    /// <summary>Whether an If-None-Match names this tag; weak ones count (RFC 9110, 13.1.2).</summary>
    public bool IsIn(StringValues ifNoneMatch)
    {
        foreach (var line in ifNoneMatch)
            foreach (var range in line.AsSpan().Split(','))
            {
                var one = line.AsSpan()[range].Trim();
                if (one is "*") return true;
                if (one.StartsWith("W/", StringComparison.Ordinal)) one = one[2..];
                if (TryParse(one, out var tag) && tag == this) return true;
            }
        return false;
    }
}
