using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Stele.Bench.Load;
using Stele.Bench.Peers;
using Stele.Bench.Report;

namespace Stele.Bench;

/// <summary>
/// Starts Stele and its peers, runs each scenario against each of them in turn (round by round, so that what else the
/// machine does hits all alike), and writes the report.
/// </summary>
internal sealed class Comparison(BenchArguments arguments, string work) : IAsyncDisposable
{
    const int SteleWritesOfSeed = 100;

    readonly Dictionary<string, Peer> peers = [];
    readonly Dictionary<(string Scenario, string Peer), Measurement> results = [];
    readonly string script = Path.Combine(arguments.Root, "bench", "requests.lua");
    IReadOnlyDictionary<string, string>? postgres;
    Seed seed = new(0, "", 0);

    public static async Task<int> Run(BenchArguments arguments)
    {
        using var interrupted = new CancellationTokenSource();
        Console.CancelKeyPress += (_, press) =>
        {
            press.Cancel = true;
            interrupted.Cancel();
        };
        // Readable for all, because an embedded PostgreSQL runs as a user of its own.
        var work = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"stele-bench-{Environment.ProcessId}")).FullName;
        try
        {
            await using var comparison = new Comparison(arguments, work);
            await comparison.StartPeers(interrupted.Token);
            foreach (var scenario in comparison.Chosen()) await comparison.Measure(scenario, interrupted.Token);
            var report = new BenchReport(arguments, comparison.results, comparison.peers.Keys.ToHashSet());
            report.Write(await MachineFacts.Gather(comparison.peers, work, interrupted.Token));
            return comparison.results.Values.Any(m => m.Failed > 0 || m.Refused > 0) ? 1 : 0;
        }
        finally
        {
            KeepLogs(work, arguments.Out);
            Directory.Delete(work, recursive: true);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var peer in peers.Values) await peer.DisposeAsync();
    }

    IEnumerable<Scenario> Chosen() =>
        Scenarios.All.Where(s => arguments.Only.Count == 0 || arguments.Only.Contains(s.Name) || Scenarios.All.Any(h => h.HalfOf == s.Name && arguments.Only.Contains(h.Name)));

    async Task StartPeers(CancellationToken cancellation)
    {
        if (arguments.Peers.Contains("stele"))
        {
            var stele = PeerStarts.Stele(arguments.Root, work, ChildProcess.FreePort(), ChildProcess.FreePort(), PeerStarts.NewToken());
            peers["stele"] = stele;
            await stele.WaitUntilReady("/readyz", cancellation);
            await SeedStele(stele, cancellation);
            postgres = EmbeddedPostgres.Access(PeerStarts.SteleData(work));
            if (postgres is not null) await LoneInsert.Prepare(postgres, cancellation);
        }
        if (arguments.Peers.Contains("etcd"))
        {
            var etcd = PeerStarts.Etcd(work);
            peers["etcd"] = etcd;
            await etcd.WaitUntilReady("/health", cancellation);
            await SeedEtcd(etcd, cancellation);
        }
        if (arguments.Peers.Contains("bare"))
        {
            foreach (var like in new[] { "get", "list" })
            {
                var answer = Path.Combine(work, $"answer-{like}");
                var bare = PeerStarts.Bare(work, File.Exists(answer) ? answer : null, $"bare-{like}");
                peers[$"bare-{like}"] = bare;
                await bare.WaitUntilReady("/", cancellation);
            }
        }
    }

    async Task SeedStele(Peer stele, CancellationToken cancellation)
    {
        using var client = stele.NewClient();
        for (var first = 0; first < Scenarios.Keys; first += SteleWritesOfSeed)
        {
            var numbers = Enumerable.Range(first, SteleWritesOfSeed).ToList();
            await Send(client, Scenarios.SteleChanges(numbers.Select(Scenarios.ReadKey)), cancellation);
            using var written = await Send(client, Scenarios.SteleChanges(numbers.Select(Scenarios.WriteKey)), cancellation);
            using var json = JsonDocument.Parse(await written.Content.ReadAsStreamAsync(cancellation));
            seed = seed with { SteleRevision = json.RootElement.GetProperty("revision").GetInt64() };
        }
        using var last = await Send(client, Scenarios.Get(Scenarios.WriteKey(Scenarios.Keys - 1)), cancellation);
        using var value = JsonDocument.Parse(await last.Content.ReadAsStreamAsync(cancellation));
        seed = seed with { SteleTime = value.RootElement.GetProperty("updated_at").GetString()! };
        using var get = await Send(client, Scenarios.Get(Scenarios.ReadKey(1)), cancellation);
        await CannedAnswer.Save(get, Path.Combine(work, "answer-get"), cancellation);
        using var list = await Send(client, Scenarios.SteleList, cancellation);
        await CannedAnswer.Save(list, Path.Combine(work, "answer-list"), cancellation);
    }

    async Task SeedEtcd(Peer etcd, CancellationToken cancellation)
    {
        using var client = etcd.NewClient();
        for (var i = 0; i < Scenarios.Keys; i++)
        {
            await Send(client, Scenarios.EtcdPut(Scenarios.ReadKey(i)), cancellation);
            using var written = await Send(client, Scenarios.EtcdPut(Scenarios.WriteKey(i)), cancellation);
            using var json = JsonDocument.Parse(await written.Content.ReadAsStreamAsync(cancellation));
            seed = seed with { EtcdRevision = long.Parse(json.RootElement.GetProperty("header").GetProperty("revision").GetString()!, CultureInfo.InvariantCulture) };
        }
    }

    static async Task<HttpResponseMessage> Send(HttpClient client, PlainRequest request, CancellationToken cancellation)
    {
        using var message = new HttpRequestMessage(new HttpMethod(request.Method), request.Path);
        if (request.Body.Length > 0) message.Content = new StringContent(request.Body, null, "application/json");
        var response = await client.SendAsync(message, cancellation);
        return response.IsSuccessStatusCode ? response : throw new InvalidOperationException($"{request.Method} {request.Path}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync(cancellation)}");
    }

    async Task Measure(Scenario scenario, CancellationToken cancellation)
    {
        var runs = new List<(string Peer, Func<double, Task<Measurement>> Run)>();
        foreach (var (name, requests) in scenario.Requests)
            if (Runner(scenario, name, requests, cancellation) is { } run) runs.Add((name, run));
        if (runs.Count == 0) return;
        Console.Error.WriteLine($"bench: {scenario.Name}: {scenario.Title}");
        var measured = runs.ToDictionary(r => r.Peer, _ => new List<Measurement>());
        foreach (var (_, run) in runs) await run(arguments.WarmupSeconds);
        for (var round = 0; round < (arguments.Rounds ?? 3); round++)
            for (var i = 0; i < runs.Count; i++)
            {
                var (peer, run) = runs[(i + round) % runs.Count];
                var measurement = await run(arguments.Seconds);
                measured[peer].Add(measurement);
                Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"  {peer,-6} {measurement.PerSecond,9:0} /s   p50 {measurement.P50:0.000} ms   p99 {measurement.P99:0.000} ms   {measurement.CpuMicroseconds:0.0} µs CPU{(measurement.Refused + measurement.Failed > 0 ? $"   {measurement.Refused} refused, {measurement.Failed} failed" : "")}"));
            }
        foreach (var (peer, list) in measured) results[(scenario.Name, peer)] = Measurement.MedianOf(list);
    }

    Func<double, Task<Measurement>>? Runner(Scenario scenario, string name, Func<Seed, IEnumerable<PlainRequest>> requests, CancellationToken cancellation)
    {
        if (!peers.TryGetValue(name == "bare" ? $"bare-{scenario.Like}" : name, out var peer)) return null;
        var plain = requests(seed).ToList();
        switch (scenario.Shape)
        {
            case LoadShape.LoneInsert:
                return postgres is null ? null : seconds => LoneInsert.Measure(postgres, seconds, work, cancellation);
            case LoadShape.HalfOpen:
                if (!results.TryGetValue((scenario.HalfOf!, name), out var full)) return null;
                return seconds => Task.Run(() => OpenLoop.Run(peer, scenario.Connections, full.PerSecond / 2, seconds, plain), cancellation);
            default:
                var file = Path.Combine(work, $"{scenario.Name}-{name}.requests");
                Wrk.WriteRequests(file, peer, plain);
                return seconds => Wrk.Run(peer, scenario.Connections, seconds, script, file, cancellation);
        }
    }

    static void KeepLogs(string work, string output)
    {
        Directory.CreateDirectory(output);
        foreach (var log in Directory.GetFiles(work, "*.log")) File.Copy(log, Path.Combine(output, Path.GetFileName(log)), overwrite: true);
    }
}
