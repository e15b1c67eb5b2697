namespace Stele.Simulation.Scheduling;

/// <summary>
/// The clock of one process: the scheduler's, plus the skew of the process's wall clock. Timers and timestamps are
/// monotonic, so a step of the wall clock does not touch them.
/// </summary>
internal sealed class SimulatedTime(SimulatedScheduler scheduler, SimulatedProcess process) : TimeProvider
{
    /// <summary>Wall clock of the scheduler's beginning.</summary>
    public static readonly DateTimeOffset Beginning = new(2026, 1, 31, 0, 0, 0, TimeSpan.Zero);

    /// <summary>How far the wall clock is ahead of true time.</summary>
    public TimeSpan Skew { get; set; }

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => Beginning.AddTicks(scheduler.Now) + Skew;

    public override long GetTimestamp() => scheduler.Now;

    /// <summary>Ends when so much virtual time has passed; takes no real time.</summary>
    public Task Wait(TimeSpan time)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        CreateTimer(_ => done.TrySetResult(), null, time, Timeout.InfiniteTimeSpan);
        return done.Task;
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new SimulatedTimer(scheduler, process, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }
}

/// <summary>A timer on the virtual clock; it rings in its process.</summary>
internal sealed class SimulatedTimer(SimulatedScheduler scheduler, SimulatedProcess process, TimerCallback callback, object? state) : ITimer
{
    long due = long.MaxValue;
    TimeSpan period = Timeout.InfiniteTimeSpan;

    public bool Change(TimeSpan dueTime, TimeSpan period)
    {
        this.period = period;
        if (dueTime == Timeout.InfiniteTimeSpan)
        {
            due = long.MaxValue;
            return true;
        }
        due = scheduler.Now + Math.Max(dueTime.Ticks, 0);
        scheduler.Schedule(this, due);
        return true;
    }

    public void Dispose() => due = long.MaxValue;

    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    internal void Ring(long at)
    {
        // changed or disposed since this ring was set
        if (at != due || process.Dead) return;
        due = long.MaxValue;
        if (period > TimeSpan.Zero) Change(period, period);
        process.Post(_ => callback(state), null);
    }
}
