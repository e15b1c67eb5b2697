using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Stele.Bench.Load;
using Stele.Bench.Peers;

namespace Stele.Bench.Million;

/// <summary>A server whose data survives its restarts, and what is asked of it from outside.</summary>
internal sealed class LargeNode(BenchArguments arguments, string work) : IAsyncDisposable
{
    readonly string token = PeerStarts.NewToken();
    readonly int port = ChildProcess.FreePort(), grpcPort = ChildProcess.FreePort();
    Peer? peer;

    public Peer Peer => peer ?? throw new InvalidOperationException("it does not run");

    /// <summary>Starts it, and waits for the answer to one request; how long that took since the start of the process.</summary>
    public async Task<TimeSpan> Start(string path, CancellationToken cancellation, params (string Name, string Value)[] settings)
    {
        var startedAt = Stopwatch.GetTimestamp();
        peer = PeerStarts.Stele(arguments.Root, work, port, grpcPort, token, settings);
        await peer.WaitUntilReady(path, cancellation);
        return Stopwatch.GetElapsedTime(startedAt);
    }

    public async Task Stop()
    {
        if (peer is not null) await peer.DisposeAsync();
        peer = null;
    }

    /// <summary>Resident MiB now, and at most so far.</summary>
    public (double Now, double Peak) Resident()
    {
        var status = File.ReadAllLines($"/proc/{Peer.Process.Id}/status");
        double Of(string name) => double.Parse(status.Single(line => line.StartsWith(name, StringComparison.Ordinal)).Split(':', StringSplitOptions.TrimEntries)[1].Split(' ')[0], CultureInfo.InvariantCulture) / 1024;
        return (Of("VmRSS:"), Of("VmHWM:"));
    }

    /// <summary>Resident MiB after a full collection.</summary>
    public async Task<double> Collected(CancellationToken cancellation)
    {
        await FullCollection.Of(Peer.Process.Id, cancellation);
        return Resident().Now;
    }

    /// <summary>The samples of /metrics by name, with labels as they are written.</summary>
    public async Task<IReadOnlyDictionary<string, double>> Metrics(CancellationToken cancellation)
    {
        using var client = Peer.NewClient();
        var text = await client.GetStringAsync("/metrics", cancellation);
        return text.Split('\n').Where(line => line.Length > 0 && line[0] != '#').Select(line => (line, space: line.LastIndexOf(' ')))
            .ToDictionary(sample => sample.line[..sample.space], sample => double.Parse(sample.line[(sample.space + 1)..], CultureInfo.InvariantCulture));
    }

    /// <summary>Keys by change sets of as many as one may have.</summary>
    public async Task<TimeSpan> Seed(int keys, CancellationToken cancellation)
    {
        const int changes = 10_000;
        var startedAt = Stopwatch.GetTimestamp();
        using var client = Peer.NewClient();
        for (var first = 0; first < keys; first += changes)
        {
            var request = Scenarios.SteleChanges(Enumerable.Range(first, Math.Min(changes, keys - first)).Select(Key));
            using var response = await client.PostAsync(request.Path, new StringContent(request.Body, null, "application/json"), cancellation);
            if (!response.IsSuccessStatusCode) throw new InvalidOperationException($"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync(cancellation)}");
        }
        return Stopwatch.GetElapsedTime(startedAt);
    }

    /// <summary>Forty services of sections of keys: about thirty characters.</summary>
    public static string Key(int i) => string.Create(CultureInfo.InvariantCulture, $"service-{i % 40:00}.section{i / 40 % 100:00}.key{i:0000000}");

    public Task<Measurement> Closed(string name, IEnumerable<PlainRequest> requests, int connections, double seconds, CancellationToken cancellation)
    {
        var file = Path.Combine(work, $"{name}.requests");
        Wrk.WriteRequests(file, Peer, requests);
        return Wrk.Run(Peer, connections, seconds, Path.Combine(arguments.Root, "bench", "requests.lua"), file, cancellation);
    }

    public Task<Measurement> Open(IEnumerable<PlainRequest> requests, int connections, double perSecond, double seconds, CancellationToken cancellation) =>
        Task.Run(() => OpenLoop.Run(Peer, connections, perSecond, seconds, [.. requests]), cancellation);

    public async ValueTask DisposeAsync() => await Stop();
}
