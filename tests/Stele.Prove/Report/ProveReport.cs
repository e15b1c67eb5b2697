using System.Globalization;
using System.Text;
using Stele.Prove.Faults;
using Stele.Prove.Workload;

namespace Stele.Prove.Report;

/// <summary>A run in Markdown, with its timeline beside it.</summary>
internal static class ProveReport
{
    /// <summary>Writes prove.md and prove.svg; the path of the former.</summary>
    public static string Write(ProveResult result, ProveArguments arguments)
    {
        Directory.CreateDirectory(arguments.Out);
        File.WriteAllText(Path.Combine(arguments.Out, "prove.svg"), Picture(result));
        var path = Path.Combine(arguments.Out, "prove.md");
        File.WriteAllText(path, Markdown(result));
        return path;
    }

    /// <summary>In a few lines.</summary>
    public static string Summary(ProveResult result)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in result.Figures) text.Append(CultureInfo.InvariantCulture, $"{name}: {value}\n");
        text.Append(result.Failures.Count == 0 ? "every promise held" : $"{result.Failures.Count} FAILURES, seed {result.Seed}");
        foreach (var failure in result.Failures) text.Append(CultureInfo.InvariantCulture, $"\n  {failure}");
        return text.ToString();
    }

    static string Markdown(ProveResult result)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# Real processes under faults\n\n`./stele prove --minutes {result.Milliseconds / 60_000:0.#} --seed {result.Seed}`: three nodes, PostgreSQL with a synchronous standby, Redis, each a process behind a proxy that injects faults ({result.Machine}).\n\n");
        text.Append(result.Failures.Count == 0
            ? "**Every promise held**: no acknowledged write was lost, doubled or put out of order, no strong read was stale, no watcher missed or saw twice or out of order, and the chain verifies.\n\n"
            : $"**{result.Failures.Count} promises were broken:**\n\n");
        foreach (var failure in result.Failures) text.Append(CultureInfo.InvariantCulture, $"- {failure}\n");
        if (result.Failures.Count > 0) text.Append('\n');
        foreach (var reason in result.LeftOut) text.Append(CultureInfo.InvariantCulture, $"**Not tried here:** {reason}.\n\n");
        text.Append("| | |\n| --- | ---: |\n");
        foreach (var (name, value) in result.Figures) text.Append(CultureInfo.InvariantCulture, $"| {name} | {value} |\n");
        foreach (var (sort, name) in (ReadOnlySpan<(string, string)>)[("write", "writes"), ("strong", "strong reads"), ("local", "local reads")])
        {
            var times = result.Samples.Where(sample => sample.Ok && sample.Class == sort).Select(sample => sample.To - sample.From).Order().ToList();
            if (times.Count > 0)
                text.Append(CultureInfo.InvariantCulture, $"| {name}: p50, p99, longest; seconds with at least one | {times[times.Count / 2]:0.0} ms, {times[(int)(times.Count * 0.99)]:0.0} ms, {times[^1]:0} ms; {Availability.Share(result.Samples, sort, result.Milliseconds):P2} |\n");
        }
        text.Append("\n![timeline](prove.svg)\n\n## The longest outage of each fault\n\nThe longest time between two successes of which some lies in the fault's time: of anybody's writes, of anybody's strong reads, and of the unluckiest client, which goes on to another node when one fails it. Two faults at once share their outage.\n\n");
        text.Append("| fault | times | lasted at most s | no write s | no strong read s | one client s |\n| --- | ---: | ---: | ---: | ---: | ---: |\n");
        foreach (var one in Availability.Of(result.Faults, result.Samples))
            text.Append(CultureInfo.InvariantCulture, $"| {one.Kind} | {one.Times} | {one.LastedSeconds:0.0} | {one.Writes:0.0} | {one.Reads:0.0} | {one.Client:0.0} |\n");
        text.Append("\n## What happened\n\n| at | fault | | lasted s | all as before after s |\n| ---: | --- | --- | ---: | ---: |\n");
        foreach (var fault in result.Faults)
            text.Append(CultureInfo.InvariantCulture, $"| {TimeSpan.FromMilliseconds(fault.From):mm\\:ss} | {fault.Step.Kind} | {fault.Detail} | {(fault.Healed - fault.From) / 1e3:0.0} | {(fault.To - fault.From) / 1e3:0.0} |\n");
        return text.ToString();
    }

    static string Picture(ProveResult result) => Timeline.Draw($"./stele prove, seed {result.Seed}", result.Milliseconds,
        [
            ("acknowledged and answered a second",
            [
                new Series("writes", "#1565c0", Rate(result, sample => sample is { Ok: true, Class: "write" })),
                new Series("strong reads", "#2e7d32", Rate(result, sample => sample is { Ok: true, Class: "strong" })),
                new Series("local reads", "#b26a00", Rate(result, sample => sample is { Ok: true, Class: "local" })),
            ]),
            ("refused or unknown a second", [new Series("all", "#c62828", Rate(result, sample => !sample.Ok))]),
        ], [.. result.Faults.Select(fault => new Bar(LaneOf(fault), fault.Step.Kind.ToString(), fault.Detail, fault.From, fault.Healed))]);

    static string LaneOf(FaultRecord fault) => fault.Step.Part;

    static double[] Rate(ProveResult result, Func<Sample, bool> which)
    {
        var rate = new double[Math.Max(1, (int)Math.Ceiling(result.Milliseconds / 1e3))];
        foreach (var sample in result.Samples)
            if (which(sample) && (int)(sample.To / 1e3) < rate.Length) rate[(int)(sample.To / 1e3)]++;
        return rate;
    }
}
