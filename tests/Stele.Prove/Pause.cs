using System.Diagnostics;

namespace Stele.Prove;

/// <summary>Waits: for a time that is part of the schedule, or for a condition.</summary>
internal static class Pause
{
    public static async Task For(TimeSpan time, CancellationToken cancellation)
    {
        if (time <= TimeSpan.Zero) return;
        using var timer = new PeriodicTimer(time);
        await timer.WaitForNextTickAsync(cancellation);
    }

    /// <summary>Until the condition holds; throws when it does not within the time. What it throws meanwhile counts as not yet.</summary>
    public static async Task Until(string what, TimeSpan most, Func<Task<bool>> condition, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        var began = Stopwatch.GetTimestamp();
        Exception? last = null;
        while (true)
        {
            try
            {
                if (await condition()) return;
            }
            catch (Exception e) when (e is not OperationCanceledException || !cancellation.IsCancellationRequested)
            {
                last = e;
            }
            if (Stopwatch.GetElapsedTime(began) > most) throw new TimeoutException($"waited {most.TotalSeconds:0} s in vain: {what}{(last is null ? "" : $" ({last.Message})")}");
            await timer.WaitForNextTickAsync(cancellation);
        }
    }
}
