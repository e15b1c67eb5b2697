using System.Text.Json;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Flags;

/// <summary>Definition over HTTP: a flag is written, read, listed, rolled back, put away and deleted like anything that is versioned.</summary>
public sealed class FlagHttpTests(HttpServer server) : IClassFixture<HttpServer>
{
    const string Full = """{"state":"ENABLED","variants":{"red":"r","blue":"b"},"defaultVariant":"red","targeting":{"fractional":[["red",50],["blue",50]]}}""";

    [Fact]
    public async Task A_definition_comes_back_as_it_was_given()
    {
        var put = (await Put("http/full", $$"""{{Full[..^1]}},"change_log":"why"}""")).Is(200);
        Assert.Equal((1, "development", "why"), (put["version"].GetInt32(), put["environment"].GetString(), put["change_log"].GetString()));
        var got = (await server.Get("/v1/flags/http%2Ffull")).Is(200);
        Assert.Equal(Full, got["definition"].GetRawText());
        Assert.False(got.Json.TryGetProperty("short", out _));
        Assert.Equal(put.Headers["ETag"], got.Headers["ETag"]);
        (await server.Get("/v1/flags/http/full", ("If-None-Match", got.Headers["ETag"]))).Is(304);
        // in a member of its own it is the same
        (await Put("http/full", $$"""{"definition":{{Full}}}""")).Is(200);
        Assert.Equal(2, (await server.Get("/v1/flags/http/full")).Is(200)["version"].GetInt32());
        Assert.Equal(2, (await server.Get("/v1/flags/http/full/history")).Is(200)["items"].GetArrayLength());
        // decoded once: this is no slash
        (await server.Get("/v1/flags/http%252Ffull")).IsProblem(400, "invalid", "flag.characters@path:name");
    }

    [Fact]
    public async Task The_short_form_is_kept_and_shown_with_what_it_stands_for()
    {
        var put = (await Put("short", """{"enabled":true,"percentage":25,"target_users":["u1","u2"]}""")).Is(200);
        Assert.Equal("""{"enabled":true,"percentage":25,"target_users":["u1","u2"]}""", put["short"].GetRawText());
        Assert.Equal("off", put["definition"].GetProperty("defaultVariant").GetString());
        Assert.Equal(["short|true|25|{u1,u2}|development|1"], await server.Rows(
            "SELECT flag_name, enabled::text, percentage::text, target_users::text, environment, version::text FROM stele.feature_flags WHERE flag_name = 'short'"));
        (await Put("short", Full)).Is(200);
        Assert.Equal(["short|true|||2"], await server.Rows("SELECT flag_name, enabled::text, coalesce(percentage::text, ''), coalesce(target_users::text, ''), version::text FROM stele.feature_flags WHERE flag_name = 'short'"));
    }

    [Fact]
    public async Task Expectations_hold_or_nothing_is_written()
    {
        (await Put("expected", """{"enabled":true,"expected_version":0}""")).Is(200);
        (await Put("expected", """{"enabled":false,"expected_version":0}""")).IsProblem(409, "conflict", "expected_version@/expected_version");
        (await Put("expected", """{"enabled":false,"expected_version":1}""")).Is(200);
        (await server.Send("PUT", "/v1/flags/expected", """{"enabled":true}""", ("If-Match", "\"1-00000000\""))).IsProblem(412, "precondition_failed");
        (await server.Send("DELETE", "/v1/flags/expected?expected_version=1", null)).IsProblem(409, "conflict", "expected_version@query:expected_version");
        Assert.Equal(3, (await server.Send("DELETE", "/v1/flags/expected?expected_version=2", null)).Is(200)["version"].GetInt32());
        (await server.Get("/v1/flags/expected")).IsProblem(404, "not_found", "flag.unknown@path:name");
        (await server.Get("/v1/flags/never")).IsProblem(404, "not_found");
        // versions go on, and so does the id
        Assert.Equal(4, (await Put("expected", """{"enabled":true}""")).Is(200)["version"].GetInt32());
        Assert.Equal(["True"], await server.Rows("SELECT f.id = h.id FROM stele.flag f JOIN stele.flag_history h USING (org_id, environment, name) WHERE f.name = 'expected' AND h.version = 1"));
    }

    [Fact]
    public async Task History_and_rollback_and_the_past()
    {
        var first = (await Put("past", """{"enabled":true,"percentage":10}""")).Is(200)["revision"].GetInt64();
        (await Put("past", """{"enabled":true,"percentage":20}""")).Is(200);
        (await server.Send("DELETE", "/v1/flags/past", null)).Is(200);
        var back = (await server.Post("/v1/flags/past/rollback", """{"version":1,"change_log":"back"}""")).Is(200);
        Assert.Equal((4, 10), (back["version"].GetInt32(), back["short"].GetProperty("percentage").GetInt32()));
        var items = (await server.Get("/v1/flags/past/history?limit=3")).Is(200);
        Assert.Equal([4, 3, 2], items["items"].EnumerateArray().Select(item => item.GetProperty("version").GetInt32()));
        Assert.Equal(JsonValueKind.Null, items["items"][1].GetProperty("definition").ValueKind);
        var last = (await server.Get($"/v1/flags/past/history?limit=3&cursor={items["next_cursor"].GetString()}")).Is(200);
        Assert.Equal([1], last["items"].EnumerateArray().Select(item => item.GetProperty("version").GetInt32()));
        Assert.Equal(10, (await server.Get($"/v1/flags/past?revision={first}")).Is(200)["short"].GetProperty("percentage").GetInt32());
        Assert.Equal(20, (await server.Get("/v1/flags/past?version=2")).Is(200)["short"].GetProperty("percentage").GetInt32());
        (await server.Get($"/v1/flags/past?revision={first + 2}")).IsProblem(404, "not_found");
        (await server.Post("/v1/flags/past/rollback", """{"version":3}""")).IsProblem(400, "invalid", "rollback.deleted@/version");
    }

    [Fact]
    public async Task Lists_show_one_revision_on_all_pages_and_no_archived_flag()
    {
        foreach (var name in (string[])["list/a", "list/b", "list/c"]) (await Put(name, """{"enabled":true}""")).Is(200);
        var page = (await server.Get("/v1/flags?prefix=list/&limit=2")).Is(200);
        (await Put("list/d", """{"enabled":true}""")).Is(200);
        var rest = (await server.Get($"/v1/flags?prefix=list/&limit=2&cursor={page["next_cursor"].GetString()}")).Is(200);
        Assert.Equal(["list/c"], Names(rest));
        Assert.True((await Put("list/a", """{"archived":true}""")).Is(200)["archived"].GetBoolean());
        Assert.Equal(["list/b", "list/c", "list/d"], Names((await server.Get("/v1/flags?prefix=list/")).Is(200)));
        Assert.Equal(["list/a"], Names((await server.Get("/v1/flags?prefix=list/&archived=true")).Is(200)));
        (await Put("list/a", """{"killed":true}""")).IsProblem(409, "conflict", "flag.archived@/killed");
        Assert.False((await Put("list/a", """{"archived":false}""")).Is(200).Json.TryGetProperty("archived", out _));
        Assert.Equal(4, Names((await server.Get("/v1/flags?prefix=list/")).Is(200)).Length);
    }

    [Fact]
    public async Task Shared_rules_metadata_and_kill_switches_have_versions_of_their_own()
    {
        const string staff = """{"definition":{"in":["@example.com",{"var":"email"}]}}""";
        const string user = """{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"$ref":"staff"},"on"]}}""";
        (await Put("shared", user)).IsProblem(400, "invalid", "flag.reference@/targeting/if/0/$ref");
        (await Put("$evaluators/staff", staff)).Is(200);
        (await Put("shared", user)).Is(200);
        (await server.Send("DELETE", "/v1/flags/$evaluators/staff", null)).IsProblem(409, "conflict", "flag.referenced@");
        (await Put("$evaluators/staff", """{"definition":{"if":[{"$ref":"staff"},true]}}""")).IsProblem(400, "invalid", "flag.cycle@/definition/if/0/$ref");
        Assert.Equal(["$evaluators/staff"], Names((await server.Get("/v1/flags?prefix=$evaluators/")).Is(200)));
        (await Put("$metadata", """{"definition":{"team":"checkout"}}""")).Is(200);
        (await Put("$metadata", """{"definition":{"team":[]}}""")).IsProblem(400, "invalid", "flag.metadata@/definition/team");
        (await Put("$kill_switch", """{"definition":true}""")).Is(200);
        Assert.True((await server.State()).Environment("development")!.Flags.Set.Killed);
        (await server.Send("DELETE", "/v1/flags/$kill_switch", null)).Is(200);
        Assert.False((await server.State()).Environment("development")!.Flags.Set.Killed);
        Assert.True((await Put("shared", """{"killed":true}""")).Is(200)["killed"].GetBoolean());
        Assert.Equal(user, (await server.Get("/v1/flags/shared")).Is(200)["definition"].GetRawText());
        Assert.True((await server.State()).Environment("development")!.Flags.Set.Flags.TryGetValue("shared", out var flag) && flag.Killed);
    }

    Task<HttpAnswer> Put(string name, string body) => server.Send("PUT", $"/v1/flags/{name}", body);

    static string[] Names(HttpAnswer page) => [.. page["items"].EnumerateArray().Select(item => item.GetProperty("name").GetString()!)];
}
