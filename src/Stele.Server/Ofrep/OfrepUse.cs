using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Server.Flags;
using Stele.Server.Usage;

namespace Stele.Server.Ofrep;

/// <summary>Counts evaluations, of what is now: who looks at the past uses nothing.</summary>
internal sealed class OfrepUse(UsageCounters usage, FlagUse use)
{
    /// <summary>A flag answered.</summary>
    public void Count(OrgId org, OfrepMoment moment, OfrepFlag flag, FlagVariant? variant)
    {
        if (!moment.IsPast) (flag.KnownCell(variant) ?? flag.Keep(variant, use.Of(org).CellOf(new FlagUseKey(moment.Environment, flag.Flag.Name, variant?.Name ?? "")))).Add(1, moment.At);
    }

    /// <summary>So many did.</summary>
    public void Count(OrgId org, OfrepMoment moment, int count)
    {
        if (!moment.IsPast) usage.Of(org).AddEvaluations(count);
    }
}
