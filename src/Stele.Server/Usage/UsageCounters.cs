using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Stele.Core.Journal;

namespace Stele.Server.Usage;

/// <summary>Counts of one org.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct UsageCount(long Reads, long Writes, long WatchSeconds, long Evaluations)
{
    /// <summary>Whether there is nothing.</summary>
    public bool IsNothing => (Reads | Writes | WatchSeconds | Evaluations) == 0;

    /// <summary>Both together.</summary>
    public static UsageCount operator +(UsageCount a, UsageCount b) =>
        new(a.Reads + b.Reads, a.Writes + b.Writes, a.WatchSeconds + b.WatchSeconds, a.Evaluations + b.Evaluations);
}

/// <summary>What an org uses on this node, since it was last collected. Any thread may add at any time.</summary>
internal sealed class OrgUsage
{
    long reads, writes, watchMilliseconds, evaluations;

    /// <summary>A request that was answered and can change nothing.</summary>
    public void AddRead() => Interlocked.Increment(ref reads);

    /// <summary>A request that was answered and may have changed something.</summary>
    public void AddWrite() => Interlocked.Increment(ref writes);

    /// <summary>Time that watchers watched.</summary>
    public void AddWatch(TimeSpan time) => Interlocked.Add(ref watchMilliseconds, (long)time.TotalMilliseconds);

    /// <summary>Evaluations of flags.</summary>
    public void AddEvaluations(long count) => Interlocked.Add(ref evaluations, count);

    /// <summary>Takes what was counted; what is less than a second of watching stays.</summary>
    internal UsageCount Take()
    {
        var (seconds, rest) = Math.DivRem(Interlocked.Exchange(ref watchMilliseconds, 0), 1_000);
        if (rest > 0) Interlocked.Add(ref watchMilliseconds, rest);
        return new UsageCount(Interlocked.Exchange(ref reads, 0), Interlocked.Exchange(ref writes, 0), seconds, Interlocked.Exchange(ref evaluations, 0));
    }

    /// <summary>When it was last found to have counted something.</summary>
    internal long UsedAt { get; set; }
}

/// <summary>The counts of all orgs that are in use on this node.</summary>
internal sealed class UsageCounters(TimeProvider time)
{
    static readonly TimeSpan Idle = TimeSpan.FromMinutes(5);

    readonly ConcurrentDictionary<OrgId, OrgUsage> orgs = new();
    readonly List<KeyValuePair<OrgId, OrgUsage>> retired = [];

    /// <summary>The counts of an org. Not to be kept for longer than a request: what is unused for minutes is forgotten.</summary>
    public OrgUsage Of(OrgId org) => orgs.TryGetValue(org, out var usage) ? usage : orgs.GetOrAdd(org, static (_, time) => new OrgUsage { UsedAt = time.GetTimestamp() }, time);

    /// <summary>Takes what was counted, of each org that has something. One caller at a time.</summary>
    public IEnumerable<(OrgId Org, UsageCount Count)> Collect()
    {
        var taken = new List<(OrgId, UsageCount)>();
        // whoever held one when it was removed has added to it by now
        foreach (var (org, usage) in retired)
            if (usage.Take() is { IsNothing: false } late) taken.Add((org, late));
        retired.Clear();
        foreach (var pair in orgs)
        {
            if (pair.Value.Take() is { IsNothing: false } count)
            {
                taken.Add((pair.Key, count));
                pair.Value.UsedAt = time.GetTimestamp();
            }
            else if (time.GetElapsedTime(pair.Value.UsedAt) >= Idle && orgs.TryRemove(pair))
            {
                retired.Add(pair);
            }
        }
        return taken;
    }
}
