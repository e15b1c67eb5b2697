using System.Diagnostics;
using System.Globalization;
using System.Text;
using Stele.Bench.Peers;

namespace Stele.Bench.Crash;

/// <summary>
/// Kills the server, and separately PostgreSQL, with SIGKILL under a write load, as often as asked; then checks that every
/// acknowledged write is there once, that no key has a gap, and that the chain verifies. A killed server is started again
/// by its own command and nothing else; a killed PostgreSQL is the server's to bring back.
/// </summary>
internal sealed class CrashRun(BenchArguments arguments, string work) : IAsyncDisposable
{
    readonly string token = PeerStarts.NewToken();
    readonly int port = ChildProcess.FreePort();
    readonly int grpcPort = ChildProcess.FreePort();
    readonly StringBuilder report = new("| round | killed | acknowledged before | first write after | ready after |\n| --- | --- | ---: | ---: | ---: |\n");
    Peer? stele;

    public static async Task<int> Run(BenchArguments arguments)
    {
        var work = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"stele-crash-{Environment.ProcessId}")).FullName;
        var failures = new List<string>();
        try
        {
            await using var run = new CrashRun(arguments, work);
            failures.AddRange(await run.Crash(arguments.Rounds ?? 5));
        }
        finally
        {
            Directory.CreateDirectory(arguments.Out);
            foreach (var log in Directory.GetFiles(work, "*.log")) File.Copy(log, Path.Combine(arguments.Out, "crash-" + Path.GetFileName(log)), overwrite: true);
            if (failures.Count == 0) Directory.Delete(work, recursive: true);
        }
        return failures.Count == 0 ? 0 : 1;
    }

    public ValueTask DisposeAsync() => stele?.DisposeAsync() ?? ValueTask.CompletedTask;

    async Task<List<string>> Crash(int rounds)
    {
        await Start();
        using var client = stele!.NewClient();
        client.Timeout = TimeSpan.FromSeconds(15);
        var load = new CrashLoad(client, arguments.Writers);
        var random = new Random();
        for (var round = 1; round <= rounds; round++)
        {
            await Round(load, round, "server", random, KillServer);
            await Round(load, round, "PostgreSQL", random, KillPostgres);
        }
        await load.Stop();
        var failures = await load.Check();
        failures.AddRange(await Verify());
        Finish(load, failures);
        return failures;
    }

    // "kill" gives the moment of the kill: all times count from there
    async Task Round(CrashLoad load, int round, string what, Random random, Func<Task<long>> kill)
    {
        await Pause(TimeSpan.FromSeconds(arguments.Seconds / 2 + random.NextDouble() * 2));
        var before = load.Acknowledged;
        var killed = await kill();
        var acknowledged = load.FirstAcknowledgedAfter(killed, TimeSpan.FromMinutes(2));
        await stele!.WaitUntilReady("/readyz", CancellationToken.None);
        var ready = Stopwatch.GetElapsedTime(killed);
        var first = await acknowledged - killed;
        var line = string.Create(CultureInfo.InvariantCulture, $"| {round} | {what} | {before} | {first * 1e3 / Stopwatch.Frequency:0} ms | {ready.TotalMilliseconds:0} ms |");
        report.AppendLine(line);
        Console.Error.WriteLine(line);
    }

    async Task<long> KillServer()
    {
        await stele!.Process.Kill();
        var killed = Stopwatch.GetTimestamp();
        await stele.DisposeAsync();
        await Start();
        return killed;
    }

    async Task<long> KillPostgres()
    {
        var postmaster = EmbeddedPostgres.Postmaster(PeerStarts.SteleData(work)) ?? throw new InvalidOperationException("The embedded PostgreSQL's process is not to be found.");
        using var process = Process.GetProcessById(postmaster);
        process.Kill();
        var killed = Stopwatch.GetTimestamp();
        await process.WaitForExitAsync();
        return killed;
    }

    Task Start()
    {
        stele = PeerStarts.Stele(arguments.Root, work, port, grpcPort, token);
        return stele.WaitUntilReady("/readyz", CancellationToken.None);
    }

    async Task<List<string>> Verify()
    {
        var start = new ProcessStartInfo("dotnet", [PeerStarts.SteleBinary(arguments.Root), "verify"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in PeerStarts.SteleEnvironment(work, port, grpcPort, token)) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        report.AppendLine(CultureInfo.InvariantCulture, $"\n`stele verify` (exit {process.ExitCode}): {output.Trim()}\n");
        return process.ExitCode == 0 ? [] : [$"stele verify: exit {process.ExitCode}: {output} {await error}"];
    }

    void Finish(CrashLoad load, List<string> failures)
    {
        report.AppendLine(CultureInfo.InvariantCulture,
            $"{load.Acknowledged} writes acknowledged by {arguments.Writers} writers, {load.Retries} retries with the same idempotency key, {load.Unsettled} left unanswered.");
        report.AppendLine(failures.Count == 0 ? "\nEvery acknowledged write is there once; no key has a gap; the chain verifies." : $"\n**{failures.Count} failures**\n");
        foreach (var failure in failures) report.AppendLine(CultureInfo.InvariantCulture, $"- {failure}");
        Directory.CreateDirectory(arguments.Out);
        var path = Path.Combine(arguments.Out, "crash.md");
        File.WriteAllText(path, $"# Killed under load\n\n{report}");
        Console.WriteLine(report);
        Console.WriteLine($"written: {path}");
        if (failures.Count > 0) Console.WriteLine($"the data is kept in {work}");
    }

    static async Task Pause(TimeSpan time)
    {
        using var timer = new PeriodicTimer(time);
        await timer.WaitForNextTickAsync();
    }
}
