using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Stele.Server.Options;
using Stele.Server.Redis;
using Xunit;

namespace Stele.Server.Tests.Fixtures;

/// <summary>A real Redis on a free port, without a disk.</summary>
sealed class RedisServer : IAsyncDisposable
{
    readonly int port;
    readonly string[] more;
    Process process;

    RedisServer(int port, string[] more) => (this.port, this.more, process) = (port, more, Launch(port, more));

    /// <summary>Where it listens.</summary>
    public int Port => port;

    public string Configuration => $"127.0.0.1:{port},connectTimeout=500,syncTimeout=5000";

    /// <summary>A connection to it, as a node has one.</summary>
    public RedisLink Link() => new(new SteleOptions { Redis = Configuration, Http = new(IPAddress.Loopback, 0), Grpc = new(IPAddress.Loopback, 0), Data = "", Node = "" }, NullLogger<RedisLink>.Instance);

    /// <summary>One that answers. The test is skipped when there is none on this machine.</summary>
    /// <param name="more">What else it is told; the port on which it listens is written {port}.</param>
    public static async Task<RedisServer> Start(params string[] more)
    {
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
        Assert.SkipUnless(path.Any(directory => File.Exists(Path.Combine(directory, "redis-server"))), "redis-server is not installed here");
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var port = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        var server = new RedisServer(port, more);
        await server.UntilItAnswers();
        return server;
    }

    /// <summary>As a crash does it.</summary>
    public Task Kill()
    {
        process.Kill();
        return process.WaitForExitAsync();
    }

    /// <summary>On the same port, with nothing in it.</summary>
    public Task Restart()
    {
        process = Launch(port, more);
        return UntilItAnswers();
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited) await Kill();
        process.Dispose();
    }

    async Task UntilItAnswers()
    {
        while (true)
        {
            using var client = new TcpClient();
            try
            {
                await client.ConnectAsync(IPAddress.Loopback, port);
                return;
            }
            catch (SocketException) when (!process.HasExited)
            {
                await Task.Yield();
            }
        }
    }

    static Process Launch(int port, string[] more) =>
        Process.Start(new ProcessStartInfo("redis-server", ["--port", $"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", .. more.Select(word => word.Replace("{port}", $"{port}", StringComparison.Ordinal))]) { RedirectStandardOutput = true })!;
}
