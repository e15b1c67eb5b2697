using System.Collections.Concurrent;
using System.Diagnostics;

namespace Stele.Server.Operation;

/// <summary>
/// Times SQL statements by name: <c>using var timing = statements.Start("history");</c>. A histogram per name, and a log
/// line for what took longer than the option says. The line has the name only: parameters are other people's values.
/// </summary>
internal sealed class StatementTimer(Metrics metrics, ILogger<StatementTimer> log, TimeSpan slow)
{
    readonly ConcurrentDictionary<string, Histogram> histograms = new(StringComparer.Ordinal);

    /// <summary>Starts the clock for a statement. Names are constants in code, so their number is bounded.</summary>
    public Timing Start(string statement) => new(this, statement, Stopwatch.GetTimestamp());

    /// <summary>What was measured otherwise.</summary>
    public void Record(string statement, TimeSpan elapsed)
    {
        if (!histograms.TryGetValue(statement, out var histogram)) histogram = histograms.GetOrAdd(statement, MakeOnce);
        histogram.Observe(elapsed);
        if (elapsed >= slow) log.SlowStatement(statement, (long)elapsed.TotalMilliseconds);
    }

    Histogram MakeOnce(string statement)
    {
        // GetOrAdd may call its factory twice, and each call would add a series
        lock (histograms)
            return histograms.TryGetValue(statement, out var made) ? made
                : histograms[statement] = metrics.Add("stele_sql_duration_seconds", "Duration of SQL statements by name.", Histogram.OfSeconds(), "statement", statement);
    }

    internal readonly struct Timing(StatementTimer timer, string statement, long started) : IDisposable
    {
        public void Dispose() => timer.Record(statement, Stopwatch.GetElapsedTime(started));
    }
}
