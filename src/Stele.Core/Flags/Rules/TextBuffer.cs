using System.Buffers;
using System.Text;

namespace Stele.Core.Flags.Rules;

/// <summary>Text that is put together from parts, on the stack while it is short; for a key that is only hashed no string is made.</summary>
ref struct TextBuffer(Span<char> first)
{
    /// <summary>Characters for which the caller lends room on its stack.</summary>
    public const int StackCharacters = 128;

    Span<char> buffer = first;
    char[]? rented;
    int length;

    /// <summary>Puts a part behind.</summary>
    public void Append(ref RuleRun run, ReadOnlySpan<char> part)
    {
        if (!run.PayFor(part.Length)) return;
        if (part.Length > buffer.Length - length) Grow(part.Length);
        part.CopyTo(buffer[length..]);
        length += part.Length;
    }

    /// <summary>Puts a value's text behind, as in a list: null and undefined have none.</summary>
    public void Append(ref RuleRun run, RuleValue value)
    {
        if (value.Kind == RuleKind.String) Append(ref run, value.Text);
        else if (!value.IsNullish) Append(ref run, RuleText.Of(ref run, value));
    }

    /// <summary>The text.</summary>
    public override readonly string ToString() => buffer[..length].ToString();

    /// <summary>The hash of the text's UTF-8 bytes.</summary>
    public readonly uint Hash()
    {
        // ASCII, as keys mostly are, is as many bytes as characters
        Span<byte> bytes = stackalloc byte[StackCharacters];
        if (length <= StackCharacters && Ascii.FromUtf16(buffer[..length], bytes, out var count) == OperationStatus.Done) return Murmur3.Hash(bytes[..count]);
        var pooled = ArrayPool<byte>.Shared.Rent(3 * length);
        var hash = Murmur3.Hash(pooled.AsSpan(0, Encoding.UTF8.GetBytes(buffer[..length], pooled)));
        ArrayPool<byte>.Shared.Return(pooled);
        return hash;
    }

    /// <summary>Gives back what was borrowed.</summary>
    public void Dispose()
    {
        if (rented is not null) ArrayPool<char>.Shared.Return(rented);
        rented = null;
    }

    void Grow(int more)
    {
        var larger = ArrayPool<char>.Shared.Rent(Math.Max(2 * buffer.Length, length + more));
        buffer[..length].CopyTo(larger);
        Dispose();
        buffer = rented = larger;
    }
}
