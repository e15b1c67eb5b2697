using System.Net;
using System.Net.Sockets;

namespace Stele.Prove.Processes;

/// <summary>A Redis without a disk: what is lost with it may be lost.</summary>
internal sealed class RedisServer(WorkDirectory work) : IAsyncDisposable
{
    readonly string directory = work.Make("redis");
    ChildProcess? process;

    public int Port { get; } = ChildProcess.FreePort();

    /// <summary>Whether it can be run on this machine.</summary>
    public static bool IsHere => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(place => File.Exists(Path.Combine(place, "redis-server")));

    public async Task Start()
    {
        process?.Dispose();
        process = ChildProcess.Start("redis-server", ["--port", $"{Port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory], new Dictionary<string, string?>(), directory, work.LogOf("redis"));
        await Pause.Until("Redis answers", TimeSpan.FromSeconds(20), async () => (await Say("PING")).StartsWith("+PONG", StringComparison.Ordinal), CancellationToken.None);
    }

    public Task Kill() => process?.Kill() ?? Task.CompletedTask;

    public Task Signal(string signal) => process?.Signal(signal) ?? Task.CompletedTask;

    /// <summary>One command of one word, past the links.</summary>
    public async Task<string> Say(string command)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port);
        var stream = client.GetStream();
        await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes($"{command}\r\n"));
        using var reader = new StreamReader(stream);
        return await reader.ReadLineAsync() ?? "";
    }

    public async ValueTask DisposeAsync()
    {
        if (process is null) return;
        await process.Kill();
        process.Dispose();
    }
}
