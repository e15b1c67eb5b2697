using System.Buffers.Binary;

namespace Stele.Core.Schemas;

/// <summary>Names to numbers, 0, 1, 2 … in the order in which they came: an open hash table over canonical bytes.</summary>
sealed class NameTable
{
    readonly List<byte[]> names = [];
    int[] buckets = new int[8];

    public int Count => names.Count;

    public ReadOnlySpan<byte> this[int slot] => names[slot];

    /// <summary>The number of a name, given to it if it has none.</summary>
    public int Add(ReadOnlySpan<byte> name)
    {
        long steps = long.MaxValue;
        var found = Find(name, ref steps);
        if (found >= 0) return found;
        names.Add(name.ToArray());
        if (names.Count * 2 > buckets.Length)
        {
            buckets = new int[buckets.Length * 2];
            for (var slot = 0; slot < names.Count; slot++) Place(slot);
        }
        else
        {
            Place(names.Count - 1);
        }
        return names.Count - 1;
    }

    /// <summary>The number of a name, or a negative one. Names that collide cost a step each.</summary>
    public int Find(ReadOnlySpan<byte> name, ref long steps)
    {
        var mask = buckets.Length - 1;
        for (var at = Hash(name) & mask; buckets[at] != 0; at = (at + 1) & mask)
        {
            var slot = buckets[at] - 1;
            if (name.SequenceEqual(names[slot])) return slot;
            steps--;
        }
        return -1;
    }

    void Place(int slot)
    {
        var mask = buckets.Length - 1;
        var at = Hash(names[slot]) & mask;
        while (buckets[at] != 0) at = (at + 1) & mask;
        buckets[at] = slot + 1;
    }

    // length, beginning and end tell apart the names that people give; for others collisions are counted
    static int Hash(ReadOnlySpan<byte> name)
    {
        ulong hash = (uint)name.Length;
        if (name.Length >= 8)
        {
            hash ^= BinaryPrimitives.ReadUInt64LittleEndian(name) * 0x9e3779b97f4a7c15;
            hash = ulong.RotateLeft(hash, 31) ^ BinaryPrimitives.ReadUInt64LittleEndian(name[^8..]);
        }
        else
        {
            foreach (var b in name) hash = hash << 8 | b ^ hash >> 56;
        }
        hash *= 0x9e3779b97f4a7c15;
        return (int)(hash >> 33);
    }
}
