using System.Text;
using System.Text.Json;
using Stele.Server.Tests.Access;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Flags;

/// <summary>Whole sets over HTTP: flagd's files in and out, copies, change sets with configuration; and what a write would move, before it is one.</summary>
public sealed class FlagFileTests(HttpServer server) : IClassFixture<HttpServer>
{
    const string File = """
        {"flags":{"welcome":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"$ref":"staff"},"on"]}},
        "colour":{"state":"ENABLED","variants":{"red":"r","blue":"b"},"defaultVariant":"red","targeting":{"fractional":[["red",50],["blue",50]]}},
        "brief":{"enabled":true,"percentage":5}},"$evaluators":{"staff":{"ends_with":[{"var":"email"},"@example.com"]}},"metadata":{"team":"x"}}
        """;

    const string Yaml = """
        # a comment
        flags:
          welcome:
            state: ENABLED
            variants: {on: true, off: false}
            defaultVariant: "off"
            targeting:
              if:
                - $ref: staff
                - "on"
        $evaluators:
          staff: &staff
            ends_with: [{var: email}, "@example.com"]
        """;

    [Fact]
    public async Task A_file_goes_in_as_one_revision_and_comes_out_as_it_was()
    {
        var before = await server.Revision();
        var first = (await server.Post("/v1/flags/import?env=staging", File)).Is(200);
        Assert.Equal((before + 1, 0, 5), (first["revision"].GetInt64(), first["unchanged"].GetInt32(), first["items"].GetArrayLength()));
        var again = (await server.Post("/v1/flags/import?env=staging&mode=replace", File)).Is(200);
        Assert.Equal((before + 1, 5, 0), (again["revision"].GetInt64(), again["unchanged"].GetInt32(), again["items"].GetArrayLength()));
        var exported = (await server.Get("/v1/flags/export?env=staging")).Is(200);
        Assert.Equal("""{"enabled":true,"percentage":5}""", exported["flags"].GetProperty("brief").GetRawText());
        Assert.Equal("x", exported["metadata"].GetProperty("team").GetString());
        (await server.Post("/v1/flags/import?env=production", exported.Text)).Is(200);
        Assert.Equal(exported.Text, (await server.Get("/v1/flags/export?env=production")).Is(200).Text);
        // flagd knows no short form, and no kill switch
        (await server.Send("PUT", "/v1/flags/colour?env=production", """{"killed":true}""")).Is(200);
        var flagd = (await server.Get("/v1/flags/export?env=production&format=flagd")).Is(200)["flags"];
        Assert.Equal(("ENABLED", "DISABLED"), (flagd.GetProperty("brief").GetProperty("state").GetString(), flagd.GetProperty("colour").GetProperty("state").GetString()));
        // what a replacement does not name is deleted
        var replaced = (await server.Post("/v1/flags/import?env=production&mode=replace", """{"flags":{"only":{"enabled":true}}}""")).Is(200);
        Assert.Equal(["removed", "removed", "removed", "removed", "removed", "added"], replaced["items"].EnumerateArray().Select(item => item.GetProperty("op").GetString()).Order().Reverse());
        Assert.Equal(["only"], (await server.Get("/v1/flags?env=production")).Is(200)["items"].EnumerateArray().Select(item => item.GetProperty("name").GetString()));
    }

    [Fact]
    public async Task A_file_may_be_YAML_and_comes_out_as_YAML_that_is_the_same_set()
    {
        (await server.Post("/v1/environments", """{"name":"yaml"}""")).Is(201);
        (await Import("/v1/flags/import?env=yaml", Yaml, "application/yaml")).Is(200);
        var json = (await server.Get("/v1/flags/export?env=yaml")).Is(200).Text;
        Assert.Contains("""{"ends_with":[{"var":"email"},"@example.com"]}""", json, StringComparison.Ordinal);
        var yaml = await server.Client.GetStringAsync("/v1/flags/export?env=yaml&format=yaml");
        Assert.StartsWith("flags:\n  welcome:\n    state: \"ENABLED\"\n", yaml, StringComparison.Ordinal);
        var same = (await Import("/v1/flags/import?env=yaml&mode=replace", yaml, "text/yaml")).Is(200);
        Assert.Equal(0, same["items"].GetArrayLength());
        Assert.Equal(json, (await server.Get("/v1/flags/export?env=yaml")).Is(200).Text);
        // swollen by aliases, tagged, in two documents, cut short
        var bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + string.Concat(Enumerable.Range(0, 9).Select(i => $"{(char)('b' + i)}: &{(char)('b' + i)} [{string.Join(",", Enumerable.Repeat($"*{(char)('a' + i)}", 10))}]\n"));
        foreach (var text in (string[])[bomb, "flags: !!python/object:os.system x", "flags: {}\n---\nflags: {}", "flags: [", "flags: *none", "flags: {<<: 1}", "flags: {<<: [{}, x]}", "flags: {}\n<<: *none", ""])
            (await Import("/v1/flags/import?env=yaml", text, "application/yaml")).IsProblem(400, "invalid", "yaml.syntax@");
    }

    [Fact]
    public async Task Merge_keys_bring_what_a_mapping_does_not_have_itself()
    {
        (await server.Post("/v1/environments", """{"name":"merges"}""")).Is(201);
        const string merged = """
            flags:
              base: &base {state: ENABLED, variants: &switch {on: true, off: false}, defaultVariant: "off"}
              plain: {<<: *base}
              own: {defaultVariant: "on", <<: *base}
              first: {<<: [{defaultVariant: "on"}, *base, {defaultVariant: nothing}]}
              deep: {<<: *base, variants: {<<: *switch, on: false}}
            """;
        (await Import("/v1/flags/import?env=merges", merged, "application/yaml")).Is(200);
        var flags = (await server.Get("/v1/flags/export?env=merges")).Is(200)["flags"];
        Assert.Equal("""{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off"}""", flags.GetProperty("plain").GetRawText());
        Assert.Equal("""{"defaultVariant":"on","state":"ENABLED","variants":{"on":true,"off":false}}""", flags.GetProperty("own").GetRawText());
        Assert.Equal("""{"defaultVariant":"on","state":"ENABLED","variants":{"on":true,"off":false}}""", flags.GetProperty("first").GetRawText());
        Assert.Equal("""{"on":false,"off":false}""", flags.GetProperty("deep").GetProperty("variants").GetRawText());
        // what merges read is bounded, though what they come to is small
        var large = $"flags: {{}}\nmetadata: &m {{x: {new string('y', 1 << 20)}}}\n" + string.Concat(Enumerable.Range(0, 100).Select(i => $"a{i}: {{<<: *m, x: 1}}\n"));
        var refused = (await Import("/v1/flags/import?env=merges", large, "application/yaml")).IsProblem(400, "invalid", "yaml.syntax@");
        Assert.Contains("What anchors name and merges bring", refused.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_export_holds_what_somebody_may_read_and_says_that_it_may_not_be_all()
    {
        (await server.Post("/v1/environments", """{"name":"shared"}""")).Is(201);
        (await server.Post("/v1/flags/import?env=shared", """{"flags":{"mine/a":{"enabled":true},"mine/b":{"enabled":true},"theirs":{"enabled":true}},"$evaluators":{"staff":{"var":"x"}},"metadata":{"team":"x"}}""")).Is(200);
        var (token, _) = await server.NewToken($"[{AccessServer.Scope("flag:read", "shared", "mine/")}]");
        foreach (var format in (string[])["json", "flagd"])
        {
            var some = (await server.Get($"/v1/flags/export?env=shared&format={format}", AccessServer.As(token))).Is(200);
            Assert.Equal(["mine/a", "mine/b"], some["flags"].EnumerateObject().Select(flag => flag.Name));
            Assert.Equal("true", some.Headers["Stele-Partial"]);
            Assert.DoesNotContain("staff", some.Text, StringComparison.Ordinal);
            Assert.False(some.Json.TryGetProperty("metadata", out _));
        }
        Assert.False((await server.Get("/v1/flags/export?env=shared")).Is(200).Headers.ContainsKey("Stele-Partial"));
        (await server.Get("/v1/flags/export?env=production", AccessServer.As(token))).IsProblem(403, "forbidden");
    }

    [Fact]
    public async Task A_change_set_tells_what_each_of_its_flags_moves_and_may_be_tried_first()
    {
        (await Put("set/a", """{"enabled":true,"percentage":10}""")).Is(200);
        (await Put("set/b", """{"enabled":true,"target_users":["x"]}""")).Is(200);
        const string changes = """{"changes":[{"op":"set","key":"set.key","value":1},{"op":"set","kind":"flag","key":"set/a","definition":{"enabled":true,"percentage":25}},{"op":"delete","kind":"flag","key":"set/b"}]}""";
        var revision = await server.Revision();
        var dry = (await server.Post("/v1/changes?dry_run=true", changes)).Is(200);
        Assert.Equal((revision, true), (dry["revision"].GetInt64(), dry["dry_run"].GetBoolean()));
        Assert.Equal(revision, await server.Revision());
        var done = (await server.Post("/v1/changes", changes, ("Idempotency-Key", "set"))).Is(200);
        Assert.False(done.Json.TryGetProperty("dry_run", out _));
        foreach (var results in (JsonElement[])[dry["results"], done["results"]])
        {
            Assert.False(results[0].TryGetProperty("moved", out _));
            Assert.Equal(0.15, results[1].GetProperty("moved").GetDouble());
            Assert.Equal(JsonValueKind.Null, results[2].GetProperty("moved").ValueKind);
            Assert.StartsWith("The flag goes", results[2].GetProperty("moved_reason").GetString(), StringComparison.Ordinal);
        }
        (await Put("set/a", """{"enabled":true,"percentage":100}""")).Is(200);
        Assert.Equal(done.Text, (await server.Post("/v1/changes", changes, ("Idempotency-Key", "set"))).Is(200).Text);
        // back as it was, tried and done
        var back = $$"""{"revision":{{revision}},"prefix":"set/","kinds":["flag"]}""";
        Assert.Equal(0.9, (await server.Post("/v1/rollback?dry_run=true", back)).Is(200)["results"].EnumerateArray().Single(item => item.GetProperty("key").GetString() == "set/a").GetProperty("moved").GetDouble());
        Assert.Equal(100, (await server.Get("/v1/flags/set/a")).Is(200)["short"].GetProperty("percentage").GetInt32());
        (await server.Post("/v1/rollback", back)).Is(200);
        Assert.Equal(10, (await server.Get("/v1/flags/set/a")).Is(200)["short"].GetProperty("percentage").GetInt32());
        (await server.Post("/v1/changes?dry_run=true&wait_for=subscribers", changes)).IsProblem(400, "invalid", "parameter.exclusive@query:dry_run");
    }

    [Fact]
    public async Task An_import_may_dangle_as_flagds_files_do_and_nothing_else_may_be_wrong()
    {
        (await server.Post("/v1/environments", """{"name":"dangling"}""")).Is(201);
        (await server.Post("/v1/flags/import?env=dangling", """{"flags":{"x":{"state":"ENABLED","variants":{"on":true},"targeting":{"if":[{"$ref":"none"},"on"]}}}}""")).Is(200);
        (await server.Post("/v1/flags/import?env=dangling", """{"flags":{"a":{"state":"ENABLED","variants":{"on":true},"targeting":{"if":[{"flag":["b"]},"on"]}},"b":{"state":"ENABLED","variants":{"on":true},"targeting":{"if":[{"flag":["a"]},"on"]}}}}"""))
            .IsProblem(400, "invalid", "flag.cycle@/flags/a/targeting/if/0/flag/0");
        (await server.Post("/v1/flags/import?env=dangling", """{"flags":{"a":{"state":"ENABLED","variants":{"on":true},"targeting":{"iff":[1]}}}}""")).IsProblem(400, "invalid", "flag.operation@/flags/a/targeting");
        (await server.Post("/v1/flags/import?env=dangling&mode=other", """{"flags":{}}""")).IsProblem(400, "invalid", "mode@query:mode");
        (await server.Post("/v1/flags/import?env=dangling", """{}""")).IsProblem(400, "invalid", "flag.file@");
        (await Import("/v1/flags/import?env=dangling", "flags: {}", "text/plain")).IsProblem(415, "unsupported_media_type");
    }

    [Fact]
    public async Task What_a_write_moves_is_told_with_it_and_without_writing()
    {
        (await Put("moves", """{"enabled":true,"percentage":10}""")).Is(200);
        var dry = (await server.Send("PUT", "/v1/flags/moves?dry_run=true", """{"enabled":true,"percentage":25}""")).Is(200);
        Assert.Equal((0.15, true, 2), (dry["moved"].GetDouble(), dry["dry_run"].GetBoolean(), dry["version"].GetInt32()));
        Assert.Equal(1, (await server.Get("/v1/flags/moves")).Is(200)["version"].GetInt32());
        (await server.Send("PUT", "/v1/flags/moves?dry_run=true", """{"enabled":true,"percentage":25,"expected_version":7}""")).IsProblem(409, "conflict");
        var put = (await server.Send("PUT", "/v1/flags/moves", """{"enabled":true,"percentage":25}""", ("Idempotency-Key", "moves"))).Is(200);
        Assert.Equal(0.15, put["moved"].GetDouble());
        (await Put("moves", """{"enabled":true,"percentage":100}""")).Is(200);
        Assert.Equal(put.Text, (await server.Send("PUT", "/v1/flags/moves", """{"enabled":true,"percentage":25}""", ("Idempotency-Key", "moves"))).Is(200).Text);
        var unknown = (await Put("moves", """{"enabled":true,"target_users":["a"]}""")).Is(200);
        Assert.Equal(JsonValueKind.Null, unknown["moved"].ValueKind);
        Assert.NotEqual("", unknown["moved_reason"].GetString());
        Assert.Equal(0.25, (await server.Post("/v1/flags/import?dry_run=true", """{"flags":{"moves":{"enabled":true,"target_users":["a"],"percentage":25}}}""")).Is(200)["items"][0].GetProperty("moved").GetDouble());
    }

    [Fact]
    public async Task Flags_and_configuration_change_together_or_not_at_all()
    {
        const string changes = """{"changes":[{"op":"set","kind":"flag","key":"both/flag","definition":{"enabled":true}},{"op":"set","key":"both.key","value":1},{"op":"set","kind":"flag","key":"$evaluators/both","definition":{"var":"x"}}]}""";
        var done = (await server.Post("/v1/changes", changes)).Is(200);
        Assert.Equal(["flag both/flag 1", "config both.key 1", "flag $evaluators/both 1"], done["results"].EnumerateArray()
            .Select(item => $"{item.GetProperty("kind").GetString()} {item.GetProperty("key").GetString()} {item.GetProperty("version").GetInt32()}"));
        var refused = (await server.Post("/v1/changes", """{"changes":[{"op":"set","key":"both.key","value":2},{"op":"set","kind":"flag","key":"both/flag","definition":{"enabled":false},"expected_version":7}]}""")).IsProblem(409, "conflict", "expected_version@/changes/1/expected_version");
        Assert.Equal(1, (await server.Get("/v1/config/both.key")).Is(200)["version"].GetInt32());
        (await server.Post("/v1/changes", """{"changes":[{"op":"set","kind":"flag","key":"both/bad","definition":{"state":"ENABLED","variants":{"on":true},"targeting":{"no":[]}}}]}""")).IsProblem(400, "invalid", "flag.operation@/changes/0/definition/targeting");
        (await server.Post("/v1/changes", """{"changes":[{"op":"set","kind":"flag","key":"both/flag","value":1},{"op":"set","key":"both.key","value":1,"definition":{}}]}""")).IsProblem(400, "invalid", "change.kind@/changes/0/value", "change.kind@/changes/1/definition");
        (await server.Post("/v1/changes", """{"changes":[{"op":"set","kind":"flag","key":"both/flag","killed":true},{"op":"delete","kind":"flag","key":"both/flag"}]}""")).IsProblem(400, "invalid", "changes.duplicate_key@/changes/1/key");
        // a rule and the flag that needs it; and both gone
        (await server.Post("/v1/changes", """{"changes":[{"op":"delete","kind":"flag","key":"both/flag"},{"op":"delete","kind":"flag","key":"$evaluators/both"},{"op":"delete","key":"both.key"}]}""")).Is(200);
    }

    [Fact]
    public async Task Flags_are_compared_and_put_back_with_configuration()
    {
        foreach (var name in (string[])["diff-a", "diff-b"]) (await server.Post("/v1/environments", $$"""{"name":"{{name}}"}""")).Is(201);
        (await server.Put("same.key", """{"value":1}""", "?env=diff-a")).Is(200);
        var then = (await server.Post("/v1/flags/import?env=diff-a", File)).Is(200)["revision"].GetInt64();
        (await server.Post("/v1/flags/copy", """{"from":"diff-a","to":"diff-b","names":["brief"]}""")).Is(200);
        Assert.Equal(["config same.key removed", "flag $evaluators/staff removed", "flag $metadata removed", "flag colour removed", "flag welcome removed"], await Diff("from=diff-a&to=diff-b"));
        Assert.Equal(["flag colour removed"], await Diff("from=diff-a&to=diff-b&prefix=colour"));
        (await server.Send("PUT", "/v1/flags/brief?env=diff-a", """{"enabled":false}""")).Is(200);
        (await server.Send("PUT", "/v1/flags/new?env=diff-a", """{"enabled":false}""")).Is(200);
        (await server.Send("DELETE", "/v1/flags/colour?env=diff-a", null)).Is(200);
        (await server.Put("same.key", """{"value":2}""", "?env=diff-a")).Is(200);
        Assert.Equal(["config same.key changed", "flag brief changed", "flag colour removed", "flag new added"], await Diff($"from=diff-a@{then}&to=diff-a&limit=2"));
        Assert.Equal(3, (await server.Post("/v1/rollback?env=diff-a", $$"""{"revision":{{then}},"kinds":["flag"]}""")).Is(200)["results"].GetArrayLength());
        Assert.Equal(["config same.key changed"], await Diff($"from=diff-a@{then}&to=diff-a"));
        Assert.Equal(1, (await server.Post("/v1/rollback?env=diff-a", $$"""{"revision":{{then}}}""")).Is(200)["results"].GetArrayLength());
        Assert.Empty(await Diff($"from=diff-a@{then}&to=diff-a"));

        async Task<List<string>> Diff(string query)
        {
            var found = new List<string>();
            for (string? cursor = null; ;)
            {
                var page = (await server.Get($"/v1/diff?{query}{(cursor is null ? "" : $"&cursor={cursor}")}")).Is(200);
                found.AddRange(page["items"].EnumerateArray().Select(item => $"{item.GetProperty("kind").GetString()} {item.GetProperty("key").GetString()} {item.GetProperty("op").GetString()}"));
                if (!page.Json.TryGetProperty("next_cursor", out var next)) return found;
                cursor = next.GetString();
            }
        }
    }

    [Fact]
    public async Task Flags_are_copied_with_the_rules_that_they_need()
    {
        foreach (var name in (string[])["copy-from", "copy-to"]) (await server.Post("/v1/environments", $$"""{"name":"{{name}}"}""")).Is(201);
        (await server.Post("/v1/flags/import?env=copy-from", File)).Is(200);
        var copied = (await server.Post("/v1/flags/copy", """{"from":"copy-from","to":"copy-to","names":["welcome"],"change_log":"promote"}""")).Is(200);
        Assert.Equal(["welcome", "$evaluators/staff"], copied["items"].EnumerateArray().Select(item => item.GetProperty("name").GetString()));
        Assert.Equal("promote", (await server.Get("/v1/flags/welcome?env=copy-to")).Is(200)["change_log"].GetString());
        var all = (await server.Post("/v1/flags/copy?dry_run=true", """{"from":"copy-from","to":"copy-to"}""")).Is(200);
        Assert.Equal((3, 2), (all["items"].GetArrayLength(), all["unchanged"].GetInt32()));
        (await server.Post("/v1/flags/copy", """{"from":"copy-from","to":"copy-to","names":["none"]}""")).IsProblem(404, "not_found", "flag.unknown@/names/0");
        (await server.Post("/v1/flags/copy", """{"from":"copy-from","to":"nowhere"}""")).IsProblem(404, "not_found", "environment.unknown@/to");
    }

    [Fact]
    public async Task What_nobody_can_evaluate_is_refused_in_bounded_time()
    {
        static string Ruled(string rule) => $$"""{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{{rule}}}""";
        var deep = string.Concat(Enumerable.Repeat("{\"!\":[", 10_000)) + "1" + string.Concat(Enumerable.Repeat("]}", 10_000));
        foreach (var (body, rule) in new[]
        {
            (Ruled(deep), "json.depth"), (Ruled($$"""{"in":["x","{{new string('y', 1 << 20)}}"]}"""), "flag.bytes@"), (Ruled("""{"fractional":[["on",2147483647],["off",1]]}"""), "flag.fractional@/targeting"),
            (Ruled("""{"if":[true,"maybe"]}"""), "flag.variant@/targeting/if/1"), (Ruled("""{"matches":[{"var":"email"},"(a+)+$"]}"""), "flag.operation@/targeting"),
            ("""{"enabled":true,"percentage":101}""", "flag.percentage@/percentage"), ("""{"enabled":"yes"}""", "member.type@/enabled"), ("{}", "flag.definition@"),
        })
        {
            var watch = System.Diagnostics.Stopwatch.StartNew();
            var refused = (await Put("bad", body)).IsProblem(400, "invalid");
            Assert.True(refused.Errors().Exists(error => error.StartsWith(rule, StringComparison.Ordinal)), $"expected {rule}, got {refused.Text}");
            Assert.InRange(watch.ElapsedMilliseconds, 0, 3_000);
        }
        (await Put(new string('x', 101), """{"enabled":true}""")).IsProblem(400, "invalid", "flag.length@path:name");
        (await Put("a/history/history", """{"enabled":true}""")).Is(405);
    }

    Task<HttpAnswer> Put(string name, string body) => server.Send("PUT", $"/v1/flags/{name}", body);

    Task<HttpAnswer> Import(string path, string text, string type) => server.SendBytes("POST", path, Encoding.UTF8.GetBytes(text), ("Content-Type", type));
}
