using System.Runtime.CompilerServices;
using Stele.Core.Watch;
using Stele.Proto.V1;
using Stele.Server.Access;
using Stele.Server.Gateway;
using Stele.Server.Gateway.Grpc;
using Stele.Server.Limits;
using Wire = Stele.Proto.V1.WatchMessage;

namespace Stele.Server.Watch;

/// <summary>Watching over gRPC: what server-sent events are over HTTP, with the end as a status.</summary>
internal sealed class WatchGrpc(WatchEngine engine, Identities identities, HttpLimits limits, WatchOptions options)
{
    // a frame is shared by all who see the same, and so is its message
    readonly ConditionalWeakTable<WatchFrame, Wire> messages = [];

    /// <summary><c>stele.v1.WatchService/Watch</c></summary>
    public async Task Watch(GrpcCall call)
    {
        var context = call.Inner;
        if (!await call.ReadSpelled()) return;
        if (!WatchEndpoints.QueryOf(context.Request).TryGet(out var query, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var caller = Caller.Of(context);
        var outbox = engine.NewOutbox();
        using var cut = CancellationTokenSource.CreateLinkedTokenSource(call.RequestAborted);
        // what a client does not take within a moment of its end, it does not get
        outbox.OnEnd = () => cut.CancelAfter(options.Farewell);
        var client = new WatchClient(caller.Principal, "grpc", WatchEndpoints.UserAgent(context.Request), context.Connection.RemoteIpAddress?.ToString(), WatchEndpoints.NoLabels,
            identities.StandingOf(context.Request, caller));
        if (!(await engine.Subscribe(caller.Org, "", client, query, outbox)).TryGet(out var subscriber, out fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        // a stream is no work
        limits.Leave(caller);
        using var gone = call.RequestAborted.UnsafeRegister(static outbox => ((WatchOutbox)outbox!).Wake(), outbox);
        try
        {
            context.Response.Headers["Stele-Subscription"] = subscriber.Id.ToString();
            await call.Start();
            await Stream(call, subscriber, cut.Token);
        }
        catch (OperationCanceledException)
        {
            // the client has gone, its deadline has passed, or it takes nothing
            if (outbox.End is { } end) call.End(StatusOf(end));
        }
        finally
        {
            engine.Unsubscribe(subscriber);
            outbox.OnEnd = null;
        }
    }

    async Task Stream(GrpcCall call, Subscriber subscriber, CancellationToken cut)
    {
        var outbox = subscriber.Outbox;
        while (true)
        {
            while (outbox.TryTake(out var message))
            {
                await call.Write(messages.GetValue(message.Frame, MessageOf), cut);
                subscriber.NoteSent(message.Frame);
            }
            if (outbox.End is { } end)
            {
                if (subscriber.Sent is { } sent) call.Trail("stele-cursor", sent.CursorText);
                call.End(StatusOf(end));
                return;
            }
            await outbox.Wait();
            cut.ThrowIfCancellationRequested();
        }
    }

    static Wire MessageOf(WatchFrame frame)
    {
        byte[] json = [(byte)'{', .. frame.Members, (byte)'}'];
        return frame.Kind switch
        {
            WatchFrameKind.Change => new Wire { Change = (WatchedRevision)GrpcAnswerMessage.Read(json, WatchedRevision.Descriptor) },
            WatchFrameKind.Synced => new Wire { Synced = (WatchPlace)GrpcAnswerMessage.Read(json, WatchPlace.Descriptor) },
            WatchFrameKind.Progress => new Wire { Progress = (WatchPlace)GrpcAnswerMessage.Read(json, WatchPlace.Descriptor) },
            WatchFrameKind.Reset => new Wire { Reset = (WatchReset)GrpcAnswerMessage.Read(json, WatchReset.Descriptor) },
            _ => throw new ArgumentOutOfRangeException(nameof(frame), frame.Kind, "not a frame of a stream"),
        };
    }

    /// <summary>Why a stream ends, as a status.</summary>
    internal static GrpcStatus StatusOf(WatchEnd end) => end switch
    {
        WatchEnd.Revoked => new GrpcStatus(GrpcCode.Unauthenticated, "revoked: this token, or its rights, do not hold any more."),
        WatchEnd.TooSlow => new GrpcStatus(GrpcCode.ResourceExhausted, "too_slow: the client took less than was to be sent; go on from the cursor."),
        WatchEnd.Restart => new GrpcStatus(GrpcCode.Unavailable, "restart: this node stops; go on from the cursor."),
        WatchEnd.Unavailable => new GrpcStatus(GrpcCode.Unavailable, "unavailable: this node does not serve the organization any more."),
        WatchEnd.Archived => new GrpcStatus(GrpcCode.OutOfRange, "gone: the organization was archived."),
        _ => throw new ArgumentOutOfRangeException(nameof(end), end, "an end without a status"),
    };
}
