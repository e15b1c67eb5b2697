using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Stele.Bench.Load;
using Stele.Bench.Peers;

namespace Stele.Bench.Flood;

/// <summary>
/// What one org's flood does to another: the neighbour's p99 of strong reads, at half of an org's rate, while the other org is quiet, sends
/// what it may, and sends ten times that. The three take turns in every round, the first one rotating. Fails past the bound.
/// </summary>
internal sealed class FloodRun(BenchArguments arguments, string work)
{
    const int Times = 10, Keys = 1_000, NeighbourConnections = 16, FloodConnections = 32;
    const double Bound = 1.25;

    static readonly (string Name, int Times)[] conditions = [("quiet", 0), ("at its rate", 1), ("ten times its rate", Times)];

    readonly string token = PeerStarts.NewToken();
    readonly int port = ChildProcess.FreePort();
    readonly StringBuilder report = new();
    bool isMet = true;

    public static Task<int> Run(BenchArguments arguments) => WorkFolder.With("flood", arguments, async work =>
    {
        var run = new FloodRun(arguments, work);
        await run.Measure();
        return run.isMet;
    });

    /// <summary>The flood itself, as a process of its own: the neighbour's generator must not wait for it.</summary>
    public static async Task<int> Load(BenchArguments arguments)
    {
        var address = new Uri($"http://127.0.0.1:{arguments.Port}");
        var peer = new Peer("flood", address, null!, Headers((await File.ReadAllTextAsync(arguments.Like!)).Trim()));
        var requests = Requests(arguments.Only.Contains("write"));
        // a second for the compiler and for what the buckets have saved: what is measured beside it is a flood that lasts
        OpenLoop.Run(peer, FloodConnections, arguments.Rate, 1, requests, untilAnswered: false);
        Console.WriteLine();
        var measured = OpenLoop.Run(peer, FloodConnections, arguments.Rate, arguments.Seconds, requests, untilAnswered: false);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{measured.PerSecond:0.0} {measured.Refused / Math.Max(1.0, measured.Requests):0.000}"));
        return 0;
    }

    async Task Measure()
    {
        var rate = arguments.Rate.ToString(CultureInfo.InvariantCulture);
        await using var stele = PeerStarts.Stele(arguments.Root, work, port, ChildProcess.FreePort(), token, ("STELE_LIMIT_RATE_ORG_PER_SECOND", rate));
        await stele.WaitUntilReady("/readyz", CancellationToken.None);
        using var root = stele.NewClient();
        var (neighbour, flooder) = (await Org(root, "neighbour"), await Org(root, "flooder"));
        var tokenFile = Path.Combine(work, "flooder");
        await File.WriteAllTextAsync(tokenFile, flooder);
        var peer = new Peer("neighbour", stele.Address, stele.Process, Headers(neighbour));
        report.AppendLine(CultureInfo.InvariantCulture,
            $"An org's rate is {rate} requests a second. The neighbour reads at {arguments.Rate / 2} a second, strongly, {arguments.Rounds ?? 5} rounds of {arguments.Seconds} s; medians.\n");
        report.AppendLine("| the other org | sends a second | refused | neighbour p50 ms | p99 ms | ÷ quiet | server CPU s/s |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
        foreach (var writes in (bool[])[false, true]) await Scenario(peer, tokenFile, writes);
        report.AppendLine(CultureInfo.InvariantCulture, $"\n{(isMet ? "met" : "**missed**")}: ten times its rate raises the neighbour's p99 by at most {Bound - 1:P0}");
        Directory.CreateDirectory(arguments.Out);
        var path = Path.Combine(arguments.Out, "flood.md");
        await File.WriteAllTextAsync(path, $"# One org floods, another reads\n\n{report}");
        Console.WriteLine(report);
        Console.WriteLine($"written: {path}");
    }

    async Task Scenario(Peer neighbour, string tokenFile, bool writes)
    {
        var results = conditions.ToDictionary(condition => condition.Name, _ => new List<(Measurement Neighbour, double Sent, double Refused)>());
        await Turn(neighbour, tokenFile, writes, Times, arguments.WarmupSeconds);
        for (var round = 0; round < (arguments.Rounds ?? 5); round++)
            for (var turn = 0; turn < conditions.Length; turn++)
            {
                var condition = conditions[(round + turn) % conditions.Length];
                results[condition.Name].Add(await Turn(neighbour, tokenFile, writes, condition.Times, arguments.Seconds));
            }
        var quiet = Measurement.MedianOf([.. results["quiet"].Select(result => result.Neighbour)]).P99;
        foreach (var (name, times) in conditions)
        {
            var all = results[name];
            var median = Measurement.MedianOf([.. all.Select(result => result.Neighbour)]);
            if (times == Times && median.P99 > Bound * quiet) isMet = false;
            if (median.Refused > 0) throw new InvalidOperationException($"{median.Refused} of the neighbour's requests were refused");
            report.AppendLine(CultureInfo.InvariantCulture,
                $"| {(writes ? "writes" : "reads")}, {name} | {Middle(all.Select(r => r.Sent)):0} | {Middle(all.Select(r => r.Refused)):P0} | {median.P50:0.000} | {median.P99:0.000} | {median.P99 / quiet:0.00} | {median.CpuMicroseconds * median.PerSecond / 1e6:0.00} |");
            Console.Error.WriteLine($"{name}: p99 {string.Join(", ", all.Select(r => r.Neighbour.P99.ToString("0.00", CultureInfo.InvariantCulture)))}");
        }
    }

    async Task<(Measurement Neighbour, double Sent, double Refused)> Turn(Peer neighbour, string tokenFile, bool writes, int times, double seconds)
    {
        using var flood = times == 0 ? null : Start(tokenFile, writes, times, seconds);
        if (flood is not null) await flood.StandardOutput.ReadLineAsync();
        var measured = OpenLoop.Run(neighbour, NeighbourConnections, arguments.Rate / 2.0, seconds, Requests(writes: false));
        if (flood is null) return (measured, 0, 0);
        var said = (await flood.StandardOutput.ReadToEndAsync()).Split(' ');
        await flood.WaitForExitAsync();
        return (measured, double.Parse(said[0], CultureInfo.InvariantCulture), double.Parse(said[1], CultureInfo.InvariantCulture));
    }

    Process Start(string tokenFile, bool writes, int times, double seconds) => Process.Start(new ProcessStartInfo("dotnet",
    [
        typeof(FloodRun).Assembly.Location, "flood-load", "--port", $"{port}", "--like", tokenFile, "--only", writes ? "write" : "read", "--rate", $"{arguments.Rate * times}",
        "--seconds", seconds.ToString(CultureInfo.InvariantCulture),
    ]) { RedirectStandardOutput = true })!;

    static async Task<string> Org(HttpClient root, string name)
    {
        await Post(root, "/v1/orgs", null, new { name });
        var scopes = new[] { "config:read", "config:write" }.Select(permission => new { permission, environments = new[] { "*" }, prefix = "" });
        using var made = await Post(root, "/v1/tokens", name, new { name = "bench", scopes });
        for (var first = 0; first < Keys; first += 500)
            await Post(root, "/v1/changes", name, new { changes = Enumerable.Range(first, 500).Select(i => new { op = "set", key = Key(i), value = new string('x', 100) }) });
        return made.RootElement.GetProperty("token").GetString()!;
    }

    static async Task<JsonDocument> Post(HttpClient client, string path, string? org, object body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        if (org is not null) request.Headers.Add("Stele-Org", org);
        using var response = await client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return response.IsSuccessStatusCode ? JsonDocument.Parse(text) : throw new InvalidOperationException($"{path}: {text}");
    }

    static Dictionary<string, string> Headers(string token) => new() { ["Authorization"] = $"Bearer {token}", ["Content-Type"] = "application/json" };

    static List<PlainRequest> Requests(bool writes) =>
        [.. Enumerable.Range(0, Keys).Select(i => new PlainRequest(writes ? "PUT" : "GET", $"/v1/config/{Key(i * 7919 % Keys)}", writes ? $$"""{"value":"{{new string('y', 100)}}"}""" : ""))];

    static string Key(int i) => string.Create(CultureInfo.InvariantCulture, $"bench.k{i:0000}");

    static double Middle(IEnumerable<double> figures)
    {
        var sorted = figures.Order().ToList();
        return sorted[sorted.Count / 2];
    }
}
