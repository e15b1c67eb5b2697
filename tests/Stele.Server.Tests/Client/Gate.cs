using System.Net;
using System.Net.Sockets;

namespace Stele.Server.Tests.Client;

/// <summary>A way to a server that can be closed and opened: closed, it ends what goes through it and refuses what comes.</summary>
internal sealed class Gate : IAsyncDisposable
{
    readonly int port;
    readonly List<TcpClient> through = [];
    TcpListener? listener;
    CancellationTokenSource closing = new();

    internal Gate(Uri to)
    {
        To = to;
        listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        port = ((IPEndPoint)listener.LocalEndpoint).Port;
        _ = Accept(listener, closing.Token);
    }

    /// <summary>Where it leads, for who comes from now on.</summary>
    internal Uri To { get; set; }

    internal string Url => $"http://127.0.0.1:{port}";

    internal void Close()
    {
        closing.Cancel();
        listener?.Stop();
        listener = null;
        lock (through)
        {
            foreach (var client in through) client.Dispose();
            through.Clear();
        }
    }

    internal void Open()
    {
        if (listener is not null) return;
        closing = new CancellationTokenSource();
        listener = new TcpListener(IPAddress.Loopback, port) { Server = { ExclusiveAddressUse = false } };
        listener.Server.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        listener.Start();
        _ = Accept(listener, closing.Token);
    }

    public ValueTask DisposeAsync()
    {
        Close();
        return default;
    }

    async Task Accept(TcpListener from, CancellationToken cancellation)
    {
        try
        {
            while (true) _ = Pass(await from.AcceptTcpClientAsync(cancellation), cancellation);
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // closed
        }
    }

    async Task Pass(TcpClient client, CancellationToken cancellation)
    {
        using var server = new TcpClient();
        try
        {
            lock (through)
            {
                if (cancellation.IsCancellationRequested)
                {
                    client.Dispose();
                    return;
                }
                through.Add(client);
                through.Add(server);
            }
            await server.ConnectAsync(To.Host, To.Port, cancellation);
            await Task.WhenAny(client.GetStream().CopyToAsync(server.GetStream(), cancellation), server.GetStream().CopyToAsync(client.GetStream(), cancellation));
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            // one side has gone
        }
        client.Dispose();
    }
}

/// <summary>Something else than Stele, on a port.</summary>
internal sealed class Stranger : IAsyncDisposable
{
    readonly TcpListener listener = new(IPAddress.Loopback, 0);
    readonly CancellationTokenSource closing = new();

    internal string Url => $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";

    internal static Stranger Start()
    {
        var stranger = new Stranger();
        stranger.listener.Start();
        _ = stranger.Answer();
        return stranger;
    }

    public async ValueTask DisposeAsync()
    {
        await closing.CancelAsync();
        listener.Stop();
    }

    async Task Answer()
    {
        try
        {
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync(closing.Token);
                await client.GetStream().ReadAtLeastAsync(new byte[4096], 1, cancellationToken: closing.Token);
                await client.GetStream().WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>"u8.ToArray(), closing.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or IOException)
        {
            // over
        }
    }
}
