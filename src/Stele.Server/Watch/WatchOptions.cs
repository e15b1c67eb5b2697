using Stele.Core.Limits;

namespace Stele.Server.Watch;

/// <summary>The bounds and intervals of watching; tests and the simulation set their own.</summary>
internal sealed record WatchOptions
{
    /// <summary>Messages that may wait for one connection.</summary>
    public int BufferMessages { get; init; } = (int)SteleLimits.WatchBufferMessages.Value;

    /// <summary>Bytes of them; a single larger one waits alone.</summary>
    public long BufferBytes { get; init; } = SteleLimits.WatchBufferBytes.Value;

    /// <summary>How often a quiet stream says where it is.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(SteleLimits.WatchHeartbeatSeconds.Value);

    /// <summary>How long a connection may take nothing of what waits for it.</summary>
    public TimeSpan Stall { get; init; } = TimeSpan.FromSeconds(SteleLimits.WatchStallSeconds.Value);

    /// <summary>Subscriptions of one principal on this node.</summary>
    public long OfPrincipal { get; init; } = SteleLimits.WatchSubscriptionsOfToken.Value;

    /// <summary>How often deadlines are looked at: heartbeats, expiry, stalls.</summary>
    public TimeSpan Tick { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Revisions read at a time from the journal.</summary>
    public int ReadRevisions { get; init; } = 1_000;

    /// <summary>From so many revisions on it is asked which of them a filter wants, before any is read.</summary>
    public long ProbeRevisions { get; init; } = 2_000;

    /// <summary>If it wants more than so many, the journal is gone through in order.</summary>
    public int ProbedMax { get; init; } = 10_000;

    /// <summary>Revisions that PostgreSQL goes through at a time, where a filter wants few of them.</summary>
    public int SoughtRevisions { get; init; } = 50_000;

    /// <summary>A filter with more ranges of streams than this is not given to PostgreSQL to go through the journal by.</summary>
    public int SoughtRanges { get; init; } = 64;

    /// <summary>Reads of the past at a time on this node; the others wait for their turn, and commits for none of them.</summary>
    public int ReadsAtOnce { get; init; } = 8;

    /// <summary>So near to now the rest is handed over at once, from memory.</summary>
    public int JoinRevisions { get; init; } = 64;

    /// <summary>How long a client may take to take what it is told at its end.</summary>
    public TimeSpan Farewell { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a WebSocket without a token may take to send one.</summary>
    public TimeSpan AuthTime { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The pause before something that failed is tried again.</summary>
    public TimeSpan RetryPause { get; init; } = TimeSpan.FromMilliseconds(50);
}
