using Stele.Core.Journal;

namespace Stele.Server.Journal;

/// <summary>
/// The seam below asynchronous projections, with the same two implementations as <see cref="IJournalStore"/>: where each has
/// come to, and the transaction that does its work and moves it on.
/// </summary>
internal interface IProjectionStore
{
    /// <summary>The right to run a projection, until it is disposed; null while another node has it.</summary>
    Task<IAsyncDisposable?> Lead(string projection, CancellationToken cancellation);

    /// <summary>Orgs whose journal is ahead of the projection, at most a page of them.</summary>
    Task<IReadOnlyList<ProjectionLag>> Lags(string projection, CancellationToken cancellation);

    /// <summary>Revisions after one, oldest first, whole, at most so many.</summary>
    Task<IReadOnlyList<RevisionRecord>> Read(OrgId org, long afterRevision, int limit, CancellationToken cancellation);

    /// <summary>
    /// Applies revisions and moves the checkpoint from the one before the first to the last, in one transaction. False if the
    /// checkpoint was elsewhere, or the last of them does not stand in the journal (any more): then nothing was applied, and a
    /// runner that had paused, also while another primary took over, does no harm.
    /// </summary>
    Task<bool> Advance(string projection, OrgId org, IReadOnlyList<RevisionRecord> revisions, CancellationToken cancellation);

    /// <summary>Empties the projection for an org and puts its checkpoint to the start, in one transaction.</summary>
    Task Restart(string projection, OrgId org, CancellationToken cancellation);
}

/// <summary>How far a projection is behind an org's journal.</summary>
internal sealed record ProjectionLag(OrgId Org, long Checkpoint, long Head);
