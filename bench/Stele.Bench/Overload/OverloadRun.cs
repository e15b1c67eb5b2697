using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Stele.Bench.Peers;
using Stele.Prove.Report;

namespace Stele.Bench.Overload;

/// <summary>
/// Three times what a node can do: change sets of 100 keys, from a generator that is pinned to one core. What is to hold: the node goes on doing at
/// least 80 % of what it can, refuses the rest quickly and says when to come again, and is as before within five seconds of the end.
/// </summary>
internal sealed class OverloadRun(BenchArguments arguments, string work)
{
    const double GoodputBound = 0.8, RecoverySeconds = 5, QuickMilliseconds = 1_000, ServedMilliseconds = 1_000;

    readonly string token = PeerStarts.NewToken();

    public static async Task<int> Run(BenchArguments arguments)
    {
        var work = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"stele-overload-{Environment.ProcessId}")).FullName;
        try
        {
            return await new OverloadRun(arguments, work).Measure();
        }
        finally
        {
            Directory.CreateDirectory(arguments.Out);
            foreach (var log in Directory.GetFiles(work, "*.log")) File.Copy(log, Path.Combine(arguments.Out, "overload-" + Path.GetFileName(log)), overwrite: true);
            Directory.Delete(work, recursive: true);
        }
    }

    async Task<int> Measure()
    {
        var port = ChildProcess.FreePort();
        await using var stele = PeerStarts.Stele(arguments.Root, work, port, ChildProcess.FreePort(), token);
        await stele.WaitUntilReady("/readyz", CancellationToken.None);
        using var root = stele.NewClient();
        // as an organization's own clients come, and not as the operator, whom no rate binds
        using var made = await root.PostAsJsonAsync("/v1/tokens", new { name = "bench", scopes = new[] { new { permission = "config:write", environments = new[] { "*" }, prefix = "" } } });
        var tokenFile = Path.Combine(work, "token");
        using (var json = JsonDocument.Parse(await made.Content.ReadAsStringAsync())) await File.WriteAllTextAsync(tokenFile, json.RootElement.GetProperty("token").GetString());
        var start = new ProcessStartInfo("taskset",
        [
            "-c", $"{Environment.ProcessorCount - 1}", "dotnet", typeof(OverloadRun).Assembly.Location, "overload-load", "--port", $"{port}", "--like", tokenFile,
            "--seconds", arguments.Seconds.ToString(CultureInfo.InvariantCulture), "--warmup", arguments.WarmupSeconds.ToString(CultureInfo.InvariantCulture),
        ]) { RedirectStandardOutput = true };
        using var generator = Process.Start(start)!;
        var text = await generator.StandardOutput.ReadToEndAsync();
        await generator.WaitForExitAsync();
        return Report(JsonSerializer.Deserialize<OverloadResult>(text) ?? throw new InvalidOperationException("the generator said nothing"));
    }

    int Report(OverloadResult result)
    {
        var (from, to) = (result.OverloadFrom, result.OverloadTo);
        // the first second fills what may wait, and is no more overload than the load before it
        var during = result.Answers.Where(answer => answer.Due >= from && answer.Due < to).ToList();
        var good = result.Answers.Count(answer => answer.Status == 200 && answer.Done >= from + 1_000 && answer.Done < to) / ((to - from - 1_000) / 1e3);
        var refused = during.Where(answer => answer.Status is 429 or 503).ToList();
        var served = during.Where(answer => answer.Status == 200).Select(answer => answer.Done - answer.Due).Order().ToList();
        var refusals = refused.Select(answer => answer.Done - answer.Due).Order().ToList();
        var recovered = Recovered(result);
        var others = during.Where(answer => answer.Status is not (200 or 429 or 503)).GroupBy(answer => answer.Status).Select(group => $"{group.Count()} × {group.Key}").ToList();
        (string What, bool Met)[] bounds =
        [
            (string.Create(CultureInfo.InvariantCulture, $"goodput {good:0.0} change sets a second, {good / result.Peak:P0} of the peak of {result.Peak:0.0} (at least {GoodputBound:P0})"), good >= GoodputBound * result.Peak),
            (string.Create(CultureInfo.InvariantCulture, $"refusals: {refused.Count}, p50 {At(refusals, 0.5):0.0} ms, p99 {At(refusals, 0.99):0} ms (at most {QuickMilliseconds:0} ms)"), At(refusals, 0.99) <= QuickMilliseconds && refused.Count > 0),
            ($"refusals without Retry-After: {refused.Count(answer => !answer.SaysWhen)} (none)", refused.TrueForAll(answer => answer.SaysWhen)),
            ($"other answers: {(others.Count == 0 ? "none" : string.Join(", ", others))} (none)", others.Count == 0),
            (string.Create(CultureInfo.InvariantCulture, $"as before {recovered:0.0} s after the end (at most {RecoverySeconds:0} s)"), recovered <= RecoverySeconds),
        ];
        var report = new StringBuilder();
        report.Append(CultureInfo.InvariantCulture, $"# Three times what a node can do\n\n`bench/run overload`: change sets of 100 keys, {during.Count / ((to - from) / 1e3):0} a second for {(to - from) / 1e3:0} s, from a generator on one core, on {Environment.ProcessorCount} cores with PostgreSQL. ");
        report.Append(CultureInfo.InvariantCulture, $"What was taken was answered after {At(served, 0.5):0} ms (p50), {At(served, 0.99):0} ms (p99).\n\n");
        foreach (var (what, met) in bounds) report.Append(CultureInfo.InvariantCulture, $"- {(met ? "met" : "**missed**")}: {what}\n");
        report.Append("\n![overload](overload.svg)\n");
        Directory.CreateDirectory(arguments.Out);
        File.WriteAllText(Path.Combine(arguments.Out, "overload.svg"), Picture(result));
        var path = Path.Combine(arguments.Out, "overload.md");
        File.WriteAllText(path, report.ToString());
        Console.WriteLine(report);
        Console.WriteLine($"written: {path}");
        return bounds.All(bound => bound.Met) ? 0 : 1;
    }

    // from when on everything is served, and quickly
    static double Recovered(OverloadResult result)
    {
        var last = result.Answers.Where(answer => answer.Due >= result.OverloadTo && (answer.Status != 200 || answer.Done - answer.Due > ServedMilliseconds)).Select(answer => answer.Due).DefaultIfEmpty(result.OverloadTo).Max();
        return (last - result.OverloadTo) / 1e3;
    }

    static string Picture(OverloadResult result)
    {
        var seconds = (int)Math.Ceiling(result.Answers.Max(answer => answer.Done) / 1e3);
        double[] Rate(Func<OverloadAnswer, double> when, Func<OverloadAnswer, bool> which)
        {
            var rate = new double[seconds];
            foreach (var answer in result.Answers.Where(which)) rate[Math.Min(seconds - 1, (int)(when(answer) / 1e3))]++;
            return rate;
        }
        double[] Slowest(Func<OverloadAnswer, bool> which)
        {
            var slowest = new double[seconds];
            foreach (var group in result.Answers.Where(which).GroupBy(answer => Math.Min(seconds - 1, (int)(answer.Done / 1e3)))) slowest[group.Key] = At([.. group.Select(answer => answer.Done - answer.Due).Order()], 0.99);
            return slowest;
        }
        return Timeline.Draw("bench/run overload", seconds * 1e3,
            [
                ("change sets a second", [new Series("sent", "#888888", Rate(a => a.Due, _ => true)), new Series("done", "#2e7d32", Rate(a => a.Done, a => a.Status == 200)), new Series("refused", "#c62828", Rate(a => a.Done, a => a.Status is 429 or 503))]),
                ("p99, ms", [new Series("done", "#2e7d32", Slowest(a => a.Status == 200)), new Series("refused", "#c62828", Slowest(a => a.Status is 429 or 503))]),
            ], [new Bar("overload", "three times the peak", "", result.OverloadFrom, result.OverloadTo)]);
    }

    static double At(List<double> sorted, double share) => sorted.Count == 0 ? 0 : sorted[Math.Min(sorted.Count - 1, (int)(sorted.Count * share))];
}
