using System.Buffers;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using Stele.Core.Faults;
using Stele.Core.Limits;
using Stele.Core.Watch;
using Stele.Server.Access;
using Stele.Server.Gateway;
using Stele.Server.Limits;

namespace Stele.Server.Watch;

/// <summary>
/// One WebSocket: reads what its client asks for, and writes what waits for it. While nothing happens it holds no buffer: one
/// is rented when a message comes, and given back when it is read.
/// </summary>
internal sealed class WatchSocket(
    WebSocket socket, HttpContext context, Caller caller, LateAdmission? late, WatchEngine engine, Identities identities, RequestLimiter limiter, IPAddress address, WatchOptions options, TimeProvider time)
{
    readonly WatchOutbox outbox = engine.NewOutbox();
    readonly Dictionary<string, Subscriber> subscriptions = new(StringComparer.Ordinal);
    readonly CancellationTokenSource cut = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
    (int Code, string Why)? refusal;
    Func<bool>? standing = caller.Org != default ? identities.StandingOf(context.Request, caller) : null;
    bool admitted = caller.Org != default, gone;

    const int Unsupported = 1003, TooBig = 1009, NotAdmitted = 4401, Limit = 4429, FirstBytes = 4 << 10;

    /// <summary>Runs until either side ends it.</summary>
    public async Task Run()
    {
        outbox.OnEnd = () => cut.CancelAfter(options.Farewell);
        // what is being sent has no token of its own, which each message would pay for: it ends with the connection
        using var torn = cut.Token.UnsafeRegister(static context => ((HttpContext)context!).Abort(), context);
        using var unadmitted = time.CreateTimer(_ =>
        {
            if (!Volatile.Read(ref admitted)) Refuse(NotAdmitted, "no auth message came in time");
        }, null, admitted ? Timeout.InfiniteTimeSpan : options.AuthTime, Timeout.InfiniteTimeSpan);
        var reading = Read();
        try
        {
            await Write();
        }
        catch (Exception e) when (e is OperationCanceledException or WebSocketException or IOException or ObjectDisposedException)
        {
            // the client has gone, or takes nothing
        }
        finally
        {
            outbox.OnEnd = null;
            // a moment for the client to close as well: what is torn down at once may take the reason with it
            cut.CancelAfter(options.Farewell);
            await reading;
            foreach (var subscriber in subscriptions.Values) engine.Unsubscribe(subscriber);
            cut.Dispose();
        }
    }

    async Task Read()
    {
        try
        {
            while (await Message() is { } message)
            {
                using (message)
                {
                    if (!Volatile.Read(ref gone)) await Take(message.Memory[..message.Length]);
                }
            }
            await PassOver();
        }
        catch (Exception e) when (e is OperationCanceledException or WebSocketException or IOException or ObjectDisposedException)
        {
            // the client has gone, or what it sent is no WebSocket
        }
        finally
        {
            // whatever ended the reading: nobody would wake the writing again
            Volatile.Write(ref gone, true);
            outbox.Wake();
        }
    }

    // what comes after a refusal, until the client closes
    async Task PassOver()
    {
        using var rest = new Received(FirstBytes);
        while (socket.State is WebSocketState.Open or WebSocketState.CloseSent)
            if ((await socket.ReceiveAsync(rest.Room(), cut.Token)).MessageType == WebSocketMessageType.Close) return;
    }

    // null: no more will come
    async Task<Received?> Message()
    {
        // waits without a buffer
        await socket.ReceiveAsync(Memory<byte>.Empty, cut.Token);
        var received = new Received(FirstBytes);
        try
        {
            while (true)
            {
                var part = await socket.ReceiveAsync(received.Room(), cut.Token);
                if (part.MessageType == WebSocketMessageType.Close) break;
                if (part.MessageType == WebSocketMessageType.Binary)
                {
                    Refuse(Unsupported, "messages are JSON, in text frames");
                    break;
                }
                received.Length += part.Count;
                if (received.Length > SteleLimits.WatchMessageBytes.Value)
                {
                    Refuse(TooBig, $"a message has at most {SteleLimits.WatchMessageBytes.Value} bytes");
                    break;
                }
                if (part.EndOfMessage) return received;
            }
        }
        catch
        {
            received.Dispose();
            throw;
        }
        received.Dispose();
        return null;
    }

    async Task Take(ReadOnlyMemory<byte> utf8)
    {
        var problems = new List<Problem>();
        var message = SocketMessage.Parse(utf8.Span, problems);
        if (problems.Count > 0)
        {
            Tell(message?.Id, "invalid", string.Join(" ", problems.Select(problem => $"{problem.Name}: {problem.Message} ({problem.Rule})")));
            return;
        }
        if (message is { Type: SocketMessageType.Auth })
        {
            await Admit(message);
            return;
        }
        if (!Volatile.Read(ref admitted))
        {
            Refuse(NotAdmitted, "the first message is auth");
            return;
        }
        // a message is a request like any other
        var admission = limiter.Enter(caller.Principal, caller.Org, address);
        if (admission.Refusal is { } limited)
        {
            if (admission.IsSlowed) await limiter.Slow(cut.Token);
            Tell(message!.Id, HttpProblems.Of(limited.Code).Code, limited.Detail);
            return;
        }
        try
        {
            await Do(message!);
        }
        finally
        {
            limiter.Leave(admission);
        }
    }

    async Task Do(SocketMessage message)
    {
        switch (message.Type)
        {
            case SocketMessageType.Subscribe:
                await Subscribe(message);
                break;
            case SocketMessageType.Unsubscribe:
                if (subscriptions.Remove(message.Id!, out var ended)) engine.Unsubscribe(ended);
                else Tell(message.Id, "not_found", $"There is no subscription '{message.Id}' on this connection.");
                break;
            default:
                Hear(message);
                break;
        }
    }

    async Task Admit(SocketMessage message)
    {
        if (Volatile.Read(ref admitted))
        {
            Tell(null, "conflict", "This connection is admitted already.");
            return;
        }
        context.Request.Headers.Authorization = $"Bearer {message.Token}";
        if (message.Org is { } org) context.Request.Headers["Stele-Org"] = org;
        if (await late!(context.Request) is { } fault) Refuse(NotAdmitted, fault.Detail);
        else
        {
            standing = identities.StandingOf(context.Request, caller);
            Volatile.Write(ref admitted, true);
        }
        context.Request.Headers.Authorization = default;
    }

    async Task Subscribe(SocketMessage message)
    {
        if (subscriptions.TryGetValue(message.Id!, out var there) && there.Slot >= 0)
        {
            Tell(message.Id, "conflict", $"'{message.Id}' is the id of another subscription of this connection.");
            return;
        }
        if (subscriptions.Count >= SteleLimits.WatchSubscriptionsOfConnection.Value)
        {
            Tell(message.Id, "rate_limited", $"A connection has at most {SteleLimits.WatchSubscriptionsOfConnection.Value} subscriptions (limit {SteleLimits.WatchSubscriptionsOfConnection.Name}).");
            return;
        }
        var client = new WatchClient(caller.Principal, "websocket", message.Client ?? WatchEndpoints.UserAgent(context.Request), context.Connection.RemoteIpAddress?.ToString(), message.Labels, standing);
        var begun = await engine.Subscribe(caller.Org, message.Id!, client, new WatchQuery(message.Environment, message.Prefixes, message.Kinds, message.FromCursor, message.FromRevision), outbox);
        if (begun.TryGet(out var subscriber, out var fault))
        {
            subscriptions[message.Id!] = subscriber;
            return;
        }
        Tell(message.Id, HttpProblems.Of(fault.Code).Code, fault.Detail);
        if (fault.Code is FaultCode.RateLimited or FaultCode.QuotaExceeded) Refuse(Limit, fault.Detail);
    }

    // of one subscription, or of all that have been sent so much
    void Hear(SocketMessage message)
    {
        var heard = false;
        foreach (var (name, subscriber) in subscriptions)
        {
            if (message.Id is { } id && id != name) continue;
            if (subscriber.Watch is not { } watch || message.Revision > watch.Delivered(subscriber)) continue;
            if (message.Type == SocketMessageType.Ack) subscriber.Ack(message.Revision);
            else subscriber.Reject(message.Revision, message.Reason!);
            watch.Hear();
            heard = true;
        }
        if (!heard) Tell(message.Id, "invalid", $"Revision {message.Revision} was not sent here (revision.never_sent).");
    }

    void Tell(string? id, string code, string detail)
    {
        if (!outbox.TryAdd(null, WatchFrame.Error(id, code, detail))) Refuse(Limit, "more errors wait to be read than may");
    }

    // what waits is written first, the refusal's reason last
    void Refuse(int code, string why)
    {
        refusal ??= (code, why);
        Volatile.Write(ref gone, true);
        outbox.Wake();
    }

    async Task Write()
    {
        while (true)
        {
            while (outbox.TryTake(out var message)) await Send(message);
            if (outbox.End is { } end)
            {
                await Close(end.Close(), $"{end.Code()} {Cursors()}");
                return;
            }
            if (Volatile.Read(ref gone))
            {
                var (code, why) = refusal ?? ((int)WebSocketCloseStatus.NormalClosure, "");
                await Close(code, why);
                return;
            }
            await outbox.Wait();
        }
    }

    async Task Send(WatchMessage message)
    {
        var head = message is { Frame.Kind: WatchFrameKind.Change, Subscriber: { } who } ? who.ChangeHead ??= Head(message) : Head(message);
        var length = head.Length + message.Frame.Members.Length + 1;
        var buffer = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            head.CopyTo(buffer, 0);
            message.Frame.Members.CopyTo(buffer, head.Length);
            buffer[length - 1] = (byte)'}';
            await socket.SendAsync(buffer.AsMemory(0, length), WebSocketMessageType.Text, WebSocketMessageFlags.EndOfMessage, CancellationToken.None);
            message.Subscriber?.NoteSent(message.Frame);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    static byte[] Head(WatchMessage message) =>
        Encoding.UTF8.GetBytes($"{{\"type\":\"{WatchEndpoints.Name(message.Frame.Kind)}\",{(message.Subscriber is { } to ? $"\"id\":{Quoted(to.Name)}," : "")}");

    async Task Close(int code, string why)
    {
        using var moment = new CancellationTokenSource(options.Farewell, time);
        if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
            await socket.CloseOutputAsync((WebSocketCloseStatus)code, Short(why), moment.Token);
    }

    string Cursors() => string.Join(' ', subscriptions.Values.Select(subscriber => subscriber.Sent?.CursorText).Where(cursor => cursor is not null).Distinct().Take(4));

    static string Quoted(string text) => Encoding.UTF8.GetString(Core.Json.CanonicalJson.FromString(text));

    // a close frame has room for 123 bytes of reason
    static string Short(string text) => Encoding.UTF8.GetByteCount(text) <= 123 ? text : string.Concat(text.Where(char.IsAscii).Take(120));

    /// <summary>A message as it comes.</summary>
    sealed class Received(int bytes) : IDisposable
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(bytes);

        public int Length { get; set; }

        public ReadOnlyMemory<byte> Memory => buffer;

        public Memory<byte> Room()
        {
            if (Length == buffer.Length)
            {
                var larger = ArrayPool<byte>.Shared.Rent(buffer.Length * 2);
                buffer.CopyTo(larger, 0);
                ArrayPool<byte>.Shared.Return(buffer);
                buffer = larger;
            }
            return buffer.AsMemory(Length);
        }

        public void Dispose()
        {
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = [];
        }
    }
}
