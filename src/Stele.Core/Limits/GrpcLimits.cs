namespace Stele.Core.Limits;

/// <summary>What bounds gRPC beyond what bounds every request.</summary>
public static class GrpcLimits
{
    /// <summary>Bytes of a message that a client sends.</summary>
    public static readonly Limit MessageBytes = new("grpc.message_bytes", 32 << 20, "bytes", "a larger one, unpacked, is refused, RESOURCE_EXHAUSTED", true);
    /// <summary>Calls at a time on one connection.</summary>
    public static readonly Limit StreamsPerConnection = new("grpc.streams_per_connection", 2_048, "calls", "one more waits in the client, or opens another connection", true);

    /// <summary>All of them, in the order in which <c>stele limits</c> shows them.</summary>
    public static IReadOnlyList<Limit> All { get; } = [MessageBytes, StreamsPerConnection];
}
