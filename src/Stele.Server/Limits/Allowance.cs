using Stele.Core.Limits;

namespace Stele.Server.Limits;

/// <summary>
/// What one principal, or one org, may still send to this node. Two sources: its own bucket, or, while there is one, a lease from
/// the budget that all nodes share (<see cref="SharedBudget"/>). Nothing here waits or locks.
/// </summary>
internal sealed class Allowance(string key, RatePolicy policy)
{
    readonly TokenBucket bucket = new(), refusals = new();
    RatePolicy policy = policy;
    long leased, leasedUntil, elsewhere, leasedBefore, charged = long.MinValue;
    int inWork, subscriptions, missed, quietFor;

    /// <summary>Its name among all nodes.</summary>
    public string Key => key;

    /// <summary>How fast; may change while it is used.</summary>
    public RatePolicy Policy
    {
        get => Volatile.Read(ref policy);
        set => Volatile.Write(ref policy, value);
    }

    /// <summary>How many of an org's requests are being worked on.</summary>
    public int InWork => Volatile.Read(ref inWork);

    /// <summary>How many of an org's streams are open.</summary>
    public int Subscriptions => Volatile.Read(ref subscriptions);

    /// <summary>Whether another has taken its place: what was refused here is to be asked of that one.</summary>
    public bool IsRetired => bucket.IsRetired;

    /// <summary>Takes one request. Left: how many more may follow at once, or of a refused one the time until the next, negated (<see cref="TokenBucket.TryTake"/>).</summary>
    public bool TryTake(long now, out long left)
    {
        var rate = Policy.Rate;
        if (now < Volatile.Read(ref leasedUntil)) return TryTakeLeased(rate, out left);
        return bucket.TryTake(rate, now, out left);
    }

    /// <summary>Counts a refusal. True: there were so many that whoever sends is to be slowed.</summary>
    public bool Refuses(long now) => !refusals.TryTake(Policy.Refusals, now, out _);

    /// <summary>Gives back what was taken and not used.</summary>
    public void GiveBack(long now)
    {
        if (now < Volatile.Read(ref leasedUntil)) Interlocked.Increment(ref leased);
        else bucket.GiveBack(Policy.Rate);
    }

    /// <summary>Counts one more request in work, or one more stream, up to a bound.</summary>
    public static bool TryEnter(ref int count, long most)
    {
        if (Interlocked.Increment(ref count) <= most) return true;
        Interlocked.Decrement(ref count);
        return false;
    }

    public bool TryBeginWork() => TryEnter(ref inWork, Policy.Bounds.InWork);

    public void EndWork() => Interlocked.Decrement(ref inWork);

    public bool TrySubscribe() => TryEnter(ref subscriptions, Policy.Bounds.Subscriptions);

    public void Unsubscribe() => Interlocked.Decrement(ref subscriptions);

    /// <summary>Ends it when a new one is as good.</summary>
    public bool TryRetire(long now) => InWork == 0 && Subscriptions == 0 && now >= Volatile.Read(ref leasedUntil) && bucket.TryRetire(now);

    /// <summary>
    /// What to ask of the shared budget: enough for twice what the last interval took, and never less than a twentieth of a second's; and what
    /// was taken here beside it. Called by one loop only.
    /// </summary>
    public LeaseWish Wish(long now)
    {
        var rate = Policy.Rate;
        var least = Math.Min(rate.Tokens, Math.Max(LeastLease, rate.Tokens / 20));
        if (now >= Volatile.Read(ref leasedUntil))
        {
            var spent = bucket.TakenSince(charged, rate, now);
            if (spent == 0) return default;
            charged = bucket.FullAt;
            return new LeaseWish(least, spent);
        }
        var here = Math.Max(0, Volatile.Read(ref leased));
        var taken = Math.Max(0, leasedBefore - here) + Interlocked.Exchange(ref missed, 0);
        leasedBefore = here;
        if (taken > 0) quietFor = 0;
        else if (++quietFor >= QuietRounds) return EndLease();
        var enough = Math.Min(rate.Tokens, Math.Max(least, 2 * taken));
        // half of it is enough still: who uses little asks seldom
        return here > enough / 2 ? default : new LeaseWish(enough - here, 0);
    }

    /// <summary>A lease that suffices goes on.</summary>
    public void Prolong(long until)
    {
        if (Volatile.Read(ref leasedUntil) > 0) Volatile.Write(ref leasedUntil, until);
    }

    /// <summary>Takes a lease, or goes on with the one that it has.</summary>
    /// <param name="granted">How many were granted.</param>
    /// <param name="others">How many the shared budget still has.</param>
    /// <param name="until">When it ends if nobody goes on with it.</param>
    public void Lease(long granted, long others, long until)
    {
        Volatile.Write(ref elsewhere, others);
        leasedBefore = Interlocked.Add(ref leased, granted);
        Volatile.Write(ref leasedUntil, until);
    }

    /// <summary>Its own bucket counts again; what is left of the lease is to be given back.</summary>
    public LeaseWish EndLease()
    {
        Volatile.Write(ref leasedUntil, 0);
        quietFor = 0;
        return new LeaseWish(0, -Math.Max(0, Interlocked.Exchange(ref leased, 0)));
    }

    const int LeastLease = 32, QuietRounds = 20;

    bool TryTakeLeased(BucketRate rate, out long left)
    {
        var after = Interlocked.Decrement(ref leased);
        if (after >= 0)
        {
            left = after + Volatile.Read(ref elsewhere);
            return true;
        }
        Interlocked.Increment(ref leased);
        Interlocked.Increment(ref missed);
        left = -rate.Interval;
        return false;
    }
}

/// <summary>What an allowance asks of the shared budget.</summary>
/// <param name="Want">How many more.</param>
/// <param name="Spent">How many were taken without having been asked for; negative: given back.</param>
internal readonly record struct LeaseWish(long Want, long Spent)
{
    public bool IsNothing => Want == 0 && Spent == 0;
}
