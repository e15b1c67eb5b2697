using System.Buffers;
using System.Security.Cryptography;

namespace Stele.Client;

/// <summary>Bytes that are secret: in memory that the garbage collector does not copy, zeroed when they grow out of it and at the end.</summary>
internal sealed class SecretBuffer : IBufferWriter<byte>, IDisposable
{
    const int FirstBytes = 4_096;
    byte[] bytes;

    internal SecretBuffer(int capacity) => bytes = GC.AllocateUninitializedArray<byte>(Math.Max(capacity, 1), pinned: true);

    internal int Length { get; private set; }

    internal ReadOnlyMemory<byte> Memory => bytes.AsMemory(0, Length);

    internal ReadOnlySpan<byte> Span => bytes.AsSpan(0, Length);

    public void Advance(int count) => Length += count;

    internal void Shorten(int count) => Length -= count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (bytes.Length - Length < Math.Max(sizeHint, 1)) Grow(Math.Max(Length + sizeHint, bytes.Length * 2));
        return bytes.AsMemory(Length);
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(bytes);
        Length = 0;
    }

    /// <summary>A stream to its end.</summary>
    internal static async Task<SecretBuffer> Read(Stream stream, CancellationToken cancellation)
    {
        var buffer = new SecretBuffer(FirstBytes);
        try
        {
            for (int count; (count = await stream.ReadAsync(buffer.GetMemory(FirstBytes / 2), cancellation)) > 0;) buffer.Advance(count);
            return buffer;
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }

    void Grow(int size)
    {
        var larger = GC.AllocateUninitializedArray<byte>(size, pinned: true);
        Span.CopyTo(larger);
        CryptographicOperations.ZeroMemory(bytes);
        bytes = larger;
    }
}
