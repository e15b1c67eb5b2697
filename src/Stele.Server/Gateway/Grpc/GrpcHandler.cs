namespace Stele.Server.Gateway.Grpc;

/// <summary>What answers a call that no endpoint of HTTP can: a stream, or what HTTP has in another form.</summary>
/// <param name="Path">The call.</param>
/// <param name="Handle">Its handler.</param>
internal sealed record GrpcHandler(string Path, Func<GrpcCall, Task> Handle);
