using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Xunit;

namespace Stele.Server.Tests.Fixtures;

/// <summary>A real Redis Cluster on free ports: three masters, each with a replica, and no disk but for their own notes.</summary>
sealed class RedisCluster : IAsyncDisposable
{
    const int Nodes = 6;

    readonly Process[] processes = new Process[Nodes];
    readonly int[] ports;
    readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("stele-test-");

    RedisCluster(int[] ports) => this.ports = ports;

    public string Configuration => string.Join(',', ports.Select(port => $"127.0.0.1:{port}")) + ",connectTimeout=1000,syncTimeout=1000";

    public static async Task<RedisCluster> Start()
    {
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
        Assert.SkipUnless(path.Any(directory => File.Exists(Path.Combine(directory, "redis-server"))), "redis-server is not installed here");
        var cluster = new RedisCluster(FreePorts());
        for (var node = 0; node < Nodes; node++) cluster.Launch(node);
        foreach (var port in cluster.ports) await Wait.Until(async () => (await Ask(port, "PING")).StartsWith("PONG", StringComparison.Ordinal), "a node of the cluster answers");
        var made = await Run(["--cluster", "create", .. cluster.ports.Select(port => $"127.0.0.1:{port}"), "--cluster-replicas", "1", "--cluster-yes"]);
        Assert.True(made.Contains("All 16384 slots covered", StringComparison.Ordinal), made);
        await cluster.UntilWhole();
        return cluster;
    }

    /// <summary>What a command answers on the node that has a key.</summary>
    public static async Task<string> Ask(int port, params string[] command) => (await Run(["-p", port.ToString(CultureInfo.InvariantCulture), "-c", .. command])).TrimEnd('\n');

    /// <summary>What a command answers, whoever has its key.</summary>
    public Task<string> Ask(params string[] command) => Ask(ports[Array.FindIndex(processes, process => !process.HasExited)], command);

    /// <summary>The port of the master that has a key.</summary>
    public async Task<int> MasterOf(string key)
    {
        var slot = int.Parse(await Ask("CLUSTER", "KEYSLOT", key), CultureInfo.InvariantCulture);
        foreach (var line in (await Ask("CLUSTER", "NODES")).Split('\n'))
        {
            var fields = line.Split(' ');
            if (!fields[2].Contains("master", StringComparison.Ordinal) || fields[2].Contains("fail", StringComparison.Ordinal)) continue;
            foreach (var range in fields.Skip(8))
                if (range.Split('-') is [var first, .. var rest] && int.Parse(first, CultureInfo.InvariantCulture) <= slot && slot <= int.Parse(rest is [var last] ? last : first, CultureInfo.InvariantCulture))
                    return int.Parse(fields[1].Split('@')[0].Split(':')[1], CultureInfo.InvariantCulture);
        }
        return 0;
    }

    /// <summary>As a crash does it.</summary>
    public async Task Kill(int port)
    {
        var process = processes[Array.IndexOf(ports, port)];
        process.Kill();
        await process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in processes.OfType<Process>())
        {
            if (!process.HasExited) process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
        directory.Delete(recursive: true);
    }

    Task UntilWhole() => Wait.Until(async () =>
    {
        foreach (var port in ports)
            if (!(await Ask(port, "CLUSTER", "INFO")).Contains("cluster_state:ok", StringComparison.Ordinal) || (await Ask(port, "CLUSTER", "NODES")).Split('\n').Count(line => line.Contains("slave", StringComparison.Ordinal)) < 3) return false;
        return true;
    }, "the cluster is whole");

    void Launch(int node) => processes[node] = Process.Start(new ProcessStartInfo("redis-server",
    [
        "--port", $"{ports[node]}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory.FullName,
        "--cluster-enabled", "yes", "--cluster-config-file", $"nodes-{node}.conf", "--cluster-node-timeout", "1000", "--cluster-port", $"{ports[node] + 10_000}", "--repl-diskless-sync-delay", "0",
    ]) { RedirectStandardOutput = true })!;

    static async Task<string> Run(string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("redis-cli", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var text = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return text;
    }

    // each needs a second one, ten thousand above, for the nodes among themselves
    static int[] FreePorts()
    {
        var found = new List<int>();
        for (var port = 20_000 + Environment.ProcessId % 20_000; found.Count < Nodes; port++)
            if (IsFree(port) && IsFree(port + 10_000)) found.Add(port);
        return [.. found];
    }

    static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
