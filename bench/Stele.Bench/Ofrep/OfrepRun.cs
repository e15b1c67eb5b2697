using System.Globalization;
using System.Text;
using Stele.Bench.Load;
using Stele.Bench.Peers;

namespace Stele.Bench.Ofrep;

/// <summary>
/// Flags over HTTP: OFREP single and bulk, strong and local, against Unleash's frontend API on the same PostgreSQL and against a bare Kestrel
/// that answers the same bytes. Every flag is a 50 % rollout by the subject, every request another subject, 32 connections. Fails past the bounds.
/// </summary>
internal sealed class OfrepRun(BenchArguments arguments, string work) : IAsyncDisposable
{
    const int Connections = 32, Subjects = 2_000;
    const double SingleOfBare = 0.45;

    // what one request of a size must be, in Unleash's
    static readonly (int Flags, double TimesUnleash)[] sizes = [(20, 8), (200, 5)];

    readonly List<Peer> started = [];
    readonly Dictionary<string, Measurement> results = [];
    readonly string script = Path.Combine(arguments.Root, "bench", "requests.lua");

    public static async Task<int> Run(BenchArguments arguments)
    {
        using var interrupted = new CancellationTokenSource();
        Console.CancelKeyPress += (_, press) =>
        {
            press.Cancel = true;
            interrupted.Cancel();
        };
        var work = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"stele-ofrep-{Environment.ProcessId}")).FullName;
        try
        {
            await using var run = new OfrepRun(arguments, work);
            return await run.Compare(interrupted.Token) ? 0 : 1;
        }
        finally
        {
            Directory.CreateDirectory(arguments.Out);
            foreach (var log in Directory.GetFiles(work, "*.log")) File.Copy(log, Path.Combine(arguments.Out, "ofrep-" + Path.GetFileName(log)), overwrite: true);
            Directory.Delete(work, recursive: true);
        }
    }

    public async ValueTask DisposeAsync()
    {
        // those that use Stele's PostgreSQL go before it
        foreach (var peer in Enumerable.Reverse(started)) await peer.DisposeAsync();
    }

    async Task<bool> Compare(CancellationToken cancellation)
    {
        var stele = Started(PeerStarts.Stele(arguments.Root, work, ChildProcess.FreePort(), ChildProcess.FreePort(), PeerStarts.NewToken()));
        await stele.WaitUntilReady("/readyz", cancellation);
        using (var client = stele.NewClient())
            foreach (var (flags, _) in sizes) await Seed(client, flags, cancellation);
        var runs = new List<(string Name, Peer Peer, List<PlainRequest> Requests)>
        {
            ("single, strong", stele, [.. Bodies().Select(body => new PlainRequest("POST", $"/ofrep/v1/evaluate/flags/{Flag(7)}?env=flags20", body))]),
            ("single, local", stele, [.. Bodies().Select(body => new PlainRequest("POST", $"/ofrep/v1/evaluate/flags/{Flag(7)}?env=flags20&consistency=local", body))]),
        };
        runs.Add(("single, bare", await Bare(runs[0].Requests[0], stele, "single", cancellation), runs[0].Requests));
        var postgres = EmbeddedPostgres.Access(PeerStarts.SteleData(work));
        if (!UnleashPeer.IsThere) Console.Error.WriteLine($"bench: unleash-server is not in {UnleashPeer.Home}; bench/run installs it where there is npm");
        foreach (var (flags, _) in sizes)
        {
            runs.Add(($"bulk of {flags}, strong", stele, [.. Bodies().Select(body => new PlainRequest("POST", $"/ofrep/v1/evaluate/flags?env=flags{flags}", body))]));
            runs.Add(($"bulk of {flags}, local", stele, [.. Bodies().Select(body => new PlainRequest("POST", $"/ofrep/v1/evaluate/flags?env=flags{flags}&consistency=local", body))]));
            var like = runs[^2].Requests;
            runs.Add(($"bulk of {flags}, bare", await Bare(like[0], stele, $"bulk{flags}", cancellation), like));
            if (UnleashPeer.IsThere && postgres is not null)
                runs.Add(($"bulk of {flags}, unleash", Started(await UnleashPeer.Start(work, flags, postgres, cancellation)), [.. Enumerable.Range(0, Subjects).Select(i => new PlainRequest("GET", $"/api/frontend?userId=user-{i}"))]));
        }
        await Measure(runs, cancellation);
        return Report();
    }

    async Task Measure(List<(string Name, Peer Peer, List<PlainRequest> Requests)> runs, CancellationToken cancellation)
    {
        var measured = runs.ToDictionary(run => run.Name, _ => new List<Measurement>());
        foreach (var (name, peer, requests) in runs)
        {
            Wrk.WriteRequests(FileOf(name), peer, requests);
            await Wrk.Run(peer, Connections, arguments.WarmupSeconds, script, FileOf(name), cancellation);
        }
        for (var round = 0; round < (arguments.Rounds ?? 3); round++)
            for (var i = 0; i < runs.Count; i++)
            {
                var (name, peer, _) = runs[(i + round) % runs.Count];
                var one = await Wrk.Run(peer, Connections, arguments.Seconds, script, FileOf(name), cancellation);
                measured[name].Add(one);
                Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {name,-22} {one.PerSecond,9:0} /s   p50 {one.P50:0.000} ms   p99 {one.P99:0.000} ms   {one.CpuMicroseconds:0.0} µs CPU"));
            }
        foreach (var (name, list) in measured) results[name] = Measurement.MedianOf(list);

        string FileOf(string name) => Path.Combine(work, $"{name.Replace(' ', '-').Replace(",", "", StringComparison.Ordinal)}.requests");
    }

    bool Report()
    {
        var report = new StringBuilder();
        report.AppendLine(CultureInfo.InvariantCulture, $"# Flags over HTTP\n\n{Connections} connections, {arguments.Rounds ?? 3} rounds of {arguments.Seconds} s in turn, medians. Each flag a 50 % rollout, each request one of {Subjects} subjects.\n");
        report.AppendLine("| | requests a second | p50 ms | p99 ms | server CPU µs each | failed |\n| --- | ---: | ---: | ---: | ---: | ---: |");
        foreach (var (name, m) in results)
            report.AppendLine(CultureInfo.InvariantCulture, $"| {name} | {m.PerSecond:0} | {m.P50:0.000} | {m.P99:0.000} | {m.CpuMicroseconds:0.0} | {m.Failed + m.Refused} |");
        report.AppendLine();
        var isMet = results.Values.All(m => m.Failed + m.Refused == 0);
        isMet &= Bound($"single, strong, of bare Kestrel (at least {SingleOfBare:P0})", "single, strong", "single, bare", SingleOfBare);
        foreach (var (flags, times) in sizes) isMet &= Bound($"bulk of {flags}, strong, of Unleash's frontend API (at least {times}×)", $"bulk of {flags}, strong", $"bulk of {flags}, unleash", times);
        Directory.CreateDirectory(arguments.Out);
        var path = Path.Combine(arguments.Out, "ofrep.md");
        File.WriteAllText(path, report.ToString());
        Console.WriteLine(report);
        Console.WriteLine($"written: {path}");
        return isMet;

        bool Bound(string what, string ours, string theirs, double least)
        {
            if (!results.TryGetValue(theirs, out var other)) return true;
            var ratio = results[ours].PerSecond / other.PerSecond;
            report.AppendLine(CultureInfo.InvariantCulture, $"- {(ratio >= least ? "met" : "**missed**")}: {what}: {ratio:0.00}");
            return ratio >= least;
        }
    }

    static async Task Seed(HttpClient client, int flags, CancellationToken cancellation)
    {
        await Send(client, new PlainRequest("POST", "/v1/environments", $$"""{"name":"flags{{flags}}"}"""), cancellation);
        for (var i = 0; i < flags; i++)
            await Send(client, new PlainRequest("PUT", $"/v1/flags/{Flag(i)}?env=flags{flags}",
                """{"definition":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"fractional":[["on",50],["off",50]]}}}"""), cancellation);
    }

    async Task<Peer> Bare(PlainRequest like, Peer stele, string name, CancellationToken cancellation)
    {
        var answer = Path.Combine(work, $"answer-{name}");
        using (var client = stele.NewClient())
        using (var response = await Send(client, like, cancellation)) await CannedAnswer.Save(response, answer, cancellation);
        var bare = Started(PeerStarts.Bare(work, answer, $"bare-{name}"));
        await bare.WaitUntilReady("/", cancellation);
        return bare;
    }

    static async Task<HttpResponseMessage> Send(HttpClient client, PlainRequest request, CancellationToken cancellation)
    {
        using var message = new HttpRequestMessage(new HttpMethod(request.Method), request.Path) { Content = new StringContent(request.Body, null, "application/json") };
        var response = await client.SendAsync(message, cancellation);
        return response.IsSuccessStatusCode ? response : throw new InvalidOperationException($"{request.Method} {request.Path}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync(cancellation)}");
    }

    Peer Started(Peer peer)
    {
        started.Add(peer);
        return peer;
    }

    static string Flag(int i) => string.Create(CultureInfo.InvariantCulture, $"bench.flag.{i:000}");

    static IEnumerable<string> Bodies() => Enumerable.Range(0, Subjects).Select(i => $$$"""{"context":{"targetingKey":"user-{{{i}}}"}}""");
}
