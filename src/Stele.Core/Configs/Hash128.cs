using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Stele.Core.Configs;

/// <summary>
/// The first 16 bytes of a SHA-256, big-endian. Of 2^40 different texts two share one with odds of 1 in 2^49; who makes two
/// on purpose needs about 2^64 tries, so nothing shorter and nothing without a cipher's strength would do.
/// </summary>
public static class Hash128
{
    /// <summary>The hash of bytes.</summary>
    public static UInt128 Of(ReadOnlySpan<byte> bytes)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, hash);
        return Read(hash);
    }

    /// <summary>The hash out of a whole SHA-256.</summary>
    public static UInt128 Read(ReadOnlySpan<byte> sha256) => BinaryPrimitives.ReadUInt128BigEndian(sha256);
}
