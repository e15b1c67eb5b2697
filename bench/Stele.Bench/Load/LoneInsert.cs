using System.Diagnostics;
using System.Globalization;

namespace Stele.Bench.Load;

/// <summary>The floor of a durable write: one client of pgbench that inserts a row of 100 bytes and commits, on the PostgreSQL that serves Stele.</summary>
internal static class LoneInsert
{
    public const string Script = """
        \set id random(1, 1000000000)
        INSERT INTO bench_insert (id, value) VALUES (:id, repeat('x', 100));
        """;

    public static string Command(double seconds) => string.Create(CultureInfo.InvariantCulture, $"pgbench -n -M prepared -c1 -j1 -T {Math.Max(1, (int)seconds)} -l -f insert.sql");

    public static async Task Prepare(IReadOnlyDictionary<string, string> access, CancellationToken cancellation)
    {
        await Run("psql", ["-X", "-q", "-c", "CREATE TABLE IF NOT EXISTS bench_insert (id bigint, value text)"], access, Path.GetTempPath(), cancellation);
    }

    public static async Task<Measurement> Measure(IReadOnlyDictionary<string, string> access, double seconds, string work, CancellationToken cancellation)
    {
        var directory = Directory.CreateDirectory(Path.Combine(work, "pgbench"));
        foreach (var old in directory.GetFiles("pgbench_log.*")) old.Delete();
        await File.WriteAllTextAsync(Path.Combine(directory.FullName, "insert.sql"), Script, cancellation);
        await Run("pgbench", Command(seconds).Split(' ')[1..], access, directory.FullName, cancellation);
        var lines = await File.ReadAllLinesAsync(directory.GetFiles("pgbench_log.*").Single().FullName, cancellation);
        // client, transaction, microseconds, script, epoch, epoch's microseconds
        var milliseconds = lines.Select(line => double.Parse(line.Split(' ')[2], CultureInfo.InvariantCulture) / 1e3).Order().ToArray();
        double At(double share) => milliseconds[Math.Min(milliseconds.Length - 1, (int)(milliseconds.Length * share))];
        return new Measurement(1e3 / milliseconds.Average(), At(0.5), At(0.9), At(0.99), At(1), milliseconds.Length, 0, 0);
    }

    static async Task Run(string file, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> access, string directory, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = directory };
        foreach (var (name, value) in access) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync(cancellation);
        await process.StandardOutput.ReadToEndAsync(cancellation);
        await process.WaitForExitAsync(cancellation);
        if (process.ExitCode != 0) throw new InvalidOperationException($"{file} failed: {await error}");
    }
}
