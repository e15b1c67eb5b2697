using Stele.Core.Journal;
using Stele.Core.Limits;

namespace Stele.Server.Audit;

/// <summary>
/// Makes few entries of many alike: the first goes through, those of the minute after it become one entry that says how many
/// they were. Of an org, so many kinds are told apart in a minute (limit audit.repeat_kinds); what is beyond is counted together. So
/// whatever is sent to a node, an org's log grows by no more than twice that a minute.
/// </summary>
internal sealed class AuditRepeats(TimeProvider time, Action<OrgId, AuditEntry> add)
{
    static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    readonly Lock gate = new();
    readonly Dictionary<Kind, Count> counts = [];
    readonly Dictionary<OrgId, int> kinds = [];

    /// <summary>Takes one.</summary>
    public void Take(OrgId org, AuditEntry entry, bool isSample)
    {
        var kind = new Kind(org, entry.Action, entry.Code, entry.Actor, isSample ? null : entry.Target, entry.Environment, isSample ? null : entry.Address);
        lock (gate)
        {
            if (!counts.TryGetValue(kind, out var count))
            {
                if (kinds.GetValueOrDefault(org) < SteleLimits.AuditRepeatKinds.Value)
                {
                    counts[kind] = new Count { Since = time.GetTimestamp(), Last = entry };
                    kinds[org] = kinds.GetValueOrDefault(org) + 1;
                    add(org, entry);
                    return;
                }
                entry = entry with { Actor = Several, Target = null, Environment = null, Address = null, Detail = "of more kinds than are told apart in a minute" };
                kind = new Kind(org, entry.Action, entry.Code, Several, null, null, null);
                if (!counts.TryGetValue(kind, out count)) counts[kind] = count = new Count { Since = time.GetTimestamp(), Last = entry };
            }
            count.Times += entry.Times;
            count.Last = entry;
        }
    }

    /// <summary>Writes the counts whose minute is over, or all.</summary>
    public void Close(bool all)
    {
        lock (gate)
        {
            if (counts.Count == 0) return;
            foreach (var (kind, count) in counts.Where(pair => all || time.GetElapsedTime(pair.Value.Since) >= Window).ToList())
            {
                counts.Remove(kind);
                if (kind.Actor != Several && --kinds[kind.Org] == 0) kinds.Remove(kind.Org);
                if (count.Times > 0) add(kind.Org, count.Last with { Times = (int)Math.Min(count.Times, int.MaxValue) });
            }
        }
    }

    const string Several = "several";

    readonly record struct Kind(OrgId Org, string Action, string? Code, string Actor, string? Target, string? Environment, string? Address);

    sealed class Count
    {
        public required long Since { get; init; }

        public long Times { get; set; }

        public required AuditEntry Last { get; set; }
    }
}
