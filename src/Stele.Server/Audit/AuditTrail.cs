using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;

namespace Stele.Server.Audit;

/// <summary>An entry that waits for its batch.</summary>
/// <param name="Entry">The entry; null: nothing is written, and who waits wants to know that what came before is.</param>
/// <param name="Written">Completed when it is in the database (true) or never will be (false); null: nobody waits.</param>
internal sealed record PendingEntry(AuditEntry? Entry, TaskCompletionSource<bool>? Written);

/// <summary>Entries of one org that are written together, under a number by which a second attempt is known.</summary>
internal sealed record AuditBatch(OrgId Org, long Number, IReadOnlyList<PendingEntry> Entries);

/// <summary>
/// Where the server says what happened. <see cref="Record"/> and <see cref="Repeat"/> never wait: the entry is in the
/// database within a second or so, and is lost if the process is killed before. <see cref="Require"/> answers when the entry is
/// committed, so that what it is about may leave. One loop writes (<see cref="AuditLoop"/>); whatever waits for an org meanwhile
/// is its next batch.
/// </summary>
internal sealed class AuditTrail
{
    const int OrgsAtOnce = 4;

    readonly AuditStore store;
    readonly AuditMetrics metrics;
    readonly AuditRepeats repeats;
    readonly TimeProvider time;
    readonly ILogger<AuditTrail> log;
    // a batch is sent once at a time, also where a test writes beside the loop
    readonly SemaphoreSlim one = new(1, 1);
    readonly Lock gate = new();
    readonly Dictionary<OrgId, OrgQueue> queues = [];
    TaskCompletionSource urgent = new(TaskCreationOptions.RunContinuationsAsynchronously);
    long numbers;
    int waiting;
    bool isFailing;

    public AuditTrail(AuditStore store, AuditMetrics metrics, TimeProvider time, ILogger<AuditTrail> log)
    {
        (this.store, this.metrics, this.time, this.log) = (store, metrics, time, log);
        repeats = new AuditRepeats(time, (org, entry) => Add(org, new PendingEntry(entry, null)));
        metrics.Waiting = () => Waiting;
    }

    /// <summary>Entries that wait.</summary>
    public int Waiting => Volatile.Read(ref waiting);

    /// <summary>Completed when somebody waits for what is in the queue.</summary>
    public Task Urgent
    {
        get
        {
            lock (gate) return urgent.Task;
        }
    }

    /// <summary>Writes an entry soon. At the limits audit.queue_entries and audit.org_entries it is lost, counted, and an entry audit.lost follows.</summary>
    public void Record(OrgId org, AuditEntry entry) => Add(org, new PendingEntry(Sound(entry), null));

    /// <summary>
    /// As <see cref="Record"/>, for what may come often: the first is written, and those of the minute after it are counted in
    /// one more entry. <paramref name="isSample"/>: target and address do not tell one from another, and those of the first are shown.
    /// </summary>
    public void Repeat(OrgId org, AuditEntry entry, bool isSample) => repeats.Take(org, Sound(entry), isSample);

    /// <summary>Writes an entry now: null once it is committed. Else it may or may not be written, and what it is about must not be done.</summary>
    public async ValueTask<Fault?> Require(OrgId org, AuditEntry entry, CancellationToken cancellation)
    {
        var written = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!Add(org, new PendingEntry(Sound(entry), written))) return Full;
        try
        {
            return await written.Task.WaitAsync(TimeSpan.FromSeconds(SteleLimits.RequestSeconds.Value), time, cancellation) ? null : Unwritten;
        }
        catch (TimeoutException)
        {
            return Unwritten;
        }
    }

    /// <summary>Until what this node has recorded about an org is written, or, within the limit primary.wait_ms, it cannot be: false.</summary>
    public async Task<bool> Flush(OrgId org, CancellationToken cancellation)
    {
        var written = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (gate)
        {
            if (!queues.TryGetValue(org, out var queue)) return true;
            queue.Waiting.Enqueue(new PendingEntry(null, written));
            urgent.TrySetResult();
        }
        try
        {
            return await written.Task.WaitAsync(TimeSpan.FromMilliseconds(SteleLimits.PrimaryWaitMilliseconds.Value), time, cancellation);
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Writes what waits. What cannot be written stays, under its number.</summary>
    public async Task RunOnce(CancellationToken cancellation)
    {
        await one.WaitAsync(cancellation);
        try
        {
            repeats.Close(all: false);
            OrgId[] orgs;
            lock (gate)
            {
                if (urgent.Task.IsCompleted) urgent = new(TaskCreationOptions.RunContinuationsAsynchronously);
                if (queues.Count == 0) return;
                orgs = [.. queues.Keys.OrderBy(org => org.Value)];
            }
            await Parallel.ForEachAsync(orgs, new ParallelOptions { MaxDegreeOfParallelism = OrgsAtOnce, CancellationToken = cancellation }, Write);
        }
        finally
        {
            one.Release();
        }
    }

    /// <summary>As <see cref="RunOnce"/>, repetitions that are still being counted included: at the end of the node.</summary>
    public Task RunLast(CancellationToken cancellation)
    {
        repeats.Close(all: true);
        return RunOnce(cancellation);
    }

    async ValueTask Write(OrgId org, CancellationToken cancellation)
    {
        while (Take(org) is { } batch)
        {
            switch (await store.Append(batch, cancellation))
            {
                case AuditAnswer.Written:
                    Finish(batch, isWritten: true);
                    if (Interlocked.Exchange(ref isFailing, false)) log.AuditWritesAgain();
                    break;
                case AuditAnswer.Refused refused:
                    // it would be refused for ever, and nothing would be written after it
                    log.AuditRefused(org.Value, batch.Entries.Count, refused.Reason);
                    Finish(batch, isWritten: false);
                    break;
                case AuditAnswer.Unknown unknown:
                    if (!Interlocked.Exchange(ref isFailing, true)) log.AuditFails(unknown.Reason);
                    return;
            }
        }
    }

    bool Add(OrgId org, PendingEntry pending)
    {
        lock (gate)
        {
            if (!queues.TryGetValue(org, out var queue)) queues[org] = queue = new OrgQueue();
            if (waiting >= SteleLimits.AuditQueueEntries.Value || queue.Waiting.Count >= SteleLimits.AuditOrgEntries.Value)
            {
                if (pending.Written is null)
                {
                    queue.Lost += pending.Entry!.Times;
                    metrics.Lost(pending.Entry.Times);
                }
                return false;
            }
            queue.Waiting.Enqueue(pending);
            waiting++;
            if (pending.Written is not null || queue.Waiting.Count == SteleLimits.AuditBatchEntries.Value) urgent.TrySetResult();
            return true;
        }
    }

    /// <summary>The batch whose end was not seen, or the next one; null: nothing waits, and the org is forgotten.</summary>
    AuditBatch? Take(OrgId org)
    {
        lock (gate)
        {
            if (!queues.TryGetValue(org, out var queue)) return null;
            if (queue.Sent is { } sent) return sent;
            if (queue.Waiting.Count == 0 && queue.Lost == 0)
            {
                queues.Remove(org);
                return null;
            }
            var entries = new List<PendingEntry>();
            if (queue.Lost > 0)
            {
                entries.Add(new PendingEntry(Sound(LostEntry(queue.Lost)), null));
                waiting++;
                queue.Lost = 0;
            }
            while (entries.Count < SteleLimits.AuditBatchEntries.Value && queue.Waiting.TryDequeue(out var next)) entries.Add(next);
            return queue.Sent = new AuditBatch(org, ++numbers, entries);
        }
    }

    void Finish(AuditBatch batch, bool isWritten)
    {
        var entries = batch.Entries.Count(pending => pending.Entry is not null);
        lock (gate)
        {
            var queue = queues[batch.Org];
            queue.Sent = null;
            waiting -= entries;
            if (!isWritten) queue.Lost += entries;
        }
        if (isWritten) metrics.Written(entries);
        else metrics.Lost(entries);
        foreach (var pending in batch.Entries) pending.Written?.TrySetResult(isWritten || pending.Entry is null);
    }

    AuditEntry Sound(AuditEntry entry) => entry.Sound(Timestamp.From(time.GetUtcNow()));

    static AuditEntry LostEntry(long entries) => new()
    {
        Action = AuditActions.Lost, Actor = AuditEntry.Nobody, RequestId = Guid.Empty, Times = (int)Math.Min(entries, int.MaxValue),
        Detail = "entries that a node had no room for, or that the database refused",
    };

    static Fault Full => Fault.Unavailable("The audit log takes no more entries just now, and this must be in it first.");

    static Fault Unwritten => Fault.Unavailable("The audit log could not be written in time, and this must be in it first.");

    sealed class OrgQueue
    {
        public Queue<PendingEntry> Waiting { get; } = new();

        /// <summary>What was sent, and is sent again until an answer comes.</summary>
        public AuditBatch? Sent { get; set; }

        public long Lost { get; set; }
    }
}
