using System.Runtime.CompilerServices;
using Stele.Core.Access;
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
internal readonly record struct ReadOptions(Consistency Consistency, TimeSpan? MaxStaleness, Cursor? MinCursor)
{
    /// <summary>Whether an archived org is shown, and not refused.</summary>
    public bool EvenArchived { get; init; }
}

/// <summary>A state to answer from.</summary>
/// <param name="State">The state.</param>
/// <param name="ConfirmedAgo">How long ago the primary confirmed that nothing newer was there.</param>
internal readonly record struct Snapshot(OrgState State, TimeSpan ConfirmedAgo);

/// <summary>Somewhere near where a local read of an org that is not in memory may be answered; null: it is not.</summary>
internal delegate Task<Snapshot?> NearbyRead(OrgId org, Principal principal, ReadOptions read, string? environment, string key, bool primaryIsAway);

/// <summary>
/// The journal as the features see it. Everything that reads current state or writes goes through these calls; reads of the
/// past go to SQL. An org is loaded on first use, kept current by the tail, and dropped when it is not used (<see cref="LoadedOrgs"/>).
/// </summary>
internal sealed class JournalNode
{
    readonly IJournalStore store;
    readonly TimeProvider time;
    readonly JournalOptions options;
    readonly JournalMetrics metrics;
    readonly JournalLog log;
    readonly HeadReconciler reconciler;
    readonly LoadedOrgs orgs;
    Action<OrgId, long> committed = static (_, _) => { };
    Func<Command, Fault?> refuse = static _ => null;
    NearbyRead? nearby;
    Action<OrgId, Principal, OrgState> onShown = static (_, _, _) => { };

    public JournalNode(IJournalStore store, TimeProvider time, JournalOptions options, JournalMetrics metrics, JournalLog log)
    {
        (this.store, this.time, this.options, this.metrics, this.log) = (store, time, options, metrics, log);
        Heads = new HeadChecks(store, time, options, metrics, log);
        reconciler = new HeadReconciler(store, time, options, metrics, log);
        orgs = new LoadedOrgs(store, time, options, metrics, log, Create);
        metrics.Gauges = Gauges;
    }

    /// <summary>The shared head checks, and what they last said of the primary.</summary>
    public HeadChecks Heads { get; }

    /// <summary>The orgs in memory, for status and metrics.</summary>
    public IEnumerable<OrgJournal> Orgs => orgs.All.Select(loaded => loaded.Journal);

    /// <summary>Called after each commit of this node, off the request's path: what carries hints to other nodes.</summary>
    public void OnCommitted(Action<OrgId, long> hook) => committed = hook;

    /// <summary>Asked first for local reads of an org that is not in memory, and told what SQL showed of one to whom.</summary>
    public void LookNearby(NearbyRead read, Action<OrgId, Principal, OrgState> shown) => (nearby, onShown) = (read, shown);

    /// <summary>Asked before a command is queued: a maintenance mode refuses it here, when what was committed before can still be answered.</summary>
    public void RefuseWrites(Func<Command, Fault?> hook) => refuse = hook;

    /// <summary>
    /// The state of an org, as fresh as asked. Faults: not_found (no such org), gone (archived), unavailable (primary away for a
    /// strong read; staler than asked for a local one).
    /// </summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<Outcome<Snapshot>> Read(OrgId org, ReadOptions read, CancellationToken cancellation)
    {
        if (!orgs.TryUse(org, out var loaded) && !(await orgs.Open(org)).TryGet(out loaded, out var fault)) return fault;
        return await Read(loaded.Journal, read);
    }

    /// <summary>
    /// As <see cref="Read(OrgId, ReadOptions, CancellationToken)"/>, for who looks at one key only (of the environment, or the
    /// default one), as one principal. While the org is not in memory, and loading it takes more than a moment, SQL answers, with a state that has no other configuration; it is current
    /// at some moment after the call, so it is strong.
    /// </summary>
    public ValueTask<Outcome<Snapshot>> ReadKey(OrgId org, Principal principal, ReadOptions read, string? environment, string key, CancellationToken cancellation) =>
        orgs.TryUse(org, out var loaded) ? Read(loaded.Journal, read) : ReadUnloaded(org, principal, read, environment, key, cancellation);

    ValueTask<Outcome<Snapshot>> Read(OrgJournal journal, ReadOptions read)
    {
        if (read is not { Consistency: Consistency.Strong, MinCursor: null, MaxStaleness: null, EvenArchived: false } || journal.Stopped is not null) return ReadWith(journal, read);
        return ReadStrong(journal);
    }

    // what almost every read is, in one state machine
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    async ValueTask<Outcome<Snapshot>> ReadStrong(OrgJournal journal)
    {
        var round = await Heads.Join(journal, options.StrictReads);
        if (round is null || !journal.IsLevelWith(round))
        {
            if (await Level(journal, round) is { } away) return away;
        }
        return Shown(journal.State, journal.ConfirmedAgo, evenArchived: false);
    }

    static Outcome<Snapshot> Shown(OrgState state, TimeSpan confirmedAgo, bool evenArchived) =>
        state.ArchivedAt is not null && !evenArchived ? OrgDecider.Closed(state)! : new Snapshot(state, confirmedAgo);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    async ValueTask<Outcome<Snapshot>> ReadWith(OrgJournal journal, ReadOptions read)
    {
        if (read.Consistency == Consistency.Strong)
        {
            if (await Level(journal, options.StrictReads) is { } away) return away;
        }
        else if (journal.Stopped is { } stopped)
        {
            return stopped;
        }
        if (read.MinCursor is { } cursor && await Reach(journal, cursor) is { } notReached) return notReached;
        var confirmedAgo = journal.ConfirmedAgo;
        if (read.MaxStaleness is { } most && confirmedAgo > most)
            return Fault.Unavailable($"This node last confirmed its state {confirmedAgo.TotalMilliseconds:0} ms ago, which is more than max_staleness allows.");
        return Shown(journal.State, confirmedAgo, read.EvenArchived);
    }

    /// <summary>
    /// Decides and appends a command. Faults: those of the decider; unavailable (nothing written); outcome_unknown;
    /// idempotency_conflict. A replayed idempotency key gives the revision that it made then.
    /// </summary>
    public async Task<Outcome<Applied>> Append(OrgId org, Command command, Idempotency? idempotency, CancellationToken cancellation)
    {
        long? enqueuedAt = null;
        while (true)
        {
            if (!orgs.TryUse(org, out var loaded))
            {
                var opened = command is CreateOrg ? await OpenNew(org) : await orgs.Open(org);
                if (!opened.TryGet(out loaded, out var fault)) return fault;
            }
            if (loaded.Journal.Stopped is { } stopped) return stopped;
            if (enqueuedAt is null)
            {
                // a write's time counts from here: an org may take longer to load
                enqueuedAt = time.GetTimestamp();
                if (idempotency is not null && await Replayed(loaded.Journal, command, idempotency) is { } replayed) return replayed;
                if (refuse(command) is { } closed) return closed;
                if (command.BringsValues && loaded.Journal.State.MemoryBytes is var bytes && bytes > options.StateBytes) return Full(bytes);
                command = command.Prepare(loaded.Journal.State);
            }
            // null: it has left memory since
            if (loaded.Appender.Enqueue(new PendingCommand(command, idempotency, default, enqueuedAt.Value)) is not { } queued) continue;
            var outcome = await queued;
            if (outcome.Fault is null) return outcome;
            metrics.Refused();
            if (command is CreateOrg) orgs.Forget(loaded);
            return outcome;
        }
    }

    /// <summary>
    /// Makes sure that what was true at a moment can never change: raises last_at to it if it lies beyond, and answers the
    /// state then known. Faults: invalid when the moment is after the primary's now.
    /// </summary>
    public async Task<Outcome<OrgState>> Settle(OrgId org, Timestamp moment, CancellationToken cancellation)
    {
        while (true)
        {
            if (!orgs.TryUse(org, out var loaded) && !(await orgs.Open(org)).TryGet(out loaded, out var fault)) return fault;
            if (!(await Read(loaded.Journal, new ReadOptions(Consistency.Strong, null, null))).TryGet(out var snapshot, out fault)) return fault;
            // a later revision may have the time of last_at itself, so the moment must lie before it
            if (moment < snapshot.State.LastAt) return snapshot.State;
            if (loaded.Appender.Enqueue(new PendingCommand(null, null, new Timestamp(Math.Min(moment.Microseconds, Timestamp.Max.Microseconds - 1) + 1), time.GetTimestamp())) is not { } queued) continue;
            return (await queued).TryGet(out var applied, out var refused) ? applied.State : refused;
        }
    }

    /// <summary>
    /// The journal of an org, which calls somebody at each change and stays in memory for him, until he unfollows. Faults as for
    /// <see cref="Read(OrgId, ReadOptions, CancellationToken)"/>.
    /// </summary>
    public async Task<Outcome<OrgJournal>> Follow(OrgId org, Action onChange)
    {
        while (true)
        {
            if (!orgs.TryUse(org, out var loaded) && !(await orgs.Open(org)).TryGet(out loaded, out var fault)) return fault;
            if (loaded.Journal.TryFollow(onChange)) return loaded.Journal;
            // it leaves memory this moment, and is loaded anew
            await Task.Yield();
        }
    }

    /// <summary>What this node holds of an org, however old; null when it holds nothing. Nobody is taken to have asked for it.</summary>
    public OrgJournal? Peek(OrgId org) => orgs.TryGet(org, out var loaded) ? loaded.Journal : null;

    /// <summary>Brings an org into memory, however long that takes; the refusal, or null.</summary>
    public async Task<Fault?> Load(OrgId org) => (await orgs.Load(org)).Fault;

    /// <summary>Says that an org may be at a revision: a hint, which may be late, doubled or wrong without harm.</summary>
    public async Task Hint(OrgId org, long revision)
    {
        if (!orgs.TryGet(org, out var loaded) || loaded.Journal.State.Revision >= revision) return;
        await Level(loaded.Journal);
    }

    /// <summary>Deadlines, for every org; called at each <see cref="JournalOptions.Tick"/>.</summary>
    public void Tick()
    {
        Heads.Tick();
        orgs.Tick();
        foreach (var loaded in orgs.All) loaded.Appender.Tick();
    }

    /// <summary>Drops orgs that are not used; asks for the heads of the others in one query and catches up, which hints would have said.</summary>
    public async Task Poll()
    {
        orgs.Sweep();
        var journals = Orgs.ToList();
        await Task.WhenAll(journals.Select(async journal => await Level(journal)));
    }

    /// <summary>Takes no more writes; ends when those that wait are answered.</summary>
    public Task Close() => Task.WhenAll(orgs.All.Select(loaded => loaded.Appender.Close()));

    // null: level with the primary as it was after this call
    async ValueTask<Fault?> Level(OrgJournal journal, bool proved = false)
    {
        if (journal.Stopped is { } stopped) return stopped;
        return await Level(journal, await Heads.Join(journal, proved));
    }

    async ValueTask<Fault?> Level(OrgJournal journal, HeadRound? round)
    {
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

    async ValueTask<Outcome<Snapshot>> ReadUnloaded(OrgId org, Principal principal, ReadOptions read, string? environment, string key, CancellationToken cancellation)
    {
        if (await orgs.TryOpen(org) is { } ended)
        {
            if (ended.TryGet(out var ready, out var refused)) return await Read(ready.Journal, read);
            if (refused.Code == FaultCode.NotFound) return refused;
        }
        // its answer would have no proof
        if (options.StrictReads && read.Consistency == Consistency.Strong) return (await orgs.Open(org)).TryGet(out var opened, out var unopened) ? await Read(opened.Journal, read) : unopened;
        if (await Nearby(org, principal, read, environment, key, primaryIsAway: false) is { } near) return Shown(near.State, near.ConfirmedAgo, read.EvenArchived);
        try
        {
            var sentAt = time.GetTimestamp();
            var state = await store.LoadKey(org, principal, environment, key, CancellationToken.None).WaitAsync(options.PrimaryWait, time);
            if (state is not { Name: not null }) return new Fault(FaultCode.NotFound, $"There is no organization {org}.");
            var reached = read.MinCursor is not { } cursor || state.Revision >= cursor.Revision;
            // a format that this server does not know stops the org, which loading it says
            if (reached && state.Format <= JournalFormat.Newest && orgs.Show(org, state.Revision))
            {
                metrics.AnsweredBySql();
                onShown(org, principal, state);
                return Shown(state, time.GetElapsedTime(sentAt), read.EvenArchived);
            }
        }
        catch (Exception e) when (e is StoreUnavailableException or TimeoutException)
        {
            if (await Nearby(org, principal, read, environment, key, primaryIsAway: true) is { } away) return Shown(away.State, away.ConfirmedAgo, read.EvenArchived);
            return Fault.Unavailable("The primary is away and this organization is not in memory.");
        }
        return (await orgs.Open(org)).TryGet(out var loaded, out var fault) ? await Read(loaded.Journal, read) : fault;
    }

    async ValueTask<Snapshot?> Nearby(OrgId org, Principal principal, ReadOptions read, string? environment, string key, bool primaryIsAway)
    {
        if (nearby is null || read.Consistency != Consistency.Local || await nearby(org, principal, read, environment, key, primaryIsAway) is not { } near) return null;
        // who was shown this does not go back when the org is in memory
        return orgs.Show(org, near.State.Revision) ? near : null;
    }

    Fault Full(long bytes) => new(FaultCode.QuotaExceeded,
        $"This organization takes {bytes >> 20} MiB of memory, and this node has {options.StateBytes >> 20} (limit state.mib): delete keys, or give the nodes more. Nothing was written.");

    async Task<Outcome<LoadedOrg>> OpenNew(OrgId org)
    {
        if ((await orgs.Open(org)).TryGet(out var loaded, out var fault)) return loaded;
        if (fault.Code != FaultCode.NotFound) return fault;
        try
        {
            var sentAt = time.GetTimestamp();
            var answer = await store.Heads([org], false, CancellationToken.None);
            return orgs.Add(OrgState.Empty(org, answer.Cluster.Incarnation) with { Format = await store.WrittenFormat(CancellationToken.None) }, sentAt);
        }
        catch (StoreUnavailableException)
        {
            return Fault.Unavailable("The primary is away; nothing was written.");
        }
    }

    LoadedOrg Create(OrgState state, long sentAt)
    {
        var journal = new OrgJournal(state, sentAt, store, time, options, log);
        return new LoadedOrg(journal, new JournalAppender(journal, store, reconciler, Heads, time, options, metrics, log, (org, revision) => committed(org, revision)), time.GetTimestamp());
    }

    JournalGauges Gauges()
    {
        long count = 0, keys = 0, bytes = 0, queued = 0, lag = 0;
        foreach (var loaded in orgs.All)
        {
            count++;
            queued += loaded.Appender.Queued;
            lag = Math.Max(lag, loaded.Journal.LagRevisions);
            bytes += loaded.Bytes;
            foreach (var environment in loaded.Journal.State.Environments) keys += environment.Configs.Count;
        }
        return new JournalGauges(count, keys, bytes, options.StateBytes, queued, lag);
    }
}
