using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Stele.Prove.Processes;
using Stele.Prove.Workload;

namespace Stele.Prove.Soak;

/// <summary>Uses what clients of the history do not: evaluations, the past, differences, lists for operators; on every node in turn. Nothing of it may fail.</summary>
internal sealed class Visitor(IReadOnlyList<SteleNode> nodes, TimeSpan think)
{
    readonly Dictionary<string, int> failures = [];
    int served;

    public int Served => Volatile.Read(ref served);

    /// <summary>What was not answered with success, and how often.</summary>
    public IReadOnlyDictionary<string, int> Failures => failures;

    public async Task Run(CancellationToken stop)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(20) };
        for (var turn = 0; !stop.IsCancellationRequested; turn++)
        {
            var (method, path, body) = Visit(turn);
            var node = nodes[turn % nodes.Count];
            using var request = new HttpRequestMessage(method, new Uri($"http://127.0.0.1:{node.Port}{path}"));
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", node.Token);
            if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
            string? failure = null;
            try
            {
                using var response = await http.SendAsync(request, stop);
                await response.Content.ReadAsByteArrayAsync(stop);
                if (!response.IsSuccessStatusCode) failure = $"{method} {path.Split('?')[0]}: {(int)response.StatusCode}";
                await Pause.For(think, stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
            {
                failure = $"{method} {path.Split('?')[0]}: {e.GetType().Name}";
            }
            if (failure is null) Interlocked.Increment(ref served);
            else failures[failure] = failures.GetValueOrDefault(failure) + 1;
        }
    }

    static (HttpMethod Method, string Path, string? Body) Visit(int turn)
    {
        var env = $"env={Caller.Environment}";
        var flag = Session.Flag(turn % Session.Flags);
        var key = Session.Key(turn % Session.Keys);
        var past = Uri.EscapeDataString(DateTimeOffset.UtcNow.AddSeconds(-5).ToString("O", CultureInfo.InvariantCulture));
        return (turn % 10) switch
        {
            0 => (HttpMethod.Post, $"/ofrep/v1/evaluate/flags?{env}", """{"context":{"targetingKey":"user-1"}}"""),
            1 => (HttpMethod.Get, $"/v1/config/{key}/history?{env}&limit=20", null),
            2 => (HttpMethod.Get, $"/v1/config?{env}&prefix=prove.&at={past}", null),
            3 => (HttpMethod.Get, "/v1/subscriptions", null),
            4 => (HttpMethod.Get, "/v1/events?limit=50", null),
            5 => (HttpMethod.Get, $"/v1/diff?from={Caller.Environment}&to=staging&prefix=prove.k0", null),
            6 => (HttpMethod.Get, $"/v1/flags?{env}", null),
            7 => (HttpMethod.Get, "/v1/audit?limit=20", null),
            8 => (HttpMethod.Post, "/v1/flags/explain", JsonSerializer.Serialize(new { flag, env = Caller.Environment, context = new { targetingKey = "user-2" } })),
            _ => (HttpMethod.Get, "/v1/status", null),
        };
    }
}
