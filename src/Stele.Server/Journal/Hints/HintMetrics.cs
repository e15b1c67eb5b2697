using Stele.Server.Operation;

namespace Stele.Server.Journal.Hints;

/// <summary>What one carrier did.</summary>
internal sealed record HintCounters(Counter Sent, Counter Heard, Counter Failures);

/// <summary>The instruments of the carriers.</summary>
internal sealed class HintMetrics(Metrics metrics)
{
    /// <summary>The counters of a carrier, made once.</summary>
    public HintCounters Of(string carrier) => new(
        metrics.AddCounter("stele_hints_sent_total", "Hints that were handed to a carrier for the other nodes.", "carrier", carrier),
        metrics.AddCounter("stele_hints_heard_total", "Hints that a carrier brought, this node's own included where it brings them.", "carrier", carrier),
        metrics.AddCounter("stele_hint_failures_total", "Times that a carrier of hints broke and was tried again.", "carrier", carrier));
}
