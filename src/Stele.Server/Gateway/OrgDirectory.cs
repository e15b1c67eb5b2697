using System.Collections.Concurrent;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Server.Journal;

namespace Stele.Server.Gateway;

/// <summary>
/// The orgs by name, as far as somebody has asked for them: a name is an org's for good, so that what is known stays true.
/// A name that is not known is looked up each time, so that an org that was made on another node is there on first use. What
/// that may cost is bounded: only a name that could be one is looked up, once for all who ask at once, so many at a time, and
/// for nobody whose token is not known. A name that nobody has asked for is forgotten like its org: after the idle time, or twice that.
/// </summary>
/// <param name="lookUp">The org of a name, as the primary has it now, or null.</param>
/// <param name="time">The clock.</param>
/// <param name="options">How long a request waits for the primary, and when an org is idle.</param>
internal sealed class OrgDirectory(Func<string, Task<OrgId?>> lookUp, TimeProvider time, JournalOptions options)
{
    /// <summary>The org that a root token means when it names none.</summary>
    public const string DefaultName = "default";

    const int LookUpsAtOnceMax = 8, LookUpsMax = 256;

    readonly Lock gate = new();
    readonly Dictionary<string, Task<OrgId?>> lookUps = new(StringComparer.Ordinal);
    readonly SemaphoreSlim turns = new(LookUpsAtOnceMax);

    // two halves: when the younger one is full, or its time is over, the older one is dropped, and what is used meanwhile moves over
    ConcurrentDictionary<string, OrgId> young = Empty(), old = Empty();
    long since = time.GetTimestamp();

    /// <summary>The org of a name that is known.</summary>
    public bool TryFind(string name, out OrgId org)
    {
        // the first start made it, and names are for good
        if (name == DefaultName)
        {
            org = OrgId.Default;
            return true;
        }
        if (Volatile.Read(ref young).TryGetValue(name, out org)) return true;
        if (!Volatile.Read(ref old).TryGetValue(name, out org)) return false;
        Know(name, org);
        return true;
    }

    /// <summary>The org of a name, or null; one that is not known is looked up. Fault: unavailable.</summary>
    public ValueTask<Outcome<OrgId?>> Find(string name) =>
        TryFind(name, out var org) ? new(new Outcome<OrgId?>(org))
        : OrgName.TryParse(name, out _) ? new(LookUp(name))
        : new(new Outcome<OrgId?>((OrgId?)null));

    /// <summary>A name is an org's.</summary>
    public void Know(string name, OrgId org)
    {
        var half = Volatile.Read(ref young);
        if (half.TryAdd(name, org) && half.Count * 2 >= SteleLimits.DirectoryNames.Value) Age(half);
    }

    /// <summary>Called now and then: lets go of what nobody has asked for.</summary>
    public void Sweep()
    {
        if (time.GetElapsedTime(since) < options.Idle) return;
        since = time.GetTimestamp();
        Age(Volatile.Read(ref young));
    }

    /// <summary>The database may have gone back behind what is known.</summary>
    public void Forget()
    {
        lock (gate)
        {
            Volatile.Write(ref old, Empty());
            Volatile.Write(ref young, Empty());
        }
    }

    void Age(ConcurrentDictionary<string, OrgId> half)
    {
        lock (gate)
        {
            if (young != half) return;
            Volatile.Write(ref old, half);
            Volatile.Write(ref young, Empty());
        }
    }

    async Task<Outcome<OrgId?>> LookUp(string name)
    {
        try
        {
            if (Join(name, out var joined) is not { } first) return Fault.Unavailable($"{LookUpsMax} organizations are being looked up already.");
            var found = await first.WaitAsync(options.PrimaryWait, time);
            // one that was under way may not have seen an org that was made before this was asked
            if (found is null && joined && Join(name, out _) is { } second) found = await second.WaitAsync(options.PrimaryWait, time);
            if (found is { } org) Know(name, org);
            return found;
        }
        catch (Exception e) when (e is TimeoutException || StoreFaults.IsAway(e))
        {
            return Fault.Unavailable("The primary is away, and this organization is not known to this node.");
        }
    }

    Task<OrgId?>? Join(string name, out bool joined)
    {
        lock (gate)
        {
            if (joined = lookUps.TryGetValue(name, out var underWay)) return underWay;
            if (lookUps.Count >= LookUpsMax) return null;
            return lookUps[name] = Run(name);
        }
    }

    async Task<OrgId?> Run(string name)
    {
        // not before it is in the table
        await Task.Yield();
        await turns.WaitAsync();
        try
        {
            return await lookUp(name);
        }
        finally
        {
            turns.Release();
            lock (gate) lookUps.Remove(name);
        }
    }

    static ConcurrentDictionary<string, OrgId> Empty() => new(concurrencyLevel: 1, capacity: 31, StringComparer.Ordinal);
}
