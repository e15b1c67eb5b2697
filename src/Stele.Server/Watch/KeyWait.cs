using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Watch;
using Stele.Server.Access;
using Stele.Server.Gateway;
using Stele.Server.Limits;

namespace Stele.Server.Watch;

/// <summary>How a wait for a key ended.</summary>
/// <param name="Changed">Whether there is something to read: the key changed, or the cursor does not hold.</param>
/// <param name="At">How far it was seen; read from there or later. Null: no further than the cursor that was given.</param>
internal readonly record struct KeyWaited(bool Changed, Cursor? At);

/// <summary>The long poll: waits for the change of one key, as a subscription of its own.</summary>
internal sealed class KeyWait(WatchEngine engine, Identities identities, HttpLimits limits, TimeProvider time)
{
    /// <summary>Waits for a change after a cursor, or from now on. Faults as <see cref="WatchEngine.Subscribe"/>.</summary>
    public async Task<Outcome<KeyWaited>> Wait(HttpContext context, ConfigKey key, RequestParameters parameters)
    {
        var caller = Caller.Of(context);
        var outbox = engine.NewOutbox();
        var client = new WatchClient(caller.Principal, "poll", WatchEndpoints.UserAgent(context.Request), context.Connection.RemoteIpAddress?.ToString(), WatchEndpoints.NoLabels,
            identities.StandingOf(context.Request, caller));
        var query = new WatchQuery(parameters.Env, [key.Text], WatchKinds.Config, parameters.Watch!.AfterCursor, null) { MinCursor = parameters.MinCursor };
        if (!(await engine.Subscribe(caller.Org, "", client, query, outbox)).TryGet(out var subscriber, out var fault)) return fault;
        // who waits is no work
        limits.Leave(caller);
        try
        {
            return await Wait(subscriber, key.Text, parameters.Watch.Wait!.Value, context.RequestAborted);
        }
        finally
        {
            engine.Unsubscribe(subscriber);
        }
    }

    async Task<Outcome<KeyWaited>> Wait(Subscriber subscriber, string key, TimeSpan wait, CancellationToken cancellation)
    {
        var startedAt = time.GetTimestamp();
        while (true)
        {
            while (subscriber.Outbox.TryTake(out var message))
            {
                subscriber.NoteSent(message.Frame);
                // a longer key begins with this one, and is not it
                if (message.Frame.Kind == WatchFrameKind.Reset || message.Frame.Seen.Any(index => message.Frame.Revision!.Changes[index].Key == key))
                    return new KeyWaited(true, message.Frame.Cursor);
            }
            if (subscriber.Outbox.End is { } end) return end == WatchEnd.Revoked ? Core.Access.Authorisation.NotKnown : Fault.Unavailable("This node stops.");
            var left = wait - time.GetElapsedTime(startedAt);
            if (left <= TimeSpan.Zero) return new KeyWaited(false, subscriber.Watch!.At(subscriber));
            try
            {
                await subscriber.Outbox.Wait().WaitAsync(left, time, cancellation);
            }
            catch (TimeoutException)
            {
                // what came in the last moment is looked at once more
            }
        }
    }
}
