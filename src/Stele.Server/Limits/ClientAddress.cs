using System.Net;

namespace Stele.Server.Limits;

/// <summary>
/// Whose address counts. The connection's own, unless that is one of the proxies that the setting STELE_TRUSTED_PROXIES names: then
/// the last address of X-Forwarded-For that is none of them. From anybody else the header is ignored, and so is what is not an
/// address, so that nobody can claim another's.
/// </summary>
internal sealed class ClientAddress(IReadOnlyList<IPNetwork> proxies)
{
    const string Forwarded = "X-Forwarded-For";
    const int HopsMax = 16;

    /// <summary>The address of who asks; loopback for a connection that has none (a Unix socket).</summary>
    public IPAddress Of(HttpContext context)
    {
        var connection = context.Connection.RemoteIpAddress ?? IPAddress.Loopback;
        if (proxies.Count == 0 || !IsProxy(connection)) return connection;
        return Before(connection, context.Request.Headers[Forwarded].ToString());
    }

    IPAddress Before(IPAddress nearest, string forwarded)
    {
        var hops = forwarded.Split(',', StringSplitOptions.TrimEntries);
        // from the end, where the nearest proxy wrote
        for (var i = hops.Length - 1; i >= 0 && i >= hops.Length - HopsMax; i--)
        {
            if (!TryParse(hops[i], out var address)) return nearest;
            if (!IsProxy(address)) return address;
            nearest = address;
        }
        return nearest;
    }

    bool IsProxy(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        foreach (var network in proxies)
            if (network.Contains(plain)) return true;
        return false;
    }

    // "203.0.113.7", "203.0.113.7:4711", "2001:db8::1", "[2001:db8::1]:4711"
    static bool TryParse(string hop, out IPAddress address)
    {
        address = IPAddress.None;
        if (!IPEndPoint.TryParse(hop, out var endPoint)) return false;
        address = endPoint.Address;
        return true;
    }
}
