using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Server.Flags;
using Stele.Server.Usage;

namespace Stele.Server.Ofrep;

/// <summary>Counts evaluations, of what is now: who looks at the past uses nothing.</summary>
internal sealed class OfrepUse(UsageCounters usage, FlagUse use)
{
    public void Count(OrgId org, OfrepMoment moment, Flag flag, FlagVariant? variant)
    {
        if (moment.IsPast) return;
        usage.Of(org).AddEvaluations(1);
        use.Of(org).Count(moment.Environment, flag.Name, variant?.Name);
    }
}
