using System.Text;

namespace Stele.Core.Json;

/// <summary>The members that an object in a request's body may have, for <see cref="JsonBody"/>. Make one per kind of object and keep it.</summary>
public sealed class BodyMembers
{
    const int Max = 64;

    readonly (string Text, byte[] Utf8)[] names;

    /// <summary>The set.</summary>
    /// <param name="required">Members without which the object is refused, rule <c>member.required</c>.</param>
    /// <param name="optional">Members that may be absent. Any other is refused, rule <c>member.unknown</c>.</param>
    public BodyMembers(string[] required, string[] optional)
    {
        names = [.. required.Concat(optional).Select(name => (name, Encoding.UTF8.GetBytes(name)))];
        ArgumentOutOfRangeException.ThrowIfGreaterThan(names.Length, Max);
        RequiredCount = required.Length;
    }

    /// <summary>The required ones come first.</summary>
    internal int RequiredCount { get; }

    internal string this[int index] => names[index].Text;

    internal string All => string.Join(", ", names.Select(name => name.Text));

    /// <summary>The index of a name, or a negative number.</summary>
    internal int IndexOf(ReadOnlySpan<byte> name)
    {
        for (var i = 0; i < names.Length; i++)
            if (name.SequenceEqual(names[i].Utf8)) return i;
        return -1;
    }
}
