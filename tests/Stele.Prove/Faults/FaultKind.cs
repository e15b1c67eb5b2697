namespace Stele.Prove.Faults;

/// <summary>What goes wrong. Two at once are never of the same part of the system.</summary>
internal enum FaultKind
{
    /// <summary>A node is killed with SIGKILL, and started again.</summary>
    NodeKilled,
    /// <summary>A node is ended with SIGTERM, and started again.</summary>
    NodeStopped,
    /// <summary>A node is frozen with SIGSTOP for a while.</summary>
    NodeFrozen,
    /// <summary>Nothing goes between a node and PostgreSQL.</summary>
    NodeCutOff,
    /// <summary>What a node sends to PostgreSQL does not arrive; what PostgreSQL sends does.</summary>
    NodeUnheard,
    /// <summary>What PostgreSQL sends to a node does not arrive; what the node sends does.</summary>
    NodeDeaf,
    /// <summary>What goes between a node and PostgreSQL takes longer.</summary>
    NodeSlow,
    /// <summary>A node's connections to PostgreSQL are reset in the middle, after some bytes, one after the other.</summary>
    NodeSevered,
    /// <summary>A node's appends arrive late, after its connections were reset: what it was told about them must hold all the same.</summary>
    NodeStraggles,
    /// <summary>A node's wall clock is stepped.</summary>
    NodeClockStepped,
    /// <summary>Requests to a node do not arrive, or its answers do not.</summary>
    ClientsCutOff,
    /// <summary>Connections of clients are reset in the middle, after some bytes, one after the other.</summary>
    ClientsSevered,
    /// <summary>PostgreSQL's primary is killed with SIGKILL, and started again.</summary>
    PrimaryKilled,
    /// <summary>PostgreSQL's primary is frozen with SIGSTOP for a while.</summary>
    PrimaryFrozen,
    /// <summary>PostgreSQL's primary is killed with SIGKILL for good, and the standby promoted.</summary>
    PrimaryReplaced,
    /// <summary>PostgreSQL's primary is gone without a word, as a machine without power is: no connection is reset. The standby is promoted.</summary>
    PrimaryVanished,
    /// <summary>
    /// The standby is promoted, and nobody has fenced the primary: it goes on answering those on its side of a network that is cut. Only where strong
    /// reads are strict, which is what they are for.
    /// </summary>
    PrimaryDeposed,
    /// <summary>The primary's disk takes no more.</summary>
    PrimaryDiskFull,
    /// <summary>Sessions are ended with pg_terminate_backend.</summary>
    SessionsEnded,
    /// <summary>With the standby cut off, commits that wait for it are cancelled with pg_cancel_backend.</summary>
    CommitsCancelled,
    /// <summary>The standby is killed with SIGKILL, and started again: commits wait.</summary>
    StandbyKilled,
    /// <summary>The standby is frozen with SIGSTOP for a while: commits wait.</summary>
    StandbyFrozen,
    /// <summary>Nothing goes between the standby and the primary: commits wait.</summary>
    StandbyCutOff,
    /// <summary>What goes between the standby and the primary takes longer.</summary>
    StandbySlow,
    /// <summary>Redis is killed, and started again, with nothing in it.</summary>
    RedisKilled,
    /// <summary>Redis is frozen for a while.</summary>
    RedisFrozen,
    /// <summary>All that Redis has is deleted.</summary>
    RedisFlushed,
}
