using System.Diagnostics.CodeAnalysis;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Core.Watch;
using Stele.Server.Journal;
using Stele.Server.Limits;
using Stele.Server.Usage;

namespace Stele.Server.Watch;

/// <summary>What a subscription asks for.</summary>
/// <param name="Environment">Which environment; null: the principal's own, else the org's default one.</param>
/// <param name="Prefixes">Beginnings of keys; none: all.</param>
/// <param name="Kinds">The kinds.</param>
/// <param name="From">What the client has; null: it wants what happens from now on, unless it gives a revision.</param>
/// <param name="FromRevision">What it has, by number.</param>
internal sealed record WatchQuery(EnvironmentName? Environment, IReadOnlyList<string> Prefixes, WatchKinds Kinds, Cursor? From, long? FromRevision)
{
    /// <summary>Stele-Min-Cursor: the node must be there first.</summary>
    public Cursor? MinCursor { get; init; }
}

/// <summary>
/// All subscriptions of this node: one <see cref="OrgWatch"/> for each org that somebody watches, made for the first and
/// closed after the last.
/// </summary>
internal sealed class WatchEngine
{
    readonly JournalNode journal;
    readonly IJournalStore store;
    readonly WatchReads reads;
    readonly RequestLimiter limiter;
    readonly TimeProvider time;
    readonly WatchOptions options;
    readonly WatchMetrics metrics;
    readonly WatchLog log;
    readonly Lock gate = new();
    readonly Dictionary<OrgId, OrgWatch> watches = [];
    readonly Dictionary<(OrgId, Principal), long> ofPrincipals = [];
    readonly Dictionary<Guid, Subscriber> byId = [];
    bool closed;

    public WatchEngine(JournalNode journal, IJournalStore store, RequestLimiter limiter, TimeProvider time, WatchOptions options, WatchMetrics metrics, WatchLog log)
    {
        (this.journal, this.store, this.limiter, this.time, this.options, this.metrics, this.log) = (journal, store, limiter, time, options, metrics, log);
        reads = new WatchReads(store, options.ReadsAtOnce);
        metrics.Subscribers = () => Count;
    }

    /// <summary>How many subscriptions there are.</summary>
    public long Count
    {
        get
        {
            lock (gate) return byId.Count;
        }
    }

    /// <summary>A buffer for one connection.</summary>
    public WatchOutbox NewOutbox() => new(options, time);

    /// <summary>The watch of an org, if somebody watches it here.</summary>
    public OrgWatch? Of(OrgId org)
    {
        lock (gate) return watches.GetValueOrDefault(org);
    }

    /// <summary>A subscription by its id.</summary>
    public bool TryFind(OrgId org, Guid id, [NotNullWhen(true)] out Subscriber? subscriber)
    {
        lock (gate) return byId.TryGetValue(id, out subscriber) && subscriber.Watch?.Org == org;
    }

    /// <summary>
    /// Begins a subscription: what it sees goes into the outbox. Faults: not_found (environment), forbidden, unauthenticated,
    /// rate_limited or quota_exceeded (a limit of subscriptions), invalid (a revision to come), unavailable.
    /// </summary>
    public async Task<Outcome<Subscriber>> Subscribe(OrgId org, string name, WatchClient client, WatchQuery query, WatchOutbox outbox)
    {
        var read = await journal.Read(org, new ReadOptions(query.From is null ? Consistency.Strong : Consistency.Local, null, query.MinCursor), CancellationToken.None);
        // this node may be behind the one that gave the cursor
        if (read.Fault is null && query.From is { } from && from.Revision > read.Value.State.Revision)
            read = await journal.Read(org, new ReadOptions(Consistency.Strong, null, null), CancellationToken.None);
        if (!read.TryGet(out var snapshot, out var fault)) return fault;
        var state = snapshot.State;
        if (!FilterOf(state, client.Principal, query).TryGet(out var filter, out fault)) return fault;
        if (query.FromRevision > state.Revision)
            return Fault.Invalid(Problem.Query("from_revision", "revision.future", $"Revision {query.FromRevision} is not there yet; the last is {state.Revision}."));
        var subscriber = new Subscriber(Guid.CreateVersion7(time.GetUtcNow()), name, client, filter, outbox, Timestamp.From(time.GetUtcNow()));
        if (Admit(org, subscriber) is { } full) return full;
        while (true)
        {
            if (!(await Open(org)).TryGet(out var watch, out fault))
            {
                Forget(org, subscriber);
                return fault;
            }
            var fromNow = query.From is null && query.FromRevision is null;
            if (fromNow && watch.Add(subscriber, state)) return subscriber;
            if (watch.AddLate(subscriber) is not { } generation) continue;
            var replay = new WatchReplay(watch, subscriber, generation, reads, time, options, log) { IsLevel = () => IsLevel(org) };
            _ = replay.Run(fromNow ? state.Place.Cursor : query.From, query.FromRevision ?? 0);
            return subscriber;
        }
    }

    /// <summary>Ends a subscription; does nothing if it has ended.</summary>
    public void Unsubscribe(Subscriber subscriber)
    {
        if (subscriber.Watch is not { } watch) return;
        watch.Remove(subscriber);
        subscriber.Outbox.Drop(subscriber);
        Forget(watch.Org, subscriber);
    }

    /// <summary>Heartbeats and deadlines of all; called at each <see cref="WatchOptions.Tick"/>.</summary>
    public void Tick()
    {
        OrgWatch[] all;
        lock (gate) all = [.. watches.Values];
        foreach (var watch in all)
        {
            if (watch.Tick()) continue;
            watch.Journal.Unfollow(watch.Following);
            lock (gate)
                if (watches.GetValueOrDefault(watch.Org) == watch) watches.Remove(watch.Org);
        }
    }

    /// <summary>Adds the time that has passed to what each org uses, once for each of its subscriptions.</summary>
    public void CountTo(UsageCounters usage, TimeSpan passed)
    {
        OrgWatch[] all;
        lock (gate) all = [.. watches.Values];
        foreach (var watch in all)
            if (watch.Count is > 0 and var count) usage.Of(watch.Org).AddWatch(passed * count);
    }

    /// <summary>Ends every stream, and takes no more: the node stops.</summary>
    public void Close()
    {
        OrgWatch[] all;
        lock (gate) (closed, all) = (true, [.. watches.Values]);
        foreach (var watch in all) watch.Close(WatchEnd.Restart);
    }

    async Task<bool> IsLevel(OrgId org) => (await journal.Read(org, new ReadOptions(Consistency.Strong, null, null), CancellationToken.None)).Fault is null;

    static Outcome<WatchFilter> FilterOf(OrgState state, Principal principal, WatchQuery query)
    {
        var environment = query.Environment?.Text ?? principal.Environment ?? state.DefaultEnvironment;
        Fault? forbidden = null;
        var allowed = false;
        foreach (var kind in WatchKindNames.Each)
        {
            if ((query.Kinds & kind) == 0) continue;
            var refused = Authorisation.CheckSome(state.Access, principal, kind.Permission(), environment);
            allowed |= refused is null;
            forbidden ??= refused;
        }
        if (!allowed) return forbidden!;
        return environment is not null && state.Environment(environment) is not null ? new WatchFilter(environment, query.Prefixes, query.Kinds) : ConfigDecider.UnknownEnvironment(environment);
    }

    async Task<Outcome<OrgWatch>> Open(OrgId org)
    {
        lock (gate)
        {
            if (closed) return Fault.Unavailable("This node stops.");
            if (watches.TryGetValue(org, out var there)) return there;
        }
        OrgWatch? made = null;
        // follows before it looks, so that nothing happens in between
        var signal = new Action(() => Volatile.Read(ref made)?.OnChange());
        if (!(await journal.Follow(org, signal)).TryGet(out var followed, out var fault)) return fault;
        var watch = new OrgWatch(followed.State, store, time, options, metrics, log) { Journal = followed, Following = signal };
        Volatile.Write(ref made, watch);
        watch.OnChange();
        lock (gate)
        {
            if (!closed && watches.TryAdd(org, watch))
            {
                _ = watch.Run();
                return watch;
            }
        }
        followed.Unfollow(signal);
        return await Open(org);
    }

    Fault? Admit(OrgId org, Subscriber subscriber)
    {
        lock (gate)
        {
            var ofPrincipal = ofPrincipals.GetValueOrDefault((org, subscriber.Client.Principal));
            var refused = ofPrincipal >= options.OfPrincipal
                ? new Fault(FaultCode.RateLimited, $"This token has as many subscriptions on this node as it may (limit {SteleLimits.WatchSubscriptionsOfToken.Name}).", [], (int)options.Heartbeat.TotalSeconds)
                : limiter.Subscribe(org);
            if (refused is not null)
            {
                metrics.Refused();
                return refused;
            }
            ofPrincipals[(org, subscriber.Client.Principal)] = ofPrincipal + 1;
            byId[subscriber.Id] = subscriber;
            return null;
        }
    }

    void Forget(OrgId org, Subscriber subscriber)
    {
        lock (gate)
        {
            if (!byId.Remove(subscriber.Id)) return;
            var key = (org, subscriber.Client.Principal);
            if (--ofPrincipals[key] == 0) ofPrincipals.Remove(key);
            limiter.Unsubscribe(org);
        }
    }
}
