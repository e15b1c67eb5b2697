using System.Globalization;
using System.Text;

namespace Stele.Server.Operation;

/// <summary>
/// Every instrument of the node, and their text in Prometheus' exposition format 0.0.4. Instruments are made at start or
/// at first use and kept by who observes them; only a scrape walks this list.
/// </summary>
/// <remarks>Format: https://prometheus.io/docs/instrumenting/exposition_formats/</remarks>
internal sealed class Metrics
{
    readonly Lock gate = new();
    readonly SortedDictionary<string, Family> families = new(StringComparer.Ordinal);

    /// <summary>A new series of a histogram. Labels alternate name and value.</summary>
    public Histogram Add(string name, string help, Histogram histogram, params string[] labels)
    {
        var at = Labels(labels);
        Add(name, "histogram", help, text => WriteHistogram(text, name, at, histogram.Read()));
        return histogram;
    }

    /// <summary>A new series of a counter, whose name ends in <c>_total</c>.</summary>
    public Counter AddCounter(string name, string help, params string[] labels)
    {
        var counter = new Counter();
        var at = Labels(labels);
        Add(name, "counter", help, text => Sample(text, name, at, counter.Value));
        return counter;
    }

    /// <summary>A number that is asked for at each scrape; NaN leaves the sample out.</summary>
    public void AddGauge(string name, string help, Func<double> read, params string[] labels) => AddRead("gauge", name, help, read, labels);

    /// <summary>As a gauge, for what only rises.</summary>
    public void AddCounter(string name, string help, Func<double> read, params string[] labels) => AddRead("counter", name, help, read, labels);

    /// <summary>Whatever is found at a scrape: labels with values.</summary>
    public void AddSeries(string name, string type, string help, Func<IEnumerable<(string[] Labels, double Value)>> read) => Add(name, type, help, text =>
    {
        foreach (var (labels, value) in read()) Sample(text, name, Labels(labels), value);
    });

    /// <summary>The text of a scrape.</summary>
    public string Write()
    {
        var text = new StringBuilder(16 << 10);
        Family[] all;
        lock (gate) all = [.. families.Values.Select(family => family with { Series = [.. family.Series] })];
        foreach (var family in all)
        {
            text.Append("# HELP ").Append(family.Name).Append(' ').Append(family.Help).Append('\n');
            text.Append("# TYPE ").Append(family.Name).Append(' ').Append(family.Type).Append('\n');
            foreach (var series in family.Series) series(text);
        }
        return text.ToString();
    }

    void AddRead(string type, string name, string help, Func<double> read, string[] labels)
    {
        var at = Labels(labels);
        Add(name, type, help, text =>
        {
            if (read() is var value && !double.IsNaN(value)) Sample(text, name, at, value);
        });
    }

    void Add(string name, string type, string help, Action<StringBuilder> series)
    {
        lock (gate)
        {
            if (!families.TryGetValue(name, out var family)) families[name] = family = new Family(name, type, help, []);
            family.Series.Add(series);
        }
    }

    static void WriteHistogram(StringBuilder text, string name, string labels, HistogramReading reading)
    {
        var comma = labels.Length == 0 ? "" : ",";
        foreach (var bucket in reading.Buckets)
        {
            var bound = double.IsPositiveInfinity(bucket.UpperBound) ? "+Inf" : bucket.UpperBound.ToString("R", CultureInfo.InvariantCulture);
            Sample(text, name + "_bucket", $"{labels}{comma}le=\"{bound}\"", bucket.Count);
        }
        Sample(text, name + "_sum", labels, reading.Sum);
        Sample(text, name + "_count", labels, reading.Count);
    }

    static void Sample(StringBuilder text, string name, string labels, double value)
    {
        text.Append(name);
        if (labels.Length > 0) text.Append('{').Append(labels).Append('}');
        text.Append(' ').Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
    }

    static string Labels(string[] labels) => string.Join(',', labels.Chunk(2).Select(pair => $"{pair[0]}=\"{Escaped(pair[1])}\""));

    static string Escaped(string value) => value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    sealed record Family(string Name, string Type, string Help, List<Action<StringBuilder>> Series);
}
