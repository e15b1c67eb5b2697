using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Stele.Cli.Running;

/// <summary>A command that runs with our terminal, and gets the signals that we get.</summary>
internal sealed partial class ChildProcess : IDisposable
{
    internal const int NotFound = 127, NotExecutable = 126;
    readonly Process process;

    ChildProcess(Process process) => this.process = process;

    internal int Id => process.Id;

    internal static ChildProcess Start(IReadOnlyList<string> words, IReadOnlyDictionary<string, string> variables)
    {
        var start = new ProcessStartInfo(words[0]) { UseShellExecute = false };
        foreach (var word in words.Skip(1)) start.ArgumentList.Add(word);
        foreach (var (name, value) in variables) start.Environment[name] = value;
        return new ChildProcess(Process.Start(start)!);
    }

    /// <summary>Why a command cannot be started, as shells count it.</summary>
    internal static int Code(Win32Exception e) => e.NativeErrorCode == 2 ? NotFound : NotExecutable;

    internal async Task<int> Ended()
    {
        await process.WaitForExitAsync(CancellationToken.None);
        return process.ExitCode;
    }

    internal void Signal(int number)
    {
        if (!process.HasExited) _ = Kill(process.Id, number);
    }

    /// <summary>False: there is no such process, or it is not ours to tell.</summary>
    internal static bool TrySignal(int process, int signal) => Kill(process, signal) == 0;

    /// <summary>Asks it to end, and ends it when it does not within the patience.</summary>
    internal async Task Stop(TimeSpan patience, TimeProvider clock)
    {
        Signal(Signals.Term);
        try
        {
            await process.WaitForExitAsync(CancellationToken.None).WaitAsync(patience, clock);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
        }
    }

    public void Dispose() => process.Dispose();

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}

/// <summary>Signals by name, as kill takes them.</summary>
internal static class Signals
{
    internal const int Term = 15;
    static readonly Dictionary<string, int> numbers = new(StringComparer.OrdinalIgnoreCase) { ["HUP"] = 1, ["INT"] = 2, ["QUIT"] = 3, ["USR1"] = 10, ["USR2"] = 12, ["TERM"] = 15, ["CONT"] = 18, ["WINCH"] = 28 };

    internal static string Names => string.Join(", ", numbers.Keys);

    /// <summary>HUP, SIGHUP or 1.</summary>
    internal static int? Parse(string text)
    {
        var name = text.StartsWith("SIG", StringComparison.OrdinalIgnoreCase) ? text[3..] : text;
        return numbers.TryGetValue(name, out var number) ? number : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var given) && given is > 0 and < 65 ? given : null;
    }

    /// <summary>Has signals that end us go to somebody else, until it is disposed of. With a terminal its whole group gets Ctrl-C already.</summary>
    internal static IDisposable Forward(Action<int> to, bool atTerminal)
    {
        var each = new (PosixSignal Signal, int Number, bool FromTerminal)[] { (PosixSignal.SIGTERM, 15, false), (PosixSignal.SIGHUP, 1, false), (PosixSignal.SIGINT, 2, true), (PosixSignal.SIGQUIT, 3, true), ((PosixSignal)10, 10, false), ((PosixSignal)12, 12, false) };
        return new Registrations([.. each.Select(one => PosixSignalRegistration.Create(one.Signal, context =>
        {
            context.Cancel = true;
            if (!(atTerminal && one.FromTerminal)) to(one.Number);
        }))]);
    }

    sealed class Registrations(IReadOnlyList<PosixSignalRegistration> all) : IDisposable
    {
        public void Dispose()
        {
            foreach (var one in all) one.Dispose();
        }
    }
}
