using System.Security.Cryptography;
using Google.Protobuf;
using Microsoft.AspNetCore.Http.Features;
using Stele.Core.Faults;

namespace Stele.Server.Gateway.Grpc;

/// <summary>
/// One call: what comes and goes on the wire, and the request that the rest of the server sees in its place. That one has
/// features of its own, so that nothing an endpoint does to its answer reaches the wire before the call's end is known.
/// </summary>
internal sealed class GrpcCall : IHttpRequestLifetimeFeature, IDisposable
{
    readonly HttpContext wire;
    readonly CancellationTokenSource? deadline;
    readonly CancellationTokenSource ended;
    readonly List<(string Name, string Value)> trailing = [];
    bool hasWritten;

    /// <param name="wire">The request as it came.</param>
    /// <param name="method">What is called; null: nothing that there is.</param>
    /// <param name="timeout">In which it is to be answered.</param>
    /// <param name="stopping">Ends streams when the node does.</param>
    /// <param name="time">Counts the timeout.</param>
    public GrpcCall(HttpContext wire, GrpcMethod? method, TimeSpan? timeout, CancellationToken stopping, TimeProvider time)
    {
        (this.wire, Method) = (wire, method);
        if (timeout is { } bound) deadline = new CancellationTokenSource(bound, time);
        ended = CancellationTokenSource.CreateLinkedTokenSource(wire.RequestAborted, deadline?.Token ?? default, method is { IsStream: true } ? stopping : default);
        Encoding = wire.Request.Headers[GrpcHeaders.Encoding] is [{ } encoding] && encoding != GrpcHeaders.Identity ? encoding : null;
        RequestAborted = ended.Token;
        Inner = NewInner();
    }

    /// <summary>What is called; null: nothing that there is.</summary>
    public GrpcMethod? Method { get; }

    /// <summary>The request that the rest of the server sees.</summary>
    public HttpContext Inner { get; }

    /// <summary>Its answer.</summary>
    public CapturedAnswer Answer { get; } = new();

    /// <summary>How the call ends, once that is decided here: a breach of the protocol, or what a handler says.</summary>
    public GrpcStatus? Status { get; private set; }

    /// <summary>What a handler of a unary call answers.</summary>
    public IMessage? Reply { get; set; }

    /// <summary>How the client compresses; null: not at all.</summary>
    public string? Encoding { get; }

    /// <summary>Whether the deadline has passed.</summary>
    public bool IsExpired => deadline is { IsCancellationRequested: true };

    /// <summary>Whether there is one.</summary>
    public bool HasDeadline => deadline is not null;

    /// <summary>Whether nobody waits for an answer any more.</summary>
    public bool IsGone => wire.RequestAborted.IsCancellationRequested;

    /// <summary>The client went, the deadline passed, or, of a stream, the node stops.</summary>
    public CancellationToken RequestAborted { get; set; }

    /// <summary>What an endpoint does when half its answer is written and it fails: here nothing was sent.</summary>
    public void Abort() => End(new GrpcStatus(GrpcCode.Unknown, "The answer could not be completed."));

    /// <summary>Decides how the call ends; who says so first is right.</summary>
    public void End(GrpcStatus status)
    {
        if (Status is null && status.Code != GrpcCode.Ok && !Answer.HasStarted) Answer.StatusCode = StatusCodes.Status400BadRequest;
        Status ??= status;
    }

    /// <summary>The next message, or null: at the end of the request, or because the call has ended.</summary>
    public ValueTask<IMessage?> Read() => Read(RequestAborted);

    async ValueTask<IMessage?> Read(CancellationToken cancellation)
    {
        var (bytes, breach) = await GrpcFrames.Read(wire.Request.BodyReader, Encoding, cancellation);
        if (breach is not null) End(breach);
        if (bytes is null) return null;
        try
        {
            return Parse(bytes);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    IMessage? Parse(byte[] bytes)
    {
        var problems = new List<Problem>();
        if (!GrpcWire.Check(bytes, Method!.Descriptor.InputType, problems)) End(NoMessage);
        else if (problems.Count > 0) End(GrpcStatus.Of(Fault.Invalid(problems)));
        else
            try
            {
                return Method.Descriptor.InputType.Parser.ParseFrom(bytes);
            }
            catch (InvalidProtocolBufferException)
            {
                End(NoMessage);
            }
        return null;
    }

    /// <summary>The one message of a unary call, or null because the call has ended.</summary>
    public async ValueTask<IMessage?> ReadOnly()
    {
        using var slow = CancellationTokenSource.CreateLinkedTokenSource(RequestAborted);
        slow.CancelAfter(Caller.Of(Inner).BodyTime);
        IMessage? message = null;
        try
        {
            message = await Read(slow.Token);
            if (message is null) End(new GrpcStatus(GrpcCode.Unimplemented, "This call takes one message, and none came."));
            else
            {
                var (more, breach) = await GrpcFrames.Read(wire.Request.BodyReader, Encoding, slow.Token);
                if (breach is not null || more is not null) End(breach ?? new GrpcStatus(GrpcCode.Unimplemented, "This call takes one message, and more came."));
            }
        }
        catch (OperationCanceledException) when (!RequestAborted.IsCancellationRequested)
        {
            End(GrpcStatus.Of(RequestBody.TooSlow));
        }
        return Status is null ? message : null;
    }

    /// <summary>Reads the one message and puts it into the request of its route; false: the call has ended.</summary>
    public async ValueTask<bool> ReadSpelled()
    {
        if (await ReadOnly() is not { } message) return false;
        var refused = GrpcRequestText.Write(Inner.Request, message, Method!.Route!);
        GrpcFields.Forget(message);
        if (refused is not { } fault) return true;
        await HttpProblems.Write(Inner, fault);
        return false;
    }

    /// <summary>Sends the metadata of a stream, before there is a message.</summary>
    public Task Start()
    {
        Head();
        hasWritten = true;
        return wire.Response.StartAsync(RequestAborted);
    }

    /// <summary>Sends a message of a stream, once there is room for it.</summary>
    public ValueTask Write(IMessage message) => Write(message, RequestAborted);

    /// <summary>Sends a message of a stream, once there is room for it, until the token says that it is too late.</summary>
    public async ValueTask Write(IMessage message, CancellationToken cut)
    {
        WriteFrame(message);
        await wire.Response.BodyWriter.FlushAsync(cut);
    }

    /// <summary>Metadata of the end.</summary>
    public void Trail(string name, string value) => trailing.Add((name, value));

    /// <summary>Answers: a message if there is one, and how the call ended. All in the headers when there is no message.</summary>
    public void Finish(GrpcStatus status, IMessage? message, ByteString? details)
    {
        if (message is not null) WriteFrame(message);
        if (!hasWritten) Head();
        foreach (var (name, value) in trailing) Put(name, value);
        Put(GrpcHeaders.Status, ((int)status.Code).ToString(System.Globalization.CultureInfo.InvariantCulture));
        if (status.Message.Length > 0) Put(GrpcHeaders.Message, GrpcHeaders.Percent(GrpcStatus.Cut(status.Message)));
        if (details is not null) Put(GrpcHeaders.Details, details.ToBase64().TrimEnd('='));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Inner.Features.Get<SpelledBody>()?.Dispose();
        Answer.Dispose();
        ended.Dispose();
        deadline?.Dispose();
    }

    void WriteFrame(IMessage message)
    {
        // who compresses is answered so; nobody else is made to unpack
        var compress = Encoding is not null && wire.Request.Headers[GrpcHeaders.AcceptEncoding].ToString().Contains(GrpcHeaders.Gzip, StringComparison.Ordinal);
        if (!hasWritten)
        {
            Head();
            if (compress) wire.Response.Headers[GrpcHeaders.Encoding] = GrpcHeaders.Gzip;
        }
        hasWritten = true;
        GrpcFrames.Write(wire.Response.BodyWriter, message, compress);
    }

    void Head()
    {
        wire.Response.ContentType = GrpcHeaders.ContentType;
        GrpcHeaders.Outward(Answer.Headers, wire.Response.Headers);
    }

    void Put(string name, string value)
    {
        if (hasWritten) wire.Response.AppendTrailer(name, value);
        else wire.Response.Headers[name] = value;
    }

    DefaultHttpContext NewInner()
    {
        var request = wire.Request;
        var features = new FeatureCollection();
        features.Set<IHttpRequestFeature>(new HttpRequestFeature
        {
            Protocol = request.Protocol, Scheme = request.Scheme, Method = Method?.Route?.Verb ?? HttpMethods.Post, Path = request.Path.Value!,
            RawTarget = request.Path.Value!, Headers = GrpcHeaders.Inward(request.Headers),
        });
        features.Set<IHttpResponseFeature>(Answer);
        features.Set<IHttpResponseBodyFeature>(Answer);
        features.Set<IHttpRequestLifetimeFeature>(this);
        features.Set(this);
        features.Set(wire.Features.Get<IHttpConnectionFeature>());
        if (wire.Features.Get<ITlsConnectionFeature>() is { } tls) features.Set(tls);
        if (wire.Features.Get<IHttpRequestIdentifierFeature>() is { } id) features.Set(id);
        var inner = new DefaultHttpContext(features) { RequestServices = wire.RequestServices };
        inner.SetEndpoint(Method?.Endpoint ?? GrpcMethods.NoSuch);
        return inner;
    }

    static readonly GrpcStatus NoMessage = new(GrpcCode.Internal, "What came is not a message of this call.");
}
