using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Stele.Fuzz.Making;
using Stele.Fuzz.Running;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Wire;

/// <summary>Frames of WebSockets (RFC 6455) to a server that runs: messages of any text in sound frames, and frames that no client may send.</summary>
internal sealed class SocketSurface : ISurface
{
    const byte Sound = (byte)'s', Broken = (byte)'b';

    const int Text = 1, Close = 8;

    static readonly TimeSpan patience = TimeSpan.FromSeconds(15);

    // with what the server may end: RFC 6455, 7.4.1, and design section 6
    static readonly int[] codes = [1000, 1001, 1002, 1003, 1007, 1009, 1012, 4401, 4408, 4429];

    static readonly string[] types = ["change", "synced", "progress", "reset", "error"];

    readonly ServerLease server = new(200_000);

    public string Name => "websocket";

    public string Meaning => "messages and frames: what is no message is told so, what is no WebSocket ends the connection with a code, and every frame that comes back is sound";

    public int BatchInputs => 32;

    public byte[] Make(Dice dice)
    {
        var json = new JsonMaker(dice);
        var isBroken = dice.Next(24) == 0;
        var payload = json.Bytes(SocketMaker.Message(json));
        return [isBroken ? Broken : Sound, .. isBroken ? BrokenFrames(dice, payload) : SoundFrames(dice, payload)];
    }

    public async ValueTask<int> Try(IReadOnlyList<byte[]> inputs) => await server.Use(inputs.Count, async node =>
    {
        using var patient = new CancellationTokenSource(patience);
        try
        {
            var sound = inputs.Where(input => input.Length > 0 && input[0] != Broken).Select(input => input[1..]).ToList();
            var broken = inputs.Where(input => input.Length > 0 && input[0] == Broken).Select(input => input[1..]).ToList();
            var answered = await Converse(node, sound, isBroken: false, patient.Token);
            await Task.WhenAll(broken.Select(alone => Converse(node, [alone], isBroken: true, patient.Token)));
            return Math.Min(answered, inputs.Count - 1);
        }
        catch (OperationCanceledException)
        {
            throw new FuzzFinding($"no end within {patience.TotalSeconds} s");
        }
    });

    public ValueTask DisposeAsync() => server.DisposeAsync();

    // how many messages came back that are no errors
    static async Task<int> Converse(FuzzServer node, List<byte[]> frames, bool isBroken, CancellationToken cancellation)
    {
        using var socket = await FuzzServer.Connect(node.Http);
        var upgrade = Encoding.ASCII.GetBytes($"GET /v1/ws HTTP/1.1\r\nHost: fuzz\r\nAuthorization: Bearer {FuzzServer.Token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n");
        await socket.SendAsync(upgrade, cancellation);
        var reader = new Frames(socket);
        var head = await reader.Head(cancellation);
        FuzzFinding.Unless(head.StartsWith("HTTP/1.1 101", StringComparison.Ordinal), () => $"the upgrade is answered {head}");
        await Send(socket, [.. frames.SelectMany(frame => frame), .. Frame(0x80 | Close, [0x03, 0xE8])], cancellation);
        // the rest of a frame that is longer than it is never comes
        if (isBroken) socket.Shutdown(SocketShutdown.Send);
        var messages = 0;
        while (await reader.Next(cancellation) is var (opcode, payload))
        {
            if (opcode == Text) messages += Check(payload) ? 1 : 0;
            else if (opcode == Close)
            {
                var code = payload.Length >= 2 ? BinaryPrimitives.ReadUInt16BigEndian(payload) : 1000;
                FuzzFinding.Unless(codes.Contains(code), () => $"the server ends with {code}");
                break;
            }
        }
        return messages;
    }

    static bool Check(byte[] payload)
    {
        try
        {
            using var json = JsonDocument.Parse(payload);
            var type = json.RootElement.GetProperty("type").GetString();
            FuzzFinding.Unless(types.Contains(type), () => $"a message of type {type}");
            return type != "error";
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new FuzzFinding($"a message that is none: {Encoding.UTF8.GetString(payload)}");
        }
    }

    static async Task Send(Socket socket, byte[] bytes, CancellationToken cancellation)
    {
        try
        {
            for (var sent = 0; sent < bytes.Length;) sent += await socket.SendAsync(bytes.AsMemory(sent), cancellation);
        }
        catch (SocketException)
        {
            // it was closed on us
        }
    }

    static byte[] SoundFrames(Dice dice, byte[] payload)
    {
        if (dice.Next(6) > 0) return Frame(0x80 | Text, payload);
        // in parts, with a ping between, which may stand there; and an empty part
        var at = dice.Next(payload.Length + 1);
        return [.. Frame(Text, payload[..at]), .. dice.Chance(0.5) ? Frame(0x89, [1, 2, 3]) : Frame(0x8A, []), .. dice.Chance(0.3) ? Frame(0, []) : [], .. Frame(0x80, payload[at..])];
    }

    static byte[] BrokenFrames(Dice dice, byte[] payload) => dice.Next(14) switch
    {
        0 => Frame(0x80 | Text, payload, isMasked: false),
        1 => Frame(0xC0 | Text, payload),
        2 => Frame(0x80 | dice.Between(3, 7), payload),
        3 => Frame(0x80 | dice.Between(11, 15), payload),
        4 => Frame(0x80, payload),
        5 => [.. Frame(Text, payload), .. Frame(0x80 | Text, payload)],
        6 => Frame(0x09, payload[..Math.Min(payload.Length, 100)]),
        7 => Frame(0x89, new byte[126]),
        8 => Frame(0x82, payload),
        9 => Frame(0x80 | Text, [.. payload, 0xC3, 0x28]),
        10 => Frame(0x88, dice.Pick<byte[]>([[0x00], [0x03, 0xED], [0xFF, 0xFF], [0x03, 0xE8, 0xFF], [0x00, 0x00]])),
        // longer than it is, by a little, and by all there may be
        11 => [0x81, 0xFF, 0, 0, 0, 0, dice.Pick<byte>([0, 0x7F]), 0xFF, 0xFF, 0xFF, 1, 2, 3, 4, .. payload],
        12 => [0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
        _ => Mutation.Of(dice, Frame(0x80 | Text, payload)),
    };

    /// <summary>A frame of a client.</summary>
    static byte[] Frame(int first, byte[] payload, bool isMasked = true)
    {
        var frame = new List<byte>(payload.Length + 14) { (byte)first };
        var mask = isMasked ? 0x80 : 0;
        if (payload.Length < 126) frame.Add((byte)(mask | payload.Length));
        else if (payload.Length <= ushort.MaxValue) frame.AddRange([(byte)(mask | 126), (byte)(payload.Length >> 8), (byte)payload.Length]);
        else frame.AddRange([(byte)(mask | 127), 0, 0, 0, 0, (byte)(payload.Length >> 24), (byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length]);
        byte[] key = [0x11, 0x22, 0x33, 0x44];
        if (isMasked) frame.AddRange(key);
        for (var i = 0; i < payload.Length; i++) frame.Add((byte)(payload[i] ^ (isMasked ? key[i % 4] : 0)));
        return [.. frame];
    }

    /// <summary>What the server sends.</summary>
    sealed class Frames(Socket socket)
    {
        readonly byte[] buffer = new byte[16 << 10];
        int start, end;

        public async Task<string> Head(CancellationToken cancellation)
        {
            var head = new StringBuilder();
            while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await Byte(cancellation) is >= 0 and var c) head.Append((char)c);
            return head.ToString();
        }

        /// <summary>A frame's opcode and payload; null when the connection has ended.</summary>
        public async Task<(int Opcode, byte[] Payload)?> Next(CancellationToken cancellation)
        {
            if (await Byte(cancellation) is not (>= 0 and var first) || await Byte(cancellation) is not (>= 0 and var second)) return null;
            FuzzFinding.Unless((first & 0x70) == 0 && (second & 0x80) == 0, () => $"a frame begins with {first:x2} {second:x2}");
            long length = second;
            for (var more = second == 126 ? 2 : second == 127 ? 8 : 0; more > 0; more--) length = (more is 2 && second == 126 || more is 8 ? 0 : length << 8) | (uint)await Byte(cancellation);
            var payload = new byte[length];
            for (var i = 0; i < payload.Length; i++)
                if (await Byte(cancellation) is >= 0 and var next) payload[i] = (byte)next;
                else return null;
            return (first & 0x0F, payload);
        }

        async ValueTask<int> Byte(CancellationToken cancellation)
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
                if (end == 0) return -1;
            }
            return buffer[start++];
        }
    }
}
