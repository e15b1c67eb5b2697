using Stele.Core.Faults;

namespace Stele.Server.Secrets.Keys;

/// <summary>
/// How long somebody outside is asked who does not answer. What is passing is tried again with growing pauses; after a call that failed nobody asks for
/// a while, doubled with each that follows, and all are refused at once. So a write fails at once, and one that comes up again is not met by all who waited.
/// </summary>
/// <param name="pause">For how long nobody asks after the first call that failed.</param>
/// <param name="time">The clock.</param>
internal sealed class Patience(TimeSpan pause, TimeProvider time)
{
    const int DoublingsMax = 3;

    /// <summary>The first pause between two attempts of one call.</summary>
    public static readonly TimeSpan DelayMin = TimeSpan.FromMilliseconds(50);
    static readonly TimeSpan delayMax = TimeSpan.FromSeconds(1);

    readonly Lock gate = new();
    Fault? last;
    long quietUntil;
    int failures;

    /// <summary>What those are told who ask while nobody is to ask; null: ask.</summary>
    public Fault? Refused
    {
        get
        {
            lock (gate) return last is not null && time.GetTimestamp() < quietUntil ? last : null;
        }
    }

    /// <summary>Notes an answer; whether it is the first after calls that failed.</summary>
    public bool Answered()
    {
        lock (gate)
        {
            if (last is null) return false;
            last = null;
            failures = 0;
            return true;
        }
    }

    /// <summary>Notes a call that failed; whether the reason is another than that of the one before.</summary>
    public bool Failed(Fault fault)
    {
        lock (gate)
        {
            var isNews = last is null || last.Detail != fault.Detail;
            last = fault;
            quietUntil = time.GetTimestamp() + (long)(pause.TotalSeconds * (1 << Math.Min(failures++, DoublingsMax)) * time.TimestampFrequency);
            return isNews;
        }
    }

    /// <summary>Waits between two attempts, between half of the delay and all of it, so that nodes do not come back together; the next delay.</summary>
    public async ValueTask<TimeSpan> Wait(TimeSpan delay, CancellationToken cancellation)
    {
        await Task.Delay(delay * (0.5 + Random.Shared.NextDouble() / 2), time, cancellation);
        return delay * 2 > delayMax ? delayMax : delay * 2;
    }
}
