using Stele.Core.Faults;

namespace Stele.Server.Gateway;

/// <summary>
/// Lets a request in that came through the gate without a token, because a browser can set no header on a WebSocket: by what
/// its headers say when this is called. The refusal, or null.
/// </summary>
internal delegate ValueTask<Fault?> LateAdmission(HttpRequest request);
