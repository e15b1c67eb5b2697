using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Stele.Bench.Load;
using Stele.Bench.Peers;

namespace Stele.Bench.Secrets;

/// <summary>
/// What a secret costs beside a key of configuration on the same node: GET, whose audit entry is committed before the answer, and PUT, at 32 connections;
/// and the rewrap of 100,000 data keys, with the local provider, while reads go on. Fails past the bounds.
/// </summary>
internal sealed class SecretsRun(BenchArguments arguments, string work) : IAsyncDisposable
{
    const int Connections = 32, Rewrapped = 100_000, Step = 10_000, OfChangeSet = 1_000, Variants = 4_000;
    const double GetPerSecond = 5_000, GetP99 = 25, PutPerSecond = 2_000, RewrapSeconds = 60, OfNormal = 2;
    const string ConfigGet = "config GET", SecretGet = "secret GET", ConfigPut = "config PUT", SecretPut = "secret PUT";

    readonly List<Peer> started = [];
    readonly string script = Path.Combine(arguments.Root, "bench", "requests.lua");

    public static Task<int> Run(BenchArguments arguments) => WorkFolder.With("secrets", arguments, async work =>
    {
        await using var run = new SecretsRun(arguments, work);
        return await run.Measure();
    });

    public async ValueTask DisposeAsync()
    {
        foreach (var peer in started) await peer.DisposeAsync();
    }

    async Task<bool> Measure()
    {
        var stele = PeerStarts.Stele(arguments.Root, work, ChildProcess.FreePort(), ChildProcess.FreePort(), PeerStarts.NewToken(), PeerStarts.Unlimited);
        started.Add(stele);
        await stele.WaitUntilReady("/readyz", CancellationToken.None);
        using var root = stele.NewClient();
        await Seed(root, "config", Scenarios.Keys, Scenarios.ReadKey);
        await Seed(root, "secret", Scenarios.Keys, ReadPath);
        (string Name, IEnumerable<PlainRequest> Requests)[] loads =
        [
            (ConfigGet, Enumerable.Range(0, Scenarios.Keys).Select(i => Scenarios.Get(Scenarios.ReadKey(i)))),
            (SecretGet, Reads()),
            (ConfigPut, Enumerable.Range(0, Variants).Select(i => Scenarios.StelePut(Scenarios.WriteKey(i % Scenarios.Keys)))),
            (SecretPut, Enumerable.Range(0, Variants).Select(i => new PlainRequest("PUT", Address("write", i % Scenarios.Keys), $$"""{"value":"{{Scenarios.Value()}}"}"""))),
        ];
        var measured = loads.ToDictionary(load => load.Name, _ => new List<Measurement>());
        foreach (var (name, requests) in loads)
        {
            Wrk.WriteRequests(FileOf(name), stele, requests);
            await Wrk.Run(stele, Connections, arguments.WarmupSeconds, script, FileOf(name), CancellationToken.None);
        }
        for (var turn = 0; turn < (arguments.Rounds ?? 3) * loads.Length; turn++)
        {
            var name = loads[(turn + turn / loads.Length) % loads.Length].Name;
            measured[name].Add(await Wrk.Run(stele, Connections, arguments.Seconds, script, FileOf(name), CancellationToken.None));
        }
        var results = measured.ToDictionary(each => each.Key, each => Measurement.MedianOf(each.Value));
        return await Report(results, await Rewrap(stele, root));
    }

    /// <summary>All data keys to a new version, once with nobody else there and once with as many reads as the connections bring.</summary>
    async Task<RewrapResult> Rewrap(Peer stele, HttpClient root)
    {
        await Seed(root, "secret", Rewrapped, i => string.Create(CultureInfo.InvariantCulture, $"bench/many/{i:000000}"));
        var normal = new List<Measurement>();
        for (var i = 0; i < (arguments.Rounds ?? 3); i++) normal.Add(await Wrk.Run(stele, Connections, arguments.Seconds, script, FileOf(SecretGet), CancellationToken.None));
        var alone = await RewrapAll(root);
        var beside = new List<Measurement>();
        var busy = RewrapAll(root);
        // as long as it takes, so that none of it is done beside nobody; what is half beside nobody is not counted
        while (!busy.IsCompleted)
        {
            var read = await Wrk.Run(stele, Connections, Math.Min(arguments.Seconds, 2), script, FileOf(SecretGet), CancellationToken.None);
            if (!busy.IsCompleted || beside.Count == 0) beside.Add(read);
        }
        var (seconds, moved) = await busy;
        return new RewrapResult(alone.Seconds, seconds, moved, Measurement.MedianOf(normal), Measurement.MedianOf(beside));
    }

    static async Task<(double Seconds, long Moved)> RewrapAll(HttpClient root)
    {
        using (await Send(root, "/v1/keys/rotate", new { })) { }
        var (clock, moved) = (Stopwatch.StartNew(), 0L);
        for (var remaining = 1L; remaining > 0;)
        {
            using var step = await Send(root, "/v1/keys/rewrap", new { limit = Step });
            moved += step.RootElement.GetProperty("moved").GetInt64();
            remaining = step.RootElement.GetProperty("remaining").GetInt64();
        }
        return (clock.Elapsed.TotalSeconds, moved);
    }

    async Task<bool> Report(Dictionary<string, Measurement> results, RewrapResult rewrap)
    {
        var report = new StringBuilder($"# Secrets\n\n{Connections} connections; {arguments.Rounds ?? 3} rounds of {arguments.Seconds} s in turn, medians. Values of 100 characters, keys by the local provider.\n\n");
        report.AppendLine("| | requests a second | p50 ms | p99 ms | CPU µs each | failed |\n| --- | ---: | ---: | ---: | ---: | ---: |");
        foreach (var (name, m) in results.Append(new($"{SecretGet}, {Rewrapped:N0} more secrets", rewrap.Normal)).Append(new($"{SecretGet} during a rewrap", rewrap.Beside)))
            report.AppendLine(CultureInfo.InvariantCulture, $"| {name} | {m.PerSecond:0} | {m.P50:0.000} | {m.P99:0.000} | {m.CpuMicroseconds:0.0} | {m.Failed + m.Refused} |");
        report.AppendLine(CultureInfo.InvariantCulture, $"\nsecret GET by config GET: {results[SecretGet].PerSecond / results[ConfigGet].PerSecond:0.00}; secret PUT by config PUT: {results[SecretPut].PerSecond / results[ConfigPut].PerSecond:0.00}");
        report.AppendLine(CultureInfo.InvariantCulture, $"rewrap of {rewrap.Moved:N0} data keys: {rewrap.Seconds:0.0} s beside reads, {rewrap.Alone:0.0} s alone\n");
        (string What, bool Holds)[] bounds =
        [
            (string.Create(CultureInfo.InvariantCulture, $"secret GET at least {GetPerSecond} a second: {results[SecretGet].PerSecond:0}"), results[SecretGet].PerSecond >= GetPerSecond),
            (string.Create(CultureInfo.InvariantCulture, $"secret GET p99 at most {GetP99} ms: {results[SecretGet].P99:0.0}"), results[SecretGet].P99 <= GetP99),
            (string.Create(CultureInfo.InvariantCulture, $"secret PUT at least {PutPerSecond} a second: {results[SecretPut].PerSecond:0}"), results[SecretPut].PerSecond >= PutPerSecond),
            (string.Create(CultureInfo.InvariantCulture, $"rewrap within {RewrapSeconds} s: {rewrap.Seconds:0.0}"), rewrap.Seconds <= RewrapSeconds && rewrap.Moved >= Rewrapped),
            (string.Create(CultureInfo.InvariantCulture, $"reads' p99 during it at most {OfNormal} times normal: {rewrap.Beside.P99 / rewrap.Normal.P99:0.0}"), rewrap.Beside.P99 <= OfNormal * rewrap.Normal.P99),
            ("nothing refused or failed", results.Values.Append(rewrap.Normal).Append(rewrap.Beside).All(m => m.Failed + m.Refused == 0)),
        ];
        foreach (var (what, holds) in bounds) report.AppendLine(CultureInfo.InvariantCulture, $"- {(holds ? "met" : "**missed**")}: {what}");
        Directory.CreateDirectory(arguments.Out);
        var path = Path.Combine(arguments.Out, "secrets.md");
        await File.WriteAllTextAsync(path, report.ToString());
        Console.WriteLine($"{report}\nwritten: {path}");
        return bounds.All(bound => bound.Holds);
    }

    string FileOf(string name) => Path.Combine(work, name.Replace(' ', '-') + ".requests");

    static IEnumerable<PlainRequest> Reads() => Enumerable.Range(0, Scenarios.Keys).Select(i => new PlainRequest("GET", Address("read", i)));

    static string ReadPath(int i) => string.Create(CultureInfo.InvariantCulture, $"bench/read/{i:0000}");

    static string Address(string kind, int i) => string.Create(CultureInfo.InvariantCulture, $"/v1/secrets/bench/{kind}/{i:0000}?env={Scenarios.Environment}");

    static async Task Seed(HttpClient client, string kind, int count, Func<int, string> key)
    {
        foreach (var some in Enumerable.Range(0, count).Chunk(OfChangeSet))
            using (await Send(client, $"/v1/changes?env={Scenarios.Environment}", new { changes = some.Select(i => new { op = "set", kind, key = key(i), value = Scenarios.Value() }) })) { }
    }

    static async Task<JsonDocument> Send(HttpClient client, string path, object body)
    {
        using var response = await client.PostAsJsonAsync(path, body);
        var text = await response.Content.ReadAsStringAsync();
        return response.IsSuccessStatusCode ? JsonDocument.Parse(text) : throw new InvalidOperationException($"{path}: {(int)response.StatusCode} {text}");
    }

    sealed record RewrapResult(double Alone, double Seconds, long Moved, Measurement Normal, Measurement Beside);
}
