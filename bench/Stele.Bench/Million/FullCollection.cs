using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Stele.Bench.Million;

/// <summary>
/// Has another .NET process collect all its garbage, as dotnet-gcdump does: a session of EventPipe whose provider has the
/// keyword GCHeapCollect begins with a full, blocking collection. Over the socket that every runtime opens.
/// </summary>
/// <remarks>Protocol: https://github.com/dotnet/diagnostics/blob/main/documentation/design-docs/ipc-protocol.md</remarks>
internal static class FullCollection
{
    const byte EventPipeCommands = 0x02, CollectTracing = 0x02, StopTracing = 0x01;
    const long GCHeapCollect = 0x800000;
    const int NetTrace = 1, Informational = 4, BufferMegabytes = 1;

    public static async Task Of(int processId, CancellationToken cancellation)
    {
        var collections = 0;
        using (var session = await Connect(processId, cancellation))
        {
            await session.SendAsync(Message(CollectTracing, Session()), cancellation);
            var header = new byte[28];
            for (var read = 0; read < header.Length;) read += await session.ReceiveAsync(header.AsMemory(read), cancellation);
            var id = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(20));
            // what it says of the collection is not looked at; the stream ends when the session is stopped
            var drained = Drain(session, cancellation);
            using var stop = await Connect(processId, cancellation);
            var payload = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(payload, id);
            await stop.SendAsync(Message(StopTracing, payload), cancellation);
            collections = await drained;
        }
        if (collections == 0) throw new InvalidOperationException($"process {processId} did not answer the request for a collection");
    }

    static async Task<int> Drain(Socket session, CancellationToken cancellation)
    {
        var buffer = new byte[64 << 10];
        var bytes = 0;
        for (int read; (read = await session.ReceiveAsync(buffer, cancellation)) > 0;) bytes += read;
        return bytes;
    }

    static async Task<Socket> Connect(int processId, CancellationToken cancellation)
    {
        var path = Directory.EnumerateFiles(Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"dotnet-diagnostic-{processId}-*-socket")).Single();
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
        return socket;
    }

    static byte[] Session()
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes);
        writer.Write(BufferMegabytes);
        writer.Write(NetTrace);
        writer.Write(1);
        writer.Write(GCHeapCollect);
        writer.Write(Informational);
        Text(writer, "Microsoft-Windows-DotNETRuntime");
        Text(writer, "");
        return bytes.ToArray();
    }

    // characters, the last of which is U+0000, after their count
    static void Text(BinaryWriter writer, string text)
    {
        writer.Write(text.Length + 1);
        writer.Write(Encoding.Unicode.GetBytes(text + '\0'));
    }

    static byte[] Message(byte command, byte[] payload)
    {
        var message = new byte[20 + payload.Length];
        Encoding.ASCII.GetBytes("DOTNET_IPC_V1\0").CopyTo(message, 0);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(14), (ushort)message.Length);
        (message[16], message[17]) = (EventPipeCommands, command);
        payload.CopyTo(message, 20);
        return message;
    }
}
