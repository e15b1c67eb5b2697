using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;

namespace Stele.Server.Journal;

/// <summary>An org in memory.</summary>
internal sealed class LoadedOrg(OrgJournal journal, JournalAppender appender, long usedAt)
{
    // the objects around a state, without the state and the recent revisions
    const int AroundBytes = 8 << 10;

    long usedAt = usedAt;

    public OrgJournal Journal { get; } = journal;

    public JournalAppender Appender { get; } = appender;

    /// <summary>TimeProvider timestamp of the last request for it.</summary>
    public long UsedAt => Volatile.Read(ref usedAt);

    /// <summary>About how many bytes of memory it takes.</summary>
    public long Bytes => AroundBytes + Journal.State.MemoryBytes + Journal.Ring.Bytes;

    /// <summary>A request came.</summary>
    public void Use(long now) => Volatile.Write(ref usedAt, now);
}

/// <summary>
/// Which orgs are in memory. One is loaded when somebody first asks for it, once for all who ask at once. It is dropped when
/// nobody has asked for the idle time, or, when the node's bytes are more than its budget, the longest unused first; never
/// while it was used within the last sweep or a write of it is under way. When that frees too little, no further org is
/// loaded (unavailable); an org that alone takes a quarter more than the budget is not loaded at all (quota_exceeded). Single keys of
/// either are answered by SQL.
/// </summary>
/// <remarks>Dropping needs no lock: whoever still holds a dropped org reads from it rightly, because a head check proves
/// every strong read, and its retired appender takes no command, so that a write looks for the org again.</remarks>
internal sealed class LoadedOrgs(
    IJournalStore store, TimeProvider time, JournalOptions options, JournalMetrics metrics, JournalLog log, Func<OrgState, long, LoadedOrg> create)
{
    readonly ConcurrentDictionary<OrgId, LoadedOrg> orgs = new();
    readonly ConcurrentDictionary<OrgId, Opening> openings = new();
    readonly ConcurrentDictionary<OrgId, (Fault Fault, long At)> tooLarge = new();
    readonly SemaphoreSlim loads = new(options.LoadsMax);

    /// <summary>Those in memory now.</summary>
    public IEnumerable<LoadedOrg> All => orgs.Select(pair => pair.Value);

    /// <summary>About how many bytes they take.</summary>
    public long Bytes
    {
        get
        {
            long bytes = 0;
            foreach (var (_, loaded) in orgs) bytes += loaded.Bytes;
            return bytes;
        }
    }

    /// <summary>The org, if it is in memory; notes that it is used.</summary>
    public bool TryUse(OrgId org, [NotNullWhen(true)] out LoadedOrg? loaded)
    {
        if (!orgs.TryGetValue(org, out loaded)) return false;
        loaded.Use(time.GetTimestamp());
        return true;
    }

    /// <summary>The org, if it is in memory; nobody asked for it.</summary>
    public bool TryGet(OrgId org, [NotNullWhen(true)] out LoadedOrg? loaded) => orgs.TryGetValue(org, out loaded);

    /// <summary>
    /// The org, loaded when it is not in memory. Faults: not_found, unavailable (the primary is away, memory is full, or
    /// loading takes longer than a request may, and goes on), quota_exceeded (too large).
    /// </summary>
    public Task<Outcome<LoadedOrg>> Open(OrgId org) => TooLarge(org) is { } fault ? Task.FromResult<Outcome<LoadedOrg>>(fault) : Start(org).Patient;

    /// <summary>As <see cref="Open"/>, but waits a moment only, in which most orgs are loaded; null: it goes on.</summary>
    public Task<Outcome<LoadedOrg>?> TryOpen(OrgId org) => TooLarge(org) is { } fault ? Task.FromResult<Outcome<LoadedOrg>?>(fault) : Start(org).Moment;

    /// <summary>As <see cref="Open"/>, and waits as long as it takes.</summary>
    public Task<Outcome<LoadedOrg>> Load(OrgId org) => TooLarge(org) is { } fault ? Task.FromResult<Outcome<LoadedOrg>>(fault) : Start(org).Task;

    /// <summary>Called at each tick: who has waited for a load as long as a request may is told to come again.</summary>
    public void Tick()
    {
        foreach (var (_, opening) in openings)
        {
            // one that began since the last tick has its moment still
            if (time.GetElapsedTime(opening.Since) >= options.Tick) opening.EndMoment();
            if (time.GetElapsedTime(opening.Since) > options.RequestTime)
                opening.Dismiss(Fault.Unavailable("This organization is being loaded into memory; until then only single keys are answered."), time.GetTimestamp());
        }
    }

    /// <summary>A new org, not in the database yet.</summary>
    public LoadedOrg Add(OrgState state, long sentAt) => orgs.GetOrAdd(state.Org, _ => create(state, sentAt));

    /// <summary>A new org that came to nothing.</summary>
    public void Forget(LoadedOrg loaded)
    {
        if (loaded.Journal.State.Revision == 0 && loaded.Appender.TryRetire()) orgs.TryRemove(new(loaded.Journal.Org, loaded));
    }

    /// <summary>
    /// An answer that was read from SQL shows a revision. False: the org is in memory by now, and is what must answer. Else a
    /// load that is under way will not show less, so that nobody goes back.
    /// </summary>
    public bool Show(OrgId org, long revision) => !orgs.ContainsKey(org) && (!openings.TryGetValue(org, out var opening) || opening.Show(revision));

    /// <summary>Drops what nobody uses, and what does not fit.</summary>
    public void Sweep()
    {
        List<(LoadedOrg Loaded, long UsedAt)>? unused = null;
        long bytes = 0;
        foreach (var (_, loaded) in orgs)
        {
            var idle = time.GetElapsedTime(loaded.UsedAt);
            if (idle >= options.Idle && Drop(loaded, "idle")) continue;
            bytes += loaded.Bytes;
            if (idle >= options.Poll) (unused ??= []).Add((loaded, loaded.UsedAt));
        }
        if (bytes <= options.StateBytes || unused is null) return;
        unused.Sort((a, b) => a.UsedAt.CompareTo(b.UsedAt));
        foreach (var (loaded, _) in unused)
        {
            if (bytes <= options.StateBytes) return;
            var its = loaded.Bytes;
            if (Drop(loaded, "memory")) bytes -= its;
        }
    }

    bool Drop(LoadedOrg loaded, string reason)
    {
        // who watches keeps it
        if (!loaded.Journal.TryLeave()) return false;
        if (!loaded.Appender.TryRetire())
        {
            loaded.Journal.Stay();
            return false;
        }
        orgs.TryRemove(new(loaded.Journal.Org, loaded));
        metrics.Dropped(reason);
        log.Dropped(loaded.Journal.Org, reason, loaded.Bytes);
        return true;
    }

    Fault? TooLarge(OrgId org)
    {
        if (!tooLarge.TryGetValue(org, out var refused)) return null;
        if (time.GetElapsedTime(refused.At) < options.TooLargePause) return refused.Fault;
        tooLarge.TryRemove(new(org, refused));
        return null;
    }

    Opening Start(OrgId org)
    {
        var made = new Opening(time.GetTimestamp());
        var opening = openings.GetOrAdd(org, made);
        if (opening == made) _ = Run(org, opening);
        return opening;
    }

    async Task Run(OrgId org, Opening opening)
    {
        Outcome<LoadedOrg> outcome = new Fault(FaultCode.Internal, "The node met an unexpected error while it loaded this organization.");
        try
        {
            outcome = await Read(org, opening);
        }
        catch (Exception e)
        {
            log.LoadBroke(org, e);
        }
        finally
        {
            openings.TryRemove(new(org, opening));
            opening.End(outcome);
        }
    }

    async Task<Outcome<LoadedOrg>> Read(OrgId org, Opening opening)
    {
        await loads.WaitAsync();
        try
        {
            // whoever asked before the last load ended, and came here after it
            if (TryUse(org, out var already)) return already;
            if (Bytes >= options.StateBytes)
            {
                Sweep();
                if (Bytes >= options.StateBytes)
                {
                    metrics.LoadRefused();
                    return Fault.Unavailable($"The organizations in use fill this node's memory (limit state.mib, {options.StateBytes >> 20} MiB); of this one only single keys are answered.");
                }
            }
            var sentAt = time.GetTimestamp();
            var (state, bytes) = await store.Load(org, options.StateBytes + options.StateBytes / 4, CancellationToken.None);
            if (state is null && bytes > 0) return Refuse(org, bytes);
            if (state is not { Name: not null }) return new Fault(FaultCode.NotFound, $"There is no organization {org}.");
            metrics.Loaded(time.GetElapsedTime(sentAt));
            log.Loaded(org, state.Revision);
            return await Publish(create(state, sentAt), opening);
        }
        catch (StoreUnavailableException)
        {
            return Fault.Unavailable("The primary is away and this organization is not in memory.");
        }
        finally
        {
            loads.Release();
        }
    }

    // answers by SQL may have shown more meanwhile
    async Task<Outcome<LoadedOrg>> Publish(LoadedOrg loaded, Opening opening)
    {
        while (!opening.TryPublish(loaded, orgs))
            if (!await loaded.Journal.CatchUp(opening.Shown, CancellationToken.None)) return Fault.Unavailable("PostgreSQL lost writes while this organization was loaded; ask again.");
        if (Bytes > options.StateBytes) Sweep();
        return loaded;
    }

    Fault Refuse(OrgId org, long bytes)
    {
        metrics.LoadRefused();
        log.TooLarge(org, bytes, options.StateBytes);
        var fault = new Fault(FaultCode.QuotaExceeded,
            $"This organization takes more than {bytes >> 20} MiB of memory, and this node has {options.StateBytes >> 20} MiB (limit state.mib); only single keys are answered.");
        tooLarge[org] = (fault, time.GetTimestamp());
        return fault;
    }

    /// <summary>A load under way, and the last revision of the org that somebody was shown meanwhile.</summary>
    sealed class Opening(long since)
    {
        readonly TaskCompletionSource<Outcome<LoadedOrg>> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        readonly TaskCompletionSource<Outcome<LoadedOrg>?> moment = new(TaskCreationOptions.RunContinuationsAsynchronously);
        readonly Lock gate = new();
        TaskCompletionSource<Outcome<LoadedOrg>> patient = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Outcome<LoadedOrg>? outcome;
        bool published;
        long shown, since = since;

        /// <summary>Ends with the load.</summary>
        public Task<Outcome<LoadedOrg>> Task => ended.Task;

        /// <summary>Ends with the load, or when those who wait have waited long enough.</summary>
        public Task<Outcome<LoadedOrg>> Patient => Volatile.Read(ref patient).Task;

        /// <summary>Ends with the load, or, without it, after a moment.</summary>
        public Task<Outcome<LoadedOrg>?> Moment => moment.Task;

        /// <summary>TimeProvider timestamp since which those wait.</summary>
        public long Since => Volatile.Read(ref since);

        public long Shown => Volatile.Read(ref shown);

        public void End(Outcome<LoadedOrg> result)
        {
            lock (gate) outcome = result;
            ended.TrySetResult(result);
            moment.TrySetResult(result);
            Volatile.Read(ref patient).TrySetResult(result);
        }

        public void EndMoment() => moment.TrySetResult(null);

        public void Dismiss(Fault fault, long now)
        {
            lock (gate)
            {
                if (outcome is not null) return;
                Volatile.Read(ref patient).TrySetResult(fault);
                Volatile.Write(ref since, now);
                Volatile.Write(ref patient, new(TaskCreationOptions.RunContinuationsAsynchronously));
            }
        }

        public bool Show(long revision)
        {
            lock (gate)
            {
                if (!published) Volatile.Write(ref shown, Math.Max(shown, revision));
                return !published;
            }
        }

        public bool TryPublish(LoadedOrg loaded, ConcurrentDictionary<OrgId, LoadedOrg> orgs)
        {
            lock (gate)
            {
                if (shown > loaded.Journal.State.Revision) return false;
                orgs[loaded.Journal.Org] = loaded;
                return published = true;
            }
        }
    }
}
