using Microsoft.Extensions.DependencyInjection;
using Stele.Core.Limits;
using Stele.Server.Limits;
using Stele.Server.Tests.Cli;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Limits;

/// <summary>On a server of its own, since it stops the writes of everybody.</summary>
public sealed class ReadOnlyTests(HttpServer server) : IClassFixture<HttpServer>
{
    const string Path = "/v1/operations/read-only";

    [Fact]
    public async Task Writes_of_all_nodes_are_refused_with_the_reason_and_reads_go_on()
    {
        await using var another = await server.Another();
        (await server.Put("maintenance.a", """{"value":1}""", "", ("Idempotency-Key", "before"))).Is(200);
        var on = (await server.Post(Path, """{"read_only":true,"reason":"moving house"}""")).Is(200);
        Assert.True(on["read_only"].GetBoolean());
        Assert.Equal(("moving house", "root"), (on["reason"].GetString(), on["by"].GetString()));
        try
        {
            var refused = (await server.Put("maintenance.a", """{"value":2}""")).IsProblem(503, "unavailable", "read_only@");
            Assert.Equal("30", refused.Headers["Retry-After"]);
            Assert.Contains("moving house", refused["detail"].GetString(), StringComparison.Ordinal);
            await another.Look();
            (await another.Put("maintenance.a", """{"value":2}""")).IsProblem(503, "unavailable", "read_only@");
            foreach (var (method, path, body) in new[]
            {
                ("DELETE", "/v1/config/maintenance.a", null), ("POST", "/v1/changes", """{"changes":[{"op":"set","key":"maintenance.b","value":1}]}"""),
                ("POST", "/v1/environments", """{"name":"one-more"}"""), ("POST", "/v1/config/maintenance.a/rollback", """{"version":1}"""),
            })
                (await another.Send(method, path, body)).IsProblem(503, "unavailable", "read_only@");
            Assert.Equal(1, (await another.Get("/v1/config/maintenance.a")).Is(200)["value"].GetInt32());
            (await another.Get("/readyz")).Is(200);
            // what was committed before is answered as it was
            Assert.Equal(1, (await another.Put("maintenance.a", """{"value":1}""", "", ("Idempotency-Key", "before"))).Is(200)["version"].GetInt32());
            Assert.Contains("stele_read_only 1\n", await another.Client.GetStringAsync("/metrics"), StringComparison.Ordinal);
        }
        finally
        {
            (await another.Post(Path, """{"read_only":false}""")).Is(200);
        }
        await server.Look();
        Assert.Equal(2, (await server.Put("maintenance.a", """{"value":2}""")).Is(200)["version"].GetInt32());
        Assert.Equal("""{"read_only":false,"reason":null,"since":null,"by":null,"this_node":false}""", (await server.Get(Path)).Is(200).Text);
    }

    [Fact]
    public async Task Switching_on_what_is_on_keeps_since_when()
    {
        var first = (await server.Post(Path, """{"read_only":true}""")).Is(200);
        var second = (await server.Post(Path, """{"read_only":true,"reason":"now I know"}""")).Is(200);
        Assert.Equal((first["since"].GetString(), "now I know"), (second["since"].GetString(), second["reason"].GetString()));
        (await server.Post(Path, """{"read_only":false}""")).Is(200);
    }

    [Fact]
    public async Task A_node_that_is_started_read_only_is_so_by_itself()
    {
        await using var db = await Postgres.NewDatabase();
        await using (await TestServer.Start(db)) { }
        await using var alone = await TestServer.Start(db, readOnly: true);
        using var refused = await alone.Client.PutAsync("/v1/config/a.b", new StringContent("""{"value":1}""", null, "application/json"));
        Assert.Equal(503, (int)refused.StatusCode);
        Assert.Contains("\"this_node\":true", await alone.Client.GetStringAsync(Path), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_not_a_switch_is_refused()
    {
        (await server.Post(Path, "{}")).IsProblem(400, "invalid");
        (await server.Post(Path, """{"read_only":"yes"}""")).IsProblem(400, "invalid");
        (await server.Post(Path, """{"read_only":true,"for":"ever"}""")).IsProblem(400, "invalid");
        var most = (int)TrafficLimits.ReadOnlyReasonCharacters.Value;
        (await server.Post(Path, $$"""{"read_only":true,"reason":"{{new string('r', most + 1)}}"}""")).IsProblem(400, "invalid", "reason.length@/reason");
        (await server.Post(Path, $$"""{"read_only":false,"reason":"{{new string('r', most)}}"}""")).Is(200);
        (await server.Get(Path + "?x=1")).IsProblem(400, "invalid");
    }

    [Fact]
    public async Task The_tool_switches_it_and_says_how_it_is()
    {
        Assert.Equal((0, "writes are taken\n"), Said(await server.Run("read-only")));
        var on = await server.Run("read-only", "on", "--reason", "moving house");
        Assert.Equal(0, on.Code);
        Assert.Matches(@"^no writes since 2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d UTC: moving house\n$", on.Out);
        var refused = await server.Run("set", "maintenance.c", "1");
        Assert.Equal(5, refused.Code);
        Assert.Contains("moving house", refused.Error, StringComparison.Ordinal);
        Assert.Equal((0, "writes are taken\n"), Said(await server.Run("read-only", "off")));
        Assert.Equal(0, (await server.Run("set", "maintenance.c", "1")).Code);
    }

    static (int, string) Said(CliAnswer answer) => (answer.Code, answer.Out);
}
