using System.Diagnostics;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Running;

/// <summary>Inputs of a surface, one number after the other, on all cores: what each takes is measured, and what it breaks is kept.</summary>
internal sealed class SurfaceRun(ISurface surface, ulong seed, long from, long count)
{
    // an input that takes longer, three times out of three, is found
    static readonly TimeSpan slow = TimeSpan.FromSeconds(2);
    // nothing comes back from an input that takes longer
    static readonly TimeSpan hung = TimeSpan.FromSeconds(90);
    // what one input may allocate on its thread
    const long BytesMax = 256 << 20;
    const int FindingsMax = 8;
    // who waits for a server leaves the machine to others
    const int WaitingWorkers = 16;

    readonly Lock gate = new();
    readonly SemaphoreSlim turns = new(WaitingWorkers), alone = new(1);
    readonly HashSet<string> seen = new(StringComparer.Ordinal);
    readonly List<Found> findings = [];
    readonly long end = from + count;
    long next = from, done, accepted, mostBytes, mostBytesIndex, slowestIndex;
    long until = long.MaxValue;
    TimeSpan slowest;

    /// <summary>Where each worker's number goes.</summary>
    public LastInputs? Last { get; init; }

    /// <summary>After how long no more are begun; null: all are.</summary>
    public TimeSpan? Within { get; init; }

    /// <summary>How many at a time.</summary>
    public int Workers { get; init; } = surface.BatchInputs == 1 ? Math.Max(2, Environment.ProcessorCount) : WaitingWorkers;

    /// <summary>How many inputs were tried.</summary>
    public long Done => Volatile.Read(ref done);

    /// <summary>How many things were found.</summary>
    public int Findings => findings.Count;

    /// <summary>Which dice an input is made with.</summary>
    public static Dice DiceOf(ulong seed, long index) => new(seed * 0x9E3779B97F4A7C15 ^ (ulong)index * 0xD1B54A32D192ED03);

    /// <summary>Runs to the end, or until enough was found.</summary>
    public async Task<SurfaceReport> Run()
    {
        var watch = Stopwatch.StartNew();
        if (Within is { } within) until = Stopwatch.GetTimestamp() + (long)(within.TotalSeconds * Stopwatch.Frequency);
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(worker => Task.Run(() => Work(worker))));
        watch.Stop();
        return new SurfaceReport(surface.Name, seed)
        {
            Inputs = done, Accepted = accepted, Took = watch.Elapsed, Slowest = slowest, SlowestIndex = slowestIndex, MostBytes = mostBytes, MostBytesIndex = mostBytesIndex,
            HeapBytes = GC.GetTotalMemory(forceFullCollection: true), Findings = findings,
        };
    }

    async Task Work(int worker)
    {
        var inputs = new List<byte[]>(surface.BatchInputs);
        while (findings.Count < FindingsMax && Stopwatch.GetTimestamp() < until)
        {
            var index = Interlocked.Add(ref next, surface.BatchInputs) - surface.BatchInputs;
            var size = (int)Math.Min(surface.BatchInputs, end - index);
            if (size <= 0) return;
            Last?.Note(worker, index);
            inputs.Clear();
            for (var i = 0; i < size; i++) inputs.Add(surface.Make(DiceOf(seed, index + i)));
            await Batch(index, inputs);
            Interlocked.Add(ref done, size);
        }
    }

    async Task Batch(long index, List<byte[]> inputs)
    {
        await turns.WaitAsync();
        var failure = await Attempt(index, inputs);
        turns.Release();
        if (failure is null) return;
        if (surface.BatchInputs == 1)
        {
            Keep(new Found(index, 1, failure, inputs[0]));
            return;
        }
        // which of them was it, or was it one of somebody else's? while nobody else sends anything
        await alone.WaitAsync();
        for (var i = 0; i < WaitingWorkers; i++) await turns.WaitAsync();
        try
        {
            await Blame(index, inputs, failure);
        }
        finally
        {
            turns.Release(WaitingWorkers);
            alone.Release();
        }
    }

    async Task Blame(long index, List<byte[]> inputs, string failure)
    {
        for (var i = 0; i < inputs.Count; i++)
            if (await Attempt(index + i, [inputs[i]]) is { } one)
            {
                Keep(new Found(index + i, 1, one, inputs[i]));
                return;
            }
        var again = await Attempt(index, inputs);
        // what nobody can be blamed for is told once
        if (again is not null || seen.Add(failure[..Math.Min(failure.Length, 300)])) Keep(new Found(index, inputs.Count, (again is null ? "(not again) " : "") + (again ?? failure), [.. inputs.SelectMany(input => input)]));
    }

    /// <summary>What did not hold, or null.</summary>
    async Task<string?> Attempt(long index, List<byte[]> inputs)
    {
        using var watchdog = new Timer(_ => Environment.FailFast($"{surface.Name}: the input {index} of seed {seed} takes more than {hung.TotalSeconds} s."), null, hung, Timeout.InfiniteTimeSpan);
        try
        {
            for (var round = 1; ; round++)
            {
                var (began, allocated) = (Stopwatch.GetTimestamp(), GC.GetAllocatedBytesForCurrentThread());
                var trial = surface.Try(inputs);
                var sound = trial.IsCompletedSuccessfully;
                var bytes = sound ? GC.GetAllocatedBytesForCurrentThread() - allocated : 0;
                var good = await trial;
                var took = Stopwatch.GetElapsedTime(began);
                // others work on this machine too: only what is slow each time is slow
                if (took > slow && inputs.Count == 1 && round < 3) continue;
                Interlocked.Add(ref accepted, good);
                Note(index, took, bytes);
                if (took > slow && inputs.Count == 1) return $"it takes {took.TotalMilliseconds:N0} ms";
                return bytes > BytesMax ? $"it takes {bytes >> 20} MiB of memory" : null;
            }
        }
        catch (Exception e)
        {
            return e is FuzzFinding ? e.Message : e.ToString();
        }
    }

    void Note(long index, TimeSpan took, long bytes)
    {
        if (took <= slowest && bytes <= mostBytes) return;
        lock (gate)
        {
            if (took > slowest) (slowest, slowestIndex) = (took, index);
            if (bytes > mostBytes) (mostBytes, mostBytesIndex) = (bytes, index);
        }
    }

    void Keep(Found found)
    {
        lock (gate) findings.Add(found);
    }
}
