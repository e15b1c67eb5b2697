using System.Collections.Concurrent;
using Stele.Core.Faults;
using Stele.Core.Journal;

namespace Stele.Server.Journal;

/// <summary>
/// The one path of an org's writes on this node. Commands queue; whatever is queued is decided as one batch on the state,
/// and appended in one transaction that compares the head with what this node believes. While one batch commits the next
/// queues up, and under load it waits a moment for those who were just answered (<see cref="Gathering"/>). An answer is given
/// only after the commit, or, where nothing is to be written, after a head check has shown that the state it was decided on
/// was the current one.
/// </summary>
internal sealed class JournalAppender(
    OrgJournal org, IJournalStore store, HeadReconciler reconciler, HeadChecks heads, TimeProvider time, JournalOptions options,
    JournalMetrics metrics, JournalLog log, Action<OrgId, long> committed)
{
    readonly Gathering gathering = new(time);
    readonly QueueWait wait = new(options);
    readonly ConcurrentQueue<PendingCommand> queue = new();
    int queued, draining, closed, retired;
    PendingCommand[] inWork = [];
    BatchPlan? plan;
    long appendingSince;

    /// <summary>Commands that wait.</summary>
    public int Queued => Volatile.Read(ref queued);

    /// <summary>Queues a command. Its deadline is kept by <see cref="Tick"/>. Null: the org has left memory, and is to be opened again.</summary>
    public Task<Outcome<Applied>>? Enqueue(PendingCommand pending)
    {
        if (Volatile.Read(ref closed) == 1)
            return Task.FromResult<Outcome<Applied>>(Fault.Unavailable("This node is shutting down; nothing was written."));
        var waiting = Interlocked.Increment(ref queued);
        // after the increment, as TryRetire looks the other way round: one of the two sees the other
        if (Volatile.Read(ref retired) == 1)
        {
            Interlocked.Decrement(ref queued);
            return null;
        }
        if (wait.Refuse(waiting) is { } full)
        {
            Interlocked.Decrement(ref queued);
            return Task.FromResult<Outcome<Applied>>(full);
        }
        queue.Enqueue(pending);
        Start(gathering.Quorum);
        return pending.Outcome;
    }

    void Start(int quorum)
    {
        if (Queued >= quorum && !queue.IsEmpty && Interlocked.CompareExchange(ref draining, 1, 0) == 0) _ = Drain();
    }

    /// <summary>Takes no more commands for good, if none waits and none is under way, an unknown outcome included.</summary>
    public bool TryRetire()
    {
        Interlocked.Exchange(ref retired, 1);
        if (Volatile.Read(ref queued) == 0 && Volatile.Read(ref draining) == 0) return true;
        Interlocked.Exchange(ref retired, 0);
        return false;
    }

    /// <summary>Takes no more commands, and ends when those that wait are answered.</summary>
    public async Task Close()
    {
        Volatile.Write(ref closed, 1);
        while (Volatile.Read(ref draining) == 1 || !queue.IsEmpty) await Task.Delay(options.RetryPause, time);
    }

    /// <summary>
    /// Keeps deadlines: commands wait <see cref="JournalOptions.PrimaryWait"/> for a primary that does not answer, and
    /// <see cref="JournalOptions.RequestTime"/> for one that does. Has the blocker of a long append ended.
    /// </summary>
    public void Tick()
    {
        if (queue.IsEmpty && Volatile.Read(ref inWork).Length == 0) return;
        foreach (var pending in Volatile.Read(ref inWork)) Expire(pending);
        foreach (var pending in queue) Expire(pending);
        var since = Volatile.Read(ref appendingSince);
        if (since == 0 || time.GetElapsedTime(since) < options.BlockedAppend) return;
        Volatile.Write(ref appendingSince, time.GetTimestamp());
        _ = Unblock();
    }

    void Expire(PendingCommand pending)
    {
        if (pending.IsSettled) return;
        var age = time.GetElapsedTime(pending.EnqueuedAt);
        if (age < options.PrimaryWait / 2) return;
        // asks whether the primary is there; the next tick sees the answer
        _ = heads.Join(org);
        if (age > options.RequestTime || (age > options.PrimaryWait && !heads.AnsweredWithin(options.PrimaryWait / 2))) pending.Expire();
    }

    async Task Unblock()
    {
        try
        {
            await store.Unblock(org.Org, CancellationToken.None);
        }
        catch (StoreUnavailableException)
        {
            // the primary is away: there is nothing to unblock, and the append ends by itself
        }
        catch (Exception e)
        {
            log.AppenderBroke(org.Org, e);
        }
    }

    async Task Drain()
    {
        while (true)
        {
            var batch = Take();
            var taken = batch.Count;
            var startedAt = time.GetTimestamp();
            if (taken > 0) await Work(batch);
            wait.Note(taken, time.GetElapsedTime(startedAt));
            var quorum = gathering.Expect(taken + Queued, () => Start(1));
            if (Queued >= quorum && !queue.IsEmpty) continue;
            // a full fence: the write must be seen before the read below is made
            Interlocked.Exchange(ref draining, 0);
            // someone may have queued between that read and the write, and relied on this loop
            if (Queued < quorum || queue.IsEmpty || Interlocked.CompareExchange(ref draining, 1, 0) != 0) return;
        }
    }

    async Task Work(List<PendingCommand> batch)
    {
        try
        {
            Volatile.Write(ref inWork, [.. batch]);
            await Process(batch);
        }
        catch (Exception e)
        {
            log.AppenderBroke(org.Org, e);
            foreach (var pending in batch)
                if (pending.IsSent) pending.Expire();
                else pending.Settle(new Fault(FaultCode.Internal, "The node met an unexpected error; nothing was written."));
        }
        finally
        {
            Volatile.Write(ref inWork, []);
        }
    }

    List<PendingCommand> Take()
    {
        var batch = new List<PendingCommand>();
        long bytes = 0;
        while (batch.Count < options.BatchCommands && queue.TryPeek(out var pending))
        {
            // what raises last_at goes alone, and so does a command that is larger than a batch may be
            if (batch.Count > 0 && (pending.Command is null || bytes + pending.Command.Bytes > options.BatchBytes)) break;
            queue.TryDequeue(out _);
            Interlocked.Decrement(ref queued);
            if (pending.IsSettled) continue;
            batch.Add(pending);
            if (pending.Command is null) break;
            bytes += pending.Command.Bytes;
        }
        return batch;
    }

    async Task Process(List<PendingCommand> batch)
    {
        var locked = false;
        for (var attempt = 0; attempt < options.AttemptsMax; attempt++)
        {
            batch.RemoveAll(pending => pending.IsSettled);
            if (batch.Count == 0) return;
            // a node that has just started has not met the primary, nor seen its clock
            if (org.Primary is null || heads.Primary is not { } seen || seen.RoundTrip > options.ClockSkew) await ConfirmLevel();
            if (org.Stopped is { } stopped)
            {
                foreach (var pending in batch) pending.Settle(stopped);
                return;
            }
            var answer = batch[0].Command is null ? await Raise(batch[0])
                : locked ? await Send(asked => store.AppendLocked(org.Org, head => PlanLocked(batch, head, asked)))
                : await Append(batch);
            // what is known not to be written waits again: its deadline says so, and not that the outcome is unknown
            if (answer.Status is not (AppendStatus.Committed or AppendStatus.Unknown))
                foreach (var pending in batch) pending.NotWritten();
            switch (answer.Status)
            {
                case AppendStatus.Committed:
                    return;
                case AppendStatus.LostRace:
                    metrics.LostRace();
                    locked = true;
                    await Refresh();
                    break;
                case AppendStatus.IdempotencyKeyTaken:
                    await SettleTakenKeys(batch);
                    break;
                case AppendStatus.BadData:
                    await Bisect(batch, answer);
                    return;
                case AppendStatus.NotWritten:
                    if (batch.TrueForAll(pending => pending.IsSettled)) return;
                    // a compare-and-set tells what a lock that was not gained does not
                    locked = false;
                    // a primary that is away is the sweep's business: it ends those whose time is up
                    attempt--;
                    await Task.Delay(options.RetryPause, time);
                    break;
                case AppendStatus.Unknown:
                    log.OutcomeUnknown(org.Org, answer.Detail);
                    metrics.UnknownOutcome();
                    await SettleUnknown(batch);
                    break;
            }
        }
        foreach (var pending in batch) pending.Settle(Fault.Unavailable("Other nodes write this organization all the time; nothing was written."));
    }

    async Task<AppendAnswer> Append(List<PendingCommand> batch)
    {
        while (true)
        {
            if (!TryPlan(batch, out var append)) return new AppendAnswer(AppendStatus.Committed);
            if (append is not null) return await Send(_ => store.Append(append));
            // nothing to write: the answers hold if the state was the current one
            var decidedOn = plan!.State.Place;
            if (!await ConfirmLevel()) return new AppendAnswer(AppendStatus.NotWritten);
            if (!ReferenceEquals(org.State.Place, decidedOn)) continue;
            plan.Settle();
            return new AppendAnswer(AppendStatus.Committed);
        }
    }

    async Task<AppendBatch?> PlanLocked(List<PendingCommand> batch, Head head, KnownPrimary? asked)
    {
        if (head.Incarnation != org.State.Incarnation || !await org.CatchUp(head.Revision, CancellationToken.None)) return null;
        org.Believe(head, asked);
        if (org.Primary != asked || !head.IsAt(org.State)) return null;
        if (!TryPlan(batch, out var append)) return null;
        // the head is locked and the state is level with it, so what writes nothing holds; unless the primary has to be proved
        if (append is null && !options.StrictReads) plan!.Settle();
        return append;
    }

    // false: all are answered. What the sweep took must not be in the plan, for it was told that nothing is written
    bool TryPlan(List<PendingCommand> batch, out AppendBatch? append)
    {
        append = null;
        while (true)
        {
            batch.RemoveAll(pending => pending.IsSettled);
            if (batch.Count == 0) return false;
            // one look at the clock, for the bound and for the revisions: it may have been stepped since any other
            var now = time.GetUtcNow();
            if (ClockFault(now) is { } skewed)
            {
                foreach (var pending in batch) pending.Settle(skewed);
                return false;
            }
            plan = BatchPlan.Decide(org.State, batch, Timestamp.From(now));
            append = plan.Append;
            if (append is null || plan.TrySend()) return true;
        }
    }

    async Task<AppendAnswer> Send(Func<KnownPrimary?, Task<AppendAnswer>> send)
    {
        var startedAt = time.GetTimestamp();
        Volatile.Write(ref appendingSince, startedAt);
        var asked = org.Primary;
        var answer = await send(asked);
        Volatile.Write(ref appendingSince, 0);
        if (answer.Status != AppendStatus.Committed || plan?.Append is not { } append) return answer;
        if (!org.Commit(append, asked)) return new AppendAnswer(AppendStatus.Unknown, "a standby took over before the answer came");
        metrics.Batch(append.Revisions.Count, time.GetElapsedTime(startedAt));
        org.Confirm(startedAt);
        plan.Settle();
        committed(org.Org, append.After.Revision);
        return answer;
    }

    async Task<AppendAnswer> Raise(PendingCommand pending)
    {
        var (asked, state) = (org.Primary, org.State);
        if (pending.RaiseTo <= state.LastAt)
        {
            pending.Settle(new Applied(state, null));
            return new AppendAnswer(AppendStatus.Committed);
        }
        var answer = await store.RaiseLastAt(org.Org, state.Incarnation, state.Fence, state.Place, pending.RaiseTo);
        if (answer.Status == AppendStatus.Committed)
            org.Believe(new Head(org.Org, state.Incarnation, state.Fence, state.Revision, state.Place.Chain, pending.RaiseTo, state.Format), asked);
        // unknown does no harm here: it is tried again, and a raise that landed twice is one
        if (answer.Status == AppendStatus.Unknown || (answer.Status == AppendStatus.Committed && org.State.LastAt < pending.RaiseTo))
            return new AppendAnswer(AppendStatus.NotWritten);
        if (answer.Status == AppendStatus.Committed) pending.Settle(new Applied(org.State, null));
        return answer;
    }

    async Task<bool> ConfirmLevel() => await heads.Join(org, options.StrictReads) is { } round && await reconciler.Reconcile(org, round);

    async Task Refresh()
    {
        if (!await ConfirmLevel()) await Task.Delay(options.RetryPause, time);
    }

    async Task SettleTakenKeys(List<PendingCommand> batch)
    {
        foreach (var pending in batch)
        {
            if (pending.Idempotency is not { } idempotency) continue;
            try
            {
                if (await store.FindOutcome(org.Org, pending.Command!.Principal.ActorId, idempotency.Key, CancellationToken.None) is { } found)
                    pending.Settle(await Replay.Answer(org, store, idempotency, found));
            }
            catch (StoreUnavailableException)
            {
                // it stays in the batch, and the next attempt finds the key taken again
            }
        }
    }

    async Task Bisect(List<PendingCommand> batch, AppendAnswer answer)
    {
        if (batch.Count == 1)
        {
            log.BadData(org.Org, answer.Detail);
            batch[0].Settle(batch[0].Command is null
                ? Fault.Invalid(Problem.Query("at", "at.future", "This moment is after the primary's clock."))
                : answer.Refusal ?? new Fault(FaultCode.Invalid, $"The database refused this data: {answer.Detail}."));
            return;
        }
        await Process(batch[..(batch.Count / 2)]);
        await Process(batch[(batch.Count / 2)..]);
    }

    async Task SettleUnknown(List<PendingCommand> batch)
    {
        var ids = batch.Where(pending => pending.Command is not null).Select(pending => pending.Command!.RequestId).ToList();
        var landed = await FenceAndLook(ids);
        if (landed.Count > 0)
        {
            await CatchUp(landed.Values.Max());
            log.Settled(org.Org, batch.Count, landed.Count);
            plan?.SettleLanded(landed);
            committed(org.Org, org.State.Revision);
        }
        foreach (var pending in batch)
        {
            // a deadline that passed while it was unknown has been answered so, and it must not be executed after that
            if (!pending.IsSettled) pending.NotWritten();
        }
        await Refresh();
    }

    async Task<IReadOnlyDictionary<Guid, long>> FenceAndLook(IReadOnlyCollection<Guid> ids)
    {
        while (true)
        {
            try
            {
                return await store.Settle(org.Org, plan!.State.Fence, ids, CancellationToken.None);
            }
            catch (StoreUnavailableException)
            {
                await Task.Delay(options.RetryPause, time);
            }
        }
    }

    async Task CatchUp(long revision)
    {
        while (true)
        {
            try
            {
                await org.CatchUp(revision, CancellationToken.None);
                return;
            }
            catch (StoreUnavailableException)
            {
                await Task.Delay(options.RetryPause, time);
            }
        }
    }

    Fault? ClockFault(DateTimeOffset now)
    {
        if (heads.Primary is not { } primary || primary.RoundTrip > options.ClockSkew)
            return Fault.Unavailable("The primary answers too slowly for this node to compare its clock with it; nothing was written.");
        var skew = primary.SkewAt(now, time);
        if (skew.Duration() <= options.ClockSkew + primary.RoundTrip) return null;
        log.ClockSkew(skew.TotalMilliseconds);
        return Fault.Unavailable($"This node's clock is {skew.TotalMilliseconds:0} ms from the database's (limit clock.skew_ms); nothing was written.");
    }
}
