using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Stele.Fuzz.Wire;

/// <summary>
/// Clients that connect and then say nothing more, in a process of their own: of so many connections both ends need more open files than most machines
/// allow one process.
/// </summary>
internal sealed class IdleClients : IAsyncDisposable
{
    /// <summary>The word by which this program is told to be that process.</summary>
    public const string Word = "idle";

    const string Ready = "connected";

    static readonly byte[] plain = Encoding.ASCII.GetBytes("GET /healthz HTTP/1.1\r\nHost: fuzz\r\n\r\n");

    readonly Process process;

    IdleClients(Process process) => this.process = process;

    /// <summary>Starts it, and waits until all are connected.</summary>
    public static async Task<IdleClients> Start(FuzzServer server, int count)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet") start.ArgumentList.Add(typeof(IdleClients).Assembly.Location);
        foreach (var word in (string[])[Word, $"{server.Http}", $"{server.Grpc}", $"{count}"]) start.ArgumentList.Add(word);
        var clients = new IdleClients(Process.Start(start)!);
        if (await clients.process.StandardOutput.ReadLineAsync() == Ready) return clients;
        await clients.DisposeAsync();
        throw new InvalidOperationException($"{count} clients could not connect");
    }

    /// <summary>What that process does: it holds its connections until nobody wants them any more.</summary>
    public static async Task<int> Run(string[] args)
    {
        var (http, grpc, count) = (new Uri(args[0]), new Uri(args[1]), int.Parse(args[2], CultureInfo.InvariantCulture));
        var idle = new List<Socket>(count);
        for (var i = 0; i < count; i++)
        {
            var socket = await FuzzServer.Connect(i % 4 == 0 ? grpc : http);
            idle.Add(socket);
            // some said something once, some began to
            if (i % 4 == 1) await socket.SendAsync(plain);
            if (i % 4 == 0) await socket.SendAsync((byte[])[.. H2Connection.Preface, .. H2Connection.Greeting()]);
        }
        Console.WriteLine(Ready);
        await Console.In.ReadToEndAsync();
        foreach (var socket in idle) socket.Dispose();
        return 0;
    }

    public async ValueTask DisposeAsync()
    {
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        process.Dispose();
    }
}
