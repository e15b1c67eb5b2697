using System.Buffers.Binary;
using Stele.Core.Schemas;

namespace Stele.Core.Flags.Rules;

/// <summary>Where the members of the object at the root of a text are: a row of marks, each made of a name's length and beginning, which is searched many at a time.</summary>
sealed class MemberIndex
{
    readonly ulong[] marks;
    readonly int[] nodes;

    public MemberIndex(JsonTape tape)
    {
        marks = new ulong[tape[0].Count];
        nodes = new int[marks.Length];
        var (count, end) = (0, tape[0].Next);
        for (var name = 1; name < end; name = tape[name + 1].Next)
        {
            marks[count] = Mark(tape.Raw(name));
            nodes[count++] = name;
        }
    }

    /// <summary>The mark of a canonical name: its first seven bytes, and its length as far as it fits.</summary>
    public static ulong Mark(ReadOnlySpan<byte> name)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        name[..Math.Min(name.Length, 7)].CopyTo(bytes);
        bytes[7] = (byte)Math.Min(name.Length, 255);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    /// <summary>The value of a member, or a negative number.</summary>
    public int Find(JsonTape tape, ReadOnlySpan<byte> name, ulong mark)
    {
        var from = 0;
        while (true)
        {
            var found = marks.AsSpan(from).IndexOf(mark);
            if (found < 0) return -1;
            from += found;
            if (tape.Raw(nodes[from]).SequenceEqual(name)) return nodes[from] + 1;
            from++;
        }
    }
}
