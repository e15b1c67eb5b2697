using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Stele.Prove.Processes;

/// <summary>A process of the run, with what it prints in a file. It works in the run's own directory, by which <see cref="WorkDirectory"/> finds it whatever happens.</summary>
internal sealed class ChildProcess : IDisposable
{
    readonly Process process;

    ChildProcess(Process process) => this.process = process;

    public int Id => process.Id;

    public bool HasExited => process.HasExited;

    /// <param name="program">What runs.</param>
    /// <param name="arguments">With what.</param>
    /// <param name="environment">Added to ours; a null takes one away.</param>
    /// <param name="directory">Where it works: below the run's directory.</param>
    /// <param name="log">What it prints is added to this file.</param>
    /// <param name="user">Whom it runs as; null: ourselves.</param>
    public static ChildProcess Start(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string?> environment, string directory, string log, string? user = null)
    {
        // the shell opens the log as ourselves or the user, and is gone: its number is the program's
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec \"$@\" >>\"$0\" 2>&1", log, program, .. arguments]) { WorkingDirectory = directory };
        if (user is not null) start.UserName = user;
        foreach (var (name, value) in environment)
            if (value is null) start.Environment.Remove(name);
            else start.Environment[name] = value;
        return new ChildProcess(Process.Start(start)!);
    }

    /// <summary>Runs a program to its end; throws with what it printed when that is not a good one.</summary>
    public static async Task<string> Run(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string?>? environment = null, string? user = null, string directory = "/")
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = directory };
        if (user is not null) start.UserName = user;
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>()) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', start.ArgumentList)} ended with {process.ExitCode}: {output}{await error}");
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Sends a signal, such as STOP, to it and then to what it has started: once the first is stopped, nothing is added.</summary>
    public async Task Signal(string signal)
    {
        if (process.HasExited) return;
        await Send(signal, [Id]);
        await Send(signal, Children());
    }

    /// <summary>SIGKILL to it and all that it started, and waits until they are gone.</summary>
    public async Task Kill()
    {
        if (process.HasExited) return;
        // nothing is started while we look
        await Send("STOP", [Id]);
        var children = Children();
        await Send("KILL", [Id, .. children]);
        await process.WaitForExitAsync();
        await Pause.Until("the children of a killed process are gone", TimeSpan.FromSeconds(20), () => Task.FromResult(children.TrueForAll(IsGone)), CancellationToken.None);
    }

    /// <summary>A signal that asks it to end, and SIGKILL when it has not within the time.</summary>
    public async Task Stop(string signal, TimeSpan patience)
    {
        if (process.HasExited) return;
        await Send("CONT", [Id, .. Children()]);
        await Send(signal, [Id]);
        try
        {
            await process.WaitForExitAsync().WaitAsync(patience);
        }
        catch (TimeoutException)
        {
            await Kill();
        }
    }

    public void Dispose() => process.Dispose();

    List<int> Children() => [.. Directory.EnumerateDirectories("/proc").Select(ReadStat).Where(stat => stat?.Parent == Id).Select(stat => stat!.Value.Id)];

    static bool IsGone(int id) => ReadStat($"/proc/{id}") is not { State: not 'Z' };

    static async Task Send(string signal, IReadOnlyList<int> ids)
    {
        if (ids.Count == 0) return;
        // one that has ended meanwhile makes kill complain, which is no news
        using var kill = Process.Start(new ProcessStartInfo("kill", [$"-{signal}", .. ids.Select(id => id.ToString(CultureInfo.InvariantCulture))]) { RedirectStandardError = true })!;
        await kill.WaitForExitAsync();
    }

    static (int Id, int Parent, char State)? ReadStat(string directory)
    {
        if (!int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var id)) return null;
        try
        {
            var stat = File.ReadAllText(Path.Combine(directory, "stat"));
            // the name is in parentheses and may hold spaces
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return (id, int.Parse(fields[1], CultureInfo.InvariantCulture), fields[0][0]);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
