using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Stele.Prove.Processes;
using Stele.Simulation.Checking.Histories;

namespace Stele.Prove.Workload;

/// <summary>How an attempt ended, as its client sees it.</summary>
internal enum Ending
{
    Ok,
    /// <summary>It was not done, and never will be.</summary>
    Failed,
    /// <summary>Nobody knows.</summary>
    Unknown,
}

/// <summary>Sends requests to nodes, as one client, and records each with its end.</summary>
internal sealed class Caller : IDisposable
{
    public const string Environment = "production", Org = "default";

    static readonly TimeSpan patience = TimeSpan.FromSeconds(4);

    readonly Recorder recorder;
    readonly string name, org;
    readonly HttpClient[] clients;

    public Caller(string name, IReadOnlyList<SteleNode> nodes, Recorder recorder, string org = Org)
    {
        (this.name, this.recorder, this.org) = (name, recorder, org);
        clients = [.. nodes.Select(node =>
        {
            // connections that a fault broke are not kept for long
            var client = new HttpClient(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(1), PooledConnectionIdleTimeout = TimeSpan.FromSeconds(20) }) { BaseAddress = node.Address, Timeout = patience };
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", node.Token);
            if (org != Org) client.DefaultRequestHeaders.Add("Stele-Org", org);
            return client;
        })];
    }

    public int Nodes => clients.Length;

    /// <summary>Sends a write once, and says how it ended.</summary>
    public async Task<(Ending Ending, IReadOnlyList<ShownItem> Items)> Write(int node, string tag, string? idempotencyKey, IReadOnlyList<WrittenItem> changes)
    {
        var op = recorder.NextOperation();
        var from = recorder.Now;
        recorder.Add(new Invoked(from, op, name, $"node{node + 1}", org, CallKind.Write) { Tag = tag, IdempotencyKey = idempotencyKey, Changes = changes });
        using var request = WriteRequest(tag, changes);
        if (idempotencyKey is not null) request.Headers.Add("Idempotency-Key", idempotencyKey);
        return await Send(node, request, "write", op, from, body => changes is [{ Kind: var kind, Environment: var environment, Key: var key }] && !body.TryGetProperty("results", out _)
            ? [new ShownItem(kind, environment, key, body.GetProperty("version").GetInt64())]
            : [.. body.GetProperty("results").EnumerateArray().Select(item =>
                new ShownItem(item.GetProperty("kind").GetString()!, item.GetProperty("environment").GetString()!, item.GetProperty("key").GetString()!, item.GetProperty("version").GetInt64()))]);
    }

    /// <summary>Reads one item.</summary>
    public async Task<(Ending Ending, IReadOnlyList<ShownItem> Items)> Read(int node, string consistency, ItemName item)
    {
        var op = recorder.NextOperation();
        var from = recorder.Now;
        recorder.Add(new Invoked(from, op, name, $"node{node + 1}", org, CallKind.Read) { Consistency = consistency, Items = [item] });
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/{(item.Kind == "flag" ? "flags" : "config")}/{item.Key}?env={item.Environment}&consistency={consistency}");
        return await Send(node, request, consistency, op, from, body =>
            [new ShownItem(item.Kind, item.Environment, item.Key, body.GetProperty("version").GetInt64()) { Value = ItemJson.Of(body, item.Kind, item.Kind == "flag" ? "definition" : "value") }]);
    }

    /// <summary>Reads all configuration under a prefix.</summary>
    public async Task<(Ending Ending, IReadOnlyList<ShownItem> Items)> List(int node, string consistency, string prefix)
    {
        var op = recorder.NextOperation();
        var from = recorder.Now;
        recorder.Add(new Invoked(from, op, name, $"node{node + 1}", org, CallKind.Read) { Consistency = consistency, List = new ItemPrefix("config", Environment, prefix) });
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/config?env={Environment}&prefix={prefix}&consistency={consistency}&limit=1000");
        return await Send(node, request, consistency, op, from, body =>
            [.. body.GetProperty("items").EnumerateArray().Select(item => new ShownItem("config", Environment, item.GetProperty("key").GetString()!, item.GetProperty("version").GetInt64()) { Value = ItemJson.Of(item, "config", "value") })]);
    }

    public void Dispose()
    {
        foreach (var client in clients) client.Dispose();
    }

    async Task<(Ending, IReadOnlyList<ShownItem>)> Send(int node, HttpRequestMessage request, string sort, int op, long from, Func<JsonElement, IReadOnlyList<ShownItem>> shown)
    {
        string? code = null, detail = null;
        try
        {
            using var response = await clients[node].SendAsync(request);
            var text = await response.Content.ReadAsByteArrayAsync();
            var cursor = response.Headers.TryGetValues("Stele-Cursor", out var values) ? values.First() : null;
            if (response.IsSuccessStatusCode)
            {
                using var json = JsonDocument.Parse(text);
                var items = shown(json.RootElement);
                return (End(Ending.Ok, new EndedOk(recorder.Now, op) { Cursor = cursor, Items = items }), items);
            }
            // there is nothing: an answer like any other, to a read
            if (response.StatusCode == HttpStatusCode.NotFound && sort != "write" && cursor is not null) return (End(Ending.Ok, new EndedOk(recorder.Now, op) { Cursor = cursor, Items = [] }), []);
            (code, detail) = Refusal(text);
            var isKnown = code is not (null or "outcome_unknown" or "internal") && (int)response.StatusCode < 600;
            code ??= $"{(int)response.StatusCode}";
            return (isKnown ? End(Ending.Failed, new EndedFailed(recorder.Now, op, code)) : End(Ending.Unknown, new EndedUnknown(recorder.Now, op, code)), []);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or SocketException or OperationCanceledException)
        {
            code = e is OperationCanceledException ? "timeout" : "broken";
            return (End(Ending.Unknown, new EndedUnknown(recorder.Now, op, code)), []);
        }

        Ending End(Ending ending, Ended line)
        {
            recorder.Add(line);
            // a refusal for what the request is, is service
            recorder.Add(new Sample(from / 1e3, line.At / 1e3, sort, name, node + 1, ending == Ending.Ok || code is "conflict" or "not_found", code, detail));
            return ending;
        }
    }

    static HttpRequestMessage WriteRequest(string tag, IReadOnlyList<WrittenItem> changes)
    {
        if (changes is [{ Op: "delete" } gone])
            return new HttpRequestMessage(HttpMethod.Delete, $"/v1/config/{gone.Key}?env={gone.Environment}&change_log={tag}{(gone.ExpectedVersion is { } version ? $"&expected_version={version}" : "")}");
        if (changes is [{ Kind: "flag" } flag])
            return Body(HttpMethod.Put, $"/v1/flags/{flag.Key}?env={flag.Environment}", With(new() { ["definition"] = ItemJson.Definition(tag), ["change_log"] = tag }, flag));
        if (changes is [var one])
            return Body(HttpMethod.Put, $"/v1/config/{one.Key}?env={one.Environment}", With(new() { ["value"] = tag, ["change_log"] = tag }, one));
        var items = changes.Select(change => With(new() { ["op"] = change.Op, ["kind"] = change.Kind, ["key"] = change.Key, [change.Kind == "flag" ? "definition" : "value"] = change.Kind == "flag" ? ItemJson.Definition(tag) : tag }, change));
        return Body(HttpMethod.Post, $"/v1/changes?env={Environment}", new() { ["changes"] = items, ["change_log"] = tag });
    }

    static Dictionary<string, object> With(Dictionary<string, object> body, WrittenItem change)
    {
        if (change.ExpectedVersion is { } version) body["expected_version"] = version;
        return body;
    }

    static HttpRequestMessage Body(HttpMethod method, string path, Dictionary<string, object> body) =>
        new(method, path) { Content = new StringContent(JsonSerializer.Serialize(body), Encoding.UTF8, "application/json") };

    // null: not in the form in which a node refuses
    static (string? Code, string? Detail) Refusal(byte[] text)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            return (Member(json.RootElement, "code"), Member(json.RootElement, "detail"));
        }
        catch (JsonException)
        {
            return (null, null);
        }

        static string? Member(JsonElement body, string name) => body.TryGetProperty(name, out var value) ? value.GetString() : null;
    }
}
