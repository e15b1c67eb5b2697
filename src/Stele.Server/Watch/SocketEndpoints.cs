using Stele.Core.Faults;
using Stele.Server.Access;
using Stele.Server.Gateway;
using Stele.Server.Limits;

namespace Stele.Server.Watch;

/// <summary>Watching over a WebSocket.</summary>
internal sealed class SocketEndpoints(WatchEngine engine, Identities identities, HttpLimits limits, RequestLimiter limiter, ClientAddress addresses, WatchOptions options, TimeProvider time)
{
    /// <summary><c>GET /v1/ws</c></summary>
    public async Task Accept(HttpContext context)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            await HttpProblems.Write(context, Fault.Invalid(Problem.Header("Upgrade", "websocket.upgrade", "This is a WebSocket: send Connection: Upgrade and Upgrade: websocket.")));
            return;
        }
        var caller = Caller.Of(context);
        // the gate lets in who sends no token: a browser cannot set a header here, and says it in its first message, unless it has a session
        var late = context.Features.Get<LateAdmission>();
        if (late is not null && context.Request.Headers.Cookie.Count > 0 && IsSameOrigin(context.Request)) await late(context.Request);
        // a stream is no work; each of its messages is
        limits.Leave(caller);
        using var socket = await context.WebSockets.AcceptWebSocketAsync(new WebSocketAcceptContext { DangerousEnableCompression = false });
        await new WatchSocket(socket, context, caller, late, engine, identities, limiter, addresses.Of(context), options, time).Run();
    }

    // another site's page may open a WebSocket here, and the browser would send the session's cookie with it
    static bool IsSameOrigin(HttpRequest request) =>
        Uri.TryCreate(request.Headers.Origin.ToString(), UriKind.Absolute, out var origin) && string.Equals(origin.Authority, request.Host.Value, StringComparison.OrdinalIgnoreCase);
}
