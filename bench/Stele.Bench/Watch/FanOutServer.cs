using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Threading.Channels;

namespace Stele.Bench.Watch;

/// <summary>The ceiling of watching: Kestrel that sends the body of <c>POST /publish</c> to every WebSocket on <c>/v1/ws</c>, and does nothing else.</summary>
internal static class FanOutServer
{
    public static async Task<int> Run(BenchArguments arguments)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenLocalhost(arguments.Port));
        await using var app = builder.Build();
        var sockets = new ConcurrentDictionary<WebSocket, bool>();
        var published = Channel.CreateUnbounded<byte[]>();
        app.UseWebSockets();
        app.Map("/v1/ws", context => Hold(context, sockets));
        app.MapGet("/readyz", () => "ready");
        app.MapPost("/publish", async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            published.Writer.TryWrite(body.ToArray());
        });
        var spreading = Spread(published.Reader, sockets);
        await app.RunAsync();
        published.Writer.Complete();
        await spreading;
        return 0;
    }

    static async Task Hold(HttpContext context, ConcurrentDictionary<WebSocket, bool> sockets)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        try
        {
            // what it asks for; then it is level, as Stele says it
            await socket.ReceiveAsync(new byte[4 << 10], context.RequestAborted);
            await socket.SendAsync("""{"type":"synced","id":"a","revision":1,"cursor":"1-00000000"}"""u8.ToArray(), WebSocketMessageType.Text, true, context.RequestAborted);
            sockets[socket] = true;
            await socket.ReceiveAsync(Memory<byte>.Empty, context.RequestAborted);
        }
        catch (Exception gone) when (gone is WebSocketException or OperationCanceledException)
        {
            // that was it
        }
        finally
        {
            sockets.TryRemove(socket, out _);
        }
    }

    static async Task Spread(ChannelReader<byte[]> published, ConcurrentDictionary<WebSocket, bool> sockets)
    {
        await foreach (var message in published.ReadAllAsync())
            await Task.WhenAll(sockets.Keys.Select(socket => Send(socket, message)));
    }

    static async Task Send(WebSocket socket, byte[] message)
    {
        try
        {
            await socket.SendAsync(message, WebSocketMessageType.Text, true, CancellationToken.None);
        }
        catch (WebSocketException)
        {
            // gone
        }
    }
}
