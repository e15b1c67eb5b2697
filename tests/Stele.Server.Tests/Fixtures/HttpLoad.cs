using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Stele.Server.Tests.Fixtures;

/// <summary>Readers and writers of one server over HTTP, who remember what was acknowledged, and how long each answer took.</summary>
sealed class HttpLoad : IAsyncDisposable
{
    readonly HttpClient client;
    readonly CancellationTokenSource stop = new();
    readonly ConcurrentDictionary<string, long> versions = new();
    readonly ConcurrentQueue<string> failures = new();
    readonly List<Task> tasks;
    readonly int keys;
    long writes, reads, longestWrite, longestRead;

    HttpLoad(HttpClient client, int keys, int writers, int readers)
    {
        (this.client, this.keys) = (client, keys);
        tasks = [.. Enumerable.Range(0, writers).Select(Write), .. Enumerable.Range(0, readers).Select(Read)];
    }

    public long Writes => Interlocked.Read(ref writes);

    public long Reads => Interlocked.Read(ref reads);

    public TimeSpan LongestWrite => TimeSpan.FromTicks(Interlocked.Read(ref longestWrite));

    public TimeSpan LongestRead => TimeSpan.FromTicks(Interlocked.Read(ref longestRead));

    /// <summary>Answers that were not 200.</summary>
    public IReadOnlyCollection<string> Failures => failures;

    /// <summary>The last acknowledged version of each key that was written.</summary>
    public IReadOnlyDictionary<string, long> Versions => versions;

    public static string Key(int n) => string.Create(CultureInfo.InvariantCulture, $"load.k{n:000000}");

    /// <summary>Sets so many keys, in change sets.</summary>
    public static async Task Fill(HttpClient client, int keys)
    {
        foreach (var chunk in Enumerable.Range(0, keys).Chunk(10_000))
        {
            var changes = string.Join(',', chunk.Select(n => $$"""{"op":"set","key":"{{Key(n)}}","value":"first value of {{n}}"}"""));
            using var body = Json($$"""{"changes":[{{changes}}]}""");
            using var answer = await client.PostAsync("/v1/changes", body);
            answer.EnsureSuccessStatusCode();
        }
    }

    /// <summary>Begins; keys are those of <see cref="Fill"/>, and each writer also makes new ones.</summary>
    public static HttpLoad Start(HttpClient client, int keys, int writers = 3, int readers = 3) => new(client, keys, writers, readers);

    public async Task Stop()
    {
        await stop.CancelAsync();
        await Task.WhenAll(tasks);
    }

    public async ValueTask DisposeAsync()
    {
        await Stop();
        stop.Dispose();
    }

    async Task Write(int writer)
    {
        await Task.Yield();
        var random = new Random(writer);
        for (var n = 0; !stop.IsCancellationRequested; n++)
        {
            // keys of its own, so that its versions are known; every fourth is new
            var key = n % 4 == 3 ? $"load.w{writer}.n{n}" : Key(random.Next(keys / 8) * 8 + writer);
            using var body = Json($$"""{"value":"{{writer}}-{{n}}"}""");
            var begun = Stopwatch.GetTimestamp();
            using var answer = await client.PutAsync($"/v1/config/{key}", body);
            Raise(ref longestWrite, Stopwatch.GetElapsedTime(begun));
            var text = await answer.Content.ReadAsStringAsync();
            if (!answer.IsSuccessStatusCode) failures.Enqueue($"PUT {key}: {(int)answer.StatusCode} {text}");
            else versions[key] = JsonDocument.Parse(text).RootElement.GetProperty("version").GetInt64();
            Interlocked.Increment(ref writes);
        }
    }

    async Task Read(int reader)
    {
        await Task.Yield();
        var random = new Random(-reader);
        for (var n = 0; !stop.IsCancellationRequested; n++)
        {
            var key = Key(random.Next(keys));
            var path = (n % 3) switch { 0 => $"/v1/config/{key}", 1 => $"/v1/config/{key}/history", _ => $"/v1/config/{key}?version=1" };
            var begun = Stopwatch.GetTimestamp();
            using var answer = await client.GetAsync(path);
            Raise(ref longestRead, Stopwatch.GetElapsedTime(begun));
            if (!answer.IsSuccessStatusCode) failures.Enqueue($"GET {path}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
            Interlocked.Increment(ref reads);
        }
    }

    static void Raise(ref long field, TimeSpan value)
    {
        for (var seen = Interlocked.Read(ref field); seen < value.Ticks;)
        {
            var was = Interlocked.CompareExchange(ref field, value.Ticks, seen);
            if (was == seen) return;
            seen = was;
        }
    }

    static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");
}
