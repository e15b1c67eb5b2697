using Stele.Core.Limits;

namespace Stele.Server.Limits;

/// <summary>The bounds of what a node takes; tests set their own.</summary>
internal sealed record LimitOptions
{
    /// <summary>Requests a second of a principal.</summary>
    public long TokenPerSecond { get; init; } = TrafficLimits.TokenPerSecond.Value;

    /// <summary>Requests a second of an org that has no bound of its own.</summary>
    public long OrgPerSecond { get; init; } = TrafficLimits.OrgPerSecond.Value;

    /// <summary>Unknown tokens a minute of an address.</summary>
    public long UnknownTokensPerMinute { get; init; } = TrafficLimits.UnknownTokensPerMinute.Value;

    /// <summary>Failed sign-ins a minute of an address.</summary>
    public long FailedSignInsPerMinute { get; init; } = TrafficLimits.FailedSignInsPerMinute.Value;

    /// <summary>Principals that are counted at a time.</summary>
    public long Principals { get; init; } = TrafficLimits.Principals.Value;

    /// <summary>Requests in work.</summary>
    public long InWork { get; init; } = TrafficLimits.InWork.Value;

    /// <summary>Requests in work of an org that has no bound of its own.</summary>
    public long OrgInWork { get; init; } = TrafficLimits.OrgInWork.Value;

    /// <summary>Streams of an org that has no bound of its own.</summary>
    public long OrgSubscriptions { get; init; } = TrafficLimits.OrgSubscriptions.Value;

    /// <summary>Time for a request's header.</summary>
    public TimeSpan Header { get; init; } = TimeSpan.FromSeconds(TrafficLimits.HeaderSeconds.Value);

    /// <summary>Time for a request's body.</summary>
    public TimeSpan Body { get; init; } = TimeSpan.FromSeconds(TrafficLimits.BodySeconds.Value);

    /// <summary>Time between requests of a connection.</summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(TrafficLimits.KeepAliveSeconds.Value);

    /// <summary>Connections.</summary>
    public long Connections { get; init; } = TrafficLimits.Connections.Value;

    /// <summary>How fast a body must come, and an answer be read.</summary>
    public double BodyBytesPerSecond { get; init; } = TrafficLimits.BodyBytesPerSecond.Value;

    /// <summary>How long a body may be slower than that.</summary>
    public TimeSpan BodyGrace { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Whether the root token is not limited when it comes from this machine.</summary>
    public bool RootIsFree { get; init; } = true;

    /// <summary>How often buckets that are full are dropped, and orgs' own bounds are looked at.</summary>
    public TimeSpan Sweep { get; init; } = TimeSpan.FromSeconds(1);
}
