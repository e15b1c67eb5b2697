using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Stele.Bench.Overload;

/// <summary>One answer of a run of overload: milliseconds since the load began.</summary>
internal readonly record struct OverloadAnswer(double Due, double Done, int Status, bool SaysWhen);

/// <summary>What the generator of a run of overload found, in its order: the peak, three times that, and half of it.</summary>
internal sealed record OverloadResult(double Peak, double OverloadFrom, double OverloadTo, IReadOnlyList<OverloadAnswer> Answers);

/// <summary>
/// The generator: change sets of 100 keys, first as many as are answered (closed loop), then three times as many whatever the answers
/// (open loop), then half as many. A process of its own, so that it can be pinned to one core.
/// </summary>
internal sealed class OverloadLoad : IDisposable
{
    const int Closed = 32, KeysOfASet = 100, KeysOfAll = 10_000, Times = 3;

    readonly HttpClient client;
    readonly long began = Stopwatch.GetTimestamp();
    readonly List<OverloadAnswer> answers = [];
    int sent;

    OverloadLoad(Uri address, string token)
    {
        client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 8_000, PooledConnectionIdleTimeout = TimeSpan.FromMinutes(5) }) { BaseAddress = address, Timeout = TimeSpan.FromSeconds(30) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    double Now => Stopwatch.GetElapsedTime(began).TotalMilliseconds;

    public static async Task<int> Run(BenchArguments arguments)
    {
        using var load = new OverloadLoad(new Uri($"http://127.0.0.1:{arguments.Port}"), (await File.ReadAllTextAsync(arguments.Like!)).Trim());
        await load.ClosedLoop(arguments.WarmupSeconds);
        var from = load.Now;
        await load.ClosedLoop(arguments.Seconds);
        var peak = load.answers.Count(answer => answer.Status == 200 && answer.Done >= from) / ((load.Now - from) / 1e3);
        var overload = load.Now;
        await load.OpenLoop(peak * Times, arguments.Seconds * 2);
        var over = load.Now;
        await load.OpenLoop(peak / 2, Math.Max(10, arguments.Seconds));
        await Console.Out.WriteLineAsync(JsonSerializer.Serialize(new OverloadResult(peak, overload, over, load.answers)));
        return 0;
    }

    public void Dispose() => client.Dispose();

    async Task ClosedLoop(double seconds)
    {
        var until = Now + (seconds * 1e3);
        await Task.WhenAll(Enumerable.Range(0, Closed).Select(async _ =>
        {
            while (Now < until) await Send(Now);
        }));
    }

    async Task OpenLoop(double perSecond, double seconds)
    {
        var (start, under) = (Now, new List<Task>());
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(1));
        for (long count = 0; Now - start < seconds * 1e3;)
        {
            for (double due; (due = start + (count * 1e3 / perSecond)) <= Now; count++) under.Add(Send(due));
            await timer.WaitForNextTickAsync();
        }
        // those that are still under way are answered in the next phase; nothing waits for them
        _ = Task.WhenAll(under);
    }

    async Task Send(double due)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/changes") { Content = new StringContent(Body(Interlocked.Increment(ref sent)), Encoding.UTF8, "application/json") };
        var (status, says) = (0, false);
        try
        {
            using var response = await client.SendAsync(request);
            await response.Content.ReadAsByteArrayAsync();
            (status, says) = ((int)response.StatusCode, response.Headers.RetryAfter is not null);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            // counted as status 0
        }
        lock (answers) answers.Add(new OverloadAnswer(due, Now, status, says));
    }

    static string Body(int number)
    {
        var text = new StringBuilder("{\"changes\":[");
        for (var i = 0; i < KeysOfASet; i++)
            text.Append(i == 0 ? "" : ",").Append(CultureInfo.InvariantCulture, $"{{\"op\":\"set\",\"key\":\"bench.k{((number * KeysOfASet) + i) % KeysOfAll:00000}\",\"value\":\"value {number} of a change set\"}}");
        return text.Append("]}").ToString();
    }
}
