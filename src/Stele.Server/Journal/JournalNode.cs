using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;

namespace Stele.Server.Journal;

/// <summary>How fresh a read must be.</summary>
internal enum Consistency
{
    /// <summary>Linearizable: reflects every write acknowledged before the request came.</summary>
    Strong,
    /// <summary>What this node has applied.</summary>
    Local,
}

/// <summary>What a read asks for.</summary>
/// <param name="Consistency">How fresh.</param>
/// <param name="MaxStaleness">For local reads: at most so long since the node last confirmed its state. Null: any.</param>
/// <param name="MinCursor">A place that the node must have reached first (Stele-Min-Cursor). Null: none.</param>
internal readonly record struct ReadOptions(Consistency Consistency, TimeSpan? MaxStaleness, Cursor? MinCursor);

/// <summary>A state to answer from.</summary>
/// <param name="State">The state.</param>
/// <param name="ConfirmedAgo">How long ago the primary confirmed that nothing newer was there.</param>
internal readonly record struct Snapshot(OrgState State, TimeSpan ConfirmedAgo);

/// <summary>
/// The journal as the features see it. Everything that reads current state or writes goes through these three calls;
/// reads of the past go to SQL.
/// </summary>
internal sealed class JournalNode
{
    /// <summary>
    /// The state of an org, as fresh as asked. Faults: not_found (no such org), unavailable (primary away for a strong read;
    /// staler than asked for a local one).
    /// </summary>
    public ValueTask<Outcome<Snapshot>> Read(OrgId org, ReadOptions options, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>
    /// Decides and appends a command. Faults: those of the decider; unavailable (nothing written); outcome_unknown;
    /// idempotency_conflict. A replayed idempotency key gives the revision that it made then.
    /// </summary>
    public Task<Outcome<Applied>> Append(OrgId org, Command command, Idempotency? idempotency, CancellationToken cancellation) =>
        throw new NotImplementedException();

    /// <summary>
    /// Makes sure that what was true at a moment can never change: raises last_at to it if it lies beyond, and answers the
    /// state then known. Faults: invalid when the moment is after the primary's now, or before the journal.
    /// </summary>
    public Task<Outcome<OrgState>> Settle(OrgId org, Timestamp moment, CancellationToken cancellation) => throw new NotImplementedException();
}
