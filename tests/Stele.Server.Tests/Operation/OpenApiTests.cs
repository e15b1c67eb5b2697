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
    public async Task Answers_are_what_the_document_says_and_every_operation_of_configuration_is_asked()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        // the client itself holds each answer against the document
        await Check("PUT", "/v1/config/a.b", new { value = 1, change_log = "why" });
        await Check("PUT", "/v1/config/a.c", new { value = "x" });
        await Check("GET", "/v1/config/a.b");
        await Check("GET", "/v1/config?limit=1");
        await Check("GET", "/v1/config?keys_only=true");
        await Check("GET", "/v1/config/a.b/history");
        await Check("POST", "/v1/changes", new { changes = new[] { new { op = "set", key = "a.b", value = 2 } } });
        await Check("POST", "/v1/config/a.b/rollback", new { version = 1 });
        await Check("POST", "/v1/rollback", new { revision = 3 });
        await Check("PUT", "/v1/config/a.s", new { value = 1, schema = new { type = "integer" } });
        await Check("GET", "/v1/config/a.s");
        await Check("POST", "/v1/schema/validate", new { schema = new { type = "string" }, value = 1 });
        await Check("POST", "/v1/config/schema-check?limit=1", new { schema = new { type = "string" } });
        await Check("DELETE", "/v1/config/a.c");
        await Check("GET", "/v1/diff?from=development&to=production");
        await Check("POST", "/v1/environments", new { name = "test" });
        await Check("GET", "/v1/environments?limit=1");
        await Check("GET", "/v1/events?limit=1");
        foreach (var path in (string[])["/v1/stats/changes", "/v1/limits", "/v1/operations/read-only", "/v1/status", "/healthz", "/readyz", "/metrics", "/openapi/v1.json"]) await Check("GET", path);
        foreach (var (method, path) in new[] { ("GET", "/v1/config/a.b?nonsense=1"), ("GET", "/v1/nothing"), ("PATCH", "/v1/config/a.b"), ("GET", "/v1/config/a%2Fb"), ("GET", "/v1/config/none") })
        {
            using var refused = await server.Client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));
            Assert.InRange((int)refused.StatusCode, 400, 499);
        }

        async Task Check(string method, string url, object? body = null)
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), url) { Content = body is null ? null : JsonContent.Create(body) };
            using var response = await server.Client.SendAsync(request);
            Assert.True(response.IsSuccessStatusCode, $"{method} {url}: {await response.Content.ReadAsStringAsync()}");
        }
    }

    [Theory]
    [InlineData("""{"key":"a.b","environment":"development","value":1,"value_type":"number","version":1,"revision":2,"updated_at":"2026-01-31T14:03:00.000000Z","updated_by":"root","change_log":null}""", true)]
    [InlineData("""{"key":"a.b","environment":"development","value":1,"value_type":"number","version":1,"revision":2,"updated_at":"2026-01-31T14:03:00.000000Z","updated_by":"root"}""", false)]
    [InlineData("""{"key":"a.b","environment":"development","value":1,"value_type":"number","version":1,"revision":2,"updated_at":"2026-01-31T14:03:00.000000Z","updated_by":"root","change_log":null,"more":1}""", false)]
    [InlineData("""{"key":"a.b","environment":"development","value":1,"value_type":"numeric","version":1,"revision":2,"updated_at":"2026-01-31T14:03:00.000000Z","updated_by":"root","change_log":null}""", false)]
    [InlineData("""{"key":"a.b","environment":"development","value":1,"value_type":"number","version":"1","revision":2,"updated_at":"2026-01-31T14:03:00.000000Z","updated_by":"root","change_log":null}""", false)]
    [InlineData("""{"key":"a.b","environment":"development","value":1,"value_type":"number","version":1,"revision":2,"updated_at":"yesterday","updated_by":"root","change_log":null}""", false)]
    [InlineData("""{"key":".b","environment":"development","value":1,"value_type":"number","version":1,"revision":2,"updated_at":"2026-01-31T14:03:00.000000Z","updated_by":"root","change_log":null}""", false)]
    public void What_the_document_does_not_say_is_found(string body, bool fits)
    {
        string? Header(string name) => "1";
        var bytes = System.Text.Encoding.UTF8.GetBytes(body);
        Assert.Equal(fits, ContractHandler.Breach("GET", "/v1/config/a.b", 200, "application/json", Header, bytes) is null);
        Assert.NotNull(ContractHandler.Breach("GET", "/v1/config/a.b", 200, "text/plain", Header, bytes));
        Assert.NotNull(ContractHandler.Breach("GET", "/v1/config/a.b", 200, "application/json", _ => null, bytes));
        Assert.NotNull(ContractHandler.Breach("GET", "/v1/config/a.b", 299, "application/json", Header, bytes));
        Assert.NotNull(ContractHandler.Breach("GET", "/v1/config/a.b", 404, "application/json", Header, bytes));
        Assert.NotNull(ContractHandler.Breach("GET", "/v1/config/a.b", 304, null, Header, bytes));
        Assert.NotNull(ContractHandler.Breach("GET", "/v1/nothing", 200, "application/json", Header, bytes));
        Assert.NotNull(ContractHandler.Breach("PATCH", "/v1/config/a.b", 200, "application/json", Header, bytes));
    }

    static IEnumerable<string> References(JsonElement at) => at.ValueKind switch
    {
        JsonValueKind.Object => at.EnumerateObject().SelectMany(member => member is { Name: "$ref", Value.ValueKind: JsonValueKind.String } ? [member.Value.GetString()!] : References(member.Value)),
        JsonValueKind.Array => at.EnumerateArray().SelectMany(References),
        _ => [],
    };
}
