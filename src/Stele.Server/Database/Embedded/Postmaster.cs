using System.Diagnostics;
using System.Globalization;

namespace Stele.Server.Database.Embedded;

/// <summary>What <c>postmaster.pid</c> says: PostgreSQL writes it at start and removes it at the end, unless it is killed.</summary>
/// <param name="Text">The whole file; two reads with the same process, start time and shared memory are the same postmaster.</param>
internal sealed record Postmaster(int Pid, int Port, string SocketDirectory, string State, string Text)
{
    /// <summary>Null when there is no file, or it is not whole yet.</summary>
    public static Postmaster? Read(string pidFile)
    {
        string text;
        try
        {
            text = File.ReadAllText(pidFile);
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        // pid, data directory, start time, port, socket directory, listen address, shared memory, state
        var lines = text.Split('\n');
        return int.TryParse(lines[0], CultureInfo.InvariantCulture, out var pid)
            ? new Postmaster(Math.Abs(pid), lines.Length > 3 && int.TryParse(lines[3], CultureInfo.InvariantCulture, out var port) ? port : 0,
                lines.Length > 4 ? lines[4].Trim() : "", lines.Length > 7 ? lines[7].Trim() : "starting", text)
            : null;
    }

    /// <summary>Whether the process lives and is this postmaster, not another program that got its number.</summary>
    public bool IsAlive(string pidFile) => Exists(Pid) && IsOf(Pid, pidFile);

    /// <summary>Whether any process has this number; one that has ended and waits to be reaped does not count.</summary>
    public static bool Exists(int pid)
    {
        if (!OperatingSystem.IsLinux())
            return NameOf(pid) is not null;
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            // the name in brackets may hold anything, the state follows the last bracket
            return stat[(stat.LastIndexOf(')') + 2)] is not ('Z' or 'X');
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Whether the number is taken, be it by one that has ended and was not reaped yet: PostgreSQL would think that it lives.</summary>
    public static bool IsTaken(int pid) => OperatingSystem.IsLinux() ? Directory.Exists($"/proc/{pid}") : Exists(pid);

    /// <summary>Backends and workers of a postmaster that has gone. They hold its shared memory, and PostgreSQL does not start while they live.</summary>
    public static IEnumerable<int> Leftovers(string pidFile) =>
        OperatingSystem.IsLinux()
            ? Directory.EnumerateDirectories("/proc").Select(Path.GetFileName)
                .Where(name => int.TryParse(name, CultureInfo.InvariantCulture, out _)).Select(name => int.Parse(name!, CultureInfo.InvariantCulture))
                .Where(pid => Exists(pid) && IsOf(pid, pidFile))
            : [];

    /// <summary>Every PostgreSQL process works in its data directory: what it sees there as <c>postmaster.pid</c> is our file, whatever links lie on the way.</summary>
    static bool IsOf(int pid, string pidFile)
    {
        if (!OperatingSystem.IsLinux())
            return NameOf(pid) == "postgres";
        try
        {
            return File.ReadAllText($"/proc/{pid}/comm").Trim() == "postgres"
                && Identity(File.ReadAllText($"/proc/{pid}/cwd/postmaster.pid")) == Identity(File.ReadAllText(pidFile));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    // pid, data directory and start time: the state at the end changes
    static string Identity(string text) => string.Join('\n', text.Split('\n').Take(3));

    static string? NameOf(int pid)
    {
        try
        {
            using var process = Process.GetProcessById(pid);
            return process.ProcessName;
        }
        catch (Exception failure) when (failure is ArgumentException or InvalidOperationException)
        {
            return null;
        }
    }
}
