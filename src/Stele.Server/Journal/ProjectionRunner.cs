using Stele.Core.Journal;
using Stele.Server.Database;

namespace Stele.Server.Journal;

/// <summary>
/// Runs one asynchronous projection: on one node at a time, from its checkpoint, whole revisions in order. A crash anywhere
/// loses nothing and doubles nothing, because the checkpoint moves in the transaction that did the work.
/// </summary>
internal sealed class ProjectionRunner(string projection, IProjectionStore store, TimeProvider time, JournalOptions options, JournalLog log)
{
    // said once, and not at every poll
    readonly HashSet<OrgId> belowFloor = [];

    /// <summary>Its name, as in <c>stele projections rebuild NAME</c>.</summary>
    public string Projection => projection;

    /// <summary>Runs at each poll until cancelled.</summary>
    public async Task Run(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(options.Poll, time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellation)) await Attempt(cancellation);
        }
        catch (OperationCanceledException)
        {
            // the end of the node
        }
    }

    /// <summary>Brings every org level, if no other node is at it; how many revisions were applied.</summary>
    public async Task<long> RunOnce(CancellationToken cancellation)
    {
        await using var lead = await store.Lead(projection, cancellation);
        return lead is null ? 0 : await CatchUp(cancellation);
    }

    /// <summary>
    /// Empties the projection and builds it anew from the journal, telling its progress in revisions done and to do. Waits for a
    /// node that runs it now; while it runs, readers see what has been built so far.
    /// </summary>
    public async Task Rebuild(IReadOnlyList<OrgId> orgs, Action<long> progress, CancellationToken cancellation)
    {
        await using var lead = await WaitToLead(cancellation);
        // before any is emptied; who archives takes the same lead
        foreach (var org in orgs)
            if ((await store.Read(org, 0, 1, cancellation)).Any(first => first.IsArchived))
                throw new DatabaseSetupException($"The first revisions of organization {org} are archived, so {projection} cannot be built from the journal. Restore them first: ./stele archive --restore. Nothing was changed.");
        foreach (var org in orgs) await store.Restart(projection, org, cancellation);
        await CatchUp(cancellation, progress);
    }

    async Task<IAsyncDisposable> WaitToLead(CancellationToken cancellation)
    {
        while (true)
        {
            if (await store.Lead(projection, cancellation) is { } lead) return lead;
            await Task.Delay(options.RetryPause, time, cancellation);
        }
    }

    async Task<long> CatchUp(CancellationToken cancellation, Action<long>? progress = null)
    {
        long done = 0;
        while (await store.Lags(projection, cancellation) is { Count: > 0 } lags)
        {
            var before = done;
            foreach (var lag in lags)
            {
                var page = await store.Read(lag.Org, lag.Checkpoint, options.ReadRevisions, cancellation);
                if (page.Any(record => record.IsArchived))
                {
                    if (belowFloor.Add(lag.Org)) log.ProjectionBelowFloor(projection, lag.Org, lag.Checkpoint);
                    continue;
                }
                if (page.Count == 0 || !await store.Advance(projection, lag.Org, page, cancellation)) continue;
                done += page.Count;
                progress?.Invoke(done);
            }
            // nothing moved: another runner is at work, or the journal is behind its head for a moment
            if (done == before) break;
        }
        return done;
    }

    async Task Attempt(CancellationToken cancellation)
    {
        try
        {
            await RunOnce(cancellation);
        }
        catch (StoreUnavailableException e)
        {
            log.ProjectionFailed(projection, e.Message);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            log.ProjectionFailed(projection, e.ToString());
        }
    }
}
