using System.Net.WebSockets;
using System.Text;
using Stele.Prove.Processes;
using Stele.Prove.Workload;

namespace Stele.Prove.Soak;

/// <summary>Follows a node over a WebSocket, for as long as the soak lasts: nobody may end it.</summary>
internal sealed class SocketVisitor(SteleNode node)
{
    const string Subscription = $$"""{"type":"subscribe","id":"soak","environment":"{{Caller.Environment}}","prefixes":["prove."]}""";

    int frames;

    /// <summary>What came.</summary>
    public int Frames => Volatile.Read(ref frames);

    /// <summary>How it ended, unless we did; null: it lasted.</summary>
    public string? Failure { get; private set; }

    public async Task Run(CancellationToken stop)
    {
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", $"Bearer {node.Token}");
        var buffer = new byte[64 << 10];
        try
        {
            await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{node.Port}/v1/ws"), stop);
            await socket.SendAsync(Encoding.UTF8.GetBytes(Subscription), WebSocketMessageType.Text, endOfMessage: true, stop);
            while (true)
            {
                var part = await socket.ReceiveAsync(buffer.AsMemory(), stop);
                if (part.MessageType == WebSocketMessageType.Close)
                {
                    Failure = $"the WebSocket of node {node.Number} was closed: {socket.CloseStatus} {socket.CloseStatusDescription}";
                    return;
                }
                if (part.EndOfMessage) Interlocked.Increment(ref frames);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or WebSocketException)
        {
            if (!stop.IsCancellationRequested) Failure = $"the WebSocket of node {node.Number} broke: {e.Message}";
        }
    }
}
