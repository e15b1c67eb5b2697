namespace Stele.Simulation.Database;

/// <summary>
/// Deliberate bugs, each of which the checkers must catch. They are made at the seams, in the simulated database, between a
/// node and whoever asks it, and never in the product.
/// </summary>
internal enum Mutant
{
    None,

    // in the database, below the nodes

    /// <summary>Appends are acknowledged before they are committed.</summary>
    AcknowledgeBeforeCommit,
    /// <summary>Head checks answer with what an earlier one saw: strong reads are stale.</summary>
    StaleHeads,
    /// <summary>Whoever appends last wins: the head is not compared.</summary>
    IgnoreTheCompareAndSet,
    /// <summary>Appends look at the head without its row lock, and write what they made of what they saw.</summary>
    DropTheRowLock,
    /// <summary>An append with an old fence lands all the same.</summary>
    IgnoreFence,
    /// <summary>Settling looks, and does not raise the fence.</summary>
    SettleWithoutFence,
    /// <summary>Settling trusts a fence that the standby may not have.</summary>
    TrustAnUnreplicatedFence,
    /// <summary>A commit whose wait for the standby was cancelled is taken for a durable one.</summary>
    TrustACancelledWait,
    /// <summary>Idempotency keys are not kept.</summary>
    ForgetIdempotency,
    /// <summary>Neither an append nor a head check is compared with the chain.</summary>
    IgnoreChain,
    /// <summary>Followers read revisions without their last event.</summary>
    TornRevision,
    /// <summary>An append may be earlier than what was read as settled.</summary>
    IgnoreLastAt,
    /// <summary>An unknown outcome is reported as certainly not written.</summary>
    UnknownAsNotWritten,
    /// <summary>The tables lose deletions.</summary>
    ProjectionDrift,
    /// <summary>Loading an org reads the configuration of all of them.</summary>
    ForgetTheOrgFilter,
    /// <summary>An asynchronous projection follows a number that is given when a transaction begins.</summary>
    FollowASequence,
    /// <summary>An asynchronous projection does not compare its checkpoint.</summary>
    ProjectWithoutCompareAndSet,
    /// <summary>An asynchronous projection applies what it read from a primary that has been lost.</summary>
    ProjectWhatWasLost,

    // between a node and whoever asks it

    /// <summary>Strong reads are answered from memory.</summary>
    SkipTheHeadCheck,
    /// <summary>The version that was expected does not reach the decider.</summary>
    IgnoreTheExpectedVersion,
    /// <summary>A write is sent to the journal without its idempotency key.</summary>
    RetryWithoutTheKey,
    /// <summary>A flag is decided by what was compiled without its references: circles are let in.</summary>
    ForgetTheCycleCheck,
    /// <summary>What was compiled of a flag is used until the flag itself changes, whatever becomes of what it refers to.</summary>
    StaleCompiledEvaluation,
    /// <summary>What somebody may is worked out once, and not again when tokens and roles change.</summary>
    StaleRights,
    /// <summary>Rights are looked at before the read waits, and not on what it answers.</summary>
    CheckRightsBeforeTheWait,
    /// <summary>A watcher gets a revision in two halves.</summary>
    DeliverHalfARevision,
    /// <summary>A watcher's subscription is authorised, and not each event.</summary>
    AuthoriseTheSubscriptionOnly,
    /// <summary>A frame that is sent again after a reconnect is sent twice.</summary>
    DeliverTwice,
    /// <summary>A client that follows is not told that what it has does not hold any more.</summary>
    LoseAReset,
    /// <summary>A change does not get to a client that follows, and its stream goes on.</summary>
    MissAChange,
    /// <summary>Nodes rely on hints, and do not poll.</summary>
    NeverPoll,

    // of secrets

    /// <summary>A value leaves before its reading is on record.</summary>
    ReleaseBeforeTheRecord,
    /// <summary>The wrapped key of a value that is destroyed stays where it is.</summary>
    LeaveTheDestroyedKey,
    /// <summary>A data key is wrapped for another organization than the one whose value it is.</summary>
    WrapForAnotherOrg,
    /// <summary>Of secrets the version that was expected does not reach the decider.</summary>
    IgnoreTheExpectedVersionOfSecrets,
    /// <summary>Whoever wraps keys anew does not look whether they are still there.</summary>
    RewrapOverADestruction,
    /// <summary>Whatever version is asked for, the newest value is given out.</summary>
    ServeTheNewestSecret,
}
