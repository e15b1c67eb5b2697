using System.Net.Http.Json;
using System.Text.Json;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Operation;

/// <summary>The committed document is the contract: what is mapped is in it, what is in it is mapped, and answers look as it says.</summary>
public sealed class OpenApiTests
{
    static readonly string[] Methods = ["get", "put", "post", "delete", "patch"];

    static JsonElement Document { get; } = JsonDocument.Parse(File.ReadAllText(Path.Combine(Postgres.RepositoryRoot(), "docs/openapi/v1.json"))).RootElement;

    [Fact]
    public async Task Every_route_is_in_the_document_and_every_operation_is_a_route()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        var documented = Document.GetProperty("paths").EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject().Where(operation => Methods.Contains(operation.Name)).Select(operation => $"{operation.Name.ToUpperInvariant()} {path.Name}"));
        Assert.Equal(server.Routes().Select(route => $"{route.Method} {route.Pattern}").Order(), documented.Order());
        Assert.Equal(Document.GetRawText(), JsonDocument.Parse(await server.Client.GetStringAsync("/openapi/v1.json")).RootElement.GetRawText());
    }

    [Fact]
    public void Every_reference_leads_somewhere_and_operation_ids_are_unique()
    {
        foreach (var reference in References(Document))
        {
            var at = Document;
            foreach (var step in reference[2..].Split('/')) Assert.True(at.TryGetProperty(step, out at), reference);
        }
        var ids = Document.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject().Select(operation => operation.Value.GetProperty("operationId").GetString())).ToList();
        Assert.Equal(ids.Count, ids.Distinct().Count());
    }

    [Fact]
    public async Task Answers_have_the_members_that_the_document_gives_them()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        await Check("PUT", "/v1/config/{key}", "/v1/config/a.b", new { value = 1, change_log = "why" });
        await Check("PUT", "/v1/config/{key}", "/v1/config/a.c", new { value = "x" });
        await Check("GET", "/v1/config/{key}", "/v1/config/a.b");
        await Check("GET", "/v1/config", "/v1/config?limit=1");
        await Check("GET", "/v1/config", "/v1/config?keys_only=true");
        await Check("GET", "/v1/config/{key}/history", "/v1/config/a.b/history");
        await Check("POST", "/v1/changes", "/v1/changes", new { changes = new[] { new { op = "set", key = "a.b", value = 2 } } });
        await Check("POST", "/v1/config/{key}/rollback", "/v1/config/a.b/rollback", new { version = 1 });
        await Check("POST", "/v1/rollback", "/v1/rollback", new { revision = 3 });
        await Check("PUT", "/v1/config/{key}", "/v1/config/a.s", new { value = 1, schema = new { type = "integer" } });
        await Check("GET", "/v1/config/{key}", "/v1/config/a.s");
        await Check("POST", "/v1/schema/validate", "/v1/schema/validate", new { schema = new { type = "string" }, value = 1 });
        await Check("POST", "/v1/config/schema-check", "/v1/config/schema-check?limit=1", new { schema = new { type = "string" } });
        await Check("DELETE", "/v1/config/{key}", "/v1/config/a.c");
        await Check("GET", "/v1/diff", "/v1/diff?from=development&to=production");
        await Check("POST", "/v1/environments", "/v1/environments", new { name = "test" });
        await Check("GET", "/v1/environments", "/v1/environments?limit=1");
        await Check("GET", "/v1/events", "/v1/events?limit=1");
        foreach (var path in (string[])["/v1/stats/changes", "/v1/limits", "/v1/status", "/healthz", "/readyz"]) await Check("GET", path, path);
        var problem = JsonDocument.Parse(await (await server.Client.GetAsync("/v1/config/a.b?nonsense=1")).Content.ReadAsStringAsync()).RootElement;
        Conforms(problem, Document.GetProperty("components").GetProperty("schemas").GetProperty("Problem"), "problem");

        async Task Check(string method, string path, string url, object? body = null)
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), url) { Content = body is null ? null : JsonContent.Create(body) };
            using var response = await server.Client.SendAsync(request);
            var text = await response.Content.ReadAsStringAsync();
            Assert.True(response.IsSuccessStatusCode, $"{method} {url}: {text}");
            var answer = Document.GetProperty("paths").GetProperty(path).GetProperty(method.ToLowerInvariant()).GetProperty("responses").GetProperty($"{(int)response.StatusCode}");
            Conforms(JsonDocument.Parse(text).RootElement, answer.GetProperty("content").GetProperty("application/json").GetProperty("schema"), $"{method} {path}");
        }
    }

    /// <summary>Types, members required and known, items and references: what the document uses of JSON Schema.</summary>
    static void Conforms(JsonElement value, JsonElement schema, string where)
    {
        if (schema.TryGetProperty("$ref", out var reference))
        {
            Conforms(value, reference.GetString()![2..].Split('/').Aggregate(Document, (at, step) => at.GetProperty(step)), where);
            return;
        }
        if (schema.TryGetProperty("anyOf", out var choices))
        {
            Assert.Contains(choices.EnumerateArray(), choice => Record.Exception(() => Conforms(value, choice, where)) is null);
            return;
        }
        if (!schema.TryGetProperty("type", out var type)) return;
        var kind = value.ValueKind switch
        {
            JsonValueKind.Object => "object", JsonValueKind.Array => "array", JsonValueKind.String => "string", JsonValueKind.Number => "integer",
            JsonValueKind.Null => "null", _ => "boolean",
        };
        Assert.True(type.ValueKind == JsonValueKind.Array ? type.EnumerateArray().Any(one => one.GetString() == kind) : type.GetString() == kind, $"{where} is {kind}, documented as {type}");
        if (kind == "array") foreach (var item in value.EnumerateArray()) Conforms(item, schema.GetProperty("items"), where + "[]");
        if (kind != "object" || !schema.TryGetProperty("properties", out var properties)) return;
        foreach (var required in schema.GetProperty("required").EnumerateArray()) Assert.True(value.TryGetProperty(required.GetString()!, out _), $"{where} lacks {required}");
        foreach (var member in value.EnumerateObject())
        {
            Assert.True(properties.TryGetProperty(member.Name, out var documented), $"{where} has {member.Name}, which is not documented");
            Conforms(member.Value, documented, $"{where}.{member.Name}");
        }
    }

    static IEnumerable<string> References(JsonElement at) => at.ValueKind switch
    {
        JsonValueKind.Object => at.EnumerateObject().SelectMany(member => member is { Name: "$ref", Value.ValueKind: JsonValueKind.String } ? [member.Value.GetString()!] : References(member.Value)),
        JsonValueKind.Array => at.EnumerateArray().SelectMany(References),
        _ => [],
    };
}
