using System.Buffers.Binary;
using System.Globalization;
using Microsoft.Extensions.Primitives;

namespace Stele.Server.Gateway;

/// <summary>
/// A version in a history: <c>"7-0a1b2c3d"</c>, the second half being the first digits of the incarnation, so that a tag
/// from a history that was lost never matches one of the history that followed. What was read through a reference has the version of
/// its secret, too: <c>"7.3-0a1b2c3d"</c>.
/// </summary>
internal readonly record struct EntityTag(int Version, uint Incarnation, int SecretVersion = 0)
{
    /// <summary>The tag of a version.</summary>
    public static EntityTag Of(int version, Guid incarnation)
    {
        Span<byte> bytes = stackalloc byte[16];
        incarnation.TryWriteBytes(bytes, bigEndian: true, out _);
        return new EntityTag(version, BinaryPrimitives.ReadUInt32BigEndian(bytes));
    }

    /// <summary>The tag of a key's version that was read as the value of a secret's version.</summary>
    public static EntityTag Of(int version, int secretVersion, Guid incarnation) => Of(version, incarnation) with { SecretVersion = secretVersion };

    /// <summary>As the header has it, quotes included.</summary>
    public override string ToString() => SecretVersion == 0
        ? string.Create(CultureInfo.InvariantCulture, $"\"{Version}-{Incarnation:x8}\"") : string.Create(CultureInfo.InvariantCulture, $"\"{Version}.{SecretVersion}-{Incarnation:x8}\"");

    /// <summary>Reads a strong tag that this server may have given.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out EntityTag tag)
    {
        tag = default;
        if (text.Length < 12 || text[0] != '"' || text[^1] != '"') return false;
        text = text[1..^1];
        var dash = text.IndexOf('-');
        if (dash < 1 || text.Length != dash + 9) return false;
        var secretVersion = 0;
        var versions = text[..dash];
        var dot = versions.IndexOf('.');
        if (dot >= 0 && (!int.TryParse(versions[(dot + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out secretVersion) || secretVersion == 0)) return false;
        if (!int.TryParse(dot < 0 ? versions : versions[..dot], NumberStyles.None, CultureInfo.InvariantCulture, out var version) ||
            !uint.TryParse(text[(dash + 1)..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var incarnation)) return false;
        tag = new EntityTag(version, incarnation, secretVersion);
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
