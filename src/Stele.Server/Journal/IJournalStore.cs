using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;

namespace Stele.Server.Journal;

/// <summary>
/// The seam below the journal's logic: everything that it asks of a database. Two implementations: <see cref="PostgresJournalStore"/>,
/// and a simulated one with the real one's bad habits, that the simulation drives from a seed. No method throws for an
/// expected failure: it returns a status. All may throw <see cref="StoreUnavailableException"/> unless they return one.
/// </summary>
internal interface IJournalStore
{
    /// <summary>The org's head and tables in one snapshot; gives up when they take more bytes of memory than allowed.</summary>
    Task<LoadedState> Load(OrgId org, long bytesMax, CancellationToken cancellation);

    /// <summary>
    /// As <see cref="Load"/>, but of all configuration the one key (no environment: the org's default one), and of access what
    /// decides for one principal; null when there
    /// is no such org. The snapshot is taken after the call, so what it shows is current at some moment after it.
    /// </summary>
    Task<OrgState?> LoadKey(OrgId org, Principal principal, string? environment, string key, CancellationToken cancellation);

    /// <summary>
    /// Compare-and-set of the head, inline projections, revisions and events in one transaction. Never cancelled: a commit
    /// whose end nobody waits for may still happen.
    /// </summary>
    Task<AppendAnswer> Append(AppendBatch batch);

    /// <summary>
    /// As <see cref="Append"/>, but takes the head's row lock first, and asks for the batch when it holds it: how a node that
    /// lost a race makes progress. The callback gets the head as locked and returns null to give up.
    /// </summary>
    Task<AppendAnswer> AppendLocked(OrgId org, Func<Head, Task<AppendBatch?>> decide);

    /// <summary>
    /// The heads of orgs as the primary has them now, with what identifies the primary. One round trip. Proved: with a commit of
    /// its own that a synchronous standby has confirmed, so that whoever answered was the primary still after this call; it is
    /// unavailable where no commit waits for a standby.
    /// </summary>
    Task<HeadsAnswer> Heads(IReadOnlyCollection<OrgId> orgs, bool proved, CancellationToken cancellation);

    /// <summary>Revisions after one, oldest first, whole, at most so many, and fewer when their data passes <see cref="Stele.Core.Limits.SteleLimits.JournalPageBytes"/>; one at least if there is one.</summary>
    Task<IReadOnlyList<RevisionRecord>> Read(OrgId org, long afterRevision, int limit, CancellationToken cancellation);

    /// <summary>Revisions by number, rising, whole; those that are not there are left out, and so are the last ones past that limit.</summary>
    Task<IReadOnlyList<RevisionRecord>> Read(OrgId org, IReadOnlyList<long> revisions, CancellationToken cancellation);

    /// <summary>Where revisions stand: the places of those that are there, rising, all in one history.</summary>
    Task<IReadOnlyList<JournalPlace>> Places(OrgId org, IReadOnlyList<long> revisions, CancellationToken cancellation);

    /// <summary>
    /// Which revisions after one and up to another have events in some ranges of streams, each from a name to before another,
    /// by code point: by an index, and at most so many.
    /// </summary>
    Task<FoundRevisions> Find(OrgId org, long after, long upTo, IReadOnlyList<(string From, string To)> streams, int most, CancellationToken cancellation);

    /// <summary>The same by going through the journal in order: the first of them, about so many at most, and how far was looked.</summary>
    Task<FoundRevisions> FindNext(OrgId org, long after, long upTo, IReadOnlyList<(string From, string To)> streams, int most, CancellationToken cancellation);

    /// <summary>
    /// Raises the fence by a commit of its own, to above the one that the requests carried, so that none of them can land any
    /// more; then says which have landed, with their revisions. Once is not always enough: a primary that lost writes may have
    /// an older fence than the node believes in, and one more would be just what a straggler carries.
    /// </summary>
    Task<IReadOnlyDictionary<Guid, long>> Settle(OrgId org, long fence, IReadOnlyCollection<Guid> requestIds, CancellationToken cancellation);

    /// <summary>Raises the head's last_at, so that a moment that was read cannot change. A compare-and-set like an append.</summary>
    Task<AppendAnswer> RaiseLastAt(OrgId org, Guid incarnation, long fence, JournalPlace place, Timestamp at);

    /// <summary>What was committed under an idempotency key within its time, and is on the synchronous standby where there is one; or null.</summary>
    Task<IdempotentOutcome?> FindOutcome(OrgId org, string principal, string key, CancellationToken cancellation);

    /// <summary>Compare-and-set of the incarnation after writes were lost; false when another node did it first.</summary>
    Task<bool> BeginIncarnation(Guid expected, Guid next, CancellationToken cancellation);

    /// <summary>
    /// An append of this org has waited long for the head's row: ends the sessions that block it, so that a frozen node
    /// cannot stop an org's writes. Does nothing when no append of this store waits.
    /// </summary>
    Task Unblock(OrgId org, CancellationToken cancellation);

    /// <summary>The format in which new orgs are written.</summary>
    Task<int> WrittenFormat(CancellationToken cancellation);

    /// <summary>Raises the incarnation counter after a promotion; nobody is reset.</summary>
    Task RaiseCounter(long expectedCounter, int timeline, CancellationToken cancellation);
}

/// <summary>What came of looking for revisions.</summary>
/// <param name="Revisions">Rising; null when there are more than were asked for.</param>
/// <param name="Floor">The last revision whose events are archived, and were not looked through; 0 when none are.</param>
internal sealed record FoundRevisions(IReadOnlyList<long>? Revisions, long Floor)
{
    /// <summary>Where it was gone through in order: all up to here were looked at.</summary>
    public long Through { get; init; }
}

/// <summary>What came of loading an org.</summary>
/// <param name="State">Null when there is no such org, or when it was given up.</param>
/// <param name="Bytes">Bytes of memory that were counted; more than were allowed: it was given up there.</param>
internal sealed record LoadedState(OrgState? State, long Bytes);

/// <summary>The database did not answer, or could not be reached. Nothing is known to have been written by this call.</summary>
internal sealed class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>How an append ended.</summary>
internal enum AppendStatus
{
    /// <summary>It is durable.</summary>
    Committed,
    /// <summary>The head is not what the node believed; nothing was written.</summary>
    LostRace,
    /// <summary>One of the idempotency keys was committed before; nothing was written.</summary>
    IdempotencyKeyTaken,
    /// <summary>The database refused the data of some command; nothing was written.</summary>
    BadData,
    /// <summary>It was not sent, or the database said that it failed; nothing was written.</summary>
    NotWritten,
    /// <summary>The connection broke under it: only the fence can tell.</summary>
    Unknown,
}

/// <summary>How an append ended, and what the database said.</summary>
/// <param name="Status">How.</param>
/// <param name="Detail">In the database's words.</param>
/// <param name="Refusal">With <see cref="AppendStatus.BadData"/>: what to answer; null: that the data was refused.</param>
internal readonly record struct AppendAnswer(AppendStatus Status, string? Detail = null, Fault? Refusal = null);

/// <summary>An idempotency key on a write. Scoped to org and principal.</summary>
/// <param name="Key">As the client sent it.</param>
/// <param name="Fingerprint">SHA-256 of method, path, query and body.</param>
internal sealed record Idempotency(string Key, byte[] Fingerprint);

/// <summary>What was committed under an idempotency key, and the request that did it: a revision's number alone may mean another one in a history that was lost.</summary>
internal sealed record IdempotentOutcome(byte[] Fingerprint, long Revision, Guid RequestId);

/// <summary>An idempotency record that commits with its revision.</summary>
internal sealed record IdempotencyRow(string Principal, string Key, byte[] Fingerprint, long Revision);

/// <summary>What is appended in one transaction.</summary>
/// <param name="Before">The state on which it was decided: what the head must still be.</param>
/// <param name="After">The state after it.</param>
/// <param name="Revisions">At least one, in order.</param>
/// <param name="Idempotency">Records of those that came with a key.</param>
internal sealed record AppendBatch(
    OrgState Before, OrgState After, IReadOnlyList<RevisionRecord> Revisions, IReadOnlyList<IdempotencyRow> Idempotency)
{
    /// <summary>What commits with them and stands in none of them.</summary>
    public IReadOnlyList<SideRow> Rows { get; init; } = [];

    public OrgId Org => Before.Org;
}

/// <summary>An org's head row.</summary>
internal sealed record Head(OrgId Org, Guid Incarnation, long Fence, long Revision, byte[] Chain, Timestamp LastAt, int Format)
{
    /// <summary>
    /// Whether it lacks what a node had applied. A fence may be lost alone, and whoever believed in it would lose every race
    /// from then on; so may a format, with the same end; so may a last_at, and with it the promise that the past before it is final.
    /// </summary>
    public bool IsBehind(OrgState applied) => Revision < applied.Revision || Fence < applied.Fence || LastAt < applied.LastAt || Format < applied.Format;

    /// <summary>Whether it stands where a state stands, in the same history.</summary>
    public bool IsAt(OrgState state) => Revision == state.Revision && Chain.AsSpan().SequenceEqual(state.Place.Chain);
}

/// <summary>Heads, and the identity of the primary that answered.</summary>
/// <param name="Heads">Those that exist.</param>
/// <param name="Now">The database's clock.</param>
/// <param name="Cluster">Incarnation and counter, and the database's identity as recorded and as found.</param>
internal sealed record HeadsAnswer(IReadOnlyList<Head> Heads, Timestamp Now, ClusterIdentity Cluster);

/// <summary>The identity of the history that the database holds.</summary>
/// <param name="Incarnation">The random id of the history.</param>
/// <param name="Counter">Counts incarnations and promotions: the first part of every fencing token.</param>
/// <param name="RecordedSystem">The system identifier when the incarnation began.</param>
/// <param name="RecordedTimeline">The timeline when the counter was last raised.</param>
/// <param name="System">The system identifier of the server that answered.</param>
/// <param name="Timeline">Its timeline.</param>
internal sealed record ClusterIdentity(Guid Incarnation, long Counter, long RecordedSystem, int RecordedTimeline, long System, int Timeline);
