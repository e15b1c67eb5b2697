namespace Stele.Server.Outbound.Redis;

/// <summary>The bounds and intervals of what is written to Redis; tests set their own.</summary>
internal sealed record RedisOutOptions
{
    /// <summary>How long a key lives.</summary>
    public TimeSpan Life { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How much longer its guard lives.</summary>
    public TimeSpan GuardLife { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How often everything is written anew, so that nothing reaches the end of its life.</summary>
    public TimeSpan Refresh { get; init; } = TimeSpan.FromMinutes(25);

    /// <summary>However often Redis is wiped, everything is written at most once in this time.</summary>
    public TimeSpan WholePause { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Writes that are on their way at a time.</summary>
    public int InFlight { get; init; } = 512;

    /// <summary>Bytes of them.</summary>
    public long InFlightBytes { get; init; } = 8 << 20;

    /// <summary>How long Redis may take for them.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(5);
}
