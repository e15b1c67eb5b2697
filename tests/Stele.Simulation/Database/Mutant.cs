namespace Stele.Simulation.Database;

/// <summary>Deliberate bugs, each of which the checkers must catch. They live in the simulated database, not in the product.</summary>
internal enum Mutant
{
    None,
    /// <summary>Appends are acknowledged before they are committed.</summary>
    AcknowledgeBeforeCommit,
    /// <summary>Head checks answer with what an earlier one saw: strong reads are stale.</summary>
    StaleHeads,
    /// <summary>An append with an old fence lands all the same.</summary>
    IgnoreFence,
    /// <summary>Settling looks, and does not raise the fence.</summary>
    SettleWithoutFence,
    /// <summary>Idempotency keys are not kept.</summary>
    ForgetIdempotency,
    /// <summary>An append is not compared with the chain.</summary>
    IgnoreChain,
    /// <summary>Followers read revisions without their last event.</summary>
    TornRevision,
    /// <summary>An append may be earlier than what was read as settled.</summary>
    IgnoreLastAt,
    /// <summary>An unknown outcome is reported as certainly not written.</summary>
    UnknownAsNotWritten,
    /// <summary>The tables lose deletions.</summary>
    ProjectionDrift,
}
