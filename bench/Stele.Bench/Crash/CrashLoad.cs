using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json;

namespace Stele.Bench.Crash;

/// <summary>
/// Writers that each set their own keys to values of which none is used twice. A write that is not answered, or answered
/// 503, is sent again with the same idempotency key until it is acknowledged: exactly one version must come of it.
/// </summary>
internal sealed class CrashLoad
{
    const int KeysPerWriter = 4;

    static readonly string Query = $"?env={Scenarios.Environment}";

    readonly HttpClient client;
    readonly CancellationTokenSource stop = new();
    readonly ConcurrentDictionary<string, ConcurrentDictionary<string, Acknowledgement>> acknowledged = new();
    readonly ConcurrentQueue<string> refusals = new();
    readonly List<Task> writers;
    long count, retries, unsettled, lastStarted;

    public CrashLoad(HttpClient client, int writers)
    {
        this.client = client;
        this.writers = [.. Enumerable.Range(0, writers).Select(number => Task.Run(() => Write(number)))];
    }

    public long Acknowledged => Interlocked.Read(ref count);
    public long Retries => Interlocked.Read(ref retries);
    public long Unsettled => Interlocked.Read(ref unsettled);

    /// <summary>When the first write was acknowledged whose request was sent after the given moment (both of Stopwatch).</summary>
    public async Task<long> FirstAcknowledgedAfter(long moment, TimeSpan patience)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(1));
        var watch = Stopwatch.StartNew();
        while (Interlocked.Read(ref lastStarted) <= moment)
        {
            if (watch.Elapsed > patience) throw new TimeoutException($"No write was acknowledged within {patience}. The last answers: {string.Join("; ", refusals.TakeLast(3))}");
            await timer.WaitForNextTickAsync();
        }
        return Stopwatch.GetTimestamp();
    }

    public async Task Stop()
    {
        await stop.CancelAsync();
        await Task.WhenAll(writers);
    }

    /// <summary>Reads every key's whole history and compares it with what was acknowledged.</summary>
    public async Task<List<string>> Check()
    {
        var failures = refusals.Where(r => !r.StartsWith("503", StringComparison.Ordinal)).Distinct().Select(r => $"refused: {r}").ToList();
        foreach (var (key, expected) in acknowledged)
        {
            var history = await History(key);
            foreach (var (value, acknowledgement) in expected)
            {
                var found = history.Where(version => version.Value == value).ToList();
                if (found.Count != 1) failures.Add($"{key}: acknowledged value {value} is there {found.Count} times");
                else if (found[0].Version != acknowledgement.Version || found[0].Revision != acknowledgement.Revision)
                    failures.Add($"{key}: {value} was acknowledged as version {acknowledgement.Version} at {acknowledgement.Revision}, and is version {found[0].Version} at {found[0].Revision}");
            }
            failures.AddRange(history.GroupBy(v => v.Value).Where(g => g.Count() > 1).Select(g => $"{key}: {g.Key} is there {g.Count()} times"));
            if (!history.Select(v => v.Version).Order().SequenceEqual(Enumerable.Range(1, history.Count).Select(v => (long)v))) failures.Add($"{key}: the versions have gaps");
        }
        return failures;
    }

    async Task Write(int writer)
    {
        for (var n = 0; !stop.IsCancellationRequested; n++)
        {
            var key = $"crash.w{writer}.k{n % KeysPerWriter}";
            var value = $"{writer}-{n}";
            var idempotency = $"crash-{Environment.ProcessId}-{value}";
            while (!await Put(key, value, idempotency))
            {
                if (stop.IsCancellationRequested)
                {
                    Interlocked.Increment(ref unsettled);
                    return;
                }
                Interlocked.Increment(ref retries);
                using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
                await pause.WaitForNextTickAsync();
            }
        }
    }

    // True when the write is settled: acknowledged, or refused for a reason that no retry changes, which is a failure.
    async Task<bool> Put(string key, string value, string idempotency)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, $"/v1/config/{key}{Query}")
        {
            Content = new StringContent($$"""{"value":"{{value}}"}""", Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("Idempotency-Key", idempotency);
        var started = Stopwatch.GetTimestamp();
        try
        {
            using var response = await client.SendAsync(request);
            if (response.StatusCode == HttpStatusCode.OK)
            {
                using var json = JsonDocument.Parse(await response.Content.ReadAsStreamAsync());
                var acknowledgement = new Acknowledgement(json.RootElement.GetProperty("version").GetInt64(), json.RootElement.GetProperty("revision").GetInt64());
                acknowledged.GetOrAdd(key, _ => []).TryAdd(value, acknowledgement);
                Interlocked.Increment(ref count);
                Raise(ref lastStarted, started);
                return true;
            }
            refusals.Enqueue($"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}");
            return response.StatusCode != HttpStatusCode.ServiceUnavailable;
        }
        catch (Exception unanswered) when (unanswered is HttpRequestException or TaskCanceledException or IOException)
        {
            return false;
        }
    }

    async Task<List<(long Version, long Revision, string? Value)>> History(string key)
    {
        var versions = new List<(long, long, string?)>();
        for (string? cursor = ""; cursor is not null;)
        {
            var page = cursor.Length > 0 ? $"&cursor={Uri.EscapeDataString(cursor)}" : "";
            using var json = JsonDocument.Parse(await client.GetStringAsync($"/v1/config/{key}/history{Query}&limit=1000{page}"));
            foreach (var item in json.RootElement.GetProperty("items").EnumerateArray())
                versions.Add((item.GetProperty("version").GetInt64(), item.GetProperty("revision").GetInt64(), item.GetProperty("value").GetString()));
            cursor = json.RootElement.TryGetProperty("next_cursor", out var next) ? next.GetString() : null;
        }
        return versions;
    }

    static void Raise(ref long field, long value)
    {
        for (var seen = Interlocked.Read(ref field); seen < value;)
        {
            var was = Interlocked.CompareExchange(ref field, value, seen);
            if (was == seen) return;
            seen = was;
        }
    }

    readonly record struct Acknowledgement(long Version, long Revision);
}
