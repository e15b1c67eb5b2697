using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Stele.Bench.Peers;

namespace Stele.Bench.Load;

/// <summary>Closed-loop load: wrk with the one script bench/requests.lua, one thread for every peer alike.</summary>
internal static class Wrk
{
    public static string Command(Peer peer, int connections, double seconds, string script, string requestFile) =>
        string.Create(CultureInfo.InvariantCulture, $"wrk -t1 -c{connections} -d{seconds:0}s --timeout 10s -s {script} {peer.Address} -- {requestFile}");

    public static void WriteRequests(string path, Peer peer, IEnumerable<PlainRequest> requests)
    {
        using var file = new StreamWriter(path);
        foreach (var (name, value) in peer.Headers) file.Write($"{name}: {value}\n");
        file.Write('\n');
        foreach (var request in requests) file.Write($"{request.Method}\t{request.Path}\t{request.Body}\t{request.Org}\t{request.Token}\n");
    }

    public static async Task<Measurement> Run(Peer peer, int connections, double seconds, string script, string requestFile, CancellationToken cancellation)
    {
        var command = Command(peer, connections, seconds, script, requestFile).Split(' ');
        var before = peer.Process.CpuSeconds();
        using var wrk = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true })!;
        var output = await wrk.StandardOutput.ReadToEndAsync(cancellation);
        await wrk.WaitForExitAsync(cancellation);
        var cpu = peer.Process.CpuSeconds() - before;
        var line = output.Split('\n').FirstOrDefault(l => l.StartsWith("WRK ", StringComparison.Ordinal))
            ?? throw new InvalidOperationException($"wrk against {peer.Name} printed no result:\n{output}");
        using var json = JsonDocument.Parse(line[4..]);
        double Figure(string name) => json.RootElement.GetProperty(name).GetDouble();
        var requests = (long)Figure("requests");
        return new Measurement(
            requests / (Figure("microseconds") / 1e6), Figure("p50") / 1e3, Figure("p90") / 1e3, Figure("p99") / 1e3, Figure("max") / 1e3,
            requests, (long)Figure("refused"), (long)Figure("failed"))
        {
            CpuMicroseconds = requests == 0 ? 0 : cpu * 1e6 / requests,
        };
    }
}
