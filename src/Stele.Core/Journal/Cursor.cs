using System.Buffers.Binary;
using System.Globalization;

namespace Stele.Core.Journal;

/// <summary>
/// A place in an org's journal: the revision and the first four bytes of the chain there, so that a place in a history
/// that was lost does not pass for a place in the one that followed. Clients treat its text as opaque.
/// </summary>
public readonly record struct Cursor(long Revision, uint ChainPrefix)
{
    /// <summary>The place at a revision with a chain.</summary>
    public static Cursor At(long revision, ReadOnlySpan<byte> chain) => new(revision, BinaryPrimitives.ReadUInt32BigEndian(chain));

    /// <summary><c>revision-8 hex digits</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Revision}-{ChainPrefix:x8}");

    /// <summary>Reads what <see cref="ToString"/> wrote, and nothing else.</summary>
    public static bool TryParse(string? text, out Cursor cursor)
    {
        cursor = default;
        if (text is null) return false;
        var dash = text.IndexOf('-');
        if (dash < 1 || text.Length != dash + 9) return false;
        if (!long.TryParse(text.AsSpan(0, dash), NumberStyles.None, CultureInfo.InvariantCulture, out var revision)) return false;
        if (!uint.TryParse(text.AsSpan(dash + 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var prefix)) return false;
        cursor = new Cursor(revision, prefix);
        return cursor.ToString() == text;
    }
}
