using System.Net;
using Microsoft.AspNetCore.Http;
using Stele.Server.Limits;
using Xunit;

namespace Stele.Server.Tests.Limits;

public sealed class ClientAddressTests
{
    [Theory]
    // nobody is trusted, or the connection is not a proxy's: the header is anybody's claim
    [InlineData("", "203.0.113.7", "198.51.100.1", "203.0.113.7")]
    [InlineData("10.0.0.0/8", "203.0.113.7", "198.51.100.1", "203.0.113.7")]
    // the nearest that is no proxy
    [InlineData("10.0.0.0/8", "10.1.2.3", "198.51.100.1", "198.51.100.1")]
    [InlineData("10.0.0.0/8", "::ffff:10.1.2.3", "198.51.100.1", "198.51.100.1")]
    [InlineData("10.0.0.0/8", "10.1.2.3", "6.6.6.6, 198.51.100.1, 10.9.9.9", "198.51.100.1")]
    [InlineData("10.0.0.0/8", "10.1.2.3", "198.51.100.1:4711", "198.51.100.1")]
    [InlineData("10.0.0.0/8", "10.1.2.3", "[2001:db8::1]:4711", "2001:db8::1")]
    [InlineData("10.0.0.0/8,2001:db8::/32", "10.1.2.3", "2001:db8::1", "2001:db8::1")]
    // what is no address ends the walk: what stands before it is not believed
    [InlineData("10.0.0.0/8", "10.1.2.3", "198.51.100.1, nonsense, 10.9.9.9", "10.9.9.9")]
    [InlineData("10.0.0.0/8", "10.1.2.3", "", "10.1.2.3")]
    [InlineData("10.0.0.0/8", "10.1.2.3", "198.51.100.1,", "10.1.2.3")]
    public void The_address_that_counts(string trusted, string connection, string forwarded, string expected)
    {
        var context = new DefaultHttpContext();
        context.Connection.RemoteIpAddress = IPAddress.Parse(connection);
        context.Request.Headers["X-Forwarded-For"] = forwarded;
        var networks = trusted.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(text => IPNetwork.Parse(text)).ToList();
        Assert.Equal(expected, new ClientAddress(networks).Of(context).ToString());
    }

    [Fact]
    public void More_hops_than_anybody_has_are_not_walked()
    {
        var context = new DefaultHttpContext();
        context.Connection.RemoteIpAddress = IPAddress.Parse("10.1.2.3");
        context.Request.Headers["X-Forwarded-For"] = "198.51.100.1" + string.Concat(Enumerable.Repeat(", 10.0.0.1", 16));
        Assert.Equal("10.0.0.1", new ClientAddress([IPNetwork.Parse("10.0.0.0/8")]).Of(context).ToString());
    }
}
