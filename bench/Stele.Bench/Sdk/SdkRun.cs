using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Options;
using Stele.Bench.Peers;
using Stele.Client;

namespace Stele.Bench.Sdk;

/// <summary>What a bound app binds.</summary>
internal sealed class SdkSettings
{
    public long Written { get; set; }

    public int Limit { get; set; }
}

/// <summary>
/// What the client costs an app: reading a value, hearing of a change in a hundred apps at once, starting with and without a
/// server, memory. The apps share this process, each with its own configuration, services, connections and directory.
/// </summary>
internal sealed class SdkRun(BenchArguments arguments, string work)
{
    const int Apps = 100, Keys = 1_000, Changes = 300, Batch = 10_000, RoundsOfReads = 100;
    const double CallbackMillisecondsMax = 30, ReadNanosecondsMax = 50, VersionMillisecondsMax = 120;
    // what begins belongs to .NET's compiler: what is read or heard for the first time runs as it was compiled in haste
    static readonly TimeSpan Warm = TimeSpan.FromSeconds(10), WarmRead = TimeSpan.FromSeconds(2), Every = TimeSpan.FromMilliseconds(100);

    public static async Task<int> Run(BenchArguments arguments)
    {
        var work = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"stele-sdk-{Environment.ProcessId}")).FullName;
        try
        {
            return await new SdkRun(arguments, work).Measure() ? 0 : 1;
        }
        finally
        {
            Directory.CreateDirectory(arguments.Out);
            foreach (var log in Directory.GetFiles(work, "*.log")) File.Copy(log, Path.Combine(arguments.Out, "sdk-" + Path.GetFileName(log)), overwrite: true);
            Directory.Delete(work, recursive: true);
        }
    }

    async Task<bool> Measure()
    {
        var token = PeerStarts.NewToken();
        await using var stele = PeerStarts.Stele(arguments.Root, work, ChildProcess.FreePort(), ChildProcess.FreePort(), token);
        await stele.WaitUntilReady("/readyz", CancellationToken.None);
        using var root = stele.NewClient();
        foreach (var keys in Enumerable.Range(0, Keys).Chunk(500))
            await Post(root, new { changes = keys.Select(i => new { op = "set", key = string.Create(CultureInfo.InvariantCulture, $"bench.part{i / 10}.key{i % 10}"), value = "a value of some thirty characters" }) });
        await Post(root, new { changes = new object[] { new { op = "set", key = "bench.limit", value = 100 }, new { op = "set", key = "bench.written", value = 0 } } });

        var startWith = Starts(stele.Address, token, cached: false, 20);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var apps = Enumerable.Range(0, Apps).Select(i => App(stele.Address, token, Path.Combine(work, $"app{i}"))).ToList();
        var each = (GC.GetTotalMemory(forceFullCollection: true) - before) / Apps;
        var good = !Asked("reads") || Reads(apps[0]);
        if (Asked("callbacks")) good &= await Callbacks(root, apps);
        foreach (var app in apps) await app.DisposeAsync();
        // from here on nobody is there
        var startWithout = Starts(new Uri($"http://127.0.0.1:{ChildProcess.FreePort()}"), token, cached: true, 10);
        Say("start with the server, 1,000 keys", $"{startWith:0} ms (median of 20)");
        Say("start without a server, from disk", $"{startWithout:0} ms (median of 10)");
        Say("memory of an app, 1,000 keys", $"{each / 1024:N0} KiB");
        return (!Asked("version") || await Version()) && good;
    }

    bool Asked(string part) => arguments.Only.Count == 0 || arguments.Only.Contains(part);

    static bool Reads(SdkApp app)
    {
        var (values, monitor, configuration) = (app.Client.Values, app.Monitor, app.Configuration);
        var good = Read("client.Values.GetInt64", ReadNanosecondsMax, () => values.GetInt64("bench.limit", 0));
        good &= Read("IOptionsMonitor.CurrentValue.Limit", ReadNanosecondsMax, () => monitor.CurrentValue.Limit);
        Read("configuration[\"bench:limit\"]", double.PositiveInfinity, () => configuration["bench:limit"]!.Length);
        return good;
    }

    async Task<bool> Callbacks(HttpClient root, List<SdkApp> apps)
    {
        var sent = new ConcurrentDictionary<long, long>();
        var heard = new ConcurrentBag<(long Change, long At)>();
        var answered = new ConcurrentDictionary<long, long>();
        // waited for without a thread: of the pool's, which are as many as cores, none is taken from the apps
        var (left, all) = (0, new TaskCompletionSource());
        foreach (var app in apps)
            app.Monitor.OnChange(settings =>
            {
                heard.Add((settings.Written, Stopwatch.GetTimestamp()));
                if (Interlocked.Decrement(ref left) == 0) all.SetResult();
            });
        var written = 0L;
        await Change(Warm, Every);
        var good = await Round($"request sent → callback, {apps.Count} apps, ten changes a second", Every) <= CallbackMillisecondsMax;
        // each change as soon as the one before was heard by all: nobody rests, and acknowledgements and the disk have no time of their own
        await Round("the same, one change after another", TimeSpan.Zero);
        return good;

        async Task<double> Round(string name, TimeSpan every)
        {
            heard.Clear();
            using var here = Process.GetCurrentProcess();
            var (began, busy) = (Stopwatch.GetTimestamp(), here.TotalProcessorTime);
            await Change(null, every);
            here.Refresh();
            var whole = Spread(heard.Select(one => Stopwatch.GetElapsedTime(sent[one.Change], one.At)));
            Say(name, string.Create(CultureInfo.InvariantCulture, $"{whole} (bound: p99 {CallbackMillisecondsMax} ms)"));
            Say("  of which the write, until it is answered", Spread(heard.Select(one => one.Change).Distinct().Select(change => Stopwatch.GetElapsedTime(sent[change], answered[change]))).ToString());
            // the node tells who watches and who wrote at once: a callback may well be the first of the two
            Say("  and what comes after it", Spread(heard.Select(one => Stopwatch.GetElapsedTime(Math.Min(answered[one.Change], one.At), one.At))).ToString());
            Say("  CPU of the apps' process, an app and change", string.Create(CultureInfo.InvariantCulture, $"{(here.TotalProcessorTime - busy).TotalMilliseconds / Changes / apps.Count:0.00} ms, in {Stopwatch.GetElapsedTime(began).TotalSeconds:0.0} s"));
            return whole.P99;
        }

        async Task Change(TimeSpan? until, TimeSpan every)
        {
            var began = Stopwatch.GetTimestamp();
            for (var i = 0; until is { } end ? Stopwatch.GetElapsedTime(began) < end : i < Changes; i++)
            {
                if (every * i - Stopwatch.GetElapsedTime(began) is var rest && rest > TimeSpan.Zero) await Task.Delay(rest);
                (left, all) = (apps.Count, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
                written++;
                sent[written] = Stopwatch.GetTimestamp();
                await Post(root, new { changes = new[] { new { op = "set", key = "bench.written", value = written } } });
                answered[written] = Stopwatch.GetTimestamp();
                await all.Task.WaitAsync(TimeSpan.FromSeconds(10));
            }
        }
    }

    static Times Spread(IEnumerable<TimeSpan> times)
    {
        var sorted = times.Select(time => time.TotalMilliseconds).Order().ToList();
        return new Times(sorted[sorted.Count / 2], sorted[(int)(0.99 * (sorted.Count - 1))], sorted[^1]);
    }

    // as docs/guides/command-line.md has people publish it
    async Task<bool> Version()
    {
        var to = Path.Combine(work, "cli");
        using (var publish = Process.Start(new ProcessStartInfo("dotnet", ["publish", Path.Combine(arguments.Root, "src/Stele.Cli"), "-c", "Release", "-o", to, "-v", "q", "--nologo"]))!)
        {
            await publish.WaitForExitAsync();
            if (publish.ExitCode != 0) throw new InvalidOperationException("the command line client cannot be published");
        }
        var took = new List<double>();
        for (var i = 0; i < 60; i++)
        {
            var start = Stopwatch.GetTimestamp();
            using var run = Process.Start(new ProcessStartInfo(Path.Combine(to, "stele-cli"), ["version"]) { RedirectStandardOutput = true })!;
            await run.StandardOutput.ReadToEndAsync();
            await run.WaitForExitAsync();
            took.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        // the first ones read the disk
        var sorted = took.Skip(5).Order().ToList();
        var (median, late) = (sorted[sorted.Count / 2], sorted[(int)(0.95 * (sorted.Count - 1))]);
        Say("stele version, published", string.Create(CultureInfo.InvariantCulture, $"{median:0} ms, p95 {late:0} ms (bound: {VersionMillisecondsMax} ms)"));
        return median <= VersionMillisecondsMax;
    }

    static bool Read(string name, double nanosecondsMax, Func<long> read)
    {
        for (var began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began) < WarmRead;) Sum(read);
        var rounds = new double[RoundsOfReads];
        var (before, sum) = (GC.GetAllocatedBytesForCurrentThread(), 0L);
        for (var round = 0; round < rounds.Length; round++)
        {
            var start = Stopwatch.GetTimestamp();
            sum += Sum(read);
            rounds[round] = Stopwatch.GetElapsedTime(start).TotalNanoseconds / Batch;
        }
        var bytes = (GC.GetAllocatedBytesForCurrentThread() - before) / ((double)RoundsOfReads * Batch);
        var median = rounds.Order().ElementAt(rounds.Length / 2);
        Say(name, string.Create(CultureInfo.InvariantCulture, $"{median:0.0} ns, {bytes:0.00} bytes each{(double.IsFinite(nanosecondsMax) ? $" (bound: {nanosecondsMax} ns, none)" : "")}"));
        return sum != 0 && median <= nanosecondsMax && bytes < 0.1;
    }

    // the loop around it is not to be what is measured
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static long Sum(Func<long> read)
    {
        var sum = 0L;
        for (var i = 0; i < Batch; i++) sum += read();
        return sum;
    }

    double Starts(Uri url, string token, bool cached, int times)
    {
        var took = new List<double>();
        for (var i = 0; i < times; i++)
        {
            var start = Stopwatch.GetTimestamp();
            var app = App(url, token, cached ? Path.Combine(work, "app0") : Path.Combine(work, $"start{i}"));
            took.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            app.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
        return took.Order().ElementAt(took.Count / 2);
    }

    static SdkApp App(Uri url, string token, string directory)
    {
        var configuration = new ConfigurationManager();
        configuration.AddStele(url.ToString(), options =>
        {
            (options.Token, options.Environment, options.Prefix, options.Flags) = (token, "production", "bench.", false);
            (options.LastKnown, options.Notice) = (new LastKnownOptions { Directory = directory, Application = "bench" }, _ => { });
        });
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddStele(configuration);
        services.AddOptions<SdkSettings>().Bind(configuration.GetSection("bench"));
        var provider = services.BuildServiceProvider();
        return new SdkApp(configuration, provider, provider.GetRequiredService<SteleClient>(), provider.GetRequiredService<IOptionsMonitor<SdkSettings>>());
    }

    static async Task Post(HttpClient root, object body)
    {
        using var answer = await root.PostAsJsonAsync("/v1/changes?env=production", body);
        answer.EnsureSuccessStatusCode();
    }

    static void Say(string what, string result) => Console.WriteLine($"{what,-52} {result}");
}

/// <summary>One app.</summary>
internal sealed record SdkApp(ConfigurationManager Configuration, ServiceProvider Services, SteleClient Client, IOptionsMonitor<SdkSettings> Monitor) : IAsyncDisposable
{
    public async ValueTask DisposeAsync()
    {
        await Services.DisposeAsync();
        Configuration.Dispose();
    }
}

/// <summary>Of many times, in milliseconds.</summary>
internal readonly record struct Times(double P50, double P99, double Most)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"p50 {P50:0.0} ms, p99 {P99:0.0} ms, max {Most:0.0} ms");
}
