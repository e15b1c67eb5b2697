using System.Net;
using System.Net.Sockets;
using Stele.Server.Operation;
using Xunit;

namespace Stele.Server.Tests.Operation;

public sealed class PortCheckTests
{
    [Fact]
    public void A_taken_port_is_named_with_its_setting()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var address = (IPEndPoint)taken.LocalEndpoint;

        var problem = PortCheck.Problem("STELE_HTTP", address);

        Assert.Equal($"STELE_HTTP: {address} is taken by another program, perhaps another Stele. Stop that one, or set STELE_HTTP to a free address.", problem);
    }

    [Fact]
    public void A_free_port_is_no_problem_and_stays_free()
    {
        Assert.Null(PortCheck.Problem("STELE_HTTP", new IPEndPoint(IPAddress.Loopback, 0)));
    }

    [Fact]
    public void A_foreign_address_is_named() =>
        Assert.Contains("192.0.2.1 is not an address of this machine", PortCheck.Problem("STELE_HTTP", new IPEndPoint(IPAddress.Parse("192.0.2.1"), 7300)));
}
