using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Stele.Fuzz.Wire;

/// <summary>A frame of HTTP/2 (RFC 9113).</summary>
internal readonly record struct H2Frame(int Type, int Flags, int Stream, byte[] Payload)
{
    public const int Data = 0, Headers = 1, Priority = 2, Reset = 3, Settings = 4, Push = 5, Ping = 6, GoAway = 7, WindowUpdate = 8, Continuation = 9;

    public const int EndStream = 1, Ack = 1, EndHeaders = 4, Padded = 8, HasPriority = 32;

    /// <summary>Its bytes.</summary>
    public byte[] Bytes()
    {
        var bytes = new byte[9 + Payload.Length];
        (bytes[0], bytes[1], bytes[2], bytes[3], bytes[4]) = ((byte)(Payload.Length >> 16), (byte)(Payload.Length >> 8), (byte)Payload.Length, (byte)Type, (byte)Flags);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(5), Stream);
        Payload.CopyTo(bytes, 9);
        return bytes;
    }
}

/// <summary>
/// A client's end of HTTP/2 without TLS, as thin as can be: it says what it is told to, keeps no state of the protocol, and reads frames.
/// Its table of headers has no room, so that what comes back needs none.
/// </summary>
internal sealed class H2Connection(Socket socket) : IDisposable
{
    public static readonly byte[] Preface = Encoding.ASCII.GetBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

    readonly byte[] buffer = new byte[64 << 10];
    int start, end;

    /// <summary>Connects, and greets unless it is to say something else.</summary>
    public static async Task<H2Connection> Open(Uri server, CancellationToken cancellation, bool greets = true)
    {
        var connection = new H2Connection(await FuzzServer.Connect(server));
        if (greets) await connection.Send((byte[])[.. Preface, .. Greeting()], cancellation);
        return connection;
    }

    /// <summary>No table, no pushes, and room for all that comes.</summary>
    public static byte[] Greeting() => [.. new H2Frame(H2Frame.Settings, 0, 0, [0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 4, 0x01, 0, 0, 0]).Bytes(), .. new H2Frame(H2Frame.WindowUpdate, 0, 0, [0x07, 0, 0, 0]).Bytes()];

    /// <summary>Headers in the plainest coding that there is (RFC 7541, 6.2.2).</summary>
    public static byte[] Block(params IEnumerable<(string Name, string Value)> headers)
    {
        var block = new List<byte>();
        foreach (var (name, value) in headers)
        {
            block.Add(0);
            Text(block, name);
            Text(block, value);
        }
        return [.. block];
    }

    /// <summary>Sends bytes. A connection that was closed on us takes none, which reading tells.</summary>
    public async Task Send(ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        try
        {
            while (bytes.Length > 0) bytes = bytes[await socket.SendAsync(bytes, cancellation)..];
        }
        catch (SocketException)
        {
            // what it said before is still there to be read
        }
    }

    /// <summary>The next frame, or null when there will be no more.</summary>
    public async Task<H2Frame?> Next(CancellationToken cancellation)
    {
        var head = new byte[9];
        if (!await Exactly(head, cancellation)) return null;
        var payload = new byte[head[0] << 16 | head[1] << 8 | head[2]];
        return await Exactly(payload, cancellation) ? new H2Frame(head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)) & int.MaxValue, payload) : null;
    }

    /// <summary>A block of headers as it comes back to whoever has no table: what it names itself. What the static table names is left out but for statuses.</summary>
    public static Dictionary<string, string> Read(byte[] block)
    {
        var headers = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var at = 0; at < block.Length;)
        {
            var first = block[at];
            if ((first & 0x80) != 0)
            {
                var index = Number(block, ref at, 7);
                if (index is >= 8 and <= 14) headers[":status"] = new[] { "200", "204", "206", "304", "400", "404", "500" }[index - 8];
                continue;
            }
            if ((first & 0xE0) == 0x20)
            {
                Number(block, ref at, 5);
                continue;
            }
            var name = Number(block, ref at, (first & 0x40) != 0 ? 6 : 4) is > 0 and var named ? named is >= 8 and <= 14 ? ":status" : $"#{named}" : Word(block, ref at);
            headers[name] = Word(block, ref at);
        }
        return headers;
    }

    public void Dispose() => socket.Dispose();

    static void Text(List<byte> block, string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        if (bytes.Length < 127) block.Add((byte)bytes.Length);
        else
        {
            block.Add(127);
            var rest = bytes.Length - 127;
            for (; rest >= 128; rest >>= 7) block.Add((byte)(rest | 128));
            block.Add((byte)rest);
        }
        block.AddRange(bytes);
    }

    static int Number(byte[] block, ref int at, int bits)
    {
        var mask = (1 << bits) - 1;
        var number = block[at++] & mask;
        if (number < mask) return number;
        for (var shift = 0; at < block.Length; shift += 7)
        {
            var next = block[at++];
            number += (next & 127) << shift;
            if (next < 128) break;
        }
        return number;
    }

    static string Word(byte[] block, ref int at)
    {
        var packed = (block[at] & 0x80) != 0;
        var length = Number(block, ref at, 7);
        var text = packed ? "(packed)" : Encoding.UTF8.GetString(block, at, length);
        at += length;
        return text;
    }

    async ValueTask<bool> Exactly(byte[] bytes, CancellationToken cancellation)
    {
        for (var done = 0; done < bytes.Length;)
        {
            if (start == end)
            {
                try
                {
                    (start, end) = (0, await socket.ReceiveAsync(buffer, cancellation));
                }
                catch (SocketException)
                {
                    (start, end) = (0, 0);
                }
                if (end == 0) return false;
            }
            var part = Math.Min(end - start, bytes.Length - done);
            buffer.AsSpan(start, part).CopyTo(bytes.AsSpan(done));
            (start, done) = (start + part, done + part);
        }
        return true;
    }
}
