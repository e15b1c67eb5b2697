using System.Buffers.Binary;
using System.Text;
using Stele.Fuzz.Making;
using Stele.Fuzz.Running;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Wire;

/// <summary>
/// Frames of HTTP/2 as no client sends them: reserved bits, sizes, streams that are not there or were, continuations, paddings, settings,
/// windows, resets, and headers in broken coding. Each input has a connection of its own, which answers a ping at its end, or says goodbye.
/// </summary>
internal sealed class H2Surface : ISurface
{
    static readonly byte[] mark = Encoding.ASCII.GetBytes("fuzzmark");

    // a frame of the input whose end never comes takes the ping for its own, and waits for more: this is more than two of the largest that may be
    // sent, and where a frame begins it is one that no connection survives, data of stream 0. So each connection ends without waiting, and since
    // frames are answered in their order, whoever was to answer the ping has
    static readonly byte[] ending = new byte[2 * (9 + 16_384) + 9];

    static readonly TimeSpan patience = TimeSpan.FromSeconds(20);

    static readonly byte[] sound = H2Connection.Block((":method", "POST"), (":scheme", "http"), (":authority", "fuzz"), (":path", "/grpc.health.v1.Health/Check"), ("te", "trailers"), ("content-type", "application/grpc"), ("authorization", $"Bearer {FuzzServer.Token}"), ("grpc-timeout", "2S"));

    readonly ServerLease server = new(1_000_000);

    public string Name => "http2";

    public string Meaning => "frames in any order, with any flags and sizes: the connection goes on and answers a ping, or ends; the server serves the next";

    public int BatchInputs => 4;

    public byte[] Make(Dice dice)
    {
        var bytes = new List<byte>();
        if (dice.Next(40) == 0) bytes.AddRange(Mutation.Of(dice, H2Connection.Preface));
        else bytes.AddRange([.. H2Connection.Preface, .. dice.Next(15) == 0 ? [] : H2Connection.Greeting()]);
        var stream = 1;
        for (var count = dice.Between(1, 12); count > 0; count--)
        {
            if (dice.Chance(0.9)) stream += 2;
            bytes.AddRange(Frame(dice, stream));
        }
        return dice.Next(12) == 0 ? Mutation.Of(dice, [.. bytes]) : [.. bytes];
    }

    public async ValueTask<int> Try(IReadOnlyList<byte[]> inputs) => await server.Use(inputs.Count, async node =>
    {
        using var patient = new CancellationTokenSource(patience);
        try
        {
            var alive = await Task.WhenAll(inputs.Select(input => Converse(node, input, patient.Token)));
            return alive.Count(one => one);
        }
        catch (OperationCanceledException)
        {
            throw new FuzzFinding($"neither an answer to a ping nor an end within {patience.TotalSeconds} s");
        }
    });

    public ValueTask DisposeAsync() => server.DisposeAsync();

    // whether the connection outlived it: said before it is ended, by bytes that are an end wherever they come
    static async Task<bool> Converse(FuzzServer node, byte[] input, CancellationToken cancellation)
    {
        using var connection = await H2Connection.Open(node.Grpc, cancellation, greets: false);
        var sending = connection.Send((byte[])[.. input, .. new H2Frame(H2Frame.Ping, 0, 0, mark).Bytes(), .. ending], cancellation);
        var outlived = false;
        while (!outlived && await connection.Next(cancellation) is { } frame)
        {
            FuzzFinding.Unless(frame.Type <= H2Frame.Continuation && frame.Payload.Length <= 1 << 20, () => $"a frame of type {frame.Type} with {frame.Payload.Length} bytes");
            if (frame.Type == H2Frame.GoAway) break;
            outlived = frame.Type == H2Frame.Ping && (frame.Flags & H2Frame.Ack) != 0 && frame.Payload.AsSpan().SequenceEqual(mark);
        }
        await sending;
        return outlived;
    }

    static byte[] Frame(Dice dice, int stream)
    {
        var other = dice.Pick<int>([stream, stream, stream, 0, 2, 1, stream + 2, int.MaxValue, unchecked((int)0x80000001)]);
        return dice.Next(60) switch
        {
            0 or >= 45 => new H2Frame(H2Frame.Headers, H2Frame.EndHeaders | dice.Next(2), stream, sound).Bytes(),
            >= 30 => dice.Pick<byte[]>([new H2Frame(H2Frame.Ping, 0, 0, Noise(dice, 8)).Bytes(), new H2Frame(H2Frame.Reset, 0, 1, [0, 0, 0, 8]).Bytes(), new H2Frame(H2Frame.WindowUpdate, 0, 0, [0, 0, 0, 1]).Bytes(), new H2Frame(H2Frame.Priority, 0, stream, Noise(dice, 5)).Bytes(), new H2Frame(dice.Between(10, 255), dice.Next(256), 0, Noise(dice, 9)).Bytes()]),
            1 or 2 or (>= 16 and < 30) => [.. new H2Frame(H2Frame.Headers, H2Frame.EndHeaders, stream, sound).Bytes(), .. new H2Frame(H2Frame.Data, dice.Next(2), stream, [0, 0, 0, 0, 0]).Bytes()],
            3 => new H2Frame(H2Frame.Headers, dice.Next(64), other, Mutation.Of(dice, sound)).Bytes(),
            4 => new H2Frame(H2Frame.Headers, H2Frame.EndHeaders | H2Frame.EndStream, stream, Hostile(dice)).Bytes(),
            5 => [.. new H2Frame(H2Frame.Headers, 0, stream, sound[..10]).Bytes(), .. new H2Frame(dice.Chance(0.7) ? H2Frame.Continuation : H2Frame.Ping, dice.Chance(0.7) ? H2Frame.EndHeaders : 0, dice.Chance(0.8) ? stream : other, dice.Chance(0.7) ? sound[10..] : []).Bytes()],
            6 => new H2Frame(H2Frame.Data, dice.Next(16), other, Noise(dice, dice.Pick<int>([0, 1, 5, 100, 16_384]))).Bytes(),
            7 => new H2Frame(H2Frame.Reset, 0, other, dice.Chance(0.8) ? [0, 0, 0, 8] : Noise(dice, dice.Next(6))).Bytes(),
            8 => new H2Frame(H2Frame.Settings, dice.Next(10) == 0 ? 1 : 0, dice.Next(10) == 0 ? other : 0, Settings(dice)).Bytes(),
            9 => new H2Frame(H2Frame.WindowUpdate, 0, other, dice.Pick<byte[]>([[0, 0, 0, 1], [0, 0, 0, 0], [0x7F, 0xFF, 0xFF, 0xFF], [0xFF, 0xFF, 0xFF, 0xFF], [1, 2, 3]])).Bytes(),
            10 => new H2Frame(H2Frame.Ping, dice.Next(2), dice.Next(10) == 0 ? 1 : 0, Noise(dice, dice.Next(10) == 0 ? 7 : 8)).Bytes(),
            11 => new H2Frame(H2Frame.Priority, 0, other, Noise(dice, dice.Next(8) == 0 ? 4 : 5)).Bytes(),
            12 => new H2Frame(H2Frame.Push, 4, other, [0, 0, 0, 2, .. sound]).Bytes(),
            13 => new H2Frame(dice.Between(10, 255), dice.Next(256), other, Noise(dice, dice.Next(40))).Bytes(),
            14 => new H2Frame(H2Frame.GoAway, 0, dice.Next(8) == 0 ? other : 0, Noise(dice, dice.Pick<int>([8, 20, 3]))).Bytes(),
            // larger than may be, or than is sent
            _ => [0xFF, 0xFF, 0xFF, (byte)dice.Next(10), 0, .. Place(other), .. Noise(dice, 20)],
        };
    }

    static byte[] Hostile(Dice dice) => dice.Next(8) switch
    {
        0 => [0x80],
        1 => [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
        2 => [0x3F, 0xFF, 0xFF, 0xFF, 0x7F],
        3 => [.. sound, .. H2Connection.Block(("x", new string('v', dice.Pick<int>([10_000, 16_000]))))],
        4 => H2Connection.Block([.. Enumerable.Range(0, 400).Select(i => ($"x{i}", "v"))]),
        5 => H2Connection.Block((":method", "POST"), ("Upper", "x"), ("connection", "close"), (":path", "/late")),
        6 => H2Connection.Block((":method", dice.Pick<string>(["GET", "", "P OST", "CONNECT"])), (":path", dice.Pick<string>(["", "*", "x", "/\0", "/%"])), (":scheme", "ftp"), (":authority", "a b"), ("content-length", "-1"), ("transfer-encoding", "chunked")),
        // a table of headers filled and emptied, with the coding of Huffman
        _ => [0x40, 0x82, 0xFF, 0xFF, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, .. Noise(dice, 10)],
    };

    static byte[] Settings(Dice dice)
    {
        var payload = new List<byte>();
        for (var count = dice.Pick<int>([0, 1, 2, 100, 2_000]); count > 0; count--)
        {
            payload.AddRange([0, (byte)dice.Next(8)]);
            payload.AddRange(Place(dice.Pick<int>([0, 1, 2, 16_383, 16_384, 65_535, 16_777_215, 16_777_216, int.MaxValue, -1])));
        }
        return dice.Next(10) == 0 ? [.. payload, 1] : [.. payload];
    }

    static byte[] Place(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }

    static byte[] Noise(Dice dice, int count)
    {
        var bytes = new byte[count];
        for (var i = 0; i < count; i++) bytes[i] = (byte)dice.Next(256);
        return bytes;
    }
}
