namespace Stele.Simulation.Scheduling;

/// <summary>
/// A process of the simulation: what its code awaits continues here. It can be frozen (nothing of it runs, its timers
/// included, until it is thawed: SIGSTOP, or a long pause) and killed (nothing of it ever runs again).
/// </summary>
internal sealed class SimulatedProcess : SynchronizationContext
{
    readonly SimulatedScheduler scheduler;

    public SimulatedProcess(SimulatedScheduler scheduler, string name, int number)
    {
        (this.scheduler, Name, Number) = (scheduler, name, number);
        Time = new SimulatedTime(scheduler, this);
    }

    public string Name { get; }

    public int Number { get; }

    /// <summary>The clock as this process sees it.</summary>
    public SimulatedTime Time { get; }

    public bool Frozen { get; private set; }

    public bool Dead { get; private set; }

    /// <summary>What would run, was it not frozen.</summary>
    internal List<Work> Held { get; } = [];

    public void Freeze()
    {
        Frozen = true;
        scheduler.Hold(this);
    }

    public void Thaw()
    {
        Frozen = false;
        scheduler.Release(this);
    }

    public void Kill()
    {
        Dead = true;
        scheduler.Drop(this);
    }

    /// <summary>Adds something that happened to the trace.</summary>
    public void Note(long what) => scheduler.Note(what);

    public override void Post(SendOrPostCallback d, object? state) => scheduler.Enqueue(this, d, state);

    public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException("nothing in the simulation waits for another process");

    public override SynchronizationContext CreateCopy() => this;

    public override string ToString() => $"[{scheduler.Elapsed.TotalMilliseconds:0.000} ms] {Name}";
}

/// <summary>A continuation that waits to run.</summary>
internal readonly record struct Work(SimulatedProcess Process, SendOrPostCallback Callback, object? State);
