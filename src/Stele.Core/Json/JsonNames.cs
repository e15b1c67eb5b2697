using System.Runtime.InteropServices;

namespace Stele.Core.Json;

/// <summary>
/// The member names of the objects that are open, to find duplicates. A stack: an object's names lie together, above
/// those of the objects around it, and go when it closes.
/// </summary>
/// <remarks>
/// Few names are compared one by one; more go through an open-addressed table. Its hash is the runtime's keyed one
/// (Marvin, as of strings), so nobody can prepare names that collide.
/// </remarks>
internal sealed class JsonNames
{
    const int ComparedOneByOne = 16;

    Entry[] entries = new Entry[8];

    public int Count { get; private set; }

    /// <summary>Forgets the names of an object that has closed.</summary>
    public void Truncate(int first)
    {
        // a huge object must not keep its decoded names alive under the rest of the text
        Array.Clear(entries, first, Count - first);
        Count = first;
    }

    /// <summary>Adds a name of the object whose names begin at <paramref name="first"/>; false if it has it already.</summary>
    public bool Add(ReadOnlySpan<byte> text, JsonString name, int first, ref int[]? slots)
    {
        var entry = new Entry
        {
            Start = name.Start,
            Length = name.Length,
            Bare = name.Has(JsonStringTraits.Escaped) ? JsonEscapes.Bare(text.Slice(name.Start, name.Length)) : null,
        };
        var bytes = entry.Bytes(text);
        var members = Count - first;
        if (members < ComparedOneByOne)
        {
            for (var i = first; i < Count; i++)
                if (entries[i].Bytes(text).SequenceEqual(bytes)) return false;
            Push(entry);
            return true;
        }
        if (slots is null || slots.Length < 2 * (members + 1)) slots = Index(text, first, 4 * (members + 1));
        entry.Hash = Hash(bytes);
        var slot = FindSlot(text, slots, first, entry.Hash, bytes);
        if (slots[slot] != 0) return false;
        Push(entry);
        slots[slot] = Count - first;
        return true;
    }

    void Push(Entry entry)
    {
        if (Count == entries.Length) Array.Resize(ref entries, 2 * Count);
        entries[Count++] = entry;
    }

    int[] Index(ReadOnlySpan<byte> text, int first, int size)
    {
        var slots = new int[(int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)size)];
        for (var i = first; i < Count; i++)
        {
            ref var entry = ref entries[i];
            var bytes = entry.Bytes(text);
            entry.Hash = Hash(bytes);
            slots[FindSlot(text, slots, first, entry.Hash, bytes)] = i - first + 1;
        }
        return slots;
    }

    /// <summary>The slot that holds the name, or the empty one where it belongs. At most half of the slots are full.</summary>
    int FindSlot(ReadOnlySpan<byte> text, int[] slots, int first, int hash, ReadOnlySpan<byte> bytes)
    {
        var slot = hash & (slots.Length - 1);
        while (slots[slot] is var taken and not 0)
        {
            ref var entry = ref entries[first + taken - 1];
            if (entry.Hash == hash && entry.Bytes(text).SequenceEqual(bytes)) break;
            slot = (slot + 1) & (slots.Length - 1);
        }
        return slot;
    }

    static int Hash(ReadOnlySpan<byte> bytes)
    {
        var pairs = string.GetHashCode(MemoryMarshal.Cast<byte, char>(bytes));
        return (bytes.Length & 1) == 0 ? pairs : HashCode.Combine(pairs, bytes[^1]);
    }

    struct Entry
    {
        public int Start, Length, Hash;
        public byte[]? Bare;

        public readonly ReadOnlySpan<byte> Bytes(ReadOnlySpan<byte> text) => Bare is null ? text.Slice(Start, Length) : Bare;
    }
}
