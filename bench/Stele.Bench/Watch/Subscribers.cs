using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;

namespace Stele.Bench.Watch;

/// <summary>One change on its way: when it was acknowledged to its writer, and when each subscriber had it.</summary>
internal sealed class Delivery(int subscribers)
{
    readonly long[] heard = new long[subscribers];
    readonly TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    int left = subscribers;

    /// <summary>Ends when everybody had it.</summary>
    public Task Done => done.Task;

    /// <summary>When its writer was answered.</summary>
    public long Committed { get; set; }

    /// <summary>Who had it before its writer was answered had it at once.</summary>
    public IEnumerable<double> Milliseconds => heard.Where(at => at > 0).Select(at => Math.Max(0, Stopwatch.GetElapsedTime(Committed, at).TotalMilliseconds));

    public void Hear(int subscriber)
    {
        if (Interlocked.CompareExchange(ref heard[subscriber], Stopwatch.GetTimestamp(), 0) == 0 && Interlocked.Decrement(ref left) == 0) done.TrySetResult();
    }
}

/// <summary>Many subscribers in this process, each on a connection of its own. A change is known by a number in its value.</summary>
internal sealed class Subscribers(int count) : IAsyncDisposable
{
    const int ConnectingAtOnce = 64, BufferBytes = 2 << 10, Digits = 8;

    readonly ConcurrentDictionary<int, Delivery> deliveries = new();
    readonly CancellationTokenSource ending = new();
    readonly ConcurrentBag<IDisposable> connections = [];
    readonly ConcurrentBag<Task> readers = [];

    /// <summary>A value that says which change it is; as long for every one.</summary>
    public static string Value(int number) => $"change-{number:D8}-{new string('x', 80)}";

    /// <summary>What a change is from now on.</summary>
    public Delivery Expect(int number) => deliveries[number] = new Delivery(count);

    /// <summary>Connects all by WebSocket; ends when each is level.</summary>
    public Task ByWebSocket(Uri server, string token, string subscribe) => Connect(async subscriber =>
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", token);
        await socket.ConnectAsync(new UriBuilder(server) { Scheme = "ws", Path = "/v1/ws" }.Uri, ending.Token);
        connections.Add(socket);
        await socket.SendAsync(Encoding.UTF8.GetBytes(subscribe), WebSocketMessageType.Text, true, ending.Token);
        var buffer = new byte[BufferBytes];
        async ValueTask<int> Read() => (await socket.ReceiveAsync(buffer.AsMemory(), ending.Token)).Count;
        while (!buffer.AsSpan(0, await Read()).Contains("synced"u8)) { }
        readers.Add(Listen(subscriber, buffer, Read));
    });

    /// <summary>Connects all to etcd's JSON gateway, a request each that does not end.</summary>
    public Task ByGateway(HttpClient etcd, string watch) => Connect(async subscriber =>
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v3/watch") { Content = new StringContent(watch) };
        var response = await etcd.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ending.Token);
        connections.Add(response);
        var stream = await response.Content.ReadAsStreamAsync(ending.Token);
        var buffer = new byte[BufferBytes];
        ValueTask<int> Read() => stream.ReadAsync(buffer, ending.Token);
        while (!buffer.AsSpan(0, await Read()).Contains("created"u8)) { }
        readers.Add(Listen(subscriber, buffer, Read));
    });

    /// <summary>Connects all to etcd by gRPC, a connection and a stream each. The messages are written by hand: there is no library for it on every feed.</summary>
    public Task ByGrpc(Uri etcd, string key) => Connect(async subscriber =>
    {
        var client = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = Timeout.InfiniteTimeSpan }) { BaseAddress = etcd, Timeout = Timeout.InfiniteTimeSpan };
        connections.Add(client);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/etcdserverpb.Watch/Watch")
        {
            Version = System.Net.HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = new OpenMessage(Encoding.ASCII.GetBytes(key), ending.Token),
        };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/grpc");
        request.Headers.TryAddWithoutValidation("TE", "trailers");
        var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ending.Token);
        connections.Add(response);
        var stream = await response.Content.ReadAsStreamAsync(ending.Token);
        var buffer = new byte[BufferBytes];
        // the first says that it was created
        if (await stream.ReadAsync(buffer, ending.Token) == 0) throw new IOException("etcd ended the stream");
        readers.Add(Listen(subscriber, buffer, () => stream.ReadAsync(buffer, ending.Token)));
    });

    public async ValueTask DisposeAsync()
    {
        await ending.CancelAsync();
        foreach (var connection in connections) connection.Dispose();
        await Task.WhenAll(readers);
        ending.Dispose();
    }

    async Task Connect(Func<int, Task> one) =>
        await Parallel.ForEachAsync(Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = ConnectingAtOnce }, async (subscriber, _) => await one(subscriber));

    async Task Listen(int subscriber, byte[] buffer, Func<ValueTask<int>> read)
    {
        try
        {
            while (await read() is var length and > 0)
                if (NumberIn(buffer.AsSpan(0, length)) is { } number && deliveries.TryGetValue(number, out var delivery)) delivery.Hear(subscriber);
        }
        catch (Exception end) when (end is OperationCanceledException or WebSocketException or IOException or ObjectDisposedException)
        {
            // the run is over
        }
    }

    static int? NumberIn(ReadOnlySpan<byte> message)
    {
        var at = message.IndexOf("change-"u8);
        if (at >= 0) return Utf8Parser.TryParse(message.Slice(at + 7, Digits), out int number, out _) ? number : null;
        // etcd's gateway has values in base64
        at = message.IndexOf("\"value\":\""u8);
        if (at < 0) return null;
        var text = message[(at + 9)..];
        var value = Convert.FromBase64String(Encoding.ASCII.GetString(text[..text.IndexOf((byte)'"')]));
        return value.AsSpan().StartsWith("change-"u8) && Utf8Parser.TryParse(value.AsSpan(7, Digits), out int decoded, out _) ? decoded : null;
    }
}

/// <summary>One gRPC message of etcd's, WatchRequest with create_request and a key, after which the request stays open.</summary>
sealed class OpenMessage(byte[] key, CancellationToken ending) : HttpContent
{
    protected override async Task SerializeToStreamAsync(Stream stream, System.Net.TransportContext? context)
    {
        // field 1 of WatchRequest is WatchCreateRequest, whose field 1 is the key; before it the frame's five bytes
        byte[] create = [10, (byte)key.Length, .. key], message = [10, (byte)create.Length, .. create];
        await stream.WriteAsync((byte[])[0, 0, 0, 0, (byte)message.Length, .. message], ending);
        await stream.FlushAsync(ending);
        await Task.Delay(Timeout.Infinite, ending).ContinueWith(static _ => { }, TaskScheduler.Default);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}

static class Spans
{
    public static bool Contains(this Span<byte> text, ReadOnlySpan<byte> part) => text.IndexOf(part) >= 0;
}
