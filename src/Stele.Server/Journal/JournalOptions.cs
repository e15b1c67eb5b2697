using Stele.Core.Limits;

namespace Stele.Server.Journal;

/// <summary>The bounds and intervals of the journal's logic; tests and the simulation set their own.</summary>
internal sealed record JournalOptions
{
    /// <summary>Commands that may wait for one org.</summary>
    public int QueueCommands { get; init; } = (int)SteleLimits.QueueCommands.Value;

    /// <summary>How long a command may have to wait, by what the last appends took.</summary>
    public TimeSpan QueueWait { get; init; } = TimeSpan.FromMilliseconds(SteleLimits.QueueWaitMilliseconds.Value);

    /// <summary>Commands of one append.</summary>
    public int BatchCommands { get; init; } = (int)SteleLimits.BatchCommands.Value;

    /// <summary>Bytes of one append.</summary>
    public long BatchBytes { get; init; } = SteleLimits.BatchBytes.Value;

    /// <summary>How long a request may take when the primary answers.</summary>
    public TimeSpan RequestTime { get; init; } = TimeSpan.FromSeconds(SteleLimits.RequestSeconds.Value);

    /// <summary>How long a request waits for a primary that does not answer.</summary>
    public TimeSpan PrimaryWait { get; init; } = TimeSpan.FromMilliseconds(SteleLimits.PrimaryWaitMilliseconds.Value);

    /// <summary>How long after the last word of the primary somebody's rights are still trusted, for local reads.</summary>
    public TimeSpan AccessUnconfirmed { get; init; } = TimeSpan.FromSeconds(SteleLimits.AccessUnconfirmedSeconds.Value);

    /// <summary>How far this node's clock may be from the database's for it to write.</summary>
    public TimeSpan ClockSkew { get; init; } = TimeSpan.FromMilliseconds(SteleLimits.ClockSkewMilliseconds.Value);

    /// <summary>Revisions kept in memory per org.</summary>
    public int RingRevisions { get; init; } = (int)SteleLimits.RingRevisions.Value;

    /// <summary>Bytes of those revisions.</summary>
    public long RingBytes { get; init; } = SteleLimits.RingBytes.Value;

    /// <summary>Bytes of state that the node keeps.</summary>
    public long StateBytes { get; init; } = SteleLimits.StateMebibytes.Value << 20;

    /// <summary>How long an org stays in memory unused.</summary>
    public TimeSpan Idle { get; init; } = TimeSpan.FromSeconds(SteleLimits.IdleSeconds.Value);

    /// <summary>Orgs that are loaded at a time; the others wait, and of theirs single keys are answered by SQL.</summary>
    public int LoadsMax { get; init; } = 4;

    /// <summary>How long an org that was too large to load is not tried again.</summary>
    public TimeSpan TooLargePause { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How often deadlines are looked at: the granularity of every timeout above.</summary>
    public TimeSpan Tick { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How often every loaded org's head is asked for when no hint comes.</summary>
    public TimeSpan Poll { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>When a head check counts as slow, so that a second one may start beside it.</summary>
    public TimeSpan SlowHeadCheck { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>When an append counts as blocked, so that what blocks it is ended.</summary>
    public TimeSpan BlockedAppend { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The pause before something that failed is tried again.</summary>
    public TimeSpan RetryPause { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Revisions read at a time when a node catches up.</summary>
    public int ReadRevisions { get; init; } = 500;

    /// <summary>How often a batch is decided anew after lost races before its requests are told to come back.</summary>
    public int AttemptsMax { get; init; } = 20;

    /// <summary>
    /// Whether each group of strong reads proves by a commit that a synchronous standby confirms that the primary still is
    /// one (<c>STELE_STRICT_READS</c>): for those whose fail-over does not make sure that the old one is silent.
    /// </summary>
    public bool StrictReads { get; init; }

    /// <summary>Makes the id of a new incarnation.</summary>
    public Func<Guid> NewId { get; init; } = Guid.NewGuid;
}
