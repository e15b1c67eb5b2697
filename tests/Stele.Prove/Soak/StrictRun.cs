using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Stele.Prove.Processes;

namespace Stele.Prove.Soak;

/// <summary>
/// What strict reads cost: two nodes on one PostgreSQL with a synchronous standby, one of them strict, read by as many clients, in turns.
/// Both reach PostgreSQL through a proxy, and the standby has a core with all the others: the ratio is what counts.
/// </summary>
internal sealed class StrictRun(ProveArguments arguments, PostgresPrograms programs, Action<string> say)
{
    const int Rounds = 3, Keys = 100;

    static readonly int[] clients = [1, 8, 32];

    static readonly TimeSpan seconds = TimeSpan.FromSeconds(4);

    public async Task<int> Run()
    {
        await using var stack = await Stack.Start(programs, say, nodes: 2, settingsOf: number => number == 2 ? new Dictionary<string, string> { ["STELE_STRICT_READS"] = "on" } : new Dictionary<string, string>());
        await Seed(stack.Nodes[0]);
        var text = new StringBuilder("# What strict reads cost\n\n`bench/run strict`: strong reads of single keys, as many clients as the row says, each with its next read after its last; medians of three rounds.\n\n| clients | strong reads a second | strict | ÷ | strong p50 ms | strict | strong p99 ms | strict |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
        foreach (var count in clients)
        {
            var found = new List<(double PerSecond, double P50, double P99)>[] { [], [] };
            for (var round = 0; round <= Rounds; round++)
                for (var turn = 0; turn < 2; turn++)
                {
                    var at = (round + turn) % 2;
                    var measured = await Read(stack.Nodes[at], count);
                    // the first round warms up
                    if (round > 0) found[at].Add(measured);
                }
            double Middle(int at, Func<(double PerSecond, double P50, double P99), double> of) => found[at].Select(of).Order().ElementAt(Rounds / 2);
            text.Append(CultureInfo.InvariantCulture, $"| {count} | {Middle(0, one => one.PerSecond):0} | {Middle(1, one => one.PerSecond):0} | {Middle(1, one => one.PerSecond) / Middle(0, one => one.PerSecond):0.00} | {Middle(0, one => one.P50):0.00} | {Middle(1, one => one.P50):0.00} | {Middle(0, one => one.P99):0.00} | {Middle(1, one => one.P99):0.00} |\n");
        }
        Directory.CreateDirectory(arguments.Out);
        var path = Path.Combine(arguments.Out, "strict.md");
        await File.WriteAllTextAsync(path, text.ToString());
        Console.WriteLine(text);
        Console.WriteLine($"written: {path}");
        return 0;
    }

    static async Task Seed(SteleNode node)
    {
        using var client = Client(node);
        var changes = Enumerable.Range(0, Keys).Select(i => new { op = "set", key = $"bench.k{i}", value = new string('x', 100) });
        using var answer = await client.PostAsync(new Uri("/v1/changes?env=production", UriKind.Relative), new StringContent(JsonSerializer.Serialize(new { changes }), Encoding.UTF8, "application/json"));
        answer.EnsureSuccessStatusCode();
    }

    static async Task<(double PerSecond, double P50, double P99)> Read(SteleNode node, int count)
    {
        using var client = Client(node);
        var began = Stopwatch.GetTimestamp();
        var times = await Task.WhenAll(Enumerable.Range(0, count).Select(async number =>
        {
            var mine = new List<double>();
            for (var i = number; Stopwatch.GetElapsedTime(began) < seconds; i++)
            {
                var from = Stopwatch.GetTimestamp();
                using var answer = await client.GetAsync(new Uri($"/v1/config/bench.k{i % Keys}?env=production", UriKind.Relative));
                answer.EnsureSuccessStatusCode();
                mine.Add(Stopwatch.GetElapsedTime(from).TotalMilliseconds);
            }
            return mine;
        }));
        var took = Stopwatch.GetElapsedTime(began).TotalSeconds;
        var all = times.SelectMany(one => one).Order().ToList();
        return (all.Count / took, all[all.Count / 2], all[(int)(all.Count * 0.99)]);
    }

    static HttpClient Client(SteleNode node)
    {
        var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{node.Port}"), Timeout = TimeSpan.FromSeconds(20) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", node.Token);
        return client;
    }
}
