using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Stele.Fuzz.Running;
using Stele.Server.Tests.Fixtures;

namespace Stele.Fuzz;

/// <summary>
/// <c>./stele fuzz</c>: runs surfaces one after the other, each in a process of its own, so that one that dies takes nothing with it and
/// leaves behind which input it was at.
/// </summary>
internal static class FuzzCommand
{
    const long InputsDefault = 100_000;

    public static async Task<int> Run(string[] args)
    {
        if (FuzzOptions.Parse(args, out var problem) is not { } options)
        {
            if (problem is not null) await Console.Error.WriteLineAsync($"stele fuzz: {problem}\n");
            Console.Write(Usage());
            return problem is null ? 0 : 2;
        }
        if (options.Child is { } child) return await Child(options, child);
        if (options.Input is not null || options.File is not null) return await Replay(options);
        var reports = new List<SurfaceReport>();
        foreach (var name in options.Surfaces) reports.Add(await Apart(options, name));
        Console.Write($"\n{SurfaceReport.Table(reports)}");
        return reports.All(report => report.Findings.Count == 0) ? 0 : 1;
    }

    /// <summary>A surface in a process of its own.</summary>
    static async Task<SurfaceReport> Apart(FuzzOptions options, string name)
    {
        var directory = Directory.CreateTempSubdirectory("stele-fuzz-").FullName;
        try
        {
            var start = new ProcessStartInfo(Environment.ProcessPath!);
            if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet") start.ArgumentList.Add(typeof(FuzzCommand).Assembly.Location);
            foreach (var word in (string[])["fuzz", "--surface", name, "--inputs", $"{options.Inputs ?? InputsDefault}", "--seed", $"{options.Seed}", "--from", $"{options.From}", "--child", directory]) start.ArgumentList.Add(word);
            foreach (var word in options.Within is { } within ? (string[])["--seconds", $"{within.TotalSeconds}"] : []) start.ArgumentList.Add(word);
            // most of what an input leaves behind is gone before there is this much of it: a quarter of the time that a million take went into looking
            start.Environment.TryAdd("DOTNET_GCgen0size", "4000000");
            using var process = Process.Start(start)!;
            await process.WaitForExitAsync();
            var path = Path.Combine(directory, ReportName);
            var report = File.Exists(path) ? JsonSerializer.Deserialize<SurfaceReport>(await File.ReadAllTextAsync(path))! : Dead(options, name, directory, process.ExitCode);
            Console.Write(report.Explained());
            Keep(report);
            return report;
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    static SurfaceReport Dead(FuzzOptions options, string name, string directory, int exitCode)
    {
        var last = LastInputs.Of(Path.Combine(directory, LastName));
        return new SurfaceReport(name, options.Seed) { Inputs = last.Count == 0 ? 0 : last.Max() - options.From, Findings = [.. last.Select(index => new Found(index, 1, $"the process ended with {exitCode} while it was at this input", []))] };
    }

    static async Task<int> Child(FuzzOptions options, string directory)
    {
        var name = options.Surfaces.Single();
        await using var postgres = new PostgresServers();
        await using var surface = await Surfaces.Open(name);
        using var last = new LastInputs(Path.Combine(directory, LastName));
        var run = new SurfaceRun(surface, options.Seed, options.From, options.Inputs ?? InputsDefault) { Last = last, Within = options.Within };
        Console.WriteLine($"{name}: {surface.Meaning}");
        var watch = Stopwatch.StartNew();
        await using var progress = new Timer(_ => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {run.Done:N0} inputs, {run.Done / watch.Elapsed.TotalSeconds:N0} a second, {run.Findings} found")), null, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(10));
        var report = await run.Run();
        await File.WriteAllTextAsync(Path.Combine(directory, ReportName), JsonSerializer.Serialize(report));
        return report.Findings.Count == 0 ? 0 : 1;
    }

    static async Task<int> Replay(FuzzOptions options)
    {
        await using var postgres = new PostgresServers();
        await using var surface = await Surfaces.Open(options.Surfaces.Single());
        var inputs = options.File is { } file ? [await File.ReadAllBytesAsync(file)]
            : Enumerable.Range(0, (int)(options.Inputs ?? 1)).Select(i => surface.Make(SurfaceRun.DiceOf(options.Seed, options.Input!.Value + i))).ToList();
        foreach (var input in inputs) Console.Write(new SurfaceReport(surface.Name, options.Seed) { Findings = [new Found(options.Input ?? 0, 1, "(the input)", input)] }.Explained());
        var watch = Stopwatch.StartNew();
        var accepted = await surface.Try(inputs);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{accepted} of {inputs.Count} accepted in {watch.Elapsed.TotalMilliseconds:N1} ms; everything held."));
        return 0;
    }

    /// <summary>What was found, as files that --file replays and that may become regressions.</summary>
    static void Keep(SurfaceReport report)
    {
        if (report.Findings.Count == 0) return;
        var directory = Directory.CreateDirectory(Path.Combine(Environment.GetEnvironmentVariable("STELE_DATA") ?? ".stele", "fuzz"));
        foreach (var found in report.Findings.Where(found => found.Input.Length > 0))
        {
            var path = Path.Combine(directory.FullName, $"{report.Surface}-{report.Seed}-{found.Index}.input");
            File.WriteAllBytes(path, found.Input);
            Console.WriteLine($"  kept: {path}");
        }
    }

    static string Usage() => $"""
        usage: ./stele fuzz [--surface NAME|all] [--inputs N] [--seed S] [--from I] [--seconds T]
               ./stele fuzz --surface NAME --seed S --input I [--inputs N]      one input again, or N as one batch
               ./stele fuzz --surface NAME --file PATH                          the bytes of a file

        Gives hostile input to Stele: {InputsDefault:N0} inputs a surface unless told otherwise. The same seed gives the same inputs.
        After T seconds a surface ends with the inputs that it has done, and --from goes on where it was.
        Surfaces: {string.Join(", ", Surfaces.All.Select(surface => surface.Name))}, or pure and wire for those without and with a server.

        """;

    const string ReportName = "report.json", LastName = "last";
}
