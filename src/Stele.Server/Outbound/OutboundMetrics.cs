using System.Collections.Concurrent;
using Stele.Server.Operation;

namespace Stele.Server.Outbound;

/// <summary>What a sink's runner has done, and how far behind it is: told by the node that runs it, and by no other.</summary>
internal sealed class OutboundGauges(TimeProvider time, Counter written, Counter rewrites, Counter failures)
{
    long levelAt = time.GetTimestamp(), revisions;
    volatile bool leads;

    public Counter Written => written;

    public Counter Rewrites => rewrites;

    public Counter Failures => failures;

    /// <summary>Whether this node runs it.</summary>
    public bool Leads
    {
        get => leads;
        set => leads = value;
    }

    /// <summary>Revisions that were found to be still to write, of all orgs.</summary>
    public long Revisions
    {
        get => Volatile.Read(ref revisions);
        set => Volatile.Write(ref revisions, value);
    }

    /// <summary>How long ago it was level with everything.</summary>
    public double LagSeconds => Revisions == 0 ? 0 : time.GetElapsedTime(Volatile.Read(ref levelAt)).TotalSeconds;

    /// <summary>It is level with all that was found.</summary>
    public void Level(long now)
    {
        Revisions = 0;
        Volatile.Write(ref levelAt, now);
    }
}

/// <summary>The instruments of what is written outside.</summary>
internal sealed class OutboundMetrics(Metrics metrics, TimeProvider time)
{
    readonly ConcurrentDictionary<string, OutboundGauges> sinks = new();

    /// <summary>The instruments of a sink, made once.</summary>
    public OutboundGauges Of(string sink) => sinks.GetOrAdd(sink, Make);

    OutboundGauges Make(string sink)
    {
        var gauges = new OutboundGauges(time,
            metrics.AddCounter("stele_outbound_revisions_total", "Revisions that this node wrote to a sink outside.", "sink", sink),
            metrics.AddCounter("stele_outbound_rewrites_total", "Times that an organization was written whole to a sink.", "sink", sink),
            metrics.AddCounter("stele_outbound_failures_total", "Attempts to write to a sink that failed, and were made again after a pause.", "sink", sink));
        metrics.AddGauge("stele_outbound_leads", "1 on the node that writes to the sink, 0 on the others.", () => gauges.Leads ? 1 : 0, "sink", sink);
        metrics.AddGauge("stele_outbound_lag_revisions", "Revisions that are still to be written to the sink, of all organizations; 0 on a node that does not write to it.", () => gauges.Leads ? gauges.Revisions : 0, "sink", sink);
        metrics.AddGauge("stele_outbound_lag_seconds", "How long the sink has not been level; 0 on a node that does not write to it.", () => gauges.Leads ? gauges.LagSeconds : 0, "sink", sink);
        return gauges;
    }
}
