namespace Stele.Core.Limits;

/// <summary>The limits of what evaluates flags for others.</summary>
public static class OfrepLimits
{
    /// <summary>Bytes of a body of OFREP: a context and what stands around it.</summary>
    public static readonly Limit BodyBytes = new("ofrep.body_bytes", 2 << 20, "bytes", "a larger one is refused, INVALID_CONTEXT", true);
    /// <summary>Time that one request may evaluate flags.</summary>
    public static readonly Limit EvaluationSeconds = new("ofrep.evaluation_seconds", 5, "seconds", "a bulk evaluation that takes longer is refused, unavailable: each flag's work is bounded, and there may be many", true);
    /// <summary>Providers that have flags from a node's flagd port.</summary>
    public static readonly Limit FlagdStreams = new("flagd.streams", 1_000, "streams", "further ones are refused, RESOURCE_EXHAUSTED", true);

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Limit> All { get; } = [BodyBytes, EvaluationSeconds, FlagdStreams];
}
