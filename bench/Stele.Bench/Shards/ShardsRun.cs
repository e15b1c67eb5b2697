using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Stele.Bench.Peers;

namespace Stele.Bench.Shards;

/// <summary>
/// `stele shards --set N` at a million keys under load: the longest read and write, before and during, and whether every row
/// is there afterwards. Fails past one second for a read, and five for a write.
/// </summary>
internal sealed class ShardsRun(BenchArguments arguments, string work)
{
    const int Readers = 4, Writers = 4;
    const double ReadMillisecondsMax = 1_000, WriteMillisecondsMax = 5_000;

    readonly string token = PeerStarts.NewToken();
    readonly int port = ChildProcess.FreePort();
    readonly int grpcPort = ChildProcess.FreePort();
    readonly StringBuilder report = new();
    readonly List<string> failures = [];

    public static async Task<int> Run(BenchArguments arguments)
    {
        var work = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"stele-shards-{Environment.ProcessId}")).FullName;
        var run = new ShardsRun(arguments, work);
        try
        {
            await run.Measure();
        }
        finally
        {
            Directory.CreateDirectory(arguments.Out);
            foreach (var log in Directory.GetFiles(work, "*.log")) File.Copy(log, Path.Combine(arguments.Out, "shards-" + Path.GetFileName(log)), overwrite: true);
            Directory.Delete(work, recursive: true);
        }
        return run.failures.Count == 0 ? 0 : 1;
    }

    async Task Measure()
    {
        await using var stele = PeerStarts.Stele(arguments.Root, work, port, grpcPort, token);
        await stele.WaitUntilReady("/readyz", CancellationToken.None);
        using var client = stele.NewClient();
        await ShardsLoad.Fill(client, arguments.Keys);
        report.AppendLine(CultureInfo.InvariantCulture, $"{arguments.Keys} keys with values of 100 bytes, {Readers} readers (strong, history, a past version) and {Writers} writers, each in a closed loop.\n");
        report.AppendLine("| while | seconds | reads | longest read | p99.9 | writes | longest write | p99.9 |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        var load = new ShardsLoad(client, arguments.Keys, Readers, Writers);
        await using (load)
        {
            await Phase(load, "nothing else runs", () => Pause(TimeSpan.FromSeconds(arguments.Seconds)), bounded: false);
            foreach (var shards in (int[])[16, 10])
                await Phase(load, $"`stele shards --set {shards}`", () => Stele(shards), bounded: true);
        }
        if (load.Failed > 0) failures.Add($"{load.Failed} requests were refused or failed");
        await CheckRows(load.Written);
        Finish();
    }

    async Task Phase(ShardsLoad load, string what, Func<Task> run, bool bounded)
    {
        load.Take();
        var begun = Stopwatch.GetTimestamp();
        await run();
        var seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        var (reads, writes) = load.Take();
        reads.Sort();
        writes.Sort();
        var line = string.Create(CultureInfo.InvariantCulture,
            $"| {what} | {seconds:0.0} | {reads.Count} | {reads[^1]:0} ms | {At(reads):0} ms | {writes.Count} | {writes[^1]:0} ms | {At(writes):0} ms |");
        report.AppendLine(line);
        Console.Error.WriteLine(line);
        if (bounded && reads[^1] > ReadMillisecondsMax) failures.Add($"{what}: a read waited {reads[^1]:0} ms");
        if (bounded && writes[^1] > WriteMillisecondsMax) failures.Add($"{what}: a write waited {writes[^1]:0} ms");
    }

    static double At(List<double> sorted) => sorted[(int)((sorted.Count - 1) * 0.999)];

    async Task Stele(int shards)
    {
        var (exit, output) = await Command("shards", "--set", shards.ToString(CultureInfo.InvariantCulture));
        Console.Error.Write(output);
        if (exit != 0) failures.Add($"stele shards --set {shards}: exit {exit}: {output}");
        said.Append(output);
    }

    readonly StringBuilder said = new();

    // every key once, and a version for each acknowledged write
    async Task CheckRows(long written)
    {
        var (_, output) = await Command("shards", "--json");
        using var json = JsonDocument.Parse(output);
        var rows = json.RootElement.GetProperty("tables").EnumerateArray().ToDictionary(table => table.GetProperty("table").GetString()!, table => table.GetProperty("rows").GetInt64());
        if (rows["configuration"] != arguments.Keys) failures.Add($"configuration has {rows["configuration"]} rows, not {arguments.Keys}");
        if (rows["configuration_history"] != arguments.Keys + written) failures.Add($"configuration_history has {rows["configuration_history"]} rows, not {arguments.Keys + written}");
    }

    async Task<(int Exit, string Output)> Command(params string[] words)
    {
        var start = new ProcessStartInfo("dotnet", [PeerStarts.SteleBinary(arguments.Root), .. words]) { RedirectStandardOutput = true };
        foreach (var (name, value) in PeerStarts.SteleEnvironment(work, port, grpcPort, token)) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output);
    }

    void Finish()
    {
        report.AppendLine(CultureInfo.InvariantCulture, $"\n```\n{said}```\n");
        report.AppendLine(failures.Count == 0 ? "Every row is there; nobody waited longer than promised." : "**Failed**\n");
        foreach (var failure in failures) report.AppendLine(CultureInfo.InvariantCulture, $"- {failure}");
        Directory.CreateDirectory(arguments.Out);
        var path = Path.Combine(arguments.Out, "shards.md");
        File.WriteAllText(path, $"# Repartitioned under load\n\n{report}");
        Console.WriteLine(report);
        Console.WriteLine($"written: {path}");
    }

    static async Task Pause(TimeSpan time)
    {
        using var timer = new PeriodicTimer(time);
        await timer.WaitForNextTickAsync();
    }
}
