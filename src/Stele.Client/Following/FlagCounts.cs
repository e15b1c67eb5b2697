using System.Collections.Concurrent;

namespace Stele.Client.Following;

/// <summary>How often each flag gave each variant since the server was told. Bounded by what there is: only flags that exist are counted.</summary>
internal sealed class FlagCounts
{
    readonly ConcurrentDictionary<(string Flag, string? Variant), Cell> cells = new();

    internal void Add(string flag, string? variant)
    {
        if (!cells.TryGetValue((flag, variant), out var cell)) cell = cells.GetOrAdd((flag, variant), static _ => new Cell());
        Interlocked.Increment(ref cell.Count);
    }

    internal IReadOnlyList<FlagUsageItem> Items => [.. cells.Select(pair => new FlagUsageItem { Flag = pair.Key.Flag, Variant = pair.Key.Variant, Count = Interlocked.Read(ref pair.Value.Count) })];

    /// <summary>What could not be told is counted on.</summary>
    internal void AddTo(FlagCounts other)
    {
        foreach (var (key, cell) in cells)
            Interlocked.Add(ref other.cells.GetOrAdd(key, static _ => new Cell()).Count, Interlocked.Read(ref cell.Count));
    }

    sealed class Cell
    {
        internal long Count;
    }
}

/// <summary>Tells the server now and then what flags answered in this process.</summary>
internal sealed class FlagReports(SteleClient client, string? environment)
{
    const int ItemsMax = 1_000;

    internal async Task Run(TimeSpan every, TimeProvider clock, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(every, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellation)) await RunOnce(cancellation);
        }
        catch (OperationCanceledException)
        {
            // the end
        }
    }

    internal async Task RunOnce(CancellationToken cancellation)
    {
        var counts = client.Flags.TakeCounts();
        try
        {
            foreach (var part in counts.Items.Chunk(ItemsMax)) await client.ReportFlagUsageAsync(environment, new FlagUsageReport { Items = part }, cancellation);
        }
        catch (Exception e) when (e is SteleException or OperationCanceledException)
        {
            counts.AddTo(client.Flags.Counting);
            if (e is OperationCanceledException) throw;
        }
    }
}
