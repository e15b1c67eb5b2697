using System.Collections.Concurrent;
using System.Numerics;
using System.Security.Cryptography;

namespace Stele.Server.Gateway;

/// <summary>
/// Bytes that nobody is to find afterwards. The arrays are pinned, because the garbage collector leaves copies of what it
/// moves, and they are zeroed before they are given back or dropped.
/// </summary>
internal sealed class SecretBuffer : IDisposable
{
    const int BytesMin = 64, KeptOfSmall = 256, KeptOfLarge = 8, SmallBytes = 16 << 10;

    static readonly ConcurrentBag<byte[]>[] pools = [.. Enumerable.Range(0, 32).Select(_ => new ConcurrentBag<byte[]>())];

    byte[] array;

    /// <summary>Room for some bytes, all of them zero.</summary>
    public SecretBuffer(int length)
    {
        array = Take(length);
        Length = length;
    }

    /// <summary>How many bytes there are.</summary>
    public int Length { get; private set; }

    /// <summary>The bytes.</summary>
    public Span<byte> Span => array.AsSpan(0, Length);

    /// <summary>The same, to be sent.</summary>
    public Memory<byte> Memory => array.AsMemory(0, Length);

    /// <summary>As many bytes as it is to have from now on; those that there were stay.</summary>
    public void Resize(int length)
    {
        if (length > array.Length)
        {
            var larger = Take(length);
            Span.CopyTo(larger);
            Give(array);
            array = larger;
        }
        else if (length < Length)
        {
            array.AsSpan(length, Length - length).Clear();
        }
        Length = length;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (array.Length == 0) return;
        Give(array);
        array = [];
        Length = 0;
    }

    static byte[] Take(int length)
    {
        var rounded = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(length, BytesMin));
        return pools[BitOperations.Log2((uint)rounded)].TryTake(out var found) ? found : GC.AllocateArray<byte>(rounded, pinned: true);
    }

    static void Give(byte[] array)
    {
        CryptographicOperations.ZeroMemory(array);
        var pool = pools[BitOperations.Log2((uint)array.Length)];
        if (pool.Count < (array.Length <= SmallBytes ? KeptOfSmall : KeptOfLarge)) pool.Add(array);
    }
}
