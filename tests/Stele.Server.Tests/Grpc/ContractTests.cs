using System.Text.Json;
using Google.Protobuf.Reflection;
using Stele.Core.Faults;
using Stele.Server.Gateway.Grpc;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Watch;
using Xunit;

namespace Stele.Server.Tests.Grpc;

/// <summary>The contract of gRPC is that of HTTP: every operation, every parameter, every member, both ways.</summary>
public sealed class ContractTests
{
    // What an orchestrator or a browser asks, and gRPC has in forms of its own.
    static readonly string[] notCalls = ["GET /healthz", "GET /readyz", "GET /metrics", "GET /openapi/v1.json",
        // cookies are a browser's
        "POST /v1/session", "DELETE /v1/session", "PUT /v1/session/password",
        // its stream is Watch
        "GET /v1/ws",
        // OFREP's own, for pages; so is Watch
        "GET /ofrep/v1/events"];

    // What only HTTP has: an export is a file, and instead of the long poll there is Watch.
    static readonly string[] notFields = ["stele.v1.AuditService.List: format", "stele.v1.ConfigService.Get: wait", "stele.v1.ConfigService.Get: after_cursor"];

    static JsonElement Document { get; } = JsonDocument.Parse(File.ReadAllText(Path.Combine(Postgres.RepositoryRoot(), "docs/openapi/v1.json"))).RootElement;

    static IEnumerable<(MethodDescriptor Method, GrpcRoute Route)> Calls() => GrpcMethods.Services.SelectMany(service => service.Methods)
        .Select(method => (method, Route: GrpcMethods.RouteOf(method))).Where(call => call.Route is not null).Select(call => (call.method, call.Route!));

    [Fact]
    public void Every_operation_of_HTTP_is_a_call_and_every_call_an_operation()
    {
        var operations = Document.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject()
            .Where(operation => operation.Name is "get" or "put" or "post" or "delete" or "patch").Select(operation => $"{operation.Name.ToUpperInvariant()} {path.Name}"));
        Assert.Equal(operations.Except(notCalls).Order(), Calls().Select(call => $"{call.Route.Verb} {call.Route.Pattern}").Order());
    }

    [Fact]
    public void Every_parameter_and_member_of_a_request_is_a_field()
    {
        foreach (var (method, route) in Calls())
        {
            var operation = Operation(route);
            var parameters = operation.TryGetProperty("parameters", out var all) ? all.EnumerateArray().Select(Resolved).ToList() : [];
            var path = parameters.Where(parameter => parameter.GetProperty("in").GetString() == "path").Select(Name).ToList();
            var query = parameters.Where(parameter => parameter.GetProperty("in").GetString() == "query").Select(Name)
                .Where(name => !notFields.Contains($"{method.FullName}: {name}")).ToList();
            var fields = method.InputType.Fields.InFieldNumberOrder();
            Assert.Equal(path, route.Path.Where(part => part.Field is not null).Select(part => part.Text));
            Assert.All(route.Path, part => Assert.True(part.Field is null || method.InputType.FindFieldByName(part.Field) is not null, method.FullName));
            Same(method, "query", query, fields.Where(field => !route.IsInPath(field.Name) && route.IsInQuery(field.Name)));
            if (route.HasBody)
                Same(method, Schema(operation, "requestBody"), method.InputType, fields.Where(field => !route.IsInPath(field.Name) && !route.IsInQuery(field.Name)).ToList());
        }
    }

    [Fact]
    public void Every_member_of_an_answer_is_a_field()
    {
        foreach (var (method, route) in Calls().Where(call => !call.Method.IsServerStreaming))
        {
            var (_, answer) = Operation(route).GetProperty("responses").EnumerateObject().Select(response => (response.Name, Resolved(response.Value))).First(response => response.Name[0] == '2');
            if (answer.TryGetProperty("content", out var content)) Same(method, content.EnumerateObject().First().Value.GetProperty("schema"), method.OutputType, method.OutputType.Fields.InFieldNumberOrder());
            else Assert.Empty(method.OutputType.Fields.InFieldNumberOrder());
        }
    }

    [Fact]
    public void Every_fault_code_has_a_status_and_none_is_OK()
    {
        foreach (var code in System.Enum.GetValues<FaultCode>())
        {
            Assert.NotEqual(GrpcCode.Ok, GrpcStatus.CodeOf(code));
            Assert.NotNull(GrpcStatus.Of(new Fault(code, "x")).Details(null, ""));
        }
        Assert.Equal(GrpcCode.Unavailable, GrpcStatus.CodeOf(FaultCode.Unavailable));
        Assert.Single(System.Enum.GetValues<FaultCode>(), code => GrpcStatus.CodeOf(code) == GrpcCode.Unavailable);
    }

    [Fact]
    public void Every_end_of_a_watch_has_a_status()
    {
        foreach (var end in System.Enum.GetValues<WatchEnd>()) Assert.StartsWith(end.Code(), WatchGrpc.StatusOf(end).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Details_fit_into_what_clients_take_of_trailers()
    {
        var problems = Enumerable.Range(0, 32).Select(index => Problem.Body($"/changes/{index}/value", "some.rule", new string('m', 2_000))).ToList();
        var details = GrpcStatus.Of(Fault.Invalid(problems)).Details(Proto.V1.ChangeSetRequest.Descriptor, Guid.Empty.ToString())!;
        Assert.InRange(details.Length, 2_000, 4_500);
        var found = Proto.Rpc.Status.Parser.ParseFrom(details).Details;
        Assert.Equal("32", found[0].Unpack<Proto.Rpc.ErrorInfo>().Metadata["problems"]);
        Assert.Equal("changes[0].value_json", found[^1].Unpack<Proto.Rpc.BadRequest>().FieldViolations[0].Field);
    }

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("100 %", "100 %25")]
    [InlineData("Zürich\n", "Z%C3%BCrich%0A")]
    public void Messages_are_percent_encoded(string message, string encoded) => Assert.Equal(encoded, GrpcHeaders.Percent(message));

    [Theory]
    [InlineData("1H", 3_600_000)]
    [InlineData("90M", 5_400_000)]
    [InlineData("5S", 5_000)]
    [InlineData("250m", 250)]
    [InlineData("99999999H", 30L * 24 * 3_600_000)]
    [InlineData("0n", 0)]
    public void Timeouts_are_read(string text, long milliseconds)
    {
        Assert.True(GrpcHeaders.TryTimeout(text, out var timeout));
        Assert.Equal(milliseconds, (long)timeout.TotalMilliseconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("S")]
    [InlineData("-1S")]
    [InlineData("1s")]
    [InlineData("123456789S")]
    [InlineData(" 1S")]
    public void What_is_no_timeout_is_refused(string text) => Assert.False(GrpcHeaders.TryTimeout(text, out _));

    static void Same(MethodDescriptor method, string place, IEnumerable<string> documented, IEnumerable<FieldDescriptor> fields)
    {
        var (expected, found) = (documented.Order().ToList(), fields.Select(GrpcFields.MemberOf).Order().ToList());
        Assert.True(expected.SequenceEqual(found), $"{method.FullName}, {place}: HTTP has {string.Join(", ", expected)}; gRPC has {string.Join(", ", found)}");
    }

    /// <summary>A schema's members and a message's fields, all the way down.</summary>
    static void Same(MethodDescriptor method, JsonElement schema, MessageDescriptor type, IList<FieldDescriptor> fields)
    {
        var members = Members(schema);
        Same(method, type.FullName, members.Keys, fields);
        foreach (var field in fields)
        {
            if (field.IsMap || field.FieldType != FieldType.Message || field.MessageType.File.Package == "google.protobuf" || field.MessageType == Proto.V1.Names.Descriptor) continue;
            var member = Resolved(members[GrpcFields.MemberOf(field)]);
            Same(method, field.IsRepeated ? member.GetProperty("items") : member, field.MessageType, field.MessageType.Fields.InFieldNumberOrder());
        }
    }

    static Dictionary<string, JsonElement> Members(JsonElement schema)
    {
        schema = Resolved(schema);
        var members = new Dictionary<string, JsonElement>();
        foreach (var union in (string[])["oneOf", "anyOf", "allOf"])
            if (schema.TryGetProperty(union, out var parts))
                foreach (var part in parts.EnumerateArray())
                    foreach (var (name, member) in Members(part)) members.TryAdd(name, member);
        if (schema.TryGetProperty("properties", out var properties))
            foreach (var property in properties.EnumerateObject()) members.TryAdd(property.Name, property.Value);
        return members;
    }

    static JsonElement Operation(GrpcRoute route) => Document.GetProperty("paths").GetProperty(route.Pattern).GetProperty(route.Verb.ToLowerInvariant());

    static JsonElement Schema(JsonElement operation, string part) =>
        operation.TryGetProperty(part, out var body) ? Resolved(body).GetProperty("content").EnumerateObject().First().Value.GetProperty("schema") : JsonDocument.Parse("{}").RootElement;

    static string Name(JsonElement parameter) => parameter.GetProperty("name").GetString()!;

    static JsonElement Resolved(JsonElement at)
    {
        if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty("$ref", out var reference)) return at;
        var found = Document;
        foreach (var step in reference.GetString()![2..].Split('/')) found = found.GetProperty(step);
        return Resolved(found);
    }
}
