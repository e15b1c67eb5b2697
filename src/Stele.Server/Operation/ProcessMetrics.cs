using System.Diagnostics;
using System.Diagnostics.Metrics;
using Stele.Server.Options;

namespace Stele.Server.Operation;

/// <summary>What the process, the runtime and the driver's pools say of themselves: asked for at each scrape, nothing in between.</summary>
internal sealed class ProcessMetrics : IDisposable
{
    const string DriverMeter = "Npgsql", CountInstrument = "db.client.connection.count", MaxInstrument = "db.client.connection.max",
        PendingInstrument = "db.client.connection.npgsql.pending_requests";

    readonly Process process = Process.GetCurrentProcess();
    readonly MeterListener listener = new();
    readonly Lock gate = new();
    readonly Dictionary<string, List<(string[] Labels, double Value)>> pools = new()
    {
        [CountInstrument] = [], [MaxInstrument] = [],
    };

    // waits are told as they begin and end, and not asked for
    readonly Dictionary<string, long> waiting = [];

    public ProcessMetrics(Metrics metrics, SteleOptions options)
    {
        var started = new DateTimeOffset(process.StartTime.ToUniversalTime()).ToUnixTimeMilliseconds() / 1000.0;
        metrics.AddGauge("stele_info", "Always 1; its labels say which server this is.", () => 1,
            "version", typeof(ProcessMetrics).Assembly.GetName().Version!.ToString(3), "node", options.Node);
        metrics.AddGauge("process_start_time_seconds", "Start of the process since the Unix epoch.", () => started);
        metrics.AddCounter("process_cpu_seconds_total", "Processor time of the process.", () => process.TotalProcessorTime.TotalSeconds);
        metrics.AddGauge("process_resident_memory_bytes", "Resident memory of the process.", () => Fresh().WorkingSet64);
        metrics.AddGauge("process_open_fds", "Open file descriptors.", OpenFiles);
        metrics.AddGauge("process_threads", "Threads of the process.", () => process.Threads.Count);
        metrics.AddGauge("dotnet_gc_heap_size_bytes", "Bytes of the managed heap.", () => GC.GetTotalMemory(false));
        for (var generation = 0; generation <= GC.MaxGeneration; generation++)
        {
            var collected = generation;
            metrics.AddCounter("dotnet_gc_collections_total", "Garbage collections by generation.", () => GC.CollectionCount(collected), "generation", $"gen{generation}");
        }
        metrics.AddCounter("dotnet_gc_pause_seconds_total", "Time that garbage collection stopped the process.", () => GC.GetTotalPauseDuration().TotalSeconds);
        metrics.AddGauge("dotnet_thread_pool_queue_length", "Work items that wait for a thread.", () => ThreadPool.PendingWorkItemCount);
        metrics.AddSeries("db_client_connections_usage", "gauge", "Connections of each pool, by state.", () => Pools(CountInstrument));
        metrics.AddSeries("db_client_connections_max", "gauge", "Connections that each pool may have.", () => Pools(MaxInstrument));
        metrics.AddSeries("db_client_connections_pending_requests", "gauge", "Waits for a connection of each pool.", Waiting);
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == DriverMeter && (pools.ContainsKey(instrument.Name) || instrument.Name == PendingInstrument)) self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Keep(instrument.Name, value, tags));
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Keep(instrument.Name, value, tags));
        listener.Start();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        listener.Dispose();
        process.Dispose();
    }

    Process Fresh()
    {
        process.Refresh();
        return process;
    }

    static double OpenFiles() => Directory.Exists("/proc/self/fd") ? Directory.EnumerateFileSystemEntries("/proc/self/fd").Count() : double.NaN;

    IEnumerable<(string[] Labels, double Value)> Pools(string instrument)
    {
        lock (gate)
        {
            pools[instrument].Clear();
            listener.RecordObservableInstruments();
            // pools of one name (one for each of several hosts) are one series
            return [.. pools[instrument].GroupBy(sample => string.Join('\n', sample.Labels)).Select(same => (same.First().Labels, same.Sum(sample => sample.Value)))];
        }
    }

    IEnumerable<(string[] Labels, double Value)> Waiting()
    {
        // the pools there are, with a zero where nobody ever waited
        var all = Pools(MaxInstrument).Select(pool => pool.Labels[1]).ToList();
        lock (gate) return [.. all.Select(pool => ((string[])["pool", pool], (double)waiting.GetValueOrDefault(pool)))];
    }

    void Keep(string instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var labels = new List<string>();
        foreach (var (name, tag) in tags)
            if (Label(name) is { } label) labels.AddRange([label, tag?.ToString() ?? ""]);
        // connections outside our pools are named by their connection strings, and gone by now
        if (labels.Count < 2 || labels.Any(label => label.Contains('='))) return;
        lock (gate)
        {
            if (instrument == PendingInstrument) waiting[labels[1]] = waiting.GetValueOrDefault(labels[1]) + (long)value;
            else pools[instrument].Add(([.. labels], value));
        }
    }

    static string? Label(string tag) => tag switch
    {
        "db.client.connection.pool.name" => "pool",
        "db.client.connection.state" => "state",
        _ => null,
    };
}
