using Stele.Core.Journal;
using Stele.Core.Orgs;

namespace Stele.Server.Journal;

/// <summary>
/// Asks the primary for the heads of journals, once for everyone who waits: one query is under way at a time (a second may
/// start beside a slow one), and whoever arrives waits for a query that is sent after he came. That is what makes a strong
/// read linearizable: the head it waits for was read after the request began. Joining takes no lock.
/// </summary>
internal sealed class HeadChecks(IJournalStore store, TimeProvider time, JournalOptions options, JournalMetrics metrics, JournalLog log)
{
    readonly Gathering gathering = new(time);
    // two pumps at most: slot by slot, whether one runs, and the round that it has sent
    readonly int[] busy = new int[2];
    readonly Round?[] running = new Round?[2];
    Round next = new();
    long lastSuccess = long.MinValue;
    PrimaryView? primary;

    /// <summary>What the last answer said of the primary; null before the first.</summary>
    public PrimaryView? Primary => Volatile.Read(ref primary);

    /// <summary>Whether a query that was sent less than this long ago was answered.</summary>
    public bool AnsweredWithin(TimeSpan span) =>
        Volatile.Read(ref lastSuccess) is var at && at != long.MinValue && time.GetElapsedTime(at) <= span;

    /// <summary>
    /// A round whose query is sent after this call; its result is null when the primary did not answer in time. Proved: by a
    /// commit that a standby has confirmed (<see cref="JournalOptions.StrictReads"/>).
    /// </summary>
    public Task<HeadRound?> Join(OrgJournal org, bool proved = false)
    {
        while (true)
        {
            var round = Volatile.Read(ref next);
            if (!round.TryAdd(org, proved, time)) continue;
            if (Volatile.Read(ref busy[0]) == 0 && Volatile.Read(ref busy[1]) == 0 && round.Count >= gathering.Quorum) TryStart(0);
            return round.Completion;
        }
    }

    /// <summary>Called at each tick: fails rounds that wait too long, and lets a second query start beside a slow one.</summary>
    public void Tick()
    {
        var waiting = Volatile.Read(ref next);
        if (waiting.Age(time) > options.PrimaryWait)
        {
            Interlocked.CompareExchange(ref next, new Round(), waiting);
            waiting.Seal();
            waiting.Complete(null);
        }
        for (var slot = 0; slot < running.Length; slot++)
        {
            if (Volatile.Read(ref running[slot]) is not { } under) continue;
            if (under.Age(time) > options.PrimaryWait) under.Complete(null);
            if (under.SentFor(time) > options.SlowHeadCheck && Volatile.Read(ref next).HasWaiters) TryStart(1 - slot);
        }
    }

    void StartForWaiters()
    {
        if (Volatile.Read(ref next).HasWaiters) TryStart(0);
    }

    void TryStart(int slot)
    {
        if (Interlocked.CompareExchange(ref busy[slot], 1, 0) == 0) _ = Pump(slot);
    }

    async Task Pump(int slot)
    {
        while (true)
        {
            var round = Interlocked.Exchange(ref next, new Round());
            var orgs = round.Seal();
            if (orgs.Count > 0) await Ask(slot, round, orgs);
            var quorum = gathering.Expect(round.Count + Volatile.Read(ref next).Count, StartForWaiters);
            if (Volatile.Read(ref next).Count >= quorum) continue;
            // a full fence: the write must be seen before the read below is made
            Interlocked.Exchange(ref busy[slot], 0);
            // someone may have joined between that read and the write, and relied on this pump
            if (Volatile.Read(ref next).Count < quorum || Interlocked.CompareExchange(ref busy[slot], 1, 0) != 0) return;
        }
    }

    async Task Ask(int slot, Round round, IReadOnlyList<OrgJournal> orgs)
    {
        var sentAt = time.GetTimestamp();
        round.Sent(sentAt);
        Volatile.Write(ref running[slot], round);
        // what a node had applied when the query was sent is what the answer must not be behind
        var applied = new OrgState[orgs.Count];
        var ids = new OrgId[orgs.Count];
        for (var i = 0; i < applied.Length; i++) (applied[i], ids[i]) = (orgs[i].State, orgs[i].Org);
        try
        {
            var clockBefore = time.GetUtcNow();
            var answer = await store.Heads(ids, round.IsProved, CancellationToken.None);
            var took = time.GetElapsedTime(sentAt);
            metrics.HeadCheck(took);
            Note(answer, clockBefore.UtcDateTime, sentAt, took);
            Volatile.Write(ref lastSuccess, sentAt);
            round.Complete(new HeadRound(answer, applied, sentAt));
        }
        catch (StoreUnavailableException)
        {
            round.Complete(null);
        }
        catch (Exception e)
        {
            log.HeadCheckBroke(e);
            round.Complete(null);
        }
        finally
        {
            Volatile.Write(ref running[slot], null);
        }
    }

    // an answer that was long under way says little of the clocks: an older, quicker one says more, and stays true
    void Note(HeadsAnswer answer, DateTime clockBefore, long sentAt, TimeSpan took)
    {
        var view = Volatile.Read(ref primary) is { } before && took > options.ClockSkew && before.RoundTrip <= took
            ? before with { Cluster = answer.Cluster }
            : new PrimaryView(answer.Cluster, answer.Now.ToDateTime() - (clockBefore + took / 2), took, clockBefore, sentAt);
        Volatile.Write(ref primary, view);
    }

    /// <summary>Those who wait for one query.</summary>
    sealed class Round
    {
        const int SmallRound = 16;
        static readonly Node Closed = new(null!, null);
        readonly TaskCompletionSource<HeadRound?> completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Node? waiters;
        int count, proved;
        long firstAt, sentAt;

        public Task<HeadRound?> Completion => completion.Task;

        /// <summary>How many joined.</summary>
        public int Count => Volatile.Read(ref count);

        public bool HasWaiters => Volatile.Read(ref waiters) is { } node && node != Closed;

        /// <summary>Whether anybody who joined asks for the proof.</summary>
        public bool IsProved => Volatile.Read(ref proved) == 1;

        public bool TryAdd(OrgJournal org, bool toProve, TimeProvider time)
        {
            // a full fence: it must be seen by whoever seals this round after it was looked at below
            if (toProve && Volatile.Read(ref proved) == 0) Interlocked.Exchange(ref proved, 1);
            while (true)
            {
                var head = Volatile.Read(ref waiters);
                if (head == Closed) return false;
                // almost always the same org as the one before; a duplicate further down does no harm
                if (head?.Org != org)
                {
                    if (head is null) Volatile.Write(ref firstAt, time.GetTimestamp());
                    if (Interlocked.CompareExchange(ref waiters, new Node(org, head), head) != head) continue;
                }
                Interlocked.Increment(ref count);
                return true;
            }
        }

        public List<OrgJournal> Seal()
        {
            var orgs = new List<OrgJournal>(1);
            HashSet<OrgJournal>? seen = null;
            for (var node = Interlocked.Exchange(ref waiters, Closed); node is not null && node != Closed; node = node.Next)
            {
                // a poll asks for thousands, everyone else for a few
                if (seen is null && orgs.Count == SmallRound) seen = [.. orgs];
                if (seen?.Add(node.Org) ?? !orgs.Contains(node.Org)) orgs.Add(node.Org);
            }
            return orgs;
        }

        public void Sent(long at) => Volatile.Write(ref sentAt, at);

        public TimeSpan Age(TimeProvider time) => Volatile.Read(ref firstAt) is var at and not 0 ? time.GetElapsedTime(at) : TimeSpan.Zero;

        public TimeSpan SentFor(TimeProvider time) => Volatile.Read(ref sentAt) is var at and not 0 ? time.GetElapsedTime(at) : TimeSpan.Zero;

        public void Complete(HeadRound? result) => completion.TrySetResult(result);

        sealed record Node(OrgJournal Org, Node? Next);
    }
}

/// <summary>What one query for heads said, and what the node had applied when it was sent.</summary>
/// <param name="Answer">The answer.</param>
/// <param name="Applied">Per org, the state when the query was sent.</param>
/// <param name="SentAt">TimeProvider timestamp of the sending.</param>
internal sealed record HeadRound(HeadsAnswer Answer, IReadOnlyList<OrgState> Applied, long SentAt)
{
    const int SmallRound = 16;

    // of a poll's thousands of orgs each looks itself up
    readonly Lazy<Dictionary<OrgId, Head>>? heads = Answer.Heads.Count <= SmallRound ? null : new(() => Answer.Heads.ToDictionary(head => head.Org));
    readonly Lazy<Dictionary<OrgId, OrgState>>? applied = Applied.Count <= SmallRound ? null : new(() => Applied.GroupBy(state => state.Org).ToDictionary(same => same.Key, same => same.First()));

    /// <summary>The head of an org, or null if the database has none.</summary>
    public Head? Head(OrgId org)
    {
        if (heads is not null) return heads.Value.GetValueOrDefault(org);
        foreach (var head in Answer.Heads)
            if (head.Org == org) return head;
        return null;
    }

    /// <summary>What was applied of an org when the query was sent.</summary>
    public OrgState? AppliedOf(OrgId org)
    {
        if (applied is not null) return applied.Value.GetValueOrDefault(org);
        foreach (var state in Applied)
            if (state.Org == org) return state;
        return null;
    }
}

/// <summary>The primary as last seen.</summary>
/// <param name="Cluster">Its identity.</param>
/// <param name="Skew">How far its clock was ahead of this node's.</param>
/// <param name="RoundTrip">How long the query took.</param>
/// <param name="Clock">This node's clock when the query was sent.</param>
/// <param name="SentAt">TimeProvider timestamp of the sending.</param>
internal sealed record PrimaryView(ClusterIdentity Cluster, TimeSpan Skew, TimeSpan RoundTrip, DateTime Clock, long SentAt)
{
    /// <summary>How far its clock is ahead of this node's, which shows <paramref name="now"/>: a step of the clock since then shows against the monotonic one.</summary>
    public TimeSpan SkewAt(DateTimeOffset now, TimeProvider time) => Skew - (now.UtcDateTime - Clock - time.GetElapsedTime(SentAt));
}
