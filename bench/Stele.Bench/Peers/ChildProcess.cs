using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Stele.Bench.Peers;

/// <summary>A process that the bench started, with what it prints in a file, and the CPU time of all that belongs to it.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    readonly Process process;
    readonly StreamWriter log;
    readonly string? mark;

    ChildProcess(Process process, StreamWriter log, string? mark) => (this.process, this.log, this.mark) = (process, log, mark);

    public int Id => process.Id;
    public bool HasExited => process.HasExited;

    /// <param name="mark">Processes with this in their command line or working directory belong to it too, though they are not its children.</param>
    public static ChildProcess Start(string file, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, string logPath, string? mark = null)
    {
        var start = new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        var log = new StreamWriter(logPath, append: true) { AutoFlush = true };
        var process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => Write(log, line.Data);
        process.ErrorDataReceived += (_, line) => Write(log, line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return new ChildProcess(process, log, mark);
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>CPU seconds spent so far by the process, its descendants, and those that carry its mark.</summary>
    public double CpuSeconds()
    {
        var stats = Directory.EnumerateDirectories("/proc").Select(ReadStat).OfType<(int Id, int Parent, long Ticks)>().ToList();
        var mine = new HashSet<int> { Id };
        if (mark is not null) mine.UnionWith(stats.Select(s => s.Id).Where(HasMark));
        for (var before = 0; before != mine.Count;)
        {
            before = mine.Count;
            mine.UnionWith(stats.Where(s => mine.Contains(s.Parent)).Select(s => s.Id));
        }
        return stats.Where(s => mine.Contains(s.Id)).Sum(s => s.Ticks) / 100.0;
    }

    /// <summary>SIGKILL to this process alone; what it started lives on.</summary>
    public async Task Kill()
    {
        process.Kill();
        await process.WaitForExitAsync();
    }

    /// <summary>SIGTERM, and SIGKILL to all of it if that does not end it.</summary>
    public async Task Stop(int seconds = 15)
    {
        if (process.HasExited) return;
        using var kill = Process.Start("kill", ["-TERM", Id.ToString(CultureInfo.InvariantCulture)]);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Stop();
        process.Dispose();
        await log.DisposeAsync();
    }

    static void Write(StreamWriter log, string? line)
    {
        if (line is null) return;
        try
        {
            lock (log) log.WriteLine(line);
        }
        catch (ObjectDisposedException)
        {
            // The last lines of a process that was killed may come after its log was closed.
        }
    }

    bool HasMark(int id)
    {
        try
        {
            // PostgreSQL's postmaster is nobody's child and names no directory: it works in its own
            return File.ReadAllText($"/proc/{id}/cmdline").Contains(mark!, StringComparison.Ordinal)
                || File.ResolveLinkTarget($"/proc/{id}/cwd", returnFinalTarget: false)?.FullName.Contains(mark!, StringComparison.Ordinal) == true;
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    // User and system time with that of children already reaped: fields 14 to 17 of proc(5)'s stat, in 1/100 s.
    static (int Id, int Parent, long Ticks)? ReadStat(string directory)
    {
        if (!int.TryParse(Path.GetFileName(directory), CultureInfo.InvariantCulture, out var id)) return null;
        try
        {
            var text = File.ReadAllText(Path.Combine(directory, "stat"));
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return (id, int.Parse(fields[1], CultureInfo.InvariantCulture), fields[11..15].Sum(f => long.Parse(f, CultureInfo.InvariantCulture)));
        }
        catch (IOException)
        {
            return null;
        }
    }
}
