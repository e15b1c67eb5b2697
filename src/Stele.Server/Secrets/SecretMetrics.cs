using Stele.Server.Operation;

namespace Stele.Server.Secrets;

/// <summary>Reads and refusals of values, and what failed its check.</summary>
internal sealed class SecretMetrics(Metrics metrics)
{
    readonly Counter reads = metrics.AddCounter("stele_secret_reads_total", "Values of secrets that were given out.");
    readonly Counter refused = metrics.AddCounter("stele_secret_refused_total", "Reads of values of secrets that were refused, for whatever reason.");
    readonly Counter broken = metrics.AddCounter("stele_secret_integrity_failures_total", "Reads of secrets whose stored bytes failed their check. Anything but 0 is an alarm.");

    readonly Counter twice = metrics.AddCounter("stele_secret_unwrapped_twice_total", "Attempts to open a wrap that had been opened before. Anything but 0 is an alarm.");

    public void Read() => reads.Add();

    public void Refused() => refused.Add();

    public void Broken() => broken.Add();

    public void UnwrappedTwice() => twice.Add();
}
