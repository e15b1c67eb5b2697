using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Stele.Bench.Load;
using Stele.Bench.Peers;

namespace Stele.Bench.Tokens;

/// <summary>
/// What authentication and authorisation cost a strong GET: 10,000 tokens of 100 service accounts with a role each, of which every request
/// brings another one, beside the root token on every request, and beside a bare Kestrel that answers what a token hears (which root's answers lack: no rate limits it here). Fails past the bound.
/// </summary>
internal sealed class TokensRun(BenchArguments arguments, string work) : IAsyncDisposable
{
    const int Connections = 32, Tokens = 10_000, Roles = 100, AtOnce = 32;
    const double OfBare = 0.60;

    readonly List<Peer> started = [];
    readonly string script = Path.Combine(arguments.Root, "bench", "requests.lua");

    public static Task<int> Run(BenchArguments arguments) => WorkFolder.With("tokens", arguments, async work =>
    {
        await using var run = new TokensRun(arguments, work);
        return await run.Compare();
    });

    public async ValueTask DisposeAsync()
    {
        foreach (var peer in started) await peer.DisposeAsync();
    }

    async Task<bool> Compare()
    {
        var stele = Started(PeerStarts.Stele(arguments.Root, work, ChildProcess.FreePort(), ChildProcess.FreePort(), PeerStarts.NewToken(), PeerStarts.Unlimited));
        await stele.WaitUntilReady("/readyz", CancellationToken.None);
        using var root = stele.NewClient();
        foreach (var keys in Enumerable.Range(0, Scenarios.Keys).Chunk(500))
            using (await Send(root, "POST", $"/v1/changes?env={Scenarios.Environment}", new { changes = keys.Select(i => new { op = "set", key = Scenarios.ReadKey(i), value = Scenarios.Value() }) })) { }
        var tokens = await Seed(root);
        var answer = Path.Combine(work, "answer");
        using var tokened = new HttpRequestMessage(HttpMethod.Get, Scenarios.Get(Scenarios.ReadKey(1)).Path) { Headers = { Authorization = new("Bearer", tokens[0]) } };
        using (var response = await root.SendAsync(tokened)) await CannedAnswer.Save(response, answer, CancellationToken.None);
        var bare = Started(PeerStarts.Bare(work, answer));
        await bare.WaitUntilReady("/", CancellationToken.None);

        var reads = Enumerable.Range(0, Tokens).Select(i => Scenarios.Get(Scenarios.ReadKey(i * 7919 % Scenarios.Keys))).ToList();
        var byToken = reads.Select((read, i) => read with { Token = tokens[i] }).ToList();
        var results = await Measure([("10,000 tokens, 100 roles", stele, byToken), ("the root token", stele, reads), ("bare Kestrel", bare, reads)]);
        return await Report(results);
    }

    async Task<Dictionary<string, Measurement>> Measure(List<(string Name, Peer Peer, List<PlainRequest> Requests)> runs)
    {
        var measured = runs.ToDictionary(run => run.Name, _ => new List<Measurement>());
        for (var i = 0; i < runs.Count; i++)
        {
            Wrk.WriteRequests(FileOf(i), runs[i].Peer, runs[i].Requests);
            await Wrk.Run(runs[i].Peer, Connections, arguments.WarmupSeconds, script, FileOf(i), CancellationToken.None);
        }
        for (var turn = 0; turn < (arguments.Rounds ?? 3) * runs.Count; turn++)
        {
            var i = (turn + turn / runs.Count) % runs.Count;
            measured[runs[i].Name].Add(await Wrk.Run(runs[i].Peer, Connections, arguments.Seconds, script, FileOf(i), CancellationToken.None));
        }
        return measured.ToDictionary(each => each.Key, each => Measurement.MedianOf(each.Value));

        string FileOf(int i) => Path.Combine(work, $"{i}.requests");
    }

    async Task<bool> Report(Dictionary<string, Measurement> results)
    {
        var report = new StringBuilder($"# Strong GET with many tokens\n\n{Connections} connections; {arguments.Rounds ?? 3} rounds of {arguments.Seconds} s in turn, medians.\n\n");
        report.AppendLine("| | requests a second | p50 ms | p99 ms | CPU µs each | failed |\n| --- | ---: | ---: | ---: | ---: | ---: |");
        foreach (var (name, m) in results)
            report.AppendLine(CultureInfo.InvariantCulture, $"| {name} | {m.PerSecond:0} | {m.P50:0.000} | {m.P99:0.000} | {m.CpuMicroseconds:0.0} | {m.Failed + m.Refused} |");
        var (ours, ceiling) = (results.Values.First(), results.Values.Last());
        var isMet = ours.PerSecond >= OfBare * ceiling.PerSecond && results.Values.All(m => m.Failed + m.Refused == 0);
        report.AppendLine(CultureInfo.InvariantCulture, $"\n{(isMet ? "met" : "**missed**")}: at least {OfBare:P0} of bare Kestrel: {ours.PerSecond / ceiling.PerSecond:0.00}");
        Directory.CreateDirectory(arguments.Out);
        var path = Path.Combine(arguments.Out, "tokens.md");
        await File.WriteAllTextAsync(path, report.ToString());
        Console.WriteLine($"{report}\nwritten: {path}");
        return isMet;
    }

    // each account's role allows what the load reads, and two things besides
    static async Task<string[]> Seed(HttpClient root)
    {
        var accounts = new string[Roles];
        for (var i = 0; i < Roles; i++)
        {
            string[] prefixes = ["bench.", string.Create(CultureInfo.InvariantCulture, $"team{i}.one."), string.Create(CultureInfo.InvariantCulture, $"team{i}.two.")];
            var role = string.Create(CultureInfo.InvariantCulture, $"role-{i}");
            using (await Send(root, "PUT", $"/v1/roles/{role}", new { grants = prefixes.Select(Grant) })) { }
            using var account = await Send(root, "POST", "/v1/service-accounts", new { name = $"account-{i}", role });
            accounts[i] = account.RootElement.GetProperty("id").GetString()!;
        }
        var tokens = new string[Tokens];
        await Parallel.ForAsync(0, Tokens, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (i, _) =>
        {
            using var made = await Send(root, "POST", "/v1/tokens", new { name = $"token-{i}", service_account = accounts[i % Roles], scopes = new[] { Grant("") } });
            tokens[i] = made.RootElement.GetProperty("token").GetString()!;
        });
        return tokens;
    }

    static object Grant(string prefix) => new { permission = "config:read", environments = new[] { "*" }, prefix };

    static async Task<JsonDocument> Send(HttpClient client, string method, string path, object body)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = JsonContent.Create(body) };
        using var response = await client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return response.IsSuccessStatusCode ? JsonDocument.Parse(text) : throw new InvalidOperationException($"{method} {path}: {text}");
    }

    Peer Started(Peer peer)
    {
        started.Add(peer);
        return peer;
    }
}
