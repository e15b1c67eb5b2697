using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Stele.Prove.Network;
using Xunit;

namespace Stele.Prove.Runs;

/// <summary>The proxy itself: what it lets through, and what it does not.</summary>
public sealed class FaultyLinkTests : IAsyncLifetime
{
    static readonly TimeSpan moment = TimeSpan.FromMilliseconds(150), patience = TimeSpan.FromSeconds(20);

    readonly TcpListener echo = new(IPAddress.Loopback, 0);
    FaultyLink link = null!;

    public ValueTask InitializeAsync()
    {
        echo.Start();
        link = new FaultyLink("test", ((IPEndPoint)echo.LocalEndpoint).Port);
        _ = Serve();
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await link.DisposeAsync();
        echo.Dispose();
    }

    [Fact]
    public async Task Bytes_go_both_ways()
    {
        using var client = await Connect();
        Assert.Equal("hello", await Say(client, "hello"));
    }

    [Theory]
    [InlineData(Way.There)]
    [InlineData(Way.Back)]
    public async Task What_is_held_arrives_when_it_is_healed(object way)
    {
        using var client = await Connect();
        Assert.Equal("one", await Say(client, "one"));
        link.Hold((Way)way);
        var answer = Say(client, "two");
        await Assert.ThrowsAsync<TimeoutException>(() => answer.WaitAsync(moment));
        link.Heal();
        Assert.Equal("two", await answer.WaitAsync(patience));
    }

    [Fact]
    public async Task A_connection_made_while_it_is_held_waits()
    {
        link.Hold(Way.There);
        using var client = await Connect();
        var answer = Say(client, "early");
        await Assert.ThrowsAsync<TimeoutException>(() => answer.WaitAsync(moment));
        link.Heal();
        Assert.Equal("early", await answer.WaitAsync(patience));
    }

    [Fact]
    public async Task A_delay_counts_both_ways()
    {
        using var client = await Connect();
        link.Delay(TimeSpan.FromMilliseconds(60));
        var began = Stopwatch.GetTimestamp();
        await Say(client, "slow");
        Assert.InRange(Stopwatch.GetElapsedTime(began).TotalMilliseconds, 115, 20_000);
    }

    [Fact]
    public async Task A_connection_is_cut_after_so_many_bytes_and_the_next_one_is_not()
    {
        using var client = await Connect();
        link.CutAfter(9);
        Assert.Equal("four", await Say(client, "four"));
        await Assert.ThrowsAnyAsync<IOException>(async () => Assert.NotEqual("more", await Say(client, "more")));
        Assert.Equal(1, link.Cuts);
        using var next = await Connect();
        Assert.Equal("next", await Say(next, "next"));
    }

    [Fact]
    public async Task That_the_other_end_is_gone_is_not_known_while_it_is_held()
    {
        using var client = await Connect();
        Assert.Equal("one", await Say(client, "one"));
        link.Hold(Way.There);
        link.Hold(Way.Back);
        echo.Stop();
        foreach (var socket in served) socket.Close(0);
        var end = client.GetStream().ReadAsync(new byte[1]).AsTask();
        await Assert.ThrowsAsync<TimeoutException>(() => end.WaitAsync(moment));
        link.Heal();
        await Assert.ThrowsAnyAsync<IOException>(async () => Assert.Equal(-1, await end.WaitAsync(patience)));
    }

    readonly List<Socket> served = [];

    async Task Serve()
    {
        try
        {
            while (true)
            {
                var socket = await echo.AcceptSocketAsync();
                served.Add(socket);
                _ = Echo(socket);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // the end of the test
        }
    }

    static async Task Echo(Socket socket)
    {
        var buffer = new byte[1_000];
        try
        {
            while (await socket.ReceiveAsync(buffer) is > 0 and var read) await socket.SendAsync(buffer.AsMemory(0, read));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // cut
        }
    }

    async Task<TcpClient> Connect()
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, link.Port);
        return client;
    }

    static async Task<string> Say(TcpClient client, string text)
    {
        var stream = client.GetStream();
        await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes(text));
        var buffer = new byte[text.Length];
        await stream.ReadExactlyAsync(buffer);
        return System.Text.Encoding.ASCII.GetString(buffer);
    }
}
