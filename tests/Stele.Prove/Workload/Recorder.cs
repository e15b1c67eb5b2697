using System.Diagnostics;
using Stele.Simulation.Checking.Histories;

namespace Stele.Prove.Workload;

/// <summary>One operation that somebody waited for, for the figures of availability. Times in milliseconds since the run began.</summary>
internal readonly record struct Sample(double From, double To, string Class, string Client, int Node, bool Ok, string? Code, string? Detail = null)
{
    /// <summary>How it failed, in the words of whoever refused it, whatever the numbers in them.</summary>
    public string Ending => Detail is null ? $"{Class}: {Code}" : $"{Class}: {Code}, {string.Concat(Detail.Select(c => char.IsAsciiDigit(c) ? '#' : c))}";
}

/// <summary>The history of a run as it happens: in a file, and in memory for the checks at its end. One clock for everybody.</summary>
internal sealed class Recorder : IDisposable
{
    readonly long began = Stopwatch.GetTimestamp();
    readonly List<HistoryLine> lines = [];
    readonly List<Sample> samples = [];
    readonly StreamWriter file;
    readonly Lock gate = new();
    int operations;

    public Recorder(string path, int seed)
    {
        file = new StreamWriter(path);
        Add(new RunBegan(0, 1, "prove", seed.ToString(System.Globalization.CultureInfo.InvariantCulture)));
    }

    /// <summary>Microseconds since the run began.</summary>
    public long Now => (long)Stopwatch.GetElapsedTime(began).TotalMicroseconds;

    /// <summary>Milliseconds since the run began.</summary>
    public double Milliseconds => Now / 1e3;

    public int NextOperation() => Interlocked.Increment(ref operations);

    public void Add(HistoryLine line)
    {
        lock (gate)
        {
            lines.Add(line);
            file.WriteLine(HistoryFile.Text(line));
        }
    }

    public void Add(Sample sample)
    {
        lock (gate) samples.Add(sample);
    }

    /// <summary>So far.</summary>
    public (int Acknowledged, int Reads, int Refused, int Frames) Counts()
    {
        lock (gate)
            return (samples.Count(sample => sample is { Class: "write", Ok: true }), samples.Count(sample => sample is { Class: not "write", Ok: true }),
                samples.Count(sample => !sample.Ok), lines.Count(line => line is FrameReceived { Kind: "change" }));
    }

    public List<HistoryLine> Lines()
    {
        lock (gate) return [.. lines];
    }

    public List<Sample> Samples()
    {
        lock (gate) return [.. samples];
    }

    public void Dispose() => file.Dispose();
}
