using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
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
    const int Apps = 100, Keys = 1_000, Changes = 200, Batch = 10_000;
    const double CallbackMillisecondsMax = 30, ReadNanosecondsMax = 50, VersionMillisecondsMax = 120;

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
        var (values, monitor) = (apps[0].Client.Values, apps[0].Monitor);
        var fast = Read("client.Values.GetInt64", () => values.GetInt64("bench.limit", 0));
        fast &= Read("IOptionsMonitor.CurrentValue.Limit", () => monitor.CurrentValue.Limit);
        Read("configuration[\"bench:limit\"]", () => apps[0].Configuration["bench:limit"]!.Length);
        var heard = await Callbacks(root, apps);
        foreach (var app in apps) await app.DisposeAsync();
        // from here on nobody is there
        var startWithout = Starts(new Uri($"http://127.0.0.1:{ChildProcess.FreePort()}"), token, cached: true, 10);
        Say("start with the server, 1,000 keys", $"{startWith:0} ms (median of 20)");
        Say("start without a server, from disk", $"{startWithout:0} ms (median of 10)");
        Say("memory of an app, 1,000 keys", $"{each / 1024:N0} KiB");
        return await Version() && fast && heard;
    }

    async Task<bool> Callbacks(HttpClient root, List<SdkApp> apps)
    {
        var sent = new long[Changes + 1];
        var milliseconds = new System.Collections.Concurrent.ConcurrentBag<double>();
        using var all = new CountdownEvent(1);
        foreach (var app in apps)
            app.Monitor.OnChange(settings =>
            {
                milliseconds.Add(Stopwatch.GetElapsedTime(sent[settings.Written]).TotalMilliseconds);
                all.Signal();
            });
        for (var i = 1; i <= Changes; i++)
        {
            all.Reset(apps.Count);
            sent[i] = Stopwatch.GetTimestamp();
            await Post(root, new { changes = new[] { new { op = "set", key = "bench.written", value = i } } });
            if (!all.Wait(TimeSpan.FromSeconds(10))) throw new TimeoutException($"change {i} was not heard by {all.CurrentCount} of {apps.Count}");
        }
        // the first ones compile what the others run
        var sorted = milliseconds.Order().ToList();
        double At(double share) => sorted[(int)(share * (sorted.Count - 1))];
        Say($"request sent → callback, {apps.Count} apps, {Changes} changes", string.Create(CultureInfo.InvariantCulture, $"p50 {At(0.5):0.0} ms, p99 {At(0.99):0.0} ms, max {sorted[^1]:0.0} ms (bound: p99 {CallbackMillisecondsMax} ms)"));
        return At(0.99) <= CallbackMillisecondsMax;
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

    bool Read(string name, Func<long> read)
    {
        for (var warm = 0; warm < 100; warm++)
            for (var i = 0; i < Batch; i++) read();
        var rounds = new List<double>();
        var (before, sum) = (GC.GetAllocatedBytesForCurrentThread(), 0L);
        for (var round = 0; round < 50; round++)
        {
            var start = Stopwatch.GetTimestamp();
            for (var i = 0; i < Batch; i++) sum += read();
            rounds.Add(Stopwatch.GetElapsedTime(start).TotalNanoseconds / Batch);
        }
        var bytes = (GC.GetAllocatedBytesForCurrentThread() - before) / (50.0 * Batch);
        var median = rounds.Order().ElementAt(rounds.Count / 2);
        Say(name, string.Create(CultureInfo.InvariantCulture, $"{median:0.0} ns, {bytes:0.00} bytes each (bound: {ReadNanosecondsMax} ns, none)"));
        return sum != 0 && median <= ReadNanosecondsMax && bytes < 0.1;
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
