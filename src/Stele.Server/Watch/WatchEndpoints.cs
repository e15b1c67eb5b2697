using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Watch;
using Stele.Server.Access;
using Stele.Server.Gateway;
using Stele.Server.Limits;

namespace Stele.Server.Watch;

/// <summary>Server-sent events.</summary>
internal sealed class WatchEndpoints(WatchEngine engine, Identities identities, HttpLimits limits, WatchOptions options)
{
    const Parameter Parameters = Parameter.Env | Parameter.Prefixes | Parameter.Kinds | Parameter.FromCursor | Parameter.FromRevision;

    // beyond it what is written waits for the client
    const int UnflushedBytesMax = 32 << 10;

    /// <summary><c>GET /v1/watch</c></summary>
    public async Task Watch(HttpContext context)
    {
        if (!QueryOf(context.Request).TryGet(out var query, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var caller = Caller.Of(context);
        var outbox = engine.NewOutbox();
        using var cut = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        // what a client does not take within a moment of its end, it does not get
        outbox.OnEnd = () => cut.CancelAfter(options.Farewell);
        var client = new WatchClient(caller.Principal, "sse", UserAgent(context.Request), context.Connection.RemoteIpAddress?.ToString(), NoLabels, identities.StandingOf(context.Request, caller));
        if (!(await engine.Subscribe(caller.Org, "", client, query, outbox)).TryGet(out var subscriber, out fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        // a stream is no work
        limits.Leave(caller);
        using var gone = context.RequestAborted.UnsafeRegister(static outbox => ((WatchOutbox)outbox!).Wake(), outbox);
        try
        {
            await Stream(context, subscriber, cut.Token);
        }
        catch (OperationCanceledException)
        {
            // the client has gone, or takes nothing
            context.Abort();
        }
        finally
        {
            engine.Unsubscribe(subscriber);
            outbox.OnEnd = null;
        }
    }

    async Task Stream(HttpContext context, Subscriber subscriber, CancellationToken cut)
    {
        var response = context.Response;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-store";
        // a proxy that gathers what it passes on would hold changes back
        response.Headers["X-Accel-Buffering"] = "no";
        response.Headers["Stele-Subscription"] = subscriber.Id.ToString();
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        await response.StartAsync(cut);
        var writer = response.BodyWriter;
        var outbox = subscriber.Outbox;
        while (true)
        {
            while (outbox.TryTake(out var message))
            {
                Write(writer, message.Frame);
                subscriber.NoteSent(message.Frame);
                if (writer.UnflushedBytes > UnflushedBytesMax) await writer.FlushAsync(cut);
            }
            if (outbox.End is { } end)
            {
                WriteEnd(writer, end, subscriber.Sent?.CursorText);
                await writer.FlushAsync(cut);
                return;
            }
            await writer.FlushAsync(cut);
            await outbox.Wait();
            cut.ThrowIfCancellationRequested();
        }
    }

    static void Write(PipeWriter writer, WatchFrame frame)
    {
        // the id alone: nothing happens at the client, but it resumes from here
        if (frame.Kind == WatchFrameKind.Progress)
        {
            Text(writer, $": heartbeat\nid: {frame.CursorText}\n\n");
            return;
        }
        Text(writer, $"id: {frame.CursorText}\nevent: {Name(frame.Kind)}\ndata: {{");
        writer.Write(frame.Members);
        writer.Write("}\n\n"u8);
    }

    static void WriteEnd(PipeWriter writer, WatchEnd end, string? cursor) =>
        Text(writer, $"event: end\ndata: {{\"code\":\"{end.Code()}\",\"cursor\":{(cursor is null ? "null" : $"\"{cursor}\"")}}}\n\n");

    static void Text(PipeWriter writer, string text) => Encoding.UTF8.GetBytes(text, writer);

    /// <summary>What is asked for, or every problem with it.</summary>
    public static Outcome<WatchQuery> QueryOf(HttpRequest request)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(request, Parameters, ref problems);
        var (from, revision) = (parameters.Watch?.FromCursor, parameters.Watch?.FromRevision);
        if (from is not null && revision is not null)
            (problems ??= []).Add(Problem.Query("from_revision", "parameter.exclusive", "Give one of from_cursor and from_revision."));
        // a browser that reconnects sends what it had last, with the address of the beginning
        if (request.Headers.TryGetValue("Last-Event-ID", out var last) && last.Count > 0)
        {
            if (Cursor.TryParse(last, out var cursor)) (from, revision) = (cursor, null);
            else (problems ??= []).Add(Problem.Header("Last-Event-ID", "cursor.malformed", "This is not a cursor that an event carried."));
        }
        if (problems is not null) return Fault.Invalid(problems);
        return new WatchQuery(parameters.Env, parameters.Watch?.Prefixes ?? [], parameters.Watch?.Kinds ?? WatchKinds.All, from, revision) { MinCursor = parameters.MinCursor };
    }

    /// <summary>The name of a frame on the wire.</summary>
    public static string Name(WatchFrameKind kind) => kind switch
    {
        WatchFrameKind.Change => "change",
        WatchFrameKind.Synced => "synced",
        WatchFrameKind.Progress => "progress",
        WatchFrameKind.Reset => "reset",
        WatchFrameKind.Error => "error",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "not a frame"),
    };

    /// <summary>What a client calls itself when it says nothing else.</summary>
    public static string? UserAgent(HttpRequest request) => request.Headers.UserAgent is { Count: > 0 } agent && agent.ToString() is { Length: > 0 and <= 256 } text ? text : null;

    /// <summary>Of a client that says nothing of itself.</summary>
    public static readonly IReadOnlyDictionary<string, string> NoLabels = new Dictionary<string, string>();
}
