using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Stele.Fuzz.Running;
using Stele.Server.Limits;
using Xunit;

namespace Stele.Fuzz.Wire;

/// <summary>
/// What no single input does: many slow ones, many at once, many that are taken back. While it lasts, and after it, others are served. Alone in its process,
/// since it measures what that takes.
/// </summary>
[Collection("alone")]
public sealed class AttackTests(ITestOutputHelper output)
{
    // the bounds of a server, but for how long it waits
    static readonly LimitOptions impatient = new() { Header = TimeSpan.FromSeconds(1), Body = TimeSpan.FromSeconds(2), BodyBytesPerSecond = 100_000, BodyGrace = TimeSpan.FromMilliseconds(1_100), KeepAlive = TimeSpan.FromSeconds(60) };

    [Fact]
    public async Task Headers_and_bodies_that_trickle_are_cut_while_others_are_served()
    {
        await using var server = await FuzzServer.Start(impatient);
        var began = Stopwatch.GetTimestamp();
        var slow = Enumerable.Range(0, 300).Select(i => Slowly(server, i % 2 == 0
            ? "GET /v1/config HTTP/1.1\r\nHost: fuzz\r\nX: "
            : $"PUT /v1/config/app.a HTTP/1.1\r\nHost: fuzz\r\nAuthorization: Bearer {FuzzServer.Token}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{")).ToArray();
        var served = 0;
        while (!Task.WhenAll(slow).IsCompleted)
        {
            await server.Answers();
            served++;
        }
        Assert.True(served > 0, "nobody else was served");
        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(60));
        server.NothingLogged(0);
    }

    [Fact]
    public async Task Floods_of_headers_and_of_continuations_are_refused_before_they_are_held()
    {
        await using var server = await FuzzServer.Start();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < 50; i++)
        {
            using var socket = await FuzzServer.Connect(server.Http);
            await Flood(socket, Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: fuzz\r\n"), Encoding.ASCII.GetBytes($"X-{i}: {new string('v', 8_000)}\r\n"), 500);
            using var connection = await H2Connection.Open(server.Grpc, CancellationToken.None);
            await connection.Send(new H2Frame(H2Frame.Headers, 0, 1, H2Connection.Block((":method", "POST"))).Bytes(), CancellationToken.None);
            for (var more = 0; more < 200; more++) await connection.Send(new H2Frame(H2Frame.Continuation, 0, 1, H2Connection.Block(("x", new string('v', 10_000)))).Bytes(), CancellationToken.None);
        }
        await server.Answers();
        var grown = GC.GetTotalMemory(forceFullCollection: true) - before;
        output.WriteLine($"{grown >> 20} MiB more");
        Assert.InRange(grown, long.MinValue, 64 << 20);
        server.NothingLogged(0);
    }

    [Fact]
    public async Task Ten_thousand_idle_connections_hold_little_and_keep_nobody_waiting()
    {
        const int connections = 10_000;
        Assert.SkipUnless(Descriptors() >= connections + 1_000, $"this machine allows {Descriptors()} open files");
        await using var server = await FuzzServer.Start();
        await server.Answers();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await using (await IdleClients.Start(server, connections))
        {
            await server.Answers();
            var slowest = TimeSpan.Zero;
            for (var i = 0; i < 100; i++)
            {
                var began = Stopwatch.GetTimestamp();
                await server.Answers();
                if (Stopwatch.GetElapsedTime(began) is var took && took > slowest) slowest = took;
            }
            var each = (GC.GetTotalMemory(forceFullCollection: true) - before) / connections;
            output.WriteLine($"{connections} connections, {each} bytes each, slowest answer {slowest.TotalMilliseconds:N1} ms");
            Assert.InRange(each, long.MinValue, 64 << 10);
            Assert.InRange(slowest, TimeSpan.Zero, TimeSpan.FromSeconds(5));
        }
        await server.Answers();
        server.NothingLogged(0);
    }

    [Theory]
    [InlineData("a-token-that-nobody-knows")]
    [InlineData(FuzzServer.Token)]
    public async Task Streams_that_are_reset_as_soon_as_they_are_opened_leave_nothing_behind(string token)
    {
        await using var server = await FuzzServer.Start();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var block = H2Connection.Block((":method", "POST"), (":scheme", "http"), (":authority", "fuzz"), (":path", "/stele.v1.ConfigService/List"), ("te", "trailers"), ("content-type", "application/grpc"), ("authorization", $"Bearer {token}"));
        var refusals = new ConcurrentQueue<string>();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            for (var round = 0; round < 3; round++)
            {
                using var connection = await H2Connection.Open(server.Grpc, CancellationToken.None);
                var flood = new List<byte>();
                for (var stream = 1; stream < 10_000; stream += 2)
                    flood.AddRange([.. new H2Frame(H2Frame.Headers, H2Frame.EndHeaders | H2Frame.EndStream, stream, block).Bytes(), .. new H2Frame(H2Frame.Reset, 0, stream, [0, 0, 0, 8]).Bytes()]);
                await connection.Send(flood.ToArray(), CancellationToken.None);
                if (await server.Refusal() is { } refusal) refusals.Enqueue(refusal);
            }
        }));
        foreach (var refusal in refusals) output.WriteLine(refusal);
        // what was reset is soon no work any more
        var ended = Stopwatch.GetTimestamp();
        while (await server.Refusal() is { } refusal)
            Assert.True(Stopwatch.GetElapsedTime(ended) < TimeSpan.FromSeconds(15), $"the server refuses a sound request still: {refusal}");
        var grown = GC.GetTotalMemory(forceFullCollection: true) - before;
        output.WriteLine($"{grown >> 20} MiB more");
        Assert.InRange(grown, long.MinValue, 64 << 20);
        // the web server tells, loudly, of each connection that it ends for this
        server.NothingLogged(0, but: "Connection id");
    }

    [Fact]
    public async Task Pings_settings_and_windows_that_never_open_are_answered_or_cut()
    {
        await using var server = await FuzzServer.Start(impatient);
        using var patient = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var connection = await H2Connection.Open(server.Grpc, patient.Token);
        // nobody reads the answers to these: what waits for him is bounded
        var flood = Enumerable.Repeat((byte[])[.. new H2Frame(H2Frame.Ping, 0, 0, new byte[8]).Bytes(), .. new H2Frame(H2Frame.Settings, 0, 0, [0, 4, 0, 0, 0, 0]).Bytes()], 20_000).SelectMany(frames => frames).ToArray();
        var sending = connection.Send(flood, patient.Token);
        await server.Answers();
        while (await connection.Next(patient.Token) is { } frame)
            if (frame.Type == H2Frame.GoAway || (sending.IsCompleted && frame.Type == H2Frame.Ping)) break;
        await sending;
        // a client that asks for much, and takes nothing
        using var deaf = await FuzzServer.Connect(server.Http);
        deaf.ReceiveBufferSize = 4_096;
        var asked = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat($"GET /openapi/v1.json HTTP/1.1\r\nHost: fuzz\r\nAuthorization: Bearer {FuzzServer.Token}\r\n\r\n", 200)));
        await deaf.SendAsync(asked, patient.Token);
        await server.Answers();
        server.NothingLogged(0, but: "Connection id");
    }

    // a byte at a time, until it is closed
    static async Task Slowly(FuzzServer server, string begin)
    {
        using var socket = await FuzzServer.Connect(server.Http);
        using var patient = new CancellationTokenSource(TimeSpan.FromSeconds(50));
        await socket.SendAsync(Encoding.ASCII.GetBytes(begin), patient.Token);
        var closing = socket.ReceiveAsync(new byte[4_096], patient.Token).AsTask();
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        try
        {
            while (!closing.IsCompleted && await pace.WaitForNextTickAsync(patient.Token)) await socket.SendAsync(" "u8.ToArray(), patient.Token);
            await closing;
        }
        catch (SocketException)
        {
            // it was cut
        }
    }

    static async Task Flood(Socket socket, byte[] head, byte[] line, int times)
    {
        try
        {
            await socket.SendAsync(head);
            for (var i = 0; i < times; i++) await socket.SendAsync(line);
        }
        catch (SocketException)
        {
            // it was cut
        }
    }

    static long Descriptors() => File.ReadLines("/proc/self/limits").Where(line => line.StartsWith("Max open files", StringComparison.Ordinal)).Select(line => long.TryParse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[3], out var limit) ? limit : long.MaxValue).FirstOrDefault(1_024);
}

/// <summary>What runs while nothing else does.</summary>
[CollectionDefinition("alone", DisableParallelization = true)]
public sealed class Alone;
