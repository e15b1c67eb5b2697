using Stele.Core.Journal;
using Stele.Server.Journal;
using Stele.Simulation.Scheduling;

namespace Stele.Simulation.Database;

/// <summary>One node's way to an asynchronous projection on the simulated PostgreSQL: its checkpoint, its rows, and the advisory lock on running it.</summary>
internal sealed class SimulatedProjectionStore(SimulatedDatabase database, DatabaseLink link, SimulatedProcess node, Mutant mutant) : IProjectionStore
{
    public async Task<IAsyncDisposable?> Lead(string projection, CancellationToken cancellation) =>
        await link.Ask("lead", cancellation, _ => Task.FromResult(database.TryLease(projection, node))) ? new Lease(this, projection) : null;

    public Task<IReadOnlyList<ProjectionLag>> Lags(string projection, CancellationToken cancellation) => link.Ask("lags", cancellation, _ =>
        Task.FromResult<IReadOnlyList<ProjectionLag>>([.. database.Current.Orgs.Values.Where(rows => rows.Head.Revision > rows.Projected.Checkpoint)
            .Select(rows => new ProjectionLag(rows.Head.Org, rows.Projected.Checkpoint, rows.Head.Revision))]));

    public Task<IReadOnlyList<RevisionRecord>> Read(OrgId org, long afterRevision, int limit, CancellationToken cancellation) => link.Ask("read", cancellation, _ =>
    {
        IReadOnlyList<RevisionRecord> page = database.Current.Org(org)?.Read(afterRevision, limit) ?? [];
        if (page.Count > 0) database.OnProjectionRead?.Invoke(new Belief(node, page[^1]));
        // what committed after something with a higher number was seen is taken for done
        if (mutant == Mutant.FollowASequence) page = [.. page.Where(record => database.SequenceOf(record.RequestId) > database.SequenceSeen)];
        return Task.FromResult(page);
    });

    public Task<bool> Advance(string projection, OrgId org, IReadOnlyList<RevisionRecord> revisions, CancellationToken cancellation) => link.Ask("advance", cancellation, async session =>
    {
        if (await database.Locks.Take(session, $"checkpoint/{org}", TimeSpan.FromSeconds(5)) is not LockEnd.Taken) throw new StoreUnavailableException("canceling statement due to lock timeout");
        if (link.Conflict() is { } conflict) throw new StoreUnavailableException(conflict);
        if (database.Current.Org(org) is not { } rows || !Fits(rows, revisions)) return false;
        await link.Commit(session, () =>
        {
            var now = database.Current.Org(org)!;
            database.Commit(database.Current.With(now with { Projected = now.Projected.With(revisions) }));
        });
        if (mutant == Mutant.FollowASequence) database.SequenceSeen = Math.Max(database.SequenceSeen, revisions.Max(record => database.SequenceOf(record.RequestId)));
        return true;
    });

    public Task Restart(string projection, OrgId org, CancellationToken cancellation) => link.Ask("restart", cancellation, async session =>
    {
        if (await database.Locks.Take(session, $"checkpoint/{org}", TimeSpan.FromSeconds(5)) is not LockEnd.Taken) throw new StoreUnavailableException("canceling statement due to lock timeout");
        await link.Commit(session, () =>
        {
            if (database.Current.Org(org) is { } rows) database.Commit(database.Current.With(rows with { Projected = ProjectedRows.None }));
        });
        return true;
    });

    bool Fits(OrgRows rows, IReadOnlyList<RevisionRecord> revisions) =>
        (mutant is Mutant.ProjectWithoutCompareAndSet or Mutant.FollowASequence || rows.Projected.Checkpoint == revisions[0].Revision - 1)
        && (mutant == Mutant.ProjectWhatWasLost || (rows.Head.Revision >= revisions[^1].Revision && rows.Revisions[(int)revisions[^1].Revision - 1].Chain.AsSpan().SequenceEqual(revisions[^1].Chain)));

    /// <summary>Held until it is let go, or its session ends.</summary>
    sealed class Lease(SimulatedProjectionStore store, string projection) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            try
            {
                await store.Unlock(projection);
            }
            catch (StoreUnavailableException)
            {
                // the session is gone, and the lock with it
            }
        }
    }

    Task<bool> Unlock(string projection) => link.Ask("unlock", CancellationToken.None, _ =>
    {
        database.EndLease(node, projection);
        return Task.FromResult(true);
    });
}
