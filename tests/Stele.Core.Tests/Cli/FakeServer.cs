using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Stele.Cli;
using Stele.Core.Tests.Client;

namespace Stele.Core.Tests.Cli;

/// <summary>
/// As much of a server as the tool needs to be tried: environments and values in memory, versions, conditions. It is
/// written from the contract and proves nothing about the server; the tests of the server run the tool against that.
/// </summary>
internal sealed class FakeServer
{
    readonly Dictionary<string, SortedDictionary<string, (string Json, string Type, int Version)>> environments = new() { ["development"] = new(StringComparer.Ordinal), ["production"] = new(StringComparer.Ordinal) };

    internal FakeServer() => Handler = new StubHandler(sent => Intercept?.Invoke(sent) ?? Answer(sent));

    internal StubHandler Handler { get; }

    /// <summary>Answers instead, where it does not return null.</summary>
    internal Func<Sent, HttpResponseMessage?>? Intercept { get; set; }

    internal int Revision { get; private set; }

    internal string LimitsJson { get; set; } = """{"items":[{"name":"change_set.changes","value":10000,"unit":"changes","meaning":"m","configurable":true}]}""";

    internal Dictionary<string, string> Variables { get; } = [];

    internal string? Answers { get; set; }

    internal IReadOnlyList<string> Values(string environment) => [.. environments[environment].Select(pair => $"{pair.Key}={pair.Value.Json}")];

    internal void Put(string environment, string key, string json) => Write(environment, key, json, null, null);

    /// <summary>Runs the tool against this server.</summary>
    internal async Task<(int Code, string Out, string Error)> Run(params string[] arguments)
    {
        var (output, error) = (new StringWriter { NewLine = "\n" }, new StringWriter { NewLine = "\n" });
        var code = await CommandLine.Run(arguments, new Surroundings
        {
            Out = output,
            Error = error,
            In = () => new MemoryStream(System.Text.Encoding.UTF8.GetBytes(Answers ?? "")),
            Variable = Variables.GetValueOrDefault,
            CanAsk = Answers is not null,
            OutIsTerminal = Variables.ContainsKey("TERM"),
            Handler = new Shared(Handler),
            Clock = new ImpatientClock(),
        });
        return (code, output.ToString(), error.ToString());
    }

    HttpResponseMessage Answer(Sent sent)
    {
        var uri = new Uri("http://h" + sent.Path);
        var query = uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => Uri.UnescapeDataString(pair[1]));
        var environment = query.GetValueOrDefault("env") ?? "development";
        var path = Uri.UnescapeDataString(uri.AbsolutePath);
        if (path == "/v1/environments" && sent.Method == "GET") return StubHandler.Json($$"""{"items":[{{string.Join(',', environments.Keys.Select(name => $$"""{"name":"{{name}}"}"""))}}]}""");
        if (path == "/v1/environments") return Create(JsonNode.Parse(sent.Body)!["name"]!.GetValue<string>());
        if (path == "/v1/limits") return StubHandler.Json(LimitsJson);
        if (path == "/v1/changes") return Apply(JsonDocument.Parse(sent.Body).RootElement);
        if (!environments.TryGetValue(environment, out var values)) return StubHandler.Problem(404, "not_found", errors: """[{"in":"query","name":"env","rule":"environment.unknown","message":"no such environment"}]""");
        if (path == "/v1/config") return List(values, environment, query);
        var key = path["/v1/config/".Length..];
        if (sent.Method == "GET") return values.TryGetValue(key, out var found) ? StubHandler.Json(Item(environment, key, found)) : StubHandler.Problem(404, "not_found");
        int? expected = sent.Method == "DELETE" && query.TryGetValue("expected_version", out var text) ? int.Parse(text, CultureInfo.InvariantCulture) : null;
        if (sent.Method == "DELETE") return Write(environment, key, null, null, expected) ?? StubHandler.Json($$"""{"version":2,"revision":{{++Revision}}}""");
        var body = JsonDocument.Parse(sent.Body).RootElement;
        return Write(environment, key, body.GetProperty("value").GetRawText(), body, null) ?? StubHandler.Json(Item(environment, key, values[key]));
    }

    HttpResponseMessage Create(string name) => environments.TryAdd(name, new(StringComparer.Ordinal)) ? StubHandler.Json($$"""{"name":"{{name}}","revision":{{++Revision}}}""") : StubHandler.Problem(409, "conflict");

    HttpResponseMessage Apply(JsonElement body)
    {
        foreach (var change in body.GetProperty("changes").EnumerateArray())
        {
            var value = change.TryGetProperty("value", out var given) ? given.GetRawText() : null;
            if (Write(change.GetProperty("environment").GetString()!, change.GetProperty("key").GetString()!, value, change, null) is { } refusal) return refusal;
        }
        return StubHandler.Json($$"""{"revision":{{Revision}},"cursor":"c","results":[]}""");
    }

    HttpResponseMessage? Write(string environment, string key, string? json, JsonElement? body, int? expected)
    {
        var values = environments[environment];
        var version = values.TryGetValue(key, out var found) ? found.Version : 0;
        if (body is { } members && members.TryGetProperty("expected_version", out var named)) expected = named.GetInt32();
        if (expected is { } must && must != version) return StubHandler.Problem(409, "conflict", errors: """[{"pointer":"/expected_version","rule":"expected_version","message":"stale"}]""");
        Revision++;
        if (json is null) values.Remove(key);
        else values[key] = (json, Stele.Cli.Values.JsonText.TypeOf(JsonElement.Parse(json)), version + 1);
        return null;
    }

    HttpResponseMessage List(SortedDictionary<string, (string Json, string Type, int Version)> values, string environment, Dictionary<string, string> query)
    {
        var limit = int.Parse(query.GetValueOrDefault("limit", "100"), CultureInfo.InvariantCulture);
        var found = values.Where(pair => pair.Key.StartsWith(query.GetValueOrDefault("prefix", ""), StringComparison.Ordinal) && string.CompareOrdinal(pair.Key, query.GetValueOrDefault("cursor", "")) > 0).ToList();
        var items = string.Join(',', found.Take(limit).Select(pair => Item(environment, pair.Key, pair.Value)));
        var next = found.Count > limit ? $",\"next_cursor\":\"{found[limit - 1].Key}\"" : "";
        return StubHandler.Json($$"""{"items":[{{items}}],"revision":{{Revision}}{{next}}}""");
    }

    string Item(string environment, string key, (string Json, string Type, int Version) value) =>
        $$"""{"key":"{{key}}","environment":"{{environment}}","value":{{value.Json}},"value_type":"{{value.Type}}","version":{{value.Version}},"revision":{{Revision}}}""";

    /// <summary>Each run disposes of its client, and the client of its handler; the server outlives them.</summary>
    sealed class Shared(HttpMessageHandler inner) : HttpMessageHandler
    {
        readonly HttpMessageInvoker invoker = new(inner, disposeHandler: false);

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => invoker.SendAsync(request, cancellationToken);
    }
}
