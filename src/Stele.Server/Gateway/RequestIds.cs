using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Stele.Server.Gateway;

/// <summary>
/// UUIDv7s without a call for random bytes on each: the time in milliseconds, its next 12 bits (RFC 9562 method 3), and 48
/// bits that no two ids of a node share and no two nodes are likely to. The last 14 bits are zero, because a command's
/// event ids are its request id with the ordinal there. Not a secret, and never used as one.
/// </summary>
internal sealed class RequestIds(TimeProvider time)
{
    // an odd step visits all 2^64 values; its high bits spread even when few are drawn
    const ulong Step = 0x9E3779B97F4A7C15;

    ulong state = BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(sizeof(ulong)));

    /// <summary>The next id.</summary>
    public Guid Next()
    {
        var ticks = time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks;
        var (milliseconds, rest) = Math.DivRem(ticks, TimeSpan.TicksPerMillisecond);
        var unique = Interlocked.Add(ref state, Step) >> 16;
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteInt64BigEndian(bytes, milliseconds << 16 | 0x7000 | rest * 4096 / TimeSpan.TicksPerMillisecond);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], 0x8000_0000_0000_0000 | unique << 14);
        return new Guid(bytes, bigEndian: true);
    }
}
