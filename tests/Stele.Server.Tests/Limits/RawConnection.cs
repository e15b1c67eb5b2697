using System.Net.Sockets;
using System.Text;

namespace Stele.Server.Tests.Limits;

/// <summary>A connection on which a test says exactly what it wants, and no more.</summary>
sealed class RawConnection : IDisposable
{
    readonly Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 30_000 };

    public RawConnection(Uri server) => socket.Connect(server.Host, server.Port);

    public void Send(string text) => socket.Send(Encoding.ASCII.GetBytes(text));

    /// <summary>What comes until the server closes the connection.</summary>
    public string ReadToEnd()
    {
        var text = new StringBuilder();
        var buffer = new byte[64 << 10];
        try
        {
            while (socket.Receive(buffer) is var read and > 0) text.Append(Encoding.UTF8.GetString(buffer, 0, read));
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset)
        {
            // it was cut rather than closed
        }
        return text.ToString();
    }

    /// <summary>The head of the next answer.</summary>
    public string ReadHead()
    {
        var text = new StringBuilder();
        var buffer = new byte[1];
        while (!text.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && socket.Receive(buffer) == 1) text.Append((char)buffer[0]);
        return text.ToString();
    }

    public void Dispose() => socket.Dispose();
}
