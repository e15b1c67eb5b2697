using System.Net;
using System.Net.Sockets;

namespace Stele.Server.Outbound.Webhooks;

/// <summary>
/// Which addresses a webhook may lead to. Who makes webhooks is not who runs the network, so only addresses of the public internet are connected
/// to, and of others those that the operator names. Asked with the very address that is connected to: what a name led to a moment before says nothing.
/// </summary>
/// <param name="allowed">Networks beside the public ones (STELE_WEBHOOK_NETWORKS).</param>
internal sealed class WebhookAddresses(IReadOnlyList<IPNetwork> allowed)
{
    // https://www.iana.org/assignments/iana-ipv4-special-registry: whatever is not reachable globally, and multicast
    static readonly IPNetwork[] NotPublic4 =
    [
        .. ((string[])["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
            "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"]).Select(text => IPNetwork.Parse(text)),
    ];

    // https://www.iana.org/assignments/iana-ipv6-special-registry: of IPv6 only this is given to hosts of the internet. Outside of it lie
    // loopback, link-local, unique local, multicast and NAT64 (64:ff9b::/96), which would lead to any IPv4 address
    static readonly IPNetwork Global6 = IPNetwork.Parse("2000::/3");

    // inside of it: protocol assignments with Teredo, documentation, and 6to4, which holds an IPv4 address
    static readonly IPNetwork[] NotPublic6 = [.. ((string[])["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"]).Select(text => IPNetwork.Parse(text))];

    /// <summary>Whether it may be connected to.</summary>
    public bool Allows(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        foreach (var network in allowed)
            if (network.Contains(address)) return true;
        return address.AddressFamily switch
        {
            AddressFamily.InterNetwork => !Array.Exists(NotPublic4, network => network.Contains(address)),
            AddressFamily.InterNetworkV6 => Global6.Contains(address) && !Array.Exists(NotPublic6, network => network.Contains(address)),
            _ => false,
        };
    }
}
