namespace Stele.Prove.Mutants;

/// <summary>
/// Deliberate bugs in real servers, each of which a run must catch. None is in the product: they are put between a server's parts when the
/// run starts it (<see cref="MutantServer"/>), or into the functions of its database (<see cref="DatabaseMutation"/>).
/// </summary>
internal enum Mutant
{
    None,

    // in the database

    /// <summary>Whoever appends last wins: the head is not compared, and what came between is written over.</summary>
    IgnoreTheCompareAndSet,
    /// <summary>An append looks at the head without its row's lock, and writes what it made of what it saw.</summary>
    DropTheRowLock,
    /// <summary>An append with an old fence lands all the same.</summary>
    SkipTheFence,
    /// <summary>Settling looks, and does not raise the fence.</summary>
    SettleWithoutFence,
    /// <summary>What is stored is not chained to what came before it.</summary>
    SkipTheChain,
    /// <summary>A commit is acknowledged before the standby has it.</summary>
    AcknowledgeBeforeTheStandby,
    /// <summary>A commit whose wait for the standby was cancelled is taken for a durable one, of an append and of a fence.</summary>
    TrustACancelledWait,

    // between a node's logic and the database

    /// <summary>Appends are acknowledged before they are committed.</summary>
    AcknowledgeBeforeCommit,
    /// <summary>Head checks answer with what an earlier one saw.</summary>
    StaleHeads,
    /// <summary>Followers read revisions without their last event.</summary>
    TornRevision,
    /// <summary>An unknown outcome is reported as certainly not written.</summary>
    UnknownAsNotWritten,
    /// <summary>Nodes rely on hints, and do not poll; and no hint comes.</summary>
    NeverPoll,

    // between a node and whoever asks it

    /// <summary>Strong reads are answered from memory.</summary>
    SkipTheHeadCheck,
    /// <summary>The version that was expected does not reach the decider.</summary>
    IgnoreTheExpectedVersion,
    /// <summary>A write reaches the journal without its idempotency key.</summary>
    RetryWithoutTheKey,
    /// <summary>Some reads are answered from another organization.</summary>
    ForgetTheOrgFilter,
    /// <summary>A watcher gets some revisions in two halves.</summary>
    DeliverHalfARevision,
    /// <summary>A watcher gets some revisions twice.</summary>
    DeliverTwice,
    /// <summary>A watcher does not get some revisions.</summary>
    MissARevision,
}
