using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Stele.Bench.Shards;

/// <summary>Readers and writers in a closed loop over filled keys; what the longest answer took, since it was last asked.</summary>
internal sealed class ShardsLoad : IAsyncDisposable
{
    const int ChangesPerRequest = 10_000;

    readonly HttpClient client;
    readonly CancellationTokenSource stop = new();
    readonly List<Task> tasks;
    readonly int keys;
    readonly Lock gate = new();
    List<double> reads = [], writes = [];
    long written, failed;

    public ShardsLoad(HttpClient client, int keys, int readers, int writers)
    {
        (this.client, this.keys) = (client, keys);
        tasks = [.. Enumerable.Range(0, readers).Select(n => Task.Run(() => Read(n))), .. Enumerable.Range(0, writers).Select(n => Task.Run(() => Write(n)))];
    }

    /// <summary>Writes that were acknowledged.</summary>
    public long Written => Interlocked.Read(ref written);

    /// <summary>Answers other than 200.</summary>
    public long Failed => Interlocked.Read(ref failed);

    /// <summary>Milliseconds of all answers since the last call.</summary>
    public (List<double> Reads, List<double> Writes) Take()
    {
        lock (gate)
        {
            var taken = (reads, writes);
            (reads, writes) = ([], []);
            return taken;
        }
    }

    public static async Task Fill(HttpClient client, int keys)
    {
        var random = new Random(1);
        for (var first = 0; first < keys; first += ChangesPerRequest)
        {
            var changes = string.Join(',', Enumerable.Range(first, Math.Min(ChangesPerRequest, keys - first)).Select(n => $$"""{"op":"set","key":"{{Key(n)}}","value":"{{Value(random)}}"}"""));
            using var answer = await client.PostAsync($"/v1/changes?env={Scenarios.Environment}", new StringContent($$"""{"changes":[{{changes}}]}""", Encoding.UTF8, "application/json"));
            answer.EnsureSuccessStatusCode();
            Console.Error.Write($"\r{Math.Min(first + ChangesPerRequest, keys)} keys");
        }
        Console.Error.WriteLine();
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await Task.WhenAll(tasks);
        stop.Dispose();
    }

    // from memory, and from the tables that are swapped
    async Task Read(int reader)
    {
        var random = new Random(reader);
        for (var n = 0; !stop.IsCancellationRequested; n++)
        {
            var key = Key(random.Next(keys));
            var path = (n % 3) switch { 0 => $"/v1/config/{key}?", 1 => $"/v1/config/{key}/history?", _ => $"/v1/config/{key}?version=1&" };
            await Timed(() => client.GetAsync($"{path}env={Scenarios.Environment}"), took => reads.Add(took));
        }
    }

    async Task Write(int writer)
    {
        var random = new Random(1_000 + writer);
        while (!stop.IsCancellationRequested)
        {
            using var body = new StringContent($$"""{"value":"{{Value(random)}}"}""", Encoding.UTF8, "application/json");
            if (await Timed(() => client.PutAsync($"/v1/config/{Key(random.Next(keys))}?env={Scenarios.Environment}", body), took => writes.Add(took))) Interlocked.Increment(ref written);
        }
    }

    async Task<bool> Timed(Func<Task<HttpResponseMessage>> send, Action<double> keep)
    {
        var begun = Stopwatch.GetTimestamp();
        using var answer = await send();
        await answer.Content.ReadAsByteArrayAsync();
        var took = Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
        lock (gate) keep(took);
        if (!answer.IsSuccessStatusCode) Interlocked.Increment(ref failed);
        return answer.IsSuccessStatusCode;
    }

    static string Key(int n) => string.Create(CultureInfo.InvariantCulture, $"bench.shards.k{n:0000000}");

    static string Value(Random random) => string.Create(100, random, (span, r) =>
    {
        for (var i = 0; i < span.Length; i++) span[i] = (char)('a' + r.Next(26));
    });
}
