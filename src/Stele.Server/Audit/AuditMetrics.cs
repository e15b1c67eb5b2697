using Stele.Server.Operation;

namespace Stele.Server.Audit;

/// <summary>The audit log's instruments.</summary>
internal sealed class AuditMetrics
{
    readonly Counter written, lost;

    public AuditMetrics(Metrics metrics)
    {
        written = metrics.AddCounter("stele_audit_entries_total", "Entries that this node wrote to audit logs.");
        lost = metrics.AddCounter("stele_audit_lost_total", "Entries that were not written, because there was no room or the database refused them.");
        metrics.AddGauge("stele_audit_queue_entries", "Entries that wait for their batch.", () => Waiting?.Invoke() ?? double.NaN);
    }

    /// <summary>Set once by the trail.</summary>
    public Func<int>? Waiting { get; set; }

    public void Written(int entries) => written.Add(entries);

    public void Lost(int entries) => lost.Add(entries);
}
