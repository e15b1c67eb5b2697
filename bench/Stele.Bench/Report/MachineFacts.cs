using System.Diagnostics;
using System.Runtime.InteropServices;
using Stele.Bench.Peers;

namespace Stele.Bench.Report;

/// <summary>What a reader needs to judge the figures: the machine, the versions, when, and how busy it was otherwise.</summary>
internal sealed record MachineFacts(IReadOnlyList<(string Name, string Value)> Facts)
{
    public static async Task<MachineFacts> Gather(IReadOnlyDictionary<string, Peer> peers, string work, CancellationToken cancellation)
    {
        var model = Lines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(": ")[^1] ?? RuntimeInformation.ProcessArchitecture.ToString();
        var memory = Lines("/proc/meminfo").FirstOrDefault()?.Split(':', StringSplitOptions.TrimEntries)[^1] ?? "unknown";
        List<(string, string)> facts =
        [
            ("date", TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd HH:mm 'UTC'", null)),
            ("machine", $"{model}, {Environment.ProcessorCount} cores, {memory}"),
            ("kernel", RuntimeInformation.OSDescription),
            ("file system", (await Output("df", ["--output=source,fstype", work], cancellation)).Split('\n').Skip(1).FirstOrDefault()?.Trim() ?? "unknown"),
            ("load average at the end", Lines("/proc/loadavg").FirstOrDefault() ?? "unknown"),
            (".NET", RuntimeInformation.FrameworkDescription),
            ("commit", (await Output("git", ["-C", AppContext.BaseDirectory, "rev-parse", "--short", "HEAD"], cancellation)).Trim()),
            ("wrk", (await Output("wrk", ["--version"], cancellation)).Split('\n')[0].Trim()),
        ];
        if (peers.ContainsKey("etcd")) facts.Add(("etcd", (await Output("etcd", ["--version"], cancellation)).Split('\n')[0].Trim()));
        if (peers.ContainsKey("stele")) facts.Add(("PostgreSQL", EmbeddedPostgres.Version(PeerStarts.SteleData(work)) ?? "unknown"));
        return new MachineFacts(facts);
    }

    static IEnumerable<string> Lines(string path) => File.Exists(path) ? File.ReadLines(path) : [];

    static async Task<string> Output(string file, string[] arguments, CancellationToken cancellation)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var text = await process.StandardOutput.ReadToEndAsync(cancellation);
            await process.WaitForExitAsync(cancellation);
            return text.Length > 0 ? text : "unknown";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "unknown";
        }
    }
}
