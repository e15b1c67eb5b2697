using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using Stele.Bench.Peers;

namespace Stele.Bench.Watch;

/// <summary>
/// From the answer to a write to each of many subscribers, beside a bare fan-out of the same bytes and etcd's watch, with the same client in one
/// process; what an idle subscriber costs in memory; and from one node to the subscribers of another, by each carrier of hints.
/// </summary>
internal sealed class WatchRun(BenchArguments arguments, string work)
{
    const int NodesSubscribers = 100, EtcdMost = 1_000;

    static readonly int[] counts = [100, 1_000, 10_000];
    static readonly double[] rates = [1, 5];

    readonly StringBuilder report = new("| server | subscribers | changes/s | p50 ms | p99 ms | max ms | last of all: p50 ms | p90 ms | kB each |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    readonly StringBuilder more = new();
    readonly string token = PeerStarts.NewToken();
    int number;

    public static async Task<int> Run(BenchArguments arguments)
    {
        var work = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"stele-watch-{Environment.ProcessId}")).FullName;
        var run = new WatchRun(arguments, work);
        try
        {
            foreach (var peer in arguments.Peers.SelectMany(peer => peer == "etcd" ? (string[])["etcd", "etcd-grpc"] : [peer]).Where(_ => arguments.Only.Count == 0 || arguments.Only.Contains("fanout"))) await run.Peer(peer);
            foreach (var carrier in arguments.Carriers.Where(_ => arguments.Only.Count == 0 || arguments.Only.Contains("nodes"))) await run.Nodes(carrier);
            if (arguments.Only.Count == 0 || arguments.Only.Contains("reads")) run.Add("What watching leaves to reads", await new WatchedReads(arguments, Inside(work, "reads")).Run());
            if (arguments.Only.Count == 0 || arguments.Only.Contains("webhooks")) run.Add("Webhooks that are behind", await new WebhookBacklog(arguments, Inside(work, "webhooks")).Run());
            await run.Write();
        }
        finally
        {
            Directory.CreateDirectory(arguments.Out);
            foreach (var log in Directory.GetFiles(work, "*.log", SearchOption.AllDirectories)) File.Copy(log, Path.Combine(arguments.Out, "watch-" + Path.GetFileName(log)), overwrite: true);
            Directory.Delete(work, recursive: true);
        }
        return 0;
    }

    async Task Peer(string name)
    {
        await using var peer = name switch
        {
            "stele" => PeerStarts.Stele(arguments.Root, work, ChildProcess.FreePort(), ChildProcess.FreePort(), token),
            "etcd" or "etcd-grpc" => PeerStarts.Etcd(Inside(work, name)),
            _ => Bare(),
        };
        await peer.WaitUntilReady(IsEtcd(name) ? "/health" : "/readyz", CancellationToken.None);
        using var writer = peer.NewClient();
        using var streams = peer.NewClient();
        streams.Timeout = Timeout.InfiniteTimeSpan;
        foreach (var count in counts.Where(count => count <= arguments.Subscribers && (!IsEtcd(name) || count <= EtcdMost)))
        {
            // what the first connections cost once is not what each costs
            await using (var warm = new Subscribers(100)) await Connect(name, warm, peer, streams);
            await Pause(TimeSpan.FromSeconds(3));
            var before = ResidentKilobytes(peer.Process.Id);
            await using var subscribers = new Subscribers(count);
            await Connect(name, subscribers, peer, streams);
            await Pause(TimeSpan.FromSeconds(5));
            var each = (ResidentKilobytes(peer.Process.Id) - before) / (double)count;
            foreach (var rate in rates) await Measure(name, subscribers, count, rate, change => Publish(name, writer, change), each);
        }
    }

    // commits on one node, subscribers on another
    async Task Nodes(string carrier)
    {
        var (first, second) = (Directory.CreateDirectory(Path.Combine(work, carrier + "-a")).FullName, Directory.CreateDirectory(Path.Combine(work, carrier + "-b")).FullName);
        await using var redis = carrier == "redis" ? Redis() : null;
        var settings = new List<(string, string)> { ("STELE_HINTS", carrier) };
        if (redis is not null) settings.Add(("STELE_REDIS", $"127.0.0.1:{redis.Address.Port}"));
        var brokers = carrier == "kafka" && Environment.GetEnvironmentVariable("STELE_KAFKA") is null ? await KafkaBrokers.Start(work) : default;
        await using var kafka = brokers.Process;
        if (carrier == "kafka") settings.AddRange([("STELE_KAFKA", brokers.Servers ?? Environment.GetEnvironmentVariable("STELE_KAFKA")!), ("STELE_KAFKA_OUT", "off")]);
        await using var a = PeerStarts.Stele(arguments.Root, first, ChildProcess.FreePort(), ChildProcess.FreePort(), token, [.. settings]);
        await a.WaitUntilReady("/readyz", CancellationToken.None);
        var access = EmbeddedPostgres.Access(PeerStarts.SteleData(first)) ?? throw new InvalidOperationException("the first node has no PostgreSQL");
        settings.Add(("STELE_POSTGRES", $"Host={access["PGHOST"]};Port={access["PGPORT"]};Username={access["PGUSER"]};Password={access["PGPASSWORD"]};Database=stele"));
        await using var b = PeerStarts.Stele(arguments.Root, second, ChildProcess.FreePort(), ChildProcess.FreePort(), token, [.. settings]);
        await b.WaitUntilReady("/readyz", CancellationToken.None);
        using var writer = a.NewClient();
        await using var subscribers = new Subscribers(NodesSubscribers);
        await Connect("stele", subscribers, b, writer);
        await Measure($"stele, two nodes, {carrier}", subscribers, NodesSubscribers, rates[^1], change => Publish("stele", writer, change), null);
    }

    async Task Measure(string name, Subscribers subscribers, int count, double rate, Func<int, Task> publish, double? kilobytes)
    {
        await Changes(subscribers, rate, arguments.WarmupSeconds, publish);
        var deliveries = await Changes(subscribers, rate, arguments.Seconds, publish);
        var all = deliveries.SelectMany(delivery => delivery.Milliseconds).Order().ToArray();
        var lasts = deliveries.Select(delivery => delivery.Milliseconds.DefaultIfEmpty().Max()).Order().ToArray();
        var missing = deliveries.Count * count - all.Length;
        var line = string.Create(CultureInfo.InvariantCulture, $"| {name}{(missing > 0 ? $" ({missing} not delivered)" : "")} | {count:N0} | {rate} | {At(all, 0.5):0.0} | {At(all, 0.99):0.0} | {At(all, 1):0.0} | {At(lasts, 0.5):0.0} | {At(lasts, 0.9):0.0} | {(kilobytes is { } each ? each.ToString("0.0", CultureInfo.InvariantCulture) : "")} |");
        report.AppendLine(line);
        Console.Error.WriteLine(line);
    }

    async Task<List<Delivery>> Changes(Subscribers subscribers, double rate, double seconds, Func<int, Task> publish)
    {
        var deliveries = new List<Delivery>();
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1 / rate));
        for (var left = Math.Max(1, (int)(rate * seconds)); left > 0; left--)
        {
            await timer.WaitForNextTickAsync();
            var delivery = subscribers.Expect(++number);
            deliveries.Add(delivery);
            await publish(number);
            delivery.Committed = Stopwatch.GetTimestamp();
        }
        await Task.WhenAny(Task.WhenAll(deliveries.Select(delivery => delivery.Done)), Pause(TimeSpan.FromSeconds(30)));
        return deliveries;
    }

    static bool IsEtcd(string name) => name is "etcd" or "etcd-grpc";

    Task Connect(string name, Subscribers subscribers, Peer peer, HttpClient streams) => name == "etcd-grpc" ? subscribers.ByGrpc(peer.Address, "bench.watch")
        : name == "etcd" ? subscribers.ByGateway(streams, $$$"""{"create_request":{"key":"{{{Convert.ToBase64String("bench.watch"u8)}}}"}}""")
        : subscribers.ByWebSocket(peer.Address, $"Bearer {token}", """{"type":"subscribe","id":"a","environment":"production","prefixes":["bench."]}""");

    static async Task Publish(string name, HttpClient writer, int change)
    {
        var value = Subscribers.Value(change);
        using var content = name switch
        {
            "stele" => (HttpContent)JsonContent.Create(new { value }),
            "etcd" or "etcd-grpc" => new StringContent($$"""{"key":"{{Convert.ToBase64String("bench.watch"u8)}}","value":"{{Convert.ToBase64String(Encoding.UTF8.GetBytes(value))}}"}"""),
            // what Stele sends, to the byte
            _ => new StringContent($$$"""{"type":"change","id":"a","revision":{{{change}}},"cursor":"{{{change}}}-0a1b2c3d","changes":[{"op":"set","kind":"config","key":"bench.watch","environment":"production","value":"{{{value}}}","value_type":"string","version":{{{change}}},"old_version":{{{change - 1}}}}],"at":"2026-01-31T14:03:00.123456Z","by":"root"}"""),
        };
        using var response = name switch
        {
            "stele" => await writer.PutAsync("/v1/config/bench.watch?env=production", content),
            "etcd" or "etcd-grpc" => await writer.PostAsync("/v3/kv/put", content),
            _ => await writer.PostAsync("/publish", content),
        };
        response.EnsureSuccessStatusCode();
    }

    Peer Bare()
    {
        var port = ChildProcess.FreePort();
        var process = ChildProcess.Start("dotnet", [typeof(WatchRun).Assembly.Location, "fan-out", "--port", $"{port}"], new Dictionary<string, string>(), Path.Combine(work, "fan-out.log"));
        return new Peer("bare", new Uri($"http://127.0.0.1:{port}"), process, new Dictionary<string, string>());
    }

    Peer Redis()
    {
        var port = ChildProcess.FreePort();
        return new Peer("redis", new Uri($"http://127.0.0.1:{port}"), ChildProcess.Start("redis-server", ["--port", $"{port}", "--save", "", "--dir", work], new Dictionary<string, string>(), Path.Combine(work, "redis.log")), new Dictionary<string, string>());
    }

    static string Inside(string work, string name) => Directory.CreateDirectory(Path.Combine(work, name)).FullName;

    void Add(string title, string table)
    {
        more.Append(CultureInfo.InvariantCulture, $"\n## {title}\n\n{table}");
        Console.Error.WriteLine(table);
    }

    async Task Write()
    {
        var text = $"""
            # From a commit to those who watch

            {report}
            Milliseconds from the answer to the write until a subscriber has the change, over all subscribers and changes; the last of all subscribers, over
            changes. {arguments.WarmupSeconds} s of warm-up and {arguments.Seconds} s each, on one machine with the client ({TimeProvider.System.GetUtcNow():yyyy-MM-dd}, {Environment.ProcessorCount} cores); connections are not counted. "bare" is a Kestrel that
            sends the same bytes and does nothing else. kB each: resident memory of the server's process, five seconds after all had connected.
            {more}
            """;
        var path = Path.Combine(arguments.Out, "watch.md");
        Directory.CreateDirectory(arguments.Out);
        await File.WriteAllTextAsync(path, text);
        Console.WriteLine(text);
        Console.WriteLine($"written: {path}");
    }

    internal static async Task Pause(TimeSpan time)
    {
        using var timer = new PeriodicTimer(time);
        await timer.WaitForNextTickAsync();
    }

    static double At(double[] sorted, double share) => sorted.Length == 0 ? double.NaN : sorted[Math.Min(sorted.Length - 1, (int)(sorted.Length * share))];

    static long ResidentKilobytes(int process) =>
        long.Parse(File.ReadLines($"/proc/{process}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
}
