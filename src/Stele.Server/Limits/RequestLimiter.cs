using System.Collections.Concurrent;
using System.Net;
using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Operation;

namespace Stele.Server.Limits;

/// <summary>What became of a request at the limits: admitted, and then to be given back to <see cref="RequestLimiter.Leave"/> once, or refused.</summary>
/// <param name="Refusal">Why not; null: admitted.</param>
/// <param name="Policy">The rate that is nearest to its end, which headers tell; null: none applies.</param>
/// <param name="Left">How many requests are left of it.</param>
/// <param name="PolicyText">All rates that apply.</param>
/// <param name="Org">Whose work it is; null: nobody's share.</param>
/// <param name="IsWork">Whether it counts among the requests in work.</param>
/// <param name="IsSlowed">Of one refused: whether the refusal is to be heard later, since so many were (<see cref="RequestLimiter.Slow"/>).</param>
internal readonly record struct Admission(Fault? Refusal, RatePolicy? Policy, long Left, string? PolicyText, Allowance? Org, bool IsWork, bool IsSlowed = false);

/// <summary>What an org may take of a node.</summary>
/// <param name="PerSecond">Requests a second.</param>
/// <param name="InWork">Requests in work.</param>
/// <param name="Subscriptions">Streams.</param>
internal readonly record struct OrgBounds(long PerSecond, long InWork, long Subscriptions);

/// <summary>What somebody shows to be let in.</summary>
internal enum Credential
{
    /// <summary>A token, a JWT or a session: too long to be guessed, and cheap to look for.</summary>
    Token,
    /// <summary>A password: worth guessing, and dear to check.</summary>
    Password,
}

/// <summary>
/// The limits of every transport: a call of <see cref="Enter"/> with who asks, in which org and from where for each request,
/// gRPC call or WebSocket message, and <see cref="Leave"/> when it is answered. The path of a request has no lock and
/// allocates nothing: two look-ups, two compare-and-sets, two counters.
/// </summary>
internal sealed class RequestLimiter
{
    readonly ConcurrentDictionary<PrincipalKey, Allowance> principals = new(PrincipalKey.Comparer);
    readonly ConcurrentDictionary<OrgId, Allowance> orgs = new();
    readonly AddressFailures unknownTokens, failedSignIns;
    readonly RatePolicy tokenPolicy;
    readonly RatePolicy? orgPolicy;
    readonly TimeProvider time;
    readonly LimitOptions options;
    readonly LimitMetrics metrics;
    readonly OrgBounds nodes;
    readonly long origin, scale;
    readonly Fault busy, orgBusy;

    IReadOnlyDictionary<OrgId, OrgBounds> own = new Dictionary<OrgId, OrgBounds>();
    int inWork, counted, waiting;

    public RequestLimiter(TimeProvider time, LimitOptions options, LimitMetrics metrics)
    {
        (this.time, this.options, this.metrics) = (time, options, metrics);
        (origin, scale) = (time.GetTimestamp(), BucketRate.UnitsPerSecond / time.TimestampFrequency);
        tokenPolicy = new RatePolicy("token", TrafficLimits.TokenPerSecond, options.TokenPerSecond, "This token");
        nodes = new OrgBounds(options.OrgPerSecond, options.OrgInWork, options.OrgSubscriptions);
        orgPolicy = OrgPolicy(nodes);
        (unknownTokens, failedSignIns) = (new AddressFailures(options.UnknownTokensPerMinute), new AddressFailures(options.FailedSignInsPerMinute));
        busy = Fault.Unavailable($"This node works on {options.InWork} requests already (limit {TrafficLimits.InWork.Name}).");
        orgBusy = new Fault(FaultCode.RateLimited, $"This node works on as many requests of this organization as it may (limit {TrafficLimits.OrgInWork.Name}).", [], 1);
        metrics.Observe(() => Volatile.Read(ref inWork), () => Volatile.Read(ref counted));
    }

    /// <summary>Units of <see cref="BucketRate"/> since the node started.</summary>
    public long Now => (time.GetTimestamp() - origin) * scale;

    /// <summary>All that is counted now, for who shares it with other nodes.</summary>
    public IEnumerable<Allowance> Allowances => principals.Values.Concat(orgs.Values);

    /// <summary>Takes one request, or refuses it: rate_limited, or unavailable when the node has all the work that it takes.</summary>
    /// <param name="principal">Who asks.</param>
    /// <param name="org">In which org.</param>
    /// <param name="address">From where.</param>
    /// <param name="holder">What remembers the principal's allowance; null: it is looked for.</param>
    public Admission Enter(Principal principal, OrgId org, IPAddress address, AllowanceHolder? holder = null)
    {
        if (principal.IsRoot && options.RootIsFree && IPAddress.IsLoopback(address)) return Work(default);
        var now = Now;
        var token = TakeToken(principal, org, holder, now, out var tokenLeft, out var allowed);
        if (!allowed) return Refused(tokenPolicy, token!, now, metrics.Token);
        // the operator is no org's guest
        if (principal.IsRoot) return Work(new Admission(null, tokenPolicy, tokenLeft, tokenPolicy.Together, null, false));
        var share = TakeOrg(org, now, out var orgLeft, out allowed);
        var rate = share.Policy;
        if (!allowed)
        {
            token?.GiveBack(now);
            return Refused(rate, share, now, metrics.Org);
        }
        return Work(token is not null && tokenLeft <= orgLeft
            ? new Admission(null, tokenPolicy, tokenLeft, rate.Together, share, false)
            : new Admission(null, rate, orgLeft, rate.Together, share, false));
    }

    /// <summary>Takes one request of nobody that is known, or refuses it: unavailable when the node has all the work that it takes.</summary>
    public Admission EnterUnknown() => Work(default);

    /// <summary>
    /// Lets a refusal wait. Each one costs little, and a client that sends ten times its rate, each request as soon as the last was refused, makes the
    /// node do nothing else: one that hears it late sends less. Each waits for another time, of once to twice the limit: those that were refused
    /// together would come back together, and take at once what has been saved for them meanwhile. At once when too many wait already, or the client has gone.
    /// </summary>
    public async Task Slow(CancellationToken gone)
    {
        if (!Allowance.TryEnter(ref waiting, TrafficLimits.RefusalsWaiting.Value)) return;
        metrics.Slowed.Add();
        try
        {
            await Task.Delay(TimeSpan.FromMilliseconds(TrafficLimits.RefusalMilliseconds.Value * (1 + Random.Shared.NextDouble())), time, gone);
        }
        catch (OperationCanceledException)
        {
            // nobody to tell
        }
        finally
        {
            Interlocked.Decrement(ref waiting);
        }
    }

    /// <summary>The request is answered.</summary>
    public void Leave(in Admission admission)
    {
        if (!admission.IsWork) return;
        Interlocked.Decrement(ref inWork);
        admission.Org?.EndWork();
    }

    /// <summary>A refusal if an address has had as many failures as it may: asked before anything is looked up, or any password checked, for it.</summary>
    public Fault? Blocked(IPAddress address, Credential credential)
    {
        if (!Failures(credential).IsSpent(address, Now)) return null;
        metrics.Address.Add();
        return TooManyFailures(credential, 1);
    }

    /// <summary>Counts a failure; the refusal to give instead of the usual one if that was one too many.</summary>
    public Fault? Failed(IPAddress address, Credential credential)
    {
        if (Failures(credential).TryCount(address, Now, out var seconds)) return null;
        metrics.Address.Add();
        return TooManyFailures(credential, seconds);
    }

    /// <summary>One more stream of an org on this node; the refusal, or null. Ends with <see cref="Unsubscribe"/>.</summary>
    public Fault? Subscribe(OrgId org)
    {
        var share = OrgShare(org);
        if (share.TrySubscribe()) return null;
        return new Fault(FaultCode.QuotaExceeded, $"This organization has at most {share.Policy.Bounds.Subscriptions} streams on a node (limit {TrafficLimits.OrgSubscriptions.Name}).");
    }

    /// <summary>A stream has ended.</summary>
    public void Unsubscribe(OrgId org) => OrgShare(org).Unsubscribe();

    /// <summary>Takes the bounds that orgs have of their own; those that are not named have the node's.</summary>
    public void SetOwn(IReadOnlyDictionary<OrgId, OrgBounds> bounds)
    {
        var before = Interlocked.Exchange(ref own, bounds);
        foreach (var (org, share) in orgs)
            if (BoundsOf(before, org) != BoundsOf(bounds, org)) share.Policy = OrgPolicy(BoundsOf(bounds, org));
    }

    /// <summary>Drops what is full: a new bucket is as good.</summary>
    public void Sweep()
    {
        var now = Now;
        foreach (var (key, allowance) in principals)
            if (allowance.TryRetire(now)) Drop(key, allowance);
        foreach (var (org, allowance) in orgs)
            if (allowance.TryRetire(now)) orgs.TryRemove(new KeyValuePair<OrgId, Allowance>(org, allowance));
    }

    Admission Work(in Admission admitted)
    {
        if (!Allowance.TryEnter(ref inWork, options.InWork))
        {
            metrics.InWork.Add();
            return admitted with { Refusal = busy };
        }
        if (admitted.Org is { } org && !org.TryBeginWork())
        {
            Interlocked.Decrement(ref inWork);
            metrics.OrgInWork.Add();
            return admitted with { Refusal = orgBusy };
        }
        return admitted with { IsWork = true };
    }

    // null: too many principals to count this one as well
    Allowance? TakeToken(Principal principal, OrgId org, AllowanceHolder? holder, long now, out long left, out bool allowed)
    {
        if (holder?.Allowance is { } held)
        {
            allowed = held.TryTake(now, out left);
            if (allowed || !held.IsRetired) return held;
        }
        // one token, whichever org it names
        var key = new PrincipalKey(principal.IsRoot ? default : org, principal);
        while (true)
        {
            if (!principals.TryGetValue(key, out var allowance))
            {
                if (Volatile.Read(ref counted) >= options.Principals)
                {
                    (left, allowed) = (long.MaxValue, true);
                    return null;
                }
                var made = new Allowance($"{key.Org}/{principal.ActorId}", tokenPolicy);
                allowance = principals.GetOrAdd(key, made);
                if (ReferenceEquals(allowance, made)) Interlocked.Increment(ref counted);
            }
            allowed = allowance.TryTake(now, out left);
            if (allowed || !allowance.IsRetired)
            {
                holder?.Allowance = allowance;
                return allowance;
            }
            Drop(key, allowance);
        }
    }

    Allowance TakeOrg(OrgId org, long now, out long left, out bool allowed)
    {
        while (true)
        {
            var share = OrgShare(org);
            allowed = share.TryTake(now, out left);
            if (allowed || !share.IsRetired) return share;
            orgs.TryRemove(new KeyValuePair<OrgId, Allowance>(org, share));
        }
    }

    Allowance OrgShare(OrgId org) => orgs.TryGetValue(org, out var share) ? share
        : orgs.GetOrAdd(org, new Allowance(org.ToString(), OrgPolicy(BoundsOf(own, org))));

    void Drop(PrincipalKey key, Allowance allowance)
    {
        if (principals.TryRemove(new KeyValuePair<PrincipalKey, Allowance>(key, allowance))) Interlocked.Decrement(ref counted);
    }

    OrgBounds BoundsOf(IReadOnlyDictionary<OrgId, OrgBounds> some, OrgId org) => some.TryGetValue(org, out var bounds) ? bounds : nodes;

    RatePolicy OrgPolicy(in OrgBounds bounds) => orgPolicy is not null && bounds == nodes ? orgPolicy
        : new RatePolicy("org", TrafficLimits.OrgPerSecond, bounds.PerSecond, "This organization")
        {
            Together = $"{tokenPolicy.Item}, \"org\";q={bounds.PerSecond};w=1", Bounds = bounds,
        };

    static Admission Refused(RatePolicy policy, Allowance allowance, long now, Counter counter)
    {
        counter.Add();
        return new Admission(policy.Refusal, policy, 0, policy.Together, null, false, allowance.Refuses(now));
    }

    AddressFailures Failures(Credential credential) => credential == Credential.Password ? failedSignIns : unknownTokens;

    static Fault TooManyFailures(Credential credential, int seconds) => new(FaultCode.RateLimited, credential == Credential.Password
        ? $"Too many sign-ins from this address failed (limit {TrafficLimits.FailedSignInsPerMinute.Name}); this one was not looked at."
        : $"Too many tokens that are not known came from this address (limit {TrafficLimits.UnknownTokensPerMinute.Name}); this one was not looked for.", [], seconds);

    readonly record struct PrincipalKey(OrgId Org, Principal Principal)
    {
        public static IEqualityComparer<PrincipalKey> Comparer { get; } = new ByActor();

        // whoever has the same id is the same, whatever roles he was mapped to this time
        sealed class ByActor : IEqualityComparer<PrincipalKey>
        {
            public bool Equals(PrincipalKey x, PrincipalKey y) => x.Org == y.Org
                && (ReferenceEquals(x.Principal, y.Principal) || string.Equals(x.Principal.ActorId, y.Principal.ActorId, StringComparison.Ordinal));

            public int GetHashCode(PrincipalKey key) => key.Principal.GetHashCode() ^ (key.Org.Value * 397);
        }
    }
}
