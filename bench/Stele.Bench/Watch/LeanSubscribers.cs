using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Stele.Bench.Watch;

/// <summary>
/// Many WebSocket subscribers that do no more than read: bare sockets and a buffer each, no framing: what comes is only searched for the mark that each change's value has.
/// For measuring what watching leaves to others on the same machine, where the time that clients take is not the server's.
/// </summary>
internal sealed class LeanSubscribers : IDisposable
{
    const int BufferBytes = 2 << 10;

    readonly List<Socket> sockets = [];
    readonly Lock gate = new();
    long heard;

    /// <summary>Changes that came, of all subscribers.</summary>
    public long Heard => Interlocked.Read(ref heard);

    /// <summary>Connects them; ends when each is level.</summary>
    public Task Connect(int count, Uri server, string token, string subscribe) =>
        Parallel.ForEachAsync(Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (_, cancellation) =>
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            lock (gate) sockets.Add(socket);
            await socket.ConnectAsync(IPAddress.Parse(server.Host), server.Port, cancellation);
            var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
            await Send(socket, Encoding.ASCII.GetBytes($"GET /v1/ws HTTP/1.1\r\nHost: {server.Authority}\r\nAuthorization: {token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"), cancellation);
            var buffer = new byte[BufferBytes];
            await Until(socket, buffer, "\r\n\r\n"u8.ToArray(), cancellation);
            await Send(socket, Frame(subscribe), cancellation);
            await Until(socket, buffer, "synced"u8.ToArray(), cancellation);
            Listen(socket, buffer);
        });

    public void Dispose()
    {
        foreach (var socket in sockets) socket.Dispose();
    }

    // a text frame (RFC 6455, section 5.2) of up to 64 KiB; masked by zeros, which leave it as it is
    static byte[] Frame(string text)
    {
        var payload = Encoding.UTF8.GetBytes(text);
        return [0x81, 0x80 | 126, (byte)(payload.Length >> 8), (byte)payload.Length, 0, 0, 0, 0, .. payload];
    }

    static async Task Send(Socket socket, byte[] bytes, CancellationToken cancellation)
    {
        for (var sent = 0; sent < bytes.Length;) sent += await socket.SendAsync(bytes.AsMemory(sent), cancellation);
    }

    static async Task Until(Socket socket, byte[] buffer, byte[] mark, CancellationToken cancellation)
    {
        for (var length = 0; buffer.AsSpan(0, length).IndexOf(mark) < 0;)
        {
            var read = await socket.ReceiveAsync(buffer.AsMemory(length), cancellation);
            if (read == 0) throw new IOException($"the server ended the connection: {Encoding.UTF8.GetString(buffer, 0, length)}");
            length += read;
        }
    }

    // by callback: no state machine and no token for each message
    void Listen(Socket socket, byte[] buffer)
    {
        var arguments = new SocketAsyncEventArgs();
        arguments.SetBuffer(buffer);
        arguments.Completed += (_, _) => Next(completed: true);
        Next(completed: false);

        void Next(bool completed)
        {
            try
            {
                for (; ; completed = true)
                {
                    if (completed && !Take(arguments)) return;
                    if (socket.ReceiveAsync(arguments)) return;
                }
            }
            catch (ObjectDisposedException)
            {
                // the run is over
            }
        }
    }

    bool Take(SocketAsyncEventArgs received)
    {
        if (received.SocketError != SocketError.Success || received.BytesTransferred == 0) return false;
        Interlocked.Add(ref heard, received.MemoryBuffer.Span[..received.BytesTransferred].Count("change-"u8));
        return true;
    }
}
