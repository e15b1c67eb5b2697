using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using Stele.Bench.Load;
using Stele.Bench.Peers;

namespace Stele.Bench.Watch;

/// <summary>Strong GETs while nobody watches, and while many do and changes come: in turn, and what of the one is left in the other.</summary>
internal sealed class WatchedReads(BenchArguments arguments, string work)
{
    const int Keys = 1_000, Connections = 32, Watchers = 1_000, ChangesPerSecond = 5, RoundsByDefault = 3, LooksMost = 100;

    static readonly TimeSpan look = TimeSpan.FromMilliseconds(20);

    int number;

    /// <summary>Measures; a table.</summary>
    public async Task<string> Run()
    {
        var token = PeerStarts.NewToken();
        await using var peer = PeerStarts.Stele(arguments.Root, work, ChildProcess.FreePort(), ChildProcess.FreePort(), token);
        await peer.WaitUntilReady("/readyz", CancellationToken.None);
        using var writer = peer.NewClient();
        using (var seeded = await writer.PostAsJsonAsync("/v1/changes?env=production", new { changes = Enumerable.Range(0, Keys).Select(key => new { op = "set", key = Key(key), value = new string('x', 100) }) })) seeded.EnsureSuccessStatusCode();
        var requests = Path.Combine(work, "watched-reads.txt");
        Wrk.WriteRequests(requests, peer, Enumerable.Range(0, Keys).Select(key => new PlainRequest("GET", $"/v1/config/{Key(key)}?env=production")));
        Task<Measurement> Reads(double seconds) => Wrk.Run(peer, Connections, seconds, Path.Combine(arguments.Root, "bench", "requests.lua"), requests, CancellationToken.None);
        // both ways before the first round: what is done for the first time runs as it was compiled in haste, and is compiled again meanwhile
        await Reads(arguments.WarmupSeconds);
        await Watched(arguments.WarmupSeconds);
        var (alone, watched) = (new List<Measurement>(), new List<Measurement>());
        for (var round = 0; round < (arguments.Rounds ?? RoundsByDefault); round++)
        {
            alone.Add(await Reads(arguments.Seconds));
            watched.Add(await Watched(arguments.Seconds));
        }
        return Table(Measurement.MedianOf(alone), Measurement.MedianOf(watched));

        async Task<Measurement> Watched(double seconds)
        {
            using var subscribers = new LeanSubscribers();
            await subscribers.Connect(Watchers, peer.Address, $"Bearer {token}", """{"type":"subscribe","id":"a","environment":"production","prefixes":["bench.watch"]}""");
            using var ended = new CancellationTokenSource();
            var before = number;
            var changing = Change(writer, ended.Token);
            var measured = await Reads(seconds);
            await ended.CancelAsync();
            await changing;
            // what was written last may be on its way
            for (var looks = 0; subscribers.Heard < (long)(number - before) * Watchers && looks < LooksMost; looks++) await WatchRun.Pause(look);
            if (subscribers.Heard != (long)(number - before) * Watchers) throw new InvalidOperationException($"{Watchers} watchers heard {subscribers.Heard} of {number - before} changes each");
            return measured;
        }
    }

    async Task Change(HttpClient writer, CancellationToken ended)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / ChangesPerSecond));
        try
        {
            while (await timer.WaitForNextTickAsync(ended))
            {
                number++;
                using var answer = await writer.PutAsJsonAsync("/v1/config/bench.watch?env=production", new { value = Subscribers.Value(number) }, CancellationToken.None);
                answer.EnsureSuccessStatusCode();
            }
        }
        catch (OperationCanceledException)
        {
            // the round is over
        }
    }

    static string Table(Measurement alone, Measurement watched)
    {
        var text = new StringBuilder("| strong GET, 32 connections | per second | p50 ms | p99 ms | CPU µs each | refused |\n| --- | ---: | ---: | ---: | ---: | ---: |\n");
        foreach (var (name, at) in new[] { ("nobody watches", alone), ($"{Watchers:N0} watch, {ChangesPerSecond} changes/s", watched) })
            text.Append(CultureInfo.InvariantCulture, $"| {name} | {at.PerSecond:0} | {at.P50:0.000} | {at.P99:0.000} | {at.CpuMicroseconds:0.0} | {at.Refused + at.Failed} |\n");
        var lost = 1 - watched.PerSecond / alone.PerSecond;
        return text.Append(CultureInfo.InvariantCulture, $"\nLost: {lost:P1} (goal: at most 15 %, {(lost <= 0.15 ? "met" : "**missed**")}); the {Watchers:N0} clients are on the same machine, and do no more than read.\n").ToString();
    }

    static string Key(int key) => string.Create(CultureInfo.InvariantCulture, $"bench.read.{key:D4}");
}
