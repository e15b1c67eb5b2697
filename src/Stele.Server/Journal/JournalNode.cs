using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
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
/// The journal as the features see it. Everything that reads current state or writes goes through these calls; reads of the
/// past go to SQL. An org is loaded on first use and kept current by the tail.
/// </summary>
internal sealed class JournalNode
{
    readonly IJournalStore store;
    readonly TimeProvider time;
    readonly JournalOptions options;
    readonly JournalMetrics metrics;
    readonly JournalLog log;
    readonly HeadReconciler reconciler;
    readonly ConcurrentDictionary<OrgId, LoadedOrg> orgs = new();
    readonly ConcurrentDictionary<OrgId, Task<Outcome<LoadedOrg>>> loading = new();
    Action<OrgId, long> committed = static (_, _) => { };

    public JournalNode(IJournalStore store, TimeProvider time, JournalOptions options, JournalMetrics metrics, JournalLog log)
    {
        (this.store, this.time, this.options, this.metrics, this.log) = (store, time, options, metrics, log);
        Heads = new HeadChecks(store, time, options, metrics, log);
        reconciler = new HeadReconciler(store, options, metrics, log);
        metrics.Gauges = Gauges;
    }

    /// <summary>The shared head checks, and what they last said of the primary.</summary>
    public HeadChecks Heads { get; }

    /// <summary>The orgs in memory, for status and metrics.</summary>
    public IEnumerable<OrgJournal> Orgs => orgs.Values.Select(loaded => loaded.Journal);

    /// <summary>Called after each commit of this node, off the request's path: what carries hints to other nodes.</summary>
    public void OnCommitted(Action<OrgId, long> hook) => committed = hook;

    /// <summary>
    /// The state of an org, as fresh as asked. Faults: not_found (no such org), unavailable (primary away for a strong read;
    /// staler than asked for a local one).
    /// </summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<Outcome<Snapshot>> Read(OrgId org, ReadOptions read, CancellationToken cancellation)
    {
        if (!orgs.TryGetValue(org, out var loaded))
        {
            if (!(await Open(org)).TryGet(out loaded, out var fault)) return fault;
        }
        var journal = loaded.Journal;
        if (read.Consistency == Consistency.Strong)
        {
            if (await Level(journal) is { } away) return away;
        }
        else if (journal.Stopped is { } stopped)
        {
            return stopped;
        }
        if (read.MinCursor is { } cursor && await Reach(journal, cursor) is { } notReached) return notReached;
        var confirmedAgo = journal.ConfirmedAgo;
        if (read.MaxStaleness is { } most && confirmedAgo > most)
            return Fault.Unavailable($"This node last confirmed its state {confirmedAgo.TotalMilliseconds:0} ms ago, which is more than max_staleness allows.");
        return new Snapshot(journal.State, confirmedAgo);
    }

    /// <summary>
    /// Decides and appends a command. Faults: those of the decider; unavailable (nothing written); outcome_unknown;
    /// idempotency_conflict. A replayed idempotency key gives the revision that it made then.
    /// </summary>
    public async Task<Outcome<Applied>> Append(OrgId org, Command command, Idempotency? idempotency, CancellationToken cancellation)
    {
        if (!orgs.TryGetValue(org, out var loaded))
        {
            var opened = command is CreateOrg ? await OpenNew(org) : await Open(org);
            if (!opened.TryGet(out loaded, out var fault)) return fault;
        }
        if (loaded.Journal.Stopped is { } stopped) return stopped;
        var enqueuedAt = time.GetTimestamp();
        if (idempotency is not null && await Replayed(loaded.Journal, command, idempotency) is { } replayed) return replayed;
        var outcome = await loaded.Appender.Enqueue(new PendingCommand(command, idempotency, default, enqueuedAt));
        if (outcome.Fault is not null) metrics.Refused();
        return outcome;
    }

    /// <summary>
    /// Makes sure that what was true at a moment can never change: raises last_at to it if it lies beyond, and answers the
    /// state then known. Faults: invalid when the moment is after the primary's now.
    /// </summary>
    public async Task<Outcome<OrgState>> Settle(OrgId org, Timestamp moment, CancellationToken cancellation)
    {
        if (!(await Read(org, new ReadOptions(Consistency.Strong, null, null), cancellation)).TryGet(out var snapshot, out var fault)) return fault;
        // a later revision may have the time of last_at itself, so the moment must lie before it
        if (moment < snapshot.State.LastAt) return snapshot.State;
        var raised = await orgs[org].Appender.Enqueue(new PendingCommand(null, null, new Timestamp(moment.Microseconds + 1), time.GetTimestamp()));
        return raised.TryGet(out var applied, out var refused) ? applied.State : refused;
    }

    /// <summary>Says that an org may be at a revision: a hint, which may be late, doubled or wrong without harm.</summary>
    public async Task Hint(OrgId org, long revision)
    {
        if (!orgs.TryGetValue(org, out var loaded) || loaded.Journal.State.Revision >= revision) return;
        await Level(loaded.Journal);
    }

    /// <summary>Deadlines, for every org; called at each <see cref="JournalOptions.Tick"/>.</summary>
    public void Tick()
    {
        Heads.Tick();
        foreach (var loaded in orgs.Values) loaded.Appender.Tick();
    }

    /// <summary>Asks for the heads of all loaded orgs in one query and catches up; what hints would have said.</summary>
    public async Task Poll()
    {
        var journals = Orgs.ToList();
        await Task.WhenAll(journals.Select(async journal => await Level(journal)));
    }

    /// <summary>Takes no more writes; ends when those that wait are answered.</summary>
    public Task Close() => Task.WhenAll(orgs.Values.Select(loaded => loaded.Appender.Close()));

    // null: level with the primary as it was after this call
    async ValueTask<Fault?> Level(OrgJournal journal)
    {
        if (journal.Stopped is { } stopped) return stopped;
        var round = await Heads.Join(journal);
        if (round is null) return Fault.Unavailable("The primary did not answer in time.");
        // the common case: nothing new, nothing suspicious
        if (journal.IsLevelWith(round)) return null;
        return await reconciler.Reconcile(journal, round) ? null : journal.Stopped ?? Fault.Unavailable("The primary went away while this node caught up.");
    }

    async Task<Fault?> Reach(OrgJournal journal, Cursor cursor)
    {
        var deadline = time.GetTimestamp();
        while (journal.State.Revision < cursor.Revision)
        {
            if (await Level(journal) is { } fault) return fault;
            if (journal.State.Revision >= cursor.Revision) break;
            if (time.GetElapsedTime(deadline) > options.PrimaryWait)
                return Fault.Unavailable($"This node is at revision {journal.State.Revision} and did not reach {cursor.Revision} in time.");
            await Task.Delay(options.RetryPause, time);
        }
        return null;
    }

    async Task<Outcome<Applied>?> Replayed(OrgJournal journal, Command command, Idempotency idempotency)
    {
        try
        {
            // bounded here: a primary that is frozen would hold the question longer than a write may wait
            var found = await store.FindOutcome(journal.Org, command.Principal.ActorId, idempotency.Key, CancellationToken.None).WaitAsync(options.PrimaryWait, time);
            if (found is null) return null;
            return await Replay.Answer(journal, store, idempotency, found);
        }
        catch (Exception e) when (e is StoreUnavailableException or TimeoutException)
        {
            return Fault.Unavailable("The primary could not say whether this Idempotency-Key was used; nothing was written.");
        }
    }

    async Task<Outcome<LoadedOrg>> Open(OrgId org)
    {
        // one load for all who ask at once
        var task = loading.GetOrAdd(org, Load);
        try
        {
            return await task;
        }
        finally
        {
            loading.TryRemove(new KeyValuePair<OrgId, Task<Outcome<LoadedOrg>>>(org, task));
        }
    }

    async Task<Outcome<LoadedOrg>> Load(OrgId org)
    {
        try
        {
            var sentAt = time.GetTimestamp();
            if (await store.Load(org, CancellationToken.None) is not { Name: not null } state)
                return new Fault(FaultCode.NotFound, $"There is no organization {org}.");
            log.Loaded(org, state.Revision);
            return Keep(state, sentAt);
        }
        catch (StoreUnavailableException)
        {
            return Fault.Unavailable("The primary is away and this organization is not in memory.");
        }
    }

    async Task<Outcome<LoadedOrg>> OpenNew(OrgId org)
    {
        if ((await Open(org)).TryGet(out var loaded, out var fault)) return loaded;
        if (fault.Code != FaultCode.NotFound) return fault;
        try
        {
            var sentAt = time.GetTimestamp();
            var answer = await store.Heads([org], CancellationToken.None);
            return Keep(OrgState.Empty(org, answer.Cluster.Incarnation), sentAt);
        }
        catch (StoreUnavailableException)
        {
            return Fault.Unavailable("The primary is away; nothing was written.");
        }
    }

    LoadedOrg Keep(OrgState state, long sentAt) => orgs.GetOrAdd(state.Org, _ =>
    {
        var journal = new OrgJournal(state, sentAt, store, time, options, log);
        return new LoadedOrg(journal, new JournalAppender(journal, store, reconciler, Heads, time, options, metrics, log, (org, revision) => committed(org, revision)));
    });

    JournalGauges Gauges()
    {
        long count = 0, keys = 0, bytes = 0, queued = 0, lag = 0;
        foreach (var loaded in orgs.Values)
        {
            count++;
            queued += loaded.Appender.Queued;
            lag = Math.Max(lag, loaded.Journal.LagRevisions);
            foreach (var environment in loaded.Journal.State.Environments)
            {
                keys += environment.Configs.Count;
                bytes += environment.ValueBytes;
            }
        }
        return new JournalGauges(count, keys, bytes, queued, lag);
    }

    sealed record LoadedOrg(OrgJournal Journal, JournalAppender Appender);
}
