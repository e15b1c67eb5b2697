using System.Buffers.Binary;
using System.Numerics;

namespace Stele.Core.Flags;

/// <summary>MurmurHash3_x86_32 with seed 0 (A. Appleby, public domain): what flagd buckets by, over UTF-8 bytes.</summary>
public static class Murmur3
{
    const uint First = 0xcc9e2d51, Second = 0x1b873593;

    /// <summary>The hash of some bytes.</summary>
    public static uint Hash(ReadOnlySpan<byte> bytes)
    {
        uint hash = 0;
        var rest = bytes;
        for (; rest.Length >= 4; rest = rest[4..])
        {
            hash ^= Scramble(BinaryPrimitives.ReadUInt32LittleEndian(rest));
            hash = BitOperations.RotateLeft(hash, 13) * 5 + 0xe6546b64;
        }
        uint tail = 0;
        for (var i = rest.Length - 1; i >= 0; i--) tail = tail << 8 | rest[i];
        hash ^= Scramble(tail);
        hash ^= (uint)bytes.Length;
        hash = (hash ^ hash >> 16) * 0x85ebca6b;
        hash = (hash ^ hash >> 13) * 0xc2b2ae35;
        return hash ^ hash >> 16;
    }

    /// <summary>The bucket of a hash: a number from 0 to below the total weight, spread evenly.</summary>
    /// <param name="hash">The hash.</param>
    /// <param name="total">The total weight, at most 2^31-1.</param>
    public static int Bucket(uint hash, int total) => (int)((ulong)hash * (ulong)total >> 32);

    static uint Scramble(uint word) => BitOperations.RotateLeft(word * First, 15) * Second;
}
