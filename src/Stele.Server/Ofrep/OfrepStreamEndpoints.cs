using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Watch;
using Stele.Server.Access;
using Stele.Server.Gateway;
using Stele.Server.Journal;
using Stele.Server.Limits;
using Stele.Server.Watch;

namespace Stele.Server.Ofrep;

/// <summary>
/// The stream that bulk answers name. It says that answers may have changed, and no more: who is told asks again, with the place as
/// <c>flagConfigEtag</c>. Fed by the watch engine, of which it is a subscription like any other.
/// </summary>
internal sealed class OfrepStreamEndpoints(WatchEngine engine, JournalNode journal, Identities identities, HttpLimits limits, WatchOptions options, TimeProvider time)
{
    /// <summary><c>GET /ofrep/v1/events</c></summary>
    public async Task Stream(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, Parameter.Env | Parameter.Pass, ref problems);
        if (problems is not null)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        var caller = Caller.Of(context);
        var outbox = engine.NewOutbox();
        using var cut = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        // what a client does not take within a moment of its end, it does not get
        outbox.OnEnd = () => cut.CancelAfter(options.Farewell);
        var client = new WatchClient(caller.Principal, "sse", WatchEndpoints.UserAgent(context.Request), context.Connection.RemoteIpAddress?.ToString(), WatchEndpoints.NoLabels,
            identities.StandingOf(context.Request, caller));
        // where a client was that comes back; an id that is none of ours is that of one who begins
        var from = Cursor.TryParse(context.Request.Headers["Last-Event-ID"], out var last) ? last : (Cursor?)null;
        if (!(await engine.Subscribe(caller.Org, "", client, new WatchQuery(parameters.Env, [], WatchKinds.Flag, from, null), outbox)).TryGet(out var subscriber, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        // a stream is no work
        limits.Leave(caller);
        using var gone = context.RequestAborted.UnsafeRegister(static outbox => ((WatchOutbox)outbox!).Wake(), outbox);
        try
        {
            await Stream(context, subscriber, new Told(journal, caller, subscriber.Filter.Environment, time), from is null, cut.Token);
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

    async Task Stream(HttpContext context, Subscriber subscriber, Told told, bool isNew, CancellationToken cut)
    {
        var response = context.Response;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-store";
        // a proxy that gathers what it passes on would hold changes back
        response.Headers["X-Accel-Buffering"] = "no";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        await response.StartAsync(cut);
        var (writer, outbox) = (response.BodyWriter, subscriber.Outbox);
        told.Look();
        // something may have changed between the answer that named this stream and now
        if (isNew) Refetch(writer, told.Cursor);
        while (true)
        {
            var (news, place) = (false, (string?)null);
            while (outbox.TryTake(out var message))
            {
                (news, place) = (news || message.Frame.Kind is WatchFrameKind.Change or WatchFrameKind.Reset, message.Frame.CursorText);
                subscriber.NoteSent(message.Frame);
            }
            // what its rights hide, such as a shared rule, and what no event says, such as a step of a schedule
            news |= told.Look();
            if (news) Refetch(writer, place ?? told.Cursor);
            else if (place is not null) Text(writer, $": heartbeat\nid: {place}\n\n");
            await writer.FlushAsync(cut);
            if (outbox.End is not null) return;
            await told.Wait(outbox, cut);
            cut.ThrowIfCancellationRequested();
        }
    }

    static void Refetch(PipeWriter writer, string cursor) =>
        Text(writer, $"id: {cursor}\nevent: message\ndata: {{\"type\":\"refetchEvaluation\",\"etag\":\"{cursor}\"}}\n\n");

    static void Text(PipeWriter writer, string text) => Encoding.UTF8.GetBytes(text, writer);

    /// <summary>What a client was last told of, and whether there is something else now.</summary>
    sealed class Told(JournalNode journal, Caller caller, string environment, TimeProvider time)
    {
        EnvironmentFlags? flags;
        Rights? rights;
        long phase;

        /// <summary>Where the node is.</summary>
        public string Cursor { get; private set; } = "";

        /// <summary>Whether answers may be others than when this was last asked.</summary>
        public bool Look()
        {
            if (journal.Peek(caller.Org)?.State is not { } state) return false;
            var found = state.Environment(environment)?.Flags ?? EnvironmentFlags.Empty;
            var allowed = caller.Principal.IsRoot ? Rights.Everything : state.Access.RightsOf(caller.Principal);
            // rules that read the clock may answer differently at any second, which would be a message a second
            var times = found.Set.Times;
            var passed = times.IsClock ? 0 : times.Phase(Timestamp.From(time.GetUtcNow()));
            var differs = flags is not null && (found != flags || passed != phase || (allowed != rights && !allowed.SameIn(rights!, Permission.FlagRead, environment)));
            (flags, rights, phase, Cursor) = (found, allowed, passed, state.Place.CursorText);
            return differs;
        }

        /// <summary>Until there is something in the outbox, or a schedule's next step comes into force.</summary>
        public async Task Wait(WatchOutbox outbox, CancellationToken cut)
        {
            var filled = outbox.Wait();
            var now = time.GetUtcNow();
            if (flags is not { Set.Times: { IsClock: false } times } || times.Next(Timestamp.From(now)) is not { } next || next.ToDateTime() - now.UtcDateTime > Soon)
            {
                // a heartbeat comes before anything that is further off
                await filled;
                return;
            }
            using var woken = CancellationTokenSource.CreateLinkedTokenSource(cut);
            var step = next.ToDateTime() - now.UtcDateTime;
            await Task.WhenAny(filled, Task.Delay(step > TimeSpan.Zero ? step : TimeSpan.FromMilliseconds(1), time, woken.Token));
            await woken.CancelAsync();
        }

        static readonly TimeSpan Soon = TimeSpan.FromMinutes(1);
    }
}
