using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Stele.Core.Faults;
using Stele.Core.Schemas;
using Xunit;

namespace Stele.Server.Tests.Fixtures;

/// <summary>
/// Holds every answer that a test sees against docs/openapi/v1.json: the operation, its status, the headers and the content type
/// that are documented for it, and the body against its schema, formats included. A test whose answer does not fit fails, whatever
/// it was about.
/// </summary>
sealed class ContractHandler() : DelegatingHandler(new SocketsHttpHandler())
{
    const string Prefix = "#/components/schemas/";

    static readonly string[] methods = ["get", "put", "post", "delete", "patch"];

    // JSON Schema's own formats; int64 and its like are OpenAPI's, and annotate
    static readonly string[] formats = ["date-time", "date", "uuid"];

    static readonly ConcurrentDictionary<string, JsonSchema> compiled = new();

    /// <summary>The committed document.</summary>
    public static JsonObject Document { get; } = JsonNode.Parse(File.ReadAllText(Path.Combine(Postgres.RepositoryRoot(), "docs/openapi/v1.json")))!.AsObject();

    static readonly List<Operation> operations = [.. Document["paths"]!.AsObject()
        .SelectMany(path => path.Value!.AsObject().Where(operation => methods.Contains(operation.Key)).Select(operation => Operation.Of(operation.Key, path.Key, operation.Value!)))
        .OrderBy(operation => operation.Parameters)];

    /// <summary>What is wrong with an answer, or null.</summary>
    public static string? Breach(string method, string path, int status, string? contentType, Func<string, string?> header, byte[] body)
    {
        var operation = operations.FirstOrDefault(one => one.Method == method && one.Path.IsMatch(path));
        if (operation is null)
            return status >= 400 ? Answer(Resolve(JsonNode.Parse("""{"$ref":"#/components/responses/Problem"}""")!), contentType, header, body) : "no operation of that path and method is documented";
        var responses = operation.Definition["responses"]!.AsObject();
        if (responses[$"{status}"] is { } documented) return Answer(Resolve(documented), contentType, header, body);
        return status >= 400 && responses["default"] is { } other ? Answer(Resolve(other), contentType, header, body) : "no answer of that status is documented";
    }

    /// <summary>What is wrong with a body, or null.</summary>
    public static string? Breach(JsonNode schema, byte[] body)
    {
        var errors = new List<SchemaError>();
        var verdict = compiled.GetOrAdd(schema.ToJsonString(), Compile).Validate(body, errors);
        return verdict == SchemaVerdict.Valid ? null : string.Join("; ", errors.Select(error => $"{error.InstanceLocation} {error.Message} ({error.KeywordLocation})"));
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await base.SendAsync(request, cancellationToken);
        // a stream has no end to wait for; its events are held against what they should be by the tests of watching
        if (response.Content.Headers.ContentType?.MediaType == "text/event-stream") return response;
        await response.Content.LoadIntoBufferAsync(cancellationToken);
        var body = await response.Content.ReadAsByteArrayAsync(cancellationToken);
        var path = Uri.UnescapeDataString(request.RequestUri!.AbsolutePath);
        var breach = request.Method == HttpMethod.Head ? null : Breach(request.Method.Method, path, (int)response.StatusCode, response.Content.Headers.ContentType?.MediaType,
            name => response.Headers.TryGetValues(name, out var values) ? string.Join(", ", values) : null, body);
        Assert.True(breach is null, $"{request.Method} {request.RequestUri.PathAndQuery} answered {(int)response.StatusCode}, which docs/openapi/v1.json does not allow: {breach}\n{Encoding.UTF8.GetString(body.AsSpan(0, Math.Min(body.Length, 2_000)))}");
        return response;
    }

    static string? Answer(JsonNode response, string? contentType, Func<string, string?> header, byte[] body)
    {
        foreach (var (name, definition) in response["headers"]?.AsObject() ?? [])
            if (header(name) is null && Resolve(definition!)["required"]?.GetValue<bool>() == true) return $"the header {name} is missing";
        if (response["content"]?.AsObject() is not { } content) return body.Length == 0 ? null : "a body, where none is documented";
        if (contentType is null || content[contentType] is not { } media) return $"the content type {contentType} is not documented";
        return contentType.EndsWith("json", StringComparison.Ordinal) ? Breach(media["schema"]!, Compact(body)) : null;
    }

    // answers have no white space between tokens; the document itself has
    static byte[] Compact(byte[] body) =>
        body.AsSpan().StartsWith("{\n"u8) ? Encoding.UTF8.GetBytes(JsonNode.Parse(body)!.ToJsonString()) : body;

    static JsonNode Resolve(JsonNode at) => at["$ref"] is { } reference
        ? reference.GetValue<string>()[2..].Split('/').Aggregate((JsonNode)Document, (node, step) => node[step] ?? throw new InvalidOperationException($"{reference} leads nowhere"))
        : at;

    static JsonSchema Compile(string schema)
    {
        var root = new JsonObject
        {
            ["$schema"] = "urn:stele:schema:assert-formats",
            ["$defs"] = Needed(schema),
            ["allOf"] = new JsonArray(JsonNode.Parse(schema)),
        };
        Adapt(root);
        var problems = new List<Problem>();
        return JsonSchema.Compile(Encoding.UTF8.GetBytes(root.ToJsonString(new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping })), "", problems)
            ?? throw new InvalidOperationException($"docs/openapi/v1.json has a schema that is none: {string.Join("; ", problems)}");
    }

    // what it refers to, and what that refers to: all schemas together are more than a schema may have
    static JsonObject Needed(string schema)
    {
        var (all, needed, open) = (Document["components"]!["schemas"]!.AsObject(), new JsonObject(), new Stack<string>([schema]));
        while (open.TryPop(out var text))
            foreach (Match match in Regex.Matches(text, $"{Regex.Escape(Prefix)}(\\w+)"))
                if (!needed.ContainsKey(match.Groups[1].Value))
                {
                    var found = all[match.Groups[1].Value]!.DeepClone();
                    needed[match.Groups[1].Value] = found;
                    open.Push(found.ToJsonString());
                }
        return needed;
    }

    static void Adapt(JsonNode? at)
    {
        if (at is JsonArray array) foreach (var item in array) Adapt(item);
        if (at is not JsonObject members) return;
        if (members["format"] is JsonValue format && format.GetValueKind() == JsonValueKind.String && !formats.Contains(format.GetValue<string>())) members.Remove("format");
        if (members["$ref"] is JsonValue reference) members["$ref"] = reference.GetValue<string>().Replace(Prefix, "#/$defs/", StringComparison.Ordinal);
        foreach (var (_, member) in members) Adapt(member);
    }

    sealed record Operation(string Method, Regex Path, int Parameters, JsonNode Definition)
    {
        // a parameter may hold anything but the end of its segment; the fewest parameters win, as in routing. Names of flags and secrets hold slashes
        public static Operation Of(string method, string path, JsonNode definition) => new(method.ToUpperInvariant(),
            new Regex("^" + Regex.Replace(Regex.Escape(path), @"\\\{[^}]+}", !path.Contains("/flags/", StringComparison.Ordinal) && !path.Contains("/secrets/", StringComparison.Ordinal) ? "[^/]+" : path.EndsWith('}') ? "(?!.*/(?:history|rollback|generate|undelete|destroy|wrap)$).+" : ".+") + "$", RegexOptions.CultureInvariant), path.Count(c => c == '{'), definition);
    }
}
