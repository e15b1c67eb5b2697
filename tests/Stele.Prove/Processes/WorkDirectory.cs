using System.Diagnostics;

namespace Stele.Prove.Processes;

/// <summary>
/// Where all processes of a run work, and what cleans up after it even when the run itself is killed: a small shell in a session of its own
/// that waits for our end of a pipe to close, then kills every process that works below this directory, by its number, and removes the directory.
/// </summary>
internal sealed class WorkDirectory : IAsyncDisposable
{
    const string Reap = """
        read -r _
        cd /
        for round in 1 2 3 4 5; do
          left=
          for p in /proc/[0-9]*; do
            case $(readlink "$p/cwd" 2>/dev/null) in "$0" | "$0"/*) kill -9 "${p#/proc/}" 2>/dev/null; left=yes ;; esac
          done
          [ -n "$left" ] || break
          sleep 0.2
        done
        for place in "$0"/*/; do umount -l "$place" 2>/dev/null; done
        rm -rf "$0"
        """;

    readonly Process reaper;

    public WorkDirectory()
    {
        Path = Directory.CreateTempSubdirectory("stele-prove-").FullName;
        // PostgreSQL runs as another user when we are root
        if (Environment.IsPrivilegedProcess) File.SetUnixFileMode(Path, (UnixFileMode)0b111_111_111);
        reaper = Process.Start(new ProcessStartInfo("setsid", ["sh", "-c", Reap, Path]) { RedirectStandardInput = true, WorkingDirectory = "/" })!;
    }

    public string Path { get; }

    /// <summary>A directory below it.</summary>
    public string Make(string name) => Directory.CreateDirectory(System.IO.Path.Combine(Path, name)).FullName;

    public string LogOf(string name) => System.IO.Path.Combine(Path, $"{name}.log");

    /// <summary>Copies what the processes have printed.</summary>
    public void CopyLogs(string to)
    {
        Directory.CreateDirectory(to);
        foreach (var log in Directory.GetFiles(Path, "*.log")) File.Copy(log, System.IO.Path.Combine(to, System.IO.Path.GetFileName(log)), overwrite: true);
    }

    public async ValueTask DisposeAsync()
    {
        reaper.StandardInput.Close();
        await reaper.WaitForExitAsync();
        reaper.Dispose();
    }
}
