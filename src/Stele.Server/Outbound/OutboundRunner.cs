using System.Collections.Concurrent;
using Stele.Core.Journal;
using Stele.Server.Journal;
using Stele.Server.Journal.Hints;

namespace Stele.Server.Outbound;

/// <summary>
/// Runs one sink, while this node has the right to: every org from its checkpoint, whole revisions in order, each page written before its
/// checkpoint moves. A hint has the org that it names looked at at once; without any, everything is looked at at each poll. An org
/// whose history is another one, whose next revisions are archived, or that was never written is written whole instead.
/// </summary>
internal sealed class OutboundRunner(OutboundSink sink, OutboundCheckpoints checkpoints, IJournalStore journal, TimeProvider time, OutboundOptions options, OutboundMetrics metrics, ILogger<OutboundRunner> log) : IAsyncDisposable
{
    readonly Lock gate = new();
    readonly OutboundGauges gauges = metrics.Of(sink.Name);
    // orgs whose own fault stopped them, with how often in a row, and until when they are left alone
    readonly Dictionary<OrgId, (int Failures, long Since, TimeSpan Pause)> faulty = [];
    SortedSet<int> toRewrite = [];
    CancellationTokenSource leading = new();
    Task rewriting = Task.CompletedTask;
    HashSet<OrgId> hinted = [];
    TaskCompletionSource woken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    OutboundLead? lead;
    int failures;

    /// <summary>What it runs.</summary>
    public OutboundSink Sink => sink;

    /// <summary>Whether this node has the right to run it.</summary>
    public bool IsLeading => Volatile.Read(ref lead) is not null;

    /// <summary>An org may be ahead; returns at once.</summary>
    public void Hear(Hint hint)
    {
        if (hint.Revision is null || !IsLeading) return;
        lock (gate) hinted.Add(hint.Org);
        Volatile.Read(ref woken).TrySetResult();
    }

    /// <summary>Runs until cancelled, then lets go of the right to.</summary>
    public async Task Run(CancellationToken cancellation)
    {
        for (long lookedAt = 0; !cancellation.IsCancellationRequested;)
        {
            var whole = failures > 0 || lookedAt == 0 || time.GetElapsedTime(lookedAt) >= options.Poll;
            if (whole) lookedAt = time.GetTimestamp();
            await Attempt(whole, cancellation);
            if (failures > 0) await Pause(options.PauseAfter(failures, Random.Shared.NextDouble()), cancellation);
            else if (options.Poll - time.GetElapsedTime(lookedAt) is var left && left > TimeSpan.Zero) await Wait(left, cancellation);
        }
        await Resign();
    }

    /// <summary>
    /// One look at everything, if no other node has the right to run; whether this one has. What goes wrong is thrown, but for what goes wrong with one org alone.
    /// </summary>
    public async Task<bool> RunOnce(CancellationToken cancellation)
    {
        if (lead is null)
        {
            if (await checkpoints.Lead(sink.Name, cancellation) is not { } gained) return false;
            Volatile.Write(ref lead, gained);
            leading = new CancellationTokenSource();
            gauges.Leads = true;
            log.Leads(sink.Name);
            await sink.Begin(cancellation);
        }
        lock (gate) hinted.Clear();
        await Sweep(cancellation);
        if (await sink.Attend(cancellation)) await AskForAll(cancellation);
        if (rewriting.IsCompleted)
        {
            var ended = rewriting;
            rewriting = toRewrite.Count > 0 ? Task.Run(() => RewriteSome(leading.Token), CancellationToken.None) : Task.CompletedTask;
            await ended;
        }
        return true;
    }

    /// <summary>Lets go of the right to run.</summary>
    public async Task Resign()
    {
        if (Interlocked.Exchange(ref lead, null) is not { } held) return;
        gauges.Leads = false;
        gauges.Level(time.GetTimestamp());
        await leading.CancelAsync();
        await rewriting.ContinueWith(static _ => { }, TaskScheduler.Default);
        (rewriting, toRewrite) = (Task.CompletedTask, []);
        leading.Dispose();
        await held.DisposeAsync();
    }

    public async ValueTask DisposeAsync() => await Resign();

    async Task Attempt(bool whole, CancellationToken cancellation)
    {
        try
        {
            if (whole) await RunOnce(cancellation);
            else await FollowHints(cancellation);
            failures = 0;
        }
        catch (Exception) when (cancellation.IsCancellationRequested)
        {
            // the end of the node
        }
        catch (OutboundAwayException e)
        {
            failures++;
            gauges.Failures.Add();
            if (failures is 1 or 10) log.SinkAway(sink.Name, e.Message);
        }
        catch (Exception e)
        {
            failures++;
            gauges.Failures.Add();
            // PostgreSQL went away, or ended the session because this node said nothing: the right is gone with it
            await Resign();
            if (failures is 1 or 10) log.RunnerBroke(sink.Name, StoreFaults.IsAway(e) || e is StoreUnavailableException ? e.Message : e.ToString());
        }
    }

    async Task FollowHints(CancellationToken cancellation)
    {
        if (lead is null) return;
        HashSet<OrgId> orgs;
        lock (gate) (orgs, hinted) = (hinted, []);
        if (orgs.Count == 0) return;
        var lags = await lead.Find(orgs, cancellation);
        var behind = lags.Sum(RevisionsOf);
        // what cannot be written stays told until the next sweep counts anew
        gauges.Revisions += behind;
        await Feed(lags, cancellation);
        gauges.Revisions = Math.Max(0, gauges.Revisions - behind);
    }

    async Task Sweep(CancellationToken cancellation)
    {
        var after = 0;
        long behind = 0;
        IReadOnlyList<OutboundLag> page;
        do
        {
            page = await lead!.Behind(after, cancellation);
            behind += page.Sum(RevisionsOf);
            gauges.Revisions = behind;
            if (page.Count > 0) after = page[^1].Org.Id.Value;
            await Feed(page, cancellation);
        }
        while (page.Count == options.OrgsPage);
        if (faulty.Count == 0) gauges.Level(time.GetTimestamp());
    }

    static long RevisionsOf(OutboundLag lag) => lag.Org.Head - (lag.Checkpoint is { } at && at.Incarnation == lag.Org.Incarnation ? at.Revision : 0);

    async Task Feed(IReadOnlyList<OutboundLag> lags, CancellationToken cancellation) => await Parallel.ForEachAsync(lags,
        new ParallelOptions { MaxDegreeOfParallelism = options.OrgsAtOnce, CancellationToken = cancellation },
        async (lag, token) => await Guarded(lag.Org, () => BringLevel(lag, token)));

    async Task BringLevel(OutboundLag lag, CancellationToken cancellation)
    {
        var (org, at) = (lag.Org, lag.Checkpoint);
        if (at is null && sink.ReadsFromTheStart)
        {
            at = new OutboundCheckpoint(org.Incarnation, 0);
            if (!await checkpoints.Move(sink.Name, org, null, 0, cancellation)) return;
        }
        if (at?.Incarnation != org.Incarnation)
        {
            await Rewrite(org, at, at is null ? RewriteReason.First : RewriteReason.History, cancellation);
            return;
        }
        while (at.Revision < org.Head)
        {
            var page = await journal.Read(org.Id, at.Revision, options.PageRevisions, cancellation);
            // behind its own head for a moment, or gone back: the next look says which
            if (page.Count == 0 || page[0].Revision != at.Revision + 1) return;
            if (page.Any(record => record.IsArchived))
            {
                await Rewrite(org, at, RewriteReason.Archived, cancellation);
                return;
            }
            await sink.Write(org, page, cancellation);
            if (!await checkpoints.Move(sink.Name, org, at, page[^1].Revision, cancellation)) return;
            at = at with { Revision = page[^1].Revision };
            gauges.Written.Add(page.Count);
        }
    }

    async Task Rewrite(OutboundOrg org, OutboundCheckpoint? at, RewriteReason reason, CancellationToken cancellation)
    {
        log.Rewrites(sink.Name, org.Id, reason);
        await sink.Rewrite(org, reason, cancellation);
        gauges.Rewrites.Add();
        await checkpoints.Move(sink.Name, org, at, org.Head, cancellation);
    }

    async Task AskForAll(CancellationToken cancellation)
    {
        for (IReadOnlyList<OrgId> page = [new OrgId(0)]; page.Count > 0; page = await lead!.Orgs(page[^1].Value, cancellation))
            lock (gate) toRewrite.UnionWith(page.Where(org => org.Value > 0).Select(org => org.Value));
    }

    // beside what comes in meanwhile, which does not wait for it; what failed is asked for still
    async Task RewriteSome(CancellationToken cancellation)
    {
        var left = new ConcurrentBag<int>();
        try
        {
            while (TakeSome() is { Length: > 0 } page)
            {
                foreach (var org in page) left.Add(org.Value);
                var found = await checkpoints.Find(sink.Name, page, cancellation);
                // one that is about to be made has nothing yet
                var done = new ConcurrentBag<int>(page.Except(found.Select(lag => lag.Org.Id)).Select(org => org.Value));
                await Parallel.ForEachAsync(found,
                    new ParallelOptions { MaxDegreeOfParallelism = options.OrgsAtOnce, CancellationToken = cancellation },
                    async (lag, token) =>
                    {
                        if (await Guarded(lag.Org, () => sink.Rewrite(lag.Org, RewriteReason.Asked, token))) done.Add(lag.Org.Id.Value);
                    });
                gauges.Rewrites.Add(done.Count);
                left = [.. left.Except(done)];
            }
            if (left.IsEmpty) await sink.Rewritten(cancellation);
        }
        finally
        {
            lock (gate) toRewrite.UnionWith(left);
        }
    }

    OrgId[] TakeSome()
    {
        lock (gate)
        {
            OrgId[] page = [.. toRewrite.Take(options.OrgsPage).Select(id => new OrgId(id))];
            toRewrite.ExceptWith(page.Select(org => org.Value));
            return page;
        }
    }

    // one org's fault is its own; that the outside or PostgreSQL is away is everybody's
    async Task<bool> Guarded(OutboundOrg org, Func<Task> run)
    {
        lock (gate)
            if (faulty.TryGetValue(org.Id, out var before) && time.GetElapsedTime(before.Since) < before.Pause) return false;
        try
        {
            await run();
            lock (gate) faulty.Remove(org.Id);
            return true;
        }
        catch (Exception e) when (e is not (OperationCanceledException or OutboundAwayException or StoreUnavailableException) && !StoreFaults.IsAway(e))
        {
            gauges.Failures.Add();
            int times;
            lock (gate)
            {
                times = faulty.GetValueOrDefault(org.Id).Failures + 1;
                faulty[org.Id] = (times, time.GetTimestamp(), options.PauseAfter(times, Random.Shared.NextDouble()));
            }
            if (times is 1 or 10) log.OrgBroke(sink.Name, org.Id, e);
            return false;
        }
    }

    async Task Wait(TimeSpan most, CancellationToken cancellation)
    {
        var signal = Volatile.Read(ref woken);
        // as Hear does it the other way round: one of the two sees the other. What was heard by one who has lost the right since is not his to follow
        lock (gate)
            if (hinted.Count > 0 && lead is not null) return;
        try
        {
            await signal.Task.WaitAsync(most, time, cancellation);
            Volatile.Write(ref woken, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            // the poll's turn, or the end
        }
    }

    async Task Pause(TimeSpan pause, CancellationToken cancellation) => await Task.Delay(pause, time, cancellation).ContinueWith(static _ => { }, TaskScheduler.Default);
}
