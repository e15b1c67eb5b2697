using System.Net;
using System.Net.Sockets;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Stele.Proto.Health.V1;
using Stele.Proto.V1;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Grpc;

/// <summary>The protocol byte by byte: what is right is answered, what is wrong ends that call and nothing else.</summary>
public sealed class WireTests(HttpServer server) : IClassFixture<HttpServer>, IDisposable
{
    const string Get = "/stele.v1.ConfigService/Get", Set = "/stele.v1.ConfigService/Set", Watch = "/grpc.health.v1.Health/Watch", Check = "/grpc.health.v1.Health/Check";

    readonly WireClient client = new(server.Grpc);

    static byte[] Asking => WireClient.Frame(new GetConfigRequest { Key = "wire.x" });

    public void Dispose() => client.Dispose();

    public static TheoryData<string, int, string> Breaches => new()
    {
        { "a frame that begins with 2", 13, "begins with 2" },
        { "compressed without encoding", 13, "grpc-encoding does not say how" },
        { "compressed as identity", 13, "grpc-encoding does not say how" },
        { "compressed and not gzip", 13, "and is not" },
        { "a length of 4 GiB", 8, "at most" },
        { "a bomb", 8, "unpacked" },
        { "half a message", 13, "in the middle" },
        { "half a head", 13, "in the middle" },
        { "no message", 12, "none came" },
        { "two messages", 12, "more came" },
        { "no protobuf", 13, "not a message" },
        { "an encoding that nobody knows", 12, "gzip" },
        { "without te", 3, "te: trailers" },
        { "a timeout without a unit", 3, "grpc-timeout" },
        { "a timeout of nine digits", 3, "grpc-timeout" },
        { "broken binary metadata", 3, "x-trace-bin is not base64" },
        { "a PUT", 12, "POST" },
        { "no such method", 12, "no call" },
        { "no such method, without a token", 16, "Send a token" },
        { "without a token", 16, "Send a token" },
        { "a wrong token", 16, "not known" },
        { "an unknown org", 5, "nowhere" },
        { "a deadline that has passed", 4, "deadline" },
    };

    [Theory]
    [MemberData(nameof(Breaches))]
    public async Task A_breach_ends_the_call_and_not_the_connection(string what, int code, string message)
    {
        var answer = await Breach(what);
        Assert.Equal(HttpStatusCode.OK, answer.Http);
        Assert.Equal(code, answer.Code);
        Assert.Contains(message, answer.Message, StringComparison.Ordinal);
        Assert.Equal("application/grpc", answer.Headers["content-type"]);
        Assert.Empty(answer.Body);
        Assert.Equal(0, (await client.Call(Check, new HealthCheckRequest())).Code);
    }

    Task<WireAnswer> Breach(string what) => what switch
    {
        "a frame that begins with 2" => client.Send(Get, [2, .. Asking[1..]]),
        "compressed without encoding" => client.Send(Get, WireClient.Frame(new GetConfigRequest { Key = "wire.x" }, gzip: true)),
        "compressed as identity" => client.Send(Get, WireClient.Frame(new GetConfigRequest { Key = "wire.x" }, gzip: true), ("grpc-encoding", "identity")),
        "compressed and not gzip" => client.Send(Get, [1, .. Asking[1..]], ("grpc-encoding", "gzip")),
        "a length of 4 GiB" => client.Send(Get, [0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3]),
        "a bomb" => client.Send(Get, WireClient.Frame(new byte[40 << 20], gzip: true), ("grpc-encoding", "gzip")),
        "half a message" => client.Send(Get, Asking[..^2]),
        "half a head" => client.Send(Get, Asking[..3]),
        "no message" => client.Send(Get, []),
        "two messages" => client.Send(Get, [.. Asking, .. Asking]),
        "no protobuf" => client.Send(Get, WireClient.Frame([0x0A, 0xFF, 0xFF, 0xFF])),
        "an encoding that nobody knows" => client.Send(Get, Asking, ("grpc-encoding", "snappy")),
        "without te" => client.Send(Get, Asking, ("te", null)),
        "a timeout without a unit" => client.Send(Get, Asking, ("grpc-timeout", "10")),
        "a timeout of nine digits" => client.Send(Get, Asking, ("grpc-timeout", "123456789m")),
        "broken binary metadata" => client.Send(Get, Asking, ("x-trace-bin", "AAAA!")),
        "a PUT" => client.Send(Get, Asking, (":method", "PUT")),
        "no such method" => client.Send("/stele.v1.ConfigService/Burn", Asking),
        "no such method, without a token" => client.Send("/stele.v1.ConfigService/Burn", Asking, ("authorization", null)),
        "without a token" => client.Send(Get, Asking, ("authorization", null)),
        "a wrong token" => client.Send(Get, Asking, ("authorization", "Bearer stele_default_nonsense")),
        "an unknown org" => client.Send(Get, Asking, ("stele-org", "nowhere")),
        "a deadline that has passed" => client.Send(Get, Asking, ("grpc-timeout", "1n")),
        _ => throw new ArgumentOutOfRangeException(nameof(what), what, "not a breach"),
    };

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/json")]
    [InlineData("application/grpc-web")]
    [InlineData("application/grpc+json")]
    [InlineData("application/grpcfoo")]
    public async Task What_is_no_gRPC_is_told_so_by_HTTP(string contentType)
    {
        var answer = await client.Send(Get, Asking, ("content-type", contentType));
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.Http);
        Assert.Null(answer.Code);
    }

    [Theory]
    [InlineData("application/grpc+proto")]
    [InlineData("application/grpc; charset=utf-8")]
    public async Task Other_names_of_the_content_type_are_taken(string contentType) =>
        Assert.Equal(0, (await client.Send(Check, WireClient.Frame(new HealthCheckRequest()), ("content-type", contentType))).Code);

    [Fact]
    public async Task HTTP_1_on_the_port_is_refused_and_harms_nobody()
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(server.Grpc.Host, server.Grpc.Port);
        await socket.GetStream().WriteAsync("GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n"u8.ToArray());
        var text = await new StreamReader(socket.GetStream(), Encoding.ASCII).ReadToEndAsync();
        Assert.StartsWith("HTTP/1.1 400", text, StringComparison.Ordinal);
        Assert.Equal(0, (await client.Call(Check, new HealthCheckRequest())).Code);
    }

    [Fact]
    public async Task Too_many_headers_are_refused_and_harm_nobody()
    {
        var many = Enumerable.Range(0, 300).Select(number => ($"x-{number}", (string?)"1")).ToArray();
        using (var other = new WireClient(server.Grpc))
        {
            var refused = await Record.ExceptionAsync(async () => Assert.NotEqual(0, (await other.Send(Check, WireClient.Frame(new HealthCheckRequest()), many)).Code));
            Assert.True(refused is null or HttpRequestException, $"{refused}");
        }
        Assert.Equal(0, (await client.Call(Check, new HealthCheckRequest())).Code);
    }

    [Fact]
    public async Task An_unknown_field_and_broken_text_are_refused_by_name()
    {
        var unknown = await client.Send(Set, WireClient.Frame([.. new SetConfigRequest { Key = "wire.x", ValueJson = "1" }.ToByteArray(), 0xF8, 0x06, 0x01]));
        Assert.Equal((3, "invalid"), (unknown.Code, unknown.Info.Reason));
        Assert.Equal(["field.unknown@111"], unknown.Violations());
        var broken = await client.Send(Set, WireClient.Frame([0x0A, 0x02, (byte)'a', 0xFF, 0x1A, 0x01, (byte)'1']));
        Assert.Equal(["string.utf8@key"], broken.Violations());
        var nested = await client.Send("/stele.v1.ConfigService/Change", WireClient.Frame([0x0A, 0x02, 0x08, 0x01, 0x0A, 0x03, 0x1A, 0x01, 0xFF]));
        Assert.Equal(["string.utf8@changes[1].key"], nested.Violations());
    }

    [Theory]
    [InlineData("1,\"expected_version\":7", "json.syntax@value_json")]
    [InlineData("1} ", "json.syntax@value_json")]
    [InlineData("", "json.syntax@value_json")]
    [InlineData("{\"a\":1,\"a\":2}", "json.duplicate_member@value_json.a")]
    [InlineData("NaN", "json.syntax@value_json")]
    [InlineData("\"\\u0000\"", "json.nul@value_json")]
    public async Task What_is_not_one_JSON_value_is_refused(string json, string violation)
    {
        var answer = await client.Call(Set, new SetConfigRequest { Key = "wire.json", ValueJson = json });
        Assert.Equal(3, answer.Code);
        Assert.Contains(violation, answer.Violations());
        Assert.Equal(5, (await client.Call(Get, new GetConfigRequest { Key = "wire.json" })).Code);
    }

    [Theory]
    [InlineData("", "parameter.required@key")]
    [InlineData("a/history", "key.characters@key")]
    [InlineData("a%2Fb", "key.characters@key")]
    [InlineData("schema-check?limit=1", "key.characters@key")]
    [InlineData("..", "key.characters@key")]
    public async Task A_key_is_a_key_and_never_a_path(string key, string violation)
    {
        foreach (var (path, request) in ((string, IMessage)[])[(Get, new GetConfigRequest { Key = key }), (Set, new SetConfigRequest { Key = key, ValueJson = "1" }), ("/stele.v1.ConfigService/Delete", new DeleteConfigRequest { Key = key })])
        {
            var answer = await client.Call(path, request);
            Assert.Equal(3, answer.Code);
            Assert.Contains(violation, answer.Violations());
        }
    }

    [Fact]
    public async Task Messages_that_come_compressed_are_answered_compressed()
    {
        var value = $"\"{new string('z', 100_000)}\"";
        var set = await client.Send(Set, WireClient.Frame(new SetConfigRequest { Key = "wire.gzip", ValueJson = value }, gzip: true), ("grpc-encoding", "gzip"), ("grpc-accept-encoding", "identity,gzip"));
        Assert.Equal(value, set.As(Config.Parser).ValueJson);
        Assert.Equal(("gzip", 1), (set.Headers["grpc-encoding"], set.Body[0]));
        Assert.True(set.Body.Length < 2_000);
        var plain = await client.Call(Get, new GetConfigRequest { Key = "wire.gzip" }, ("grpc-accept-encoding", "identity,gzip"));
        Assert.Equal(0, plain.Body[0]);
        Assert.Equal(value, plain.As(Config.Parser).ValueJson);
    }

    [Fact]
    public async Task A_stream_ends_at_its_deadline_with_what_it_had()
    {
        var answer = await client.Call(Watch, new HealthCheckRequest(), ("grpc-timeout", "300m"));
        Assert.Equal(4, answer.Code);
        Assert.Equal("4", answer.Trailers["grpc-status"]);
        Assert.Equal(new HealthCheckResponse { Status = HealthCheckResponse.Types.ServingStatus.Serving }.ToByteArray(), answer.Body[5..]);
    }

    [Theory]
    [InlineData(Watch)]
    [InlineData("/stele.v1.WatchService/Watch")]
    public async Task Streams_end_when_the_node_stops(string path)
    {
        await using var db = await Postgres.NewDatabase();
        await using var node = await TestServer.Start(db);
        using var wire = new WireClient(node.Grpc);
        var answer = await wire.Send(path, WireClient.Frame([]), node.Stop);
        Assert.Equal(14, answer.Code);
        Assert.Equal("14", answer.Trailers["grpc-status"]);
    }

    [Fact]
    public async Task A_refusal_says_what_HTTP_says()
    {
        await client.Call(Set, new SetConfigRequest { Key = "wire.there", ValueJson = "1" });
        var stale = await client.Call(Set, new SetConfigRequest { Key = "wire.there", ValueJson = "2", ExpectedVersion = 7 });
        Assert.Equal((10, "conflict", "stele"), (stale.Code, stale.Info.Reason, stale.Info.Domain));
        Assert.Equal(["expected_version@expected_version"], stale.Violations());
        var said = stale.Details.Details.Single(detail => detail.Is(Proto.Rpc.RequestInfo.Descriptor)).Unpack<Proto.Rpc.RequestInfo>();
        Assert.Equal(stale.Headers["request-id"], said.RequestId);
        var http = (await server.Put("wire.there", """{"value":2,"expected_version":7}""")).IsProblem(409, "conflict");
        Assert.Equal(http["detail"].GetString(), stale.Message);
    }

    [Fact]
    public async Task All_problems_of_a_message_are_named()
    {
        var set = new ChangeSetRequest();
        for (var i = 0; i < 20; i++) set.Changes.Add(new Change { Op = ChangeOp.Set, Key = $"-{i}", ValueJson = "1" });
        var answer = await client.Call("/stele.v1.ConfigService/Change", set);
        Assert.Equal((3, "20"), (answer.Code, answer.Info.Metadata["problems"]));
        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"key.characters@changes[{i}].key"), answer.Violations());
    }

    [Fact]
    public async Task Times_durations_and_the_past_are_what_they_are_in_HTTP()
    {
        var first = (await client.Call(Set, new SetConfigRequest { Key = "wire.time", ValueJson = "1" })).As(Config.Parser);
        await client.Call(Set, new SetConfigRequest { Key = "wire.time", ValueJson = "2.50" });
        Assert.Equal("1", (await client.Call(Get, new GetConfigRequest { Key = "wire.time", At = first.UpdatedAt })).As(Config.Parser).ValueJson);
        Assert.Equal("1", (await client.Call(Get, new GetConfigRequest { Key = "wire.time", Revision = first.Revision })).As(Config.Parser).ValueJson);
        var local = await client.Call(Get, new GetConfigRequest { Key = "wire.time", Consistency = Consistency.Local, MaxStaleness = Duration.FromTimeSpan(TimeSpan.FromSeconds(30)) });
        Assert.Equal("2.50", local.As(Config.Parser).ValueJson);
        Assert.Contains("stele-confirmed-ms", local.Headers.Keys);
        Assert.Contains("max_staleness.local@max_staleness", (await client.Call(Get, new GetConfigRequest { Key = "wire.time", MaxStaleness = new Duration { Seconds = 5 } })).Violations());
        Assert.Contains("value.range@at", (await client.Call(Get, new GetConfigRequest { Key = "wire.time", At = new Timestamp { Seconds = 1L << 60 } })).Violations());
        var future = await client.Call(Get, new GetConfigRequest { Key = "wire.time" }, ("stele-min-cursor", "nonsense"));
        Assert.Contains("cursor.malformed@stele-min-cursor", future.Violations());
    }
}
