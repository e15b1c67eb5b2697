using Stele.Server.Operation;

namespace Stele.Server.Secrets;

/// <summary>Reads and refusals of values, what failed its check, and which secrets somebody should look after.</summary>
internal sealed class SecretMetrics
{
    readonly Counter reads, refused, broken, twice;

    // none until this node has looked
    IReadOnlyDictionary<string, long>? due;

    public SecretMetrics(Metrics metrics)
    {
        reads = metrics.AddCounter("stele_secret_reads_total", "Values of secrets that were given out.");
        refused = metrics.AddCounter("stele_secret_refused_total", "Reads of values of secrets that were refused, for whatever reason.");
        broken = metrics.AddCounter("stele_secret_integrity_failures_total", "Reads of secrets whose stored bytes failed their check. Anything but 0 is an alarm.");
        twice = metrics.AddCounter("stele_secret_unwrapped_twice_total", "Attempts to open a wrap that had been opened before. Anything but 0 is an alarm.");
        foreach (var status in (string[])["rotation_due", "expiring", "expired"])
            metrics.AddGauge("stele_secrets_due", "Secrets of all organizations that somebody should look after, by status.", () => due is { } counts ? counts.GetValueOrDefault(status) : double.NaN, "status", status);
    }

    public void Read() => reads.Add();

    public void Refused() => refused.Add();

    public void Broken() => broken.Add();

    public void UnwrappedTwice() => twice.Add();

    /// <summary>How many there are of each status that has any.</summary>
    public void Due(IReadOnlyDictionary<string, long> counts) => due = counts;
}
