namespace Stele.Simulation.Scheduling;

/// <summary>
/// One thread, one virtual clock, and the order of everything from a seed. Each process (a node, the database, a client) is
/// a synchronization context whose continuations land here; of all that could run next, the dice choose. When nothing can
/// run, the clock jumps to the next timer: an hour of timeouts takes no time at all.
/// </summary>
internal sealed class SimulatedScheduler(ulong seed)
{
    readonly Dice dice = new(seed ^ 0x5C4ED);
    readonly List<Work> ready = [];
    readonly PriorityQueue<SimulatedTimer, (long Due, long Order)> timers = new();
    readonly List<SimulatedProcess> processes = [];
    readonly int thread = Environment.CurrentManagedThreadId;
    long order;

    /// <summary>True time in ticks of 100 ns. Never 0, which code may take for "not yet".</summary>
    public long Now { get; private set; } = TimeSpan.TicksPerHour;

    /// <summary>True time since the beginning.</summary>
    public TimeSpan Elapsed => TimeSpan.FromTicks(Now - TimeSpan.TicksPerHour);

    /// <summary>How many pieces of work have run.</summary>
    public long Steps { get; private set; }

    /// <summary>A hash of all that happened in order: two runs of one seed must agree on it.</summary>
    public ulong Trace { get; private set; } = 14695981039346656037;

    /// <summary>What escaped: exceptions that nobody caught, and continuations that came from other threads.</summary>
    public List<string> Escapes { get; } = [];

    /// <summary>A new process with a clock of its own.</summary>
    public SimulatedProcess Start(string name)
    {
        var process = new SimulatedProcess(this, name, processes.Count);
        processes.Add(process);
        return process;
    }

    /// <summary>Runs until a condition holds; false when the time or the steps ran out, or nothing is left to run.</summary>
    public bool Run(Func<bool> done, TimeSpan atMost, long stepsMax)
    {
        var deadline = Now + atMost.Ticks;
        var last = Steps + stepsMax;
        var before = SynchronizationContext.Current;
        try
        {
            while (!done())
            {
                if (Now > deadline || Steps >= last || Escapes.Count > 0 || !Step()) return done();
            }
            return true;
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    /// <summary>Adds something that happened to the trace.</summary>
    public void Note(long what) => Trace = (Trace ^ (ulong)what) * 1099511628211;

    internal void Enqueue(SimulatedProcess process, SendOrPostCallback callback, object? state)
    {
        // also from the finalizer thread, which wakes what a killed process left behind
        if (process.Dead) return;
        if (Environment.CurrentManagedThreadId != thread)
        {
            lock (Escapes) Escapes.Add($"a continuation of {process.Name} came from another thread: {new System.Diagnostics.StackTrace()}");
            return;
        }
        var work = new Work(process, callback, state);
        if (process.Frozen) process.Held.Add(work);
        else ready.Add(work);
    }

    internal void Release(SimulatedProcess process)
    {
        ready.AddRange(process.Held);
        process.Held.Clear();
    }

    internal void Drop(SimulatedProcess process)
    {
        ready.RemoveAll(work => work.Process == process);
        process.Held.Clear();
    }

    internal void Hold(SimulatedProcess process)
    {
        process.Held.AddRange(ready.Where(work => work.Process == process));
        ready.RemoveAll(work => work.Process == process);
    }

    internal void Schedule(SimulatedTimer timer, long due) => timers.Enqueue(timer, (due, order++));

    bool Step()
    {
        Fire();
        if (ready.Count == 0)
        {
            if (!timers.TryPeek(out _, out var next)) return false;
            Now = Math.Max(Now, next.Due);
            Fire();
            return true;
        }
        var index = dice.Next(ready.Count);
        var work = ready[index];
        ready[index] = ready[^1];
        ready.RemoveAt(ready.Count - 1);
        Steps++;
        Note((Now << 8) ^ work.Process.Number);
        try
        {
            SynchronizationContext.SetSynchronizationContext(work.Process);
            work.Callback(work.State);
        }
        catch (Exception e)
        {
            Escapes.Add($"{work.Process.Name} threw: {e}");
        }
        // code takes time too; now and then enough for a timer to come between
        if (dice.Chance(0.3)) Now += dice.Next(dice.Chance(0.02) ? 20_000 : 400);
        return true;
    }

    void Fire()
    {
        while (timers.TryPeek(out var timer, out var at) && at.Due <= Now)
        {
            timers.Dequeue();
            timer.Ring(at.Due);
        }
    }
}
