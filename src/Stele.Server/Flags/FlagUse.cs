using System.Collections.Concurrent;
using Stele.Core.Journal;

namespace Stele.Server.Flags;

/// <summary>What a flag answered. The variant is empty where the caller's own default counted.</summary>
internal readonly record struct FlagUseKey(string Environment, string Flag, string Variant);

/// <summary>How often, and when last.</summary>
internal readonly record struct FlagUseCount(long Evaluations, Timestamp LastAt)
{
    /// <summary>Both together.</summary>
    public static FlagUseCount operator +(FlagUseCount a, FlagUseCount b) => new(a.Evaluations + b.Evaluations, Timestamp.Later(a.LastAt, b.LastAt));
}

/// <summary>
/// What the flags of all orgs answered on this node, since it was last collected. Any thread may add at any time: a look-up and two
/// interlocked operations an evaluation. Only flags and variants that there are may be counted, which bounds it.
/// </summary>
internal sealed class FlagUse
{
    readonly ConcurrentDictionary<OrgId, OrgFlagUse> orgs = new();

    /// <summary>The counts of an org. Not to be kept for longer than a request.</summary>
    public OrgFlagUse Of(OrgId org) => orgs.TryGetValue(org, out var use) ? use : orgs.GetOrAdd(org, static _ => new OrgFlagUse());

    /// <summary>Takes what was counted, of each org that has something. One caller at a time.</summary>
    public IEnumerable<(OrgId Org, List<(FlagUseKey Key, FlagUseCount Count)> Counts, List<(string Environment, bool Reported)> Served)> Collect()
    {
        foreach (var (org, use) in orgs)
            if (use.Take() is var (counts, served) && counts.Count + served.Count > 0) yield return (org, counts, served);
    }
}

/// <summary>What the flags of one org answered on this node.</summary>
internal sealed class OrgFlagUse
{
    readonly ConcurrentDictionary<FlagUseKey, FlagUseCell> cells = new();
    readonly ConcurrentDictionary<(string Environment, bool Reported), bool> served = new();
    readonly ConcurrentDictionary<string, int> serving = new(StringComparer.Ordinal);

    /// <summary>A flag answered, here or elsewhere.</summary>
    public void Add(FlagUseKey key, long count, Timestamp lastAt) => CellOf(key).Add(count, lastAt);

    /// <summary>Where something is counted; the same for as long as the node runs, so that who counts it often may keep it.</summary>
    public FlagUseCell CellOf(FlagUseKey key) => cells.GetOrAdd(key, static _ => new FlagUseCell());

    /// <summary>An environment's flags go to evaluators in processes of their own: how many more are there now, or 0 for one that came and went.</summary>
    public void Serving(string environment, int more)
    {
        served.TryAdd((environment, false), true);
        if (more != 0) serving.AddOrUpdate(environment, more, (_, open) => open + more);
    }

    /// <summary>Such an evaluator told what it did.</summary>
    public void Reported(string environment) => served.TryAdd((environment, true), true);

    /// <summary>What is not written yet, of one environment.</summary>
    public IEnumerable<(FlagUseKey Key, FlagUseCount Count)> Pending(string environment)
    {
        foreach (var (key, cell) in cells)
            if (key.Environment == environment && cell.Now is { Evaluations: > 0 } count) yield return (key, count);
    }

    internal (List<(FlagUseKey, FlagUseCount)> Counts, List<(string, bool)> Served) Take()
    {
        var counts = new List<(FlagUseKey, FlagUseCount)>();
        foreach (var (key, cell) in cells)
            if (cell.Take() is { Evaluations: > 0 } count) counts.Add((key, count));
        var days = served.Keys.ToList();
        foreach (var day in days) served.TryRemove(day, out _);
        // who stays is there today, too
        foreach (var (environment, open) in serving)
            if (open > 0 && !days.Contains((environment, false))) days.Add((environment, false));
        return (counts, days);
    }
}

/// <summary>How often a flag answered a variant on this node, since it was last collected, and when last.</summary>
internal sealed class FlagUseCell
{
    // how fine the last use is told: many may count the same at once, and each write of it takes the line from the others
    const long LastAtMicroseconds = 10_000;

    long evaluations, lastAt;

    /// <summary>What it is now.</summary>
    public FlagUseCount Now => new(Volatile.Read(ref evaluations), new Timestamp(Volatile.Read(ref lastAt)));

    /// <summary>So many more.</summary>
    public void Add(long count, Timestamp at)
    {
        Interlocked.Add(ref evaluations, count);
        for (var last = Volatile.Read(ref lastAt); last + LastAtMicroseconds <= at.Microseconds;)
            last = Interlocked.CompareExchange(ref lastAt, at.Microseconds, last) is var found && found == last ? at.Microseconds : found;
    }

    /// <summary>What it was, and begins anew.</summary>
    public FlagUseCount Take()
    {
        var last = new Timestamp(Volatile.Read(ref lastAt));
        return new FlagUseCount(Interlocked.Exchange(ref evaluations, 0), last);
    }
}
