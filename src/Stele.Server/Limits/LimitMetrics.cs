using Stele.Server.Operation;

namespace Stele.Server.Limits;

/// <summary>The instruments of the limits.</summary>
internal sealed class LimitMetrics
{
    const string RefusedName = "stele_limited_requests_total";
    const string RefusedHelp = "Requests that a limit refused, by the limit.";

    readonly Metrics metrics;

    public LimitMetrics(Metrics metrics)
    {
        this.metrics = metrics;
        Token = Refused("token");
        Org = Refused("org");
        Address = Refused("address");
        InWork = Refused("in_work");
        OrgInWork = Refused("org_in_work");
        ReadOnly = Refused("read_only");
        Slowed = metrics.AddCounter("stele_slowed_refusals_total", "Refusals for a rate that were answered late, because so many were.");
        SharedFailures = metrics.AddCounter("stele_shared_rate_failures_total", "Rounds in which Redis did not answer, so that this node counted rates for itself.");
    }

    public Counter Token { get; }

    public Counter Org { get; }

    public Counter Address { get; }

    public Counter InWork { get; }

    public Counter OrgInWork { get; }

    public Counter ReadOnly { get; }

    public Counter Slowed { get; }

    public Counter SharedFailures { get; }

    /// <summary>What is counted now.</summary>
    public void Observe(Func<int> inWork, Func<int> principals)
    {
        metrics.AddGauge("stele_requests_in_work", "Requests that are being worked on.", () => inWork());
        metrics.AddGauge("stele_limited_principals", "Principals whose rate is being counted.", () => principals());
    }

    /// <summary>Whether writes are refused.</summary>
    public void ObserveMode(Func<bool> isReadOnly) =>
        metrics.AddGauge("stele_read_only", "1 while this node refuses writes because it is told to be read-only, else 0.", () => isReadOnly() ? 1 : 0);

    Counter Refused(string limit) => metrics.AddCounter(RefusedName, RefusedHelp, "limit", limit);
}
