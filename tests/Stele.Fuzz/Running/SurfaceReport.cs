using System.Globalization;
using System.Text;

namespace Stele.Fuzz.Running;

/// <summary>Something that was found.</summary>
/// <param name="Index">Which input; of a batch the first.</param>
/// <param name="Count">How many inputs it takes: 1, unless none of a batch did it alone.</param>
/// <param name="Message">What did not hold.</param>
/// <param name="Input">The input, or the batch joined.</param>
internal sealed record Found(long Index, int Count, string Message, byte[] Input);

/// <summary>What came of a run.</summary>
internal sealed record SurfaceReport(string Surface, ulong Seed)
{
    public long Inputs { get; init; }
    public long Accepted { get; init; }
    public TimeSpan Took { get; init; }
    public TimeSpan Slowest { get; init; }
    public long SlowestIndex { get; init; }
    public long MostBytes { get; init; }
    public long MostBytesIndex { get; init; }
    public long HeapBytes { get; init; }
    public IReadOnlyList<Found> Findings { get; init; } = [];

    /// <summary>Its findings as somebody needs them who is to mend what was found.</summary>
    public string Explained()
    {
        var text = new StringBuilder();
        foreach (var found in Findings)
        {
            text.Append(CultureInfo.InvariantCulture, $"FOUND in {Surface}: {found.Message}\n  replay: ./stele fuzz --surface {Surface} --seed {Seed} --input {found.Index}");
            if (found.Count > 1) text.Append(CultureInfo.InvariantCulture, $" --inputs {found.Count}");
            text.Append(CultureInfo.InvariantCulture, $"\n  input ({found.Input.Length} bytes): {Shown(found.Input)}\n  bytes: {Convert.ToHexString(found.Input.AsSpan(0, Math.Min(found.Input.Length, 2_000)))}{(found.Input.Length > 2_000 ? "…" : "")}\n");
        }
        return text.ToString();
    }

    /// <summary>The table of several runs.</summary>
    public static string Table(IReadOnlyList<SurfaceReport> reports)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{"surface",-12} {"inputs",11} {"accepted",9} {"seconds",9} {"a second",10} {"slowest",10} {"most memory",12} {"heap after",11}  found\n");
        foreach (var report in reports)
            text.Append(CultureInfo.InvariantCulture, $"{report.Surface,-12} {report.Inputs,11:N0} {(report.Inputs == 0 ? 0 : (double)report.Accepted / report.Inputs),9:P1} {report.Took.TotalSeconds,9:N1} {report.Inputs / Math.Max(report.Took.TotalSeconds, 0.001),10:N0} {report.Slowest.TotalMilliseconds,7:N1} ms {report.MostBytes / 1048576.0,8:N1} MiB {report.HeapBytes / 1048576.0,7:N0} MiB  {report.Findings.Count}\n");
        return text.ToString();
    }

    static string Shown(byte[] input)
    {
        var text = new StringBuilder();
        foreach (var c in Encoding.UTF8.GetString(input.AsSpan(0, Math.Min(input.Length, 1_500))))
            text.Append(c is '\n' ? "\\n" : c is '\r' ? "\\r" : char.IsControl(c) || char.IsSurrogate(c) ? string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}") : c);
        return input.Length > 1_500 ? text.Append('…').ToString() : text.ToString();
    }
}
