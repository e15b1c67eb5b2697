using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Stele.Core.Limits;

namespace Stele.Server.Limits;

/// <summary>
/// Failed credentials by address: of IPv4 whole, of IPv6 its first 64 bits, which is what one customer has. A fixed number of buckets, chosen
/// by a keyed hash: no flood of addresses takes memory, and nobody can choose whose bucket he shares. Two addresses share
/// one by a chance of one in 65,536, and then only their failures count together.
/// </summary>
internal sealed class AddressFailures(long perMinute)
{
    const int Buckets = 1 << 16;

    readonly BucketRate rate = new(perMinute, 60);
    readonly TokenBucket?[] buckets = new TokenBucket?[Buckets];
    readonly ulong key = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)) | 1;

    /// <summary>Counts a failure; false: the address has had all that it may, and the next is possible in so many seconds.</summary>
    public bool TryCount(IPAddress address, long now, out int seconds)
    {
        var counted = Of(address).TryTake(rate, now, out var left);
        seconds = counted ? 0 : (int)((-left + BucketRate.UnitsPerSecond - 1) / BucketRate.UnitsPerSecond);
        return counted;
    }

    /// <summary>Whether one more failure would be one too many.</summary>
    public bool IsSpent(IPAddress address, long now) =>
        Volatile.Read(ref buckets[IndexOf(address)]) is { } bucket && bucket.Left(rate, now) == 0;

    TokenBucket Of(IPAddress address)
    {
        ref var place = ref buckets[IndexOf(address)];
        return Volatile.Read(ref place) ?? Interlocked.CompareExchange(ref place, new TokenBucket(), null) ?? place;
    }

    int IndexOf(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        if (address.AddressFamily == AddressFamily.InterNetworkV6 && !address.IsIPv4MappedToIPv6) bytes[8..].Clear();
        else if (address.AddressFamily == AddressFamily.InterNetworkV6) bytes[12..].CopyTo(bytes);
        if (address.AddressFamily == AddressFamily.InterNetwork || address.IsIPv4MappedToIPv6) bytes[4..].Clear();
        var hash = (BitConverter.ToUInt64(bytes) ^ key) * 0x9E3779B97F4A7C15UL;
        hash = (hash ^ (hash >> 29) ^ key) * 0xBF58476D1CE4E5B9UL;
        return (int)((hash ^ (hash >> 32)) & (Buckets - 1));
    }
}
