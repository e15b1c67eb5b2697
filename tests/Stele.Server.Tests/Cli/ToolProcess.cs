using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Stele.Server.Tests.Http;

namespace Stele.Server.Tests.Cli;

/// <summary>The tool, or a sample, as a process of its own.</summary>
internal sealed class ToolProcess : IDisposable
{
    readonly Process process;
    readonly ConcurrentQueue<string> lines = new();
    int open = 2;

    ToolProcess(Process process) => this.process = process;

    internal string Said => string.Join('\n', lines);

    internal static ToolProcess Start(HttpServer server, params string[] words) => Start(server, "dotnet", [Path.Combine(AppContext.BaseDirectory, "stele-cli.dll"), .. words]);

    internal static ToolProcess Start(HttpServer server, string program, IEnumerable<string> words, params (string Name, string Value)[] variables)
    {
        var start = new ProcessStartInfo(program, words) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in ((string, string)[])[("STELE_URL", server.Client.BaseAddress!.ToString()), ("STELE_TOKEN", HttpServer.Token), ("STELE_ENV", "production"), .. variables]) start.Environment[name] = value;
        var process = Process.Start(start)!;
        var tool = new ToolProcess(process);
        process.OutputDataReceived += (_, line) => tool.Add(line.Data);
        process.ErrorDataReceived += (_, line) => tool.Add(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return tool;
    }

    internal async Task<int> Ended()
    {
        using var enough = new CancellationTokenSource(TimeSpan.FromSeconds(40));
        await process.WaitForExitAsync(enough.Token);
        return process.ExitCode;
    }

    internal Task Says(string what) => Fixtures.Wait.Until(() =>
    {
        // what it said last may come after it has ended
        var over = process.HasExited && Volatile.Read(ref open) == 0;
        return Said.Contains(what, StringComparison.Ordinal) || (over ? throw new InvalidOperationException($"ended with {process.ExitCode}: {Said}") : false);
    }, $"{what} in: {Said}");

    internal void Signal(string signal) => Process.Start("kill", [signal, process.Id.ToString(CultureInfo.InvariantCulture)]).WaitForExit();

    public void Dispose()
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        process.Dispose();
    }

    void Add(string? line)
    {
        if (line is not null) lines.Enqueue(line);
        else Interlocked.Decrement(ref open);
    }
}
