using Google.Protobuf;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Stele.Core.Faults;

namespace Stele.Server.Gateway.Grpc;

/// <summary>Before everything else: takes a call of gRPC off the wire, sends the request that it is through the rest of the server, and answers as gRPC does.</summary>
internal sealed class GrpcDoor(RequestDelegate next, GrpcMethods methods, GrpcMetrics metrics, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<GrpcDoor> log)
{
    public Task Invoke(HttpContext wire)
    {
        if (!HttpProtocol.IsHttp2(wire.Request.Protocol)) return next(wire);
        if (GrpcHeaders.IsGrpc(wire.Request.ContentType)) return Serve(wire);
        return wire.Features.Get<GrpcPort>() is null ? next(wire) : NotGrpc(wire);
    }

    // as the protocol says: what is no gRPC gets no status of gRPC
    static Task NotGrpc(HttpContext wire)
    {
        wire.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
        wire.Response.ContentType = "text/plain; charset=utf-8";
        return wire.Response.WriteAsync("This port takes gRPC: Content-Type: application/grpc. HTTP has a port of its own.\n", wire.RequestAborted);
    }

    async Task Serve(HttpContext wire)
    {
        var started = time.GetTimestamp();
        var method = methods.Find(wire.Request.Path.Value!);
        var breach = Breach(wire, out var timeout);
        using var call = new GrpcCall(wire, method, timeout, lifetime.ApplicationStopping, time);
        var status = breach;
        if (breach is not null) call.Finish(breach, null, null);
        else
        {
            // a stream may be silent for as long as it likes
            if (method is { IsStream: true } && wire.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate) rate.MinDataRate = null;
            status = await Run(wire, call);
        }
        metrics.Observe(method, status!.Code, time.GetElapsedTime(started));
    }

    /// <summary>How a request breaks the protocol before anything of it is looked at, or null.</summary>
    static GrpcStatus? Breach(HttpContext wire, out TimeSpan? timeout)
    {
        timeout = null;
        var headers = wire.Request.Headers;
        if (!HttpMethods.IsPost(wire.Request.Method)) return new GrpcStatus(GrpcCode.Unimplemented, "A call is a POST.");
        if (headers.TE != "trailers") return new GrpcStatus(GrpcCode.InvalidArgument, "te: trailers is missing: what is between us may drop the status of a call.");
        if (headers[GrpcHeaders.Encoding] is { Count: > 0 } encoding && encoding != GrpcHeaders.Identity && encoding != GrpcHeaders.Gzip)
        {
            wire.Response.Headers[GrpcHeaders.AcceptEncoding] = $"{GrpcHeaders.Identity},{GrpcHeaders.Gzip}";
            return new GrpcStatus(GrpcCode.Unimplemented, $"Messages come as they are or with gzip; this is {encoding}.");
        }
        if (GrpcHeaders.BrokenBinary(headers) is { } name) return new GrpcStatus(GrpcCode.InvalidArgument, $"{name} is not base64.");
        if (headers[GrpcHeaders.Timeout] is not { Count: > 0 } text) return null;
        if (!GrpcHeaders.TryTimeout(text.ToString(), out var bound)) return new GrpcStatus(GrpcCode.InvalidArgument, "grpc-timeout is at most eight digits and one of H, M, S, m, u, n.");
        timeout = bound;
        return null;
    }

    async Task<GrpcStatus> Run(HttpContext wire, GrpcCall call)
    {
        var work = Work(call);
        if (call is { HasDeadline: true, Method: not { IsStream: true } } && await Overdue(call, work))
        {
            // a write may go on, and its idempotency key settles it; the client is told now
            call.Finish(Late, null, null);
            await wire.Response.CompleteAsync();
            await work;
            return Late;
        }
        var failure = await work;
        if (call.IsGone) return new GrpcStatus(GrpcCode.Cancelled, "");
        var status = StatusOf(call, failure);
        var message = status.Code == GrpcCode.Ok ? call.Reply : null;
        try
        {
            if (status.Code == GrpcCode.Ok && call.Method is { IsStream: false, Route: not null } method)
                message = GrpcAnswerMessage.Read(await call.Answer.Whole(), method.Descriptor.OutputType);
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException or System.Text.Json.JsonException)
        {
            log.NotAMessage(e, call.Method!.Descriptor.FullName);
            status = new GrpcStatus(GrpcCode.Unknown, "The answer could not be put into a message; what was asked for is done.");
        }
        if (status.Code != GrpcCode.Ok) await call.Answer.StartAsync();
        call.Finish(status, message, status.Details(call.Method?.Descriptor.InputType, RequestId(call)));
        if (message is not null && message != call.Reply) GrpcFields.Forget(message);
        await call.Answer.Complete();
        return status;
    }

    /// <summary>The rest of the server; what it did not answer itself.</summary>
    async Task<Exception?> Work(GrpcCall call)
    {
        try
        {
            await next(call.Inner);
            return null;
        }
        catch (Exception e)
        {
            // the gate answers exceptions; what comes through is of what stands before it
            if (!call.IsGone && !call.IsExpired) log.Failed(e, call.Inner.Request.Path.Value);
            return e;
        }
    }

    static async Task<bool> Overdue(GrpcCall call, Task work)
    {
        var late = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = call.RequestAborted.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), late);
        await Task.WhenAny(work, late.Task);
        return !work.IsCompleted && call.IsExpired;
    }

    static GrpcStatus StatusOf(GrpcCall call, Exception? failure)
    {
        if (call.IsExpired) return Late;
        if (call.Status is { } status) return status;
        if (failure is not null) return new GrpcStatus(GrpcCode.Internal, "Something went wrong; the log has it.");
        if (call.Inner.Features.Get<Caller>()?.Refusal is { } fault) return GrpcStatus.Of(fault);
        if (call.Method is { IsStream: true }) return call.RequestAborted.IsCancellationRequested ? Stopping : GrpcStatus.Ok;
        return call.Answer.StatusCode < 400 ? GrpcStatus.Ok : new GrpcStatus(OfHttp(call.Answer.StatusCode), $"HTTP would have answered {call.Answer.StatusCode}.");
    }

    // what is refused without a fault, in a form of its own
    static GrpcCode OfHttp(int status) => status switch
    {
        401 => GrpcCode.Unauthenticated,
        403 => GrpcCode.PermissionDenied,
        404 => GrpcCode.NotFound,
        429 => GrpcCode.ResourceExhausted,
        503 => GrpcCode.Unavailable,
        < 500 => GrpcCode.InvalidArgument,
        _ => GrpcCode.Internal,
    };

    static string RequestId(GrpcCall call) => call.Inner.Features.Get<Caller>()?.RequestIdText ?? "";

    static readonly GrpcStatus Late = new(GrpcCode.DeadlineExceeded, "The deadline has passed; a write may be done all the same.");
    static readonly GrpcStatus Stopping = new(GrpcCode.Unavailable, "This node is shutting down.");
}

/// <summary>On a connection of the port that takes nothing but gRPC.</summary>
internal sealed class GrpcPort
{
    public static GrpcPort Instance { get; } = new();
}
