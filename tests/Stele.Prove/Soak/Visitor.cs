using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Stele.Prove.Processes;
using Stele.Prove.Workload;

namespace Stele.Prove.Soak;

/// <summary>Uses what clients of the history do not: evaluations, the past, differences, lists for operators; on every node in turn. Nothing of it may fail.</summary>
internal sealed class Visitor(IReadOnlyList<SteleNode> nodes, TimeSpan think)
{
    // secrets lie in an organization of their own: what is written there is in no history
    const string Secret = "prove.secret", SecretsOrg = "visited";

    static readonly TimeSpan ago = TimeSpan.FromSeconds(5);

    readonly Dictionary<string, int> failures = [];
    int served;

    public int Served => Volatile.Read(ref served);

    /// <summary>What was not answered with success, and how often.</summary>
    public IReadOnlyDictionary<string, int> Failures => failures;

    public async Task Run(CancellationToken stop)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(20) };
        var began = DateTimeOffset.UtcNow;
        for (var turn = 0; !stop.IsCancellationRequested; turn++)
        {
            var (method, path, body) = Visit(turn, began);
            var node = nodes[turn % nodes.Count];
            using var request = new HttpRequestMessage(method, new Uri($"http://127.0.0.1:{node.Port}{path}"));
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", node.Token);
            if (path.StartsWith("/v1/secrets/", StringComparison.Ordinal)) request.Headers.Add("Stele-Org", SecretsOrg);
            if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
            string? failure = null;
            try
            {
                using var response = await http.SendAsync(request, stop);
                await response.Content.ReadAsByteArrayAsync(stop);
                if (!response.IsSuccessStatusCode) failure = $"{method} {path.Split('?')[0]}: {(int)response.StatusCode}, {await response.Content.ReadAsStringAsync(stop)}";
                await Pause.For(think, stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is HttpRequestException or SocketException or OperationCanceledException)
            {
                failure = $"{method} {path.Split('?')[0]}: {e.GetType().Name}";
            }
            if (failure is null) Interlocked.Increment(ref served);
            else failures[failure] = failures.GetValueOrDefault(failure) + 1;
        }
    }

    /// <summary>Makes what is visited: each key, each flag and the secret once, so that nothing is missing later.</summary>
    public static async Task Prepare(SteleNode node)
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{node.Port}") };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", node.Token);
        IEnumerable<object> keys = Enumerable.Range(0, Session.Keys).Select(i => new { op = "set", kind = "config", key = Session.Key(i), value = "prepared" });
        IEnumerable<object> flags = Enumerable.Range(0, Session.Flags).Select(i => new { op = "set", kind = "flag", key = Session.Flag(i), definition = ItemJson.Definition("prepared") });
        using var answer = await http.PostAsync(new Uri($"/v1/changes?env={Caller.Environment}", UriKind.Relative), new StringContent(JsonSerializer.Serialize(new { changes = keys.Concat(flags) }), Encoding.UTF8, "application/json"));
        if (!answer.IsSuccessStatusCode) throw new InvalidOperationException($"nothing could be prepared: {await answer.Content.ReadAsStringAsync()}");
        using var org = await http.PostAsync(new Uri("/v1/orgs", UriKind.Relative), new StringContent(JsonSerializer.Serialize(new { name = SecretsOrg }), Encoding.UTF8, "application/json"));
        if (!org.IsSuccessStatusCode) throw new InvalidOperationException($"no organization could be made: {await org.Content.ReadAsStringAsync()}");
        http.DefaultRequestHeaders.Add("Stele-Org", SecretsOrg);
        using var secret = await http.PutAsync(new Uri($"/v1/secrets/{Secret}?env={Caller.Environment}", UriKind.Relative), new StringContent("""{"value":"prepared"}""", Encoding.UTF8, "application/json"));
        if (!secret.IsSuccessStatusCode) throw new InvalidOperationException($"no secret could be made: {await secret.Content.ReadAsStringAsync()}");
    }

    static (HttpMethod Method, string Path, string? Body) Visit(int turn, DateTimeOffset began)
    {
        var env = $"env={Caller.Environment}";
        var flag = Session.Flag(turn % Session.Flags);
        var key = Session.Key(turn % Session.Keys);
        // never before there was anything
        var now = DateTimeOffset.UtcNow;
        var past = Uri.EscapeDataString((now - began < ago ? began : now - ago).ToString("O", CultureInfo.InvariantCulture));
        return (turn % 13) switch
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
            9 => (HttpMethod.Put, $"/v1/secrets/{Secret}?{env}", JsonSerializer.Serialize(new { value = $"secret-{turn}" })),
            10 => (HttpMethod.Get, $"/v1/secrets/{Secret}?{env}", null),
            11 => (HttpMethod.Post, $"/ofrep/v1/evaluate/flags/{flag}?{env}", """{"context":{"targetingKey":"user-3"}}"""),
            _ => (HttpMethod.Get, "/v1/status", null),
        };
    }
}
