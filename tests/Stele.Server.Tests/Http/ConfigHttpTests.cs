using System.Globalization;
using Xunit;

namespace Stele.Server.Tests.Http;

/// <summary>Configuration over HTTP, as design section 6 has it.</summary>
public sealed class ConfigHttpTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task A_put_answers_what_a_get_then_shows()
    {
        var put = (await server.Put("basic.timeout", """{"value": 1.10, "change_log":"first"}""", "?env=production")).Is(200);
        Assert.StartsWith("""{"key":"basic.timeout","environment":"production","value":1.10,"value_type":"number","version":1,"revision":""", put.Text, StringComparison.Ordinal);
        Assert.Equal("root", put["updated_by"].GetString());
        Assert.Equal("first", put["change_log"].GetString());
        Assert.Equal(put["revision"].GetInt64().ToString(CultureInfo.InvariantCulture), put.Headers["Stele-Revision"]);
        Assert.StartsWith(put.Headers["Stele-Revision"] + "-", put.Headers["Stele-Cursor"], StringComparison.Ordinal);
        var get = (await server.Get("/v1/config/basic.timeout?env=production")).Is(200);
        Assert.Equal(put.Text, get.Text);
        Assert.Equal("application/json; charset=utf-8", get.Headers["Content-Type"]);
        Assert.Matches("^\"1-[0-9a-f]{8}\"$", get.Headers["ETag"]);
        Assert.Equal(get.Headers["ETag"], put.Headers["ETag"]);
        (await server.Get("/v1/config/basic.timeout")).IsProblem(404, "not_found", "key.unknown@path:key");
    }

    [Theory]
    [InlineData("1.10", "number")]
    [InlineData("12345678901234567890123456789.000000000000000000001", "number")]
    [InlineData("-0", "number")]
    [InlineData("1E400", "number")]
    [InlineData("true", "boolean")]
    [InlineData("null", "json")]
    [InlineData("[1,2.50,\"x\"]", "json")]
    [InlineData("{\"b\":1,\"a\":{\"$secret\":1}}", "json")]
    [InlineData("\"line\\nbreak \\\"quoted\\\" zß水🍌 \\\\\"", "string")]
    [InlineData("\"\"", "string")]
    public async Task A_value_comes_back_with_its_text_now_and_from_the_past(string json, string type)
    {
        await server.Send("DELETE", "/v1/config/types.value", null);
        var put = (await server.Put("types.value", $$"""{"value":{{json}}}""")).Is(200);
        Assert.Equal(type, put["value_type"].GetString());
        (await server.Put("types.value", """{"value":[],"value_type":"json"}""")).Is(200);
        var past = (await server.Get($"/v1/config/types.value?version={put["version"]}")).Is(200);
        Assert.Equal(put.Text, past.Text);
        Assert.Equal(json, past["value"].GetRawText());
        Assert.Equal(put.Text, (await server.Get($"/v1/config/types.value?revision={put["revision"]}")).Is(200).Text);
        Assert.Equal(put.Text, (await server.Get($"/v1/config/types.value?at={put["updated_at"]}")).Is(200).Text);
    }

    [Fact]
    public async Task Tags_answer_304_and_guard_writes()
    {
        await server.Put("tags.x", """{"value":1}""");
        var tag = (await server.Get("/v1/config/tags.x")).Headers["ETag"];
        var unchanged = (await server.Get("/v1/config/tags.x", ("If-None-Match", $"W/\"0-00000000\", {tag}"))).Is(304);
        Assert.Equal("", unchanged.Text);
        Assert.Equal(tag, unchanged.Headers["ETag"]);
        (await server.Put("tags.x", """{"value":2}""", "", ("If-Match", tag))).Is(200);
        (await server.Get("/v1/config/tags.x", ("If-None-Match", tag))).Is(200);
        (await server.Put("tags.x", """{"value":3}""", "", ("If-Match", tag))).IsProblem(412, "precondition_failed", "if_match@header:If-Match");
        (await server.Send("DELETE", "/v1/config/tags.x", null, ("If-Match", tag))).IsProblem(412, "precondition_failed");
        (await server.Put("tags.x", """{"value":3}""", "", ("If-Match", "*"))).Is(200);
        (await server.Put("tags.new", """{"value":1}""", "", ("If-None-Match", "*"))).Is(200);
    }

    [Fact]
    public async Task A_deletion_is_a_version_and_history_stays()
    {
        await server.Put("gone.x", """{"value":"a"}""");
        await server.Put("gone.x", """{"value":"b","expected_version":1}""");
        var deleted = (await server.Send("DELETE", "/v1/config/gone.x?expected_version=2", null)).Is(200);
        Assert.Equal(3, deleted["version"].GetInt32());
        Assert.Equal(deleted.Headers["Stele-Revision"], deleted["revision"].GetRawText());
        (await server.Get("/v1/config/gone.x")).IsProblem(404, "not_found");
        (await server.Get("/v1/config/gone.x?version=3")).IsProblem(404, "not_found", "version.deleted@query:version");
        var created = (await server.Put("gone.x", """{"value":4,"expected_version":0}""")).Is(200);
        Assert.Equal(4, created["version"].GetInt32());
        (await server.Get("/v1/config/gone.x?version=3")).IsProblem(404, "not_found", "version.deleted@query:version");
        var history = (await server.Get("/v1/config/gone.x/history?limit=3")).Is(200);
        Assert.Equal(["4 null 4 False", "3 \"b\" null True", "2 \"a\" \"b\" False"], Rows(history));
        var rest = (await server.Get($"/v1/config/gone.x/history?limit=3&cursor={history["next_cursor"]}")).Is(200);
        Assert.Equal(["1 null \"a\" False"], Rows(rest));
        Assert.False(rest.Json.TryGetProperty("next_cursor", out _));

        static List<string> Rows(HttpAnswer answer) => [.. answer["items"].EnumerateArray().Select(item =>
            $"{item.GetProperty("version")} {item.GetProperty("old_value").GetRawText()} {item.GetProperty("value").GetRawText()} {item.GetProperty("deleted")}")];
    }

    [Fact]
    public async Task A_rollback_writes_the_old_value_as_a_new_version()
    {
        await server.Put("back.x", """{"value":"a"}""");
        await server.Put("back.x", """{"value":2,"value_type":"number"}""");
        var back = (await server.Post("/v1/config/back.x/rollback", """{"version":1,"change_log":"oops"}""")).Is(200);
        Assert.Equal("3 \"a\" string oops", $"{back["version"]} {back["value"].GetRawText()} {back["value_type"]} {back["change_log"]}");
        await server.Send("DELETE", "/v1/config/back.x", null);
        (await server.Post("/v1/config/back.x/rollback", """{"version":4}""")).IsProblem(400, "invalid", "rollback.deleted@/version");
        (await server.Post("/v1/config/back.x/rollback", """{"version":1,"expected_version":9}""")).IsProblem(409, "conflict", "expected_version@/expected_version");
        Assert.Equal(5, (await server.Post("/v1/config/back.x/rollback", """{"version":2}""")).Is(200)["version"].GetInt32());
    }

    [Fact]
    public async Task A_list_shows_one_revision_on_all_its_pages_whatever_is_written_meanwhile()
    {
        for (var i = 0; i < 7; i++) await server.Put($"pages.k{i}", $$"""{"value":{{i}}}""");
        var first = (await server.Get("/v1/config?prefix=pages.&limit=3")).Is(200);
        await server.Put("pages.k4", """{"value":"changed","value_type":"string"}""");
        await server.Put("pages.k4", """{"value":"again"}""");
        await server.Put("pages.k45", """{"value":"new"}""");
        await server.Send("DELETE", "/v1/config/pages.k6", null);
        var second = (await server.Get($"/v1/config?prefix=pages.&limit=3&cursor={first["next_cursor"]}")).Is(200);
        var third = (await server.Get($"/v1/config?prefix=pages.&limit=3&cursor={second["next_cursor"]}")).Is(200);
        Assert.False(third.Json.TryGetProperty("next_cursor", out _));
        HttpAnswer[] pages = [first, second, third];
        Assert.Equal(["k0=0", "k1=1", "k2=2", "k3=3", "k4=4", "k5=5", "k6=6"], pages.SelectMany(Items));
        Assert.All(pages, page => Assert.Equal((first["revision"].GetInt64(), first.Headers["Stele-Cursor"]), (page["revision"].GetInt64(), page.Headers["Stele-Cursor"])));
        var now = (await server.Get("/v1/config?prefix=pages.")).Is(200);
        Assert.Equal(["k0=0", "k1=1", "k2=2", "k3=3", "k4=\"again\"", "k45=\"new\"", "k5=5"], Items(now));
        var then = (await server.Get($"/v1/config?prefix=pages.&revision={first["revision"]}")).Is(200);
        Assert.Equal(pages.SelectMany(Items), Items(then));
        var keys = (await server.Get("/v1/config?prefix=pages.&keys_only=true&limit=2")).Is(200);
        Assert.Equal(["pages.k0", "pages.k1"], keys["items"].EnumerateArray().Select(item => item.GetProperty("key").GetString()!));
        Assert.False(keys["items"][0].TryGetProperty("value", out _));

        static IEnumerable<string> Items(HttpAnswer page) => page["items"].EnumerateArray()
            .Select(item => $"{item.GetProperty("key").GetString()!["pages.".Length..]}={item.GetProperty("value").GetRawText()}");
    }

    [Fact]
    public async Task The_past_of_a_hot_key_is_found_at_every_revision()
    {
        var revisions = new List<long>();
        for (var i = 1; i <= 40; i++) revisions.Add((await server.Put("hot.x", $$"""{"value":{{i}}}""")).Is(200)["revision"].GetInt64());
        await server.Put("hot.later", """{"value":1}""");
        for (var i = 0; i < revisions.Count; i++)
            Assert.Equal(i + 1, (await server.Get($"/v1/config/hot.x?revision={revisions[i]}")).Is(200)["value"].GetInt32());
        (await server.Get($"/v1/config/hot.x?revision={revisions[0] - 1}")).IsProblem(404, "not_found", "key.unknown@path:key");
        (await server.Get($"/v1/config/hot.later?revision={revisions[^1]}")).IsProblem(404, "not_found", "key.unknown@path:key");
    }

    [Fact]
    public async Task A_change_set_is_one_revision_or_nothing()
    {
        await server.Put("set.old", """{"value":1}""");
        var before = await server.Revision();
        var answer = (await server.Post("/v1/changes?env=development", """
            {"changes":[
              {"op":"set","kind":"config","key":"set.a","value":"x"},
              {"op":"set","key":"set.a","environment":"staging","value":"y"},
              {"op":"check","key":"set.old","expected_version":1},
              {"op":"delete","key":"set.old"}
            ],"change_log":"together"}
            """.Replace("""{"op":"delete","key":"set.old"}""", """{"op":"set","key":"set.b","value":2,"expected_version":0}""", StringComparison.Ordinal))).Is(200);
        Assert.Equal(before + 1, answer["revision"].GetInt64());
        Assert.Equal(answer.Headers["Stele-Cursor"], answer["cursor"].GetString());
        Assert.Equal(["config set.a development 1", "config set.a staging 1", "config set.b development 1"], Results(answer));
        Assert.Equal("together", (await server.Get("/v1/config/set.b")).Is(200)["change_log"].GetString());
        (await server.Post("/v1/changes", """{"changes":[{"op":"set","key":"set.c","value":1},{"op":"delete","key":"set.never"}]}""")).IsProblem(404, "not_found", "key.unknown@/changes/1/key");
        (await server.Get("/v1/config/set.c")).IsProblem(404, "not_found");
        var nothing = (await server.Post("/v1/changes", """{"changes":[{"op":"check","key":"set.a","expected_version":1}]}""")).Is(200);
        Assert.Equal((before + 1, 0), (nothing["revision"].GetInt64(), nothing["results"].GetArrayLength()));
    }

    [Fact]
    public async Task An_idempotent_retry_gets_the_first_answer()
    {
        var first = (await server.Put("retry.x", """{"value":1}""", "", ("Idempotency-Key", "retry-1"))).Is(200);
        (await server.Put("retry.x", """{"value":2}""")).Is(200);
        var again = (await server.Put("retry.x", """{"value":1}""", "", ("Idempotency-Key", "retry-1"))).Is(200);
        Assert.Equal(first.Text, again.Text);
        Assert.Equal(first.Headers["Stele-Cursor"], again.Headers["Stele-Cursor"]);
        var set = (await server.Post("/v1/changes", """{"changes":[{"op":"delete","key":"retry.x"}]}""", ("Idempotency-Key", "retry-2"))).Is(200);
        Assert.Equal(set.Text, (await server.Post("/v1/changes", """{"changes":[{"op":"delete","key":"retry.x"}]}""", ("Idempotency-Key", "retry-2"))).Is(200).Text);
    }

    [Fact]
    public async Task A_prefix_is_put_back_as_it_was()
    {
        await server.Put("restore.same", """{"value":0}""");
        await server.Put("restore.changed", """{"value":1}""");
        await server.Put("restore.deleted", """{"value":"here"}""");
        var then = await server.Revision();
        await server.Put("restore.changed", """{"value":2}""");
        await server.Put("restore.new", """{"value":3}""");
        await server.Send("DELETE", "/v1/config/restore.deleted", null);
        var answer = (await server.Post("/v1/rollback", $$"""{"revision":{{then}},"prefix":"restore.","kinds":["config"],"change_log":"back"}""")).Is(200);
        Assert.Equal(["config restore.changed development 3", "config restore.deleted development 3", "config restore.new development 2"], Results(answer).Order(StringComparer.Ordinal));
        Assert.Equal("1", (await server.Get("/v1/config/restore.changed")).Is(200)["value"].GetRawText());
        (await server.Get("/v1/config/restore.new")).IsProblem(404, "not_found");
        var again = (await server.Post("/v1/rollback", $$"""{"revision":{{then}},"prefix":"restore."}""")).Is(200);
        Assert.Equal(0, again["results"].GetArrayLength());
        Assert.Equal(answer["revision"].GetInt64(), again["revision"].GetInt64());
        await server.Post("/v1/environments", """{"name":"later"}""");
        (await server.Post("/v1/rollback?env=later", $$"""{"revision":{{then}}}""")).IsProblem(400, "invalid", "revision.before_environment@/revision");
    }

    [Fact]
    public async Task A_diff_compares_environments_and_moments()
    {
        await server.Put("diff.same", """{"value":1}""");
        await server.Put("diff.same", """{"value":1}""", "?env=staging");
        await server.Put("diff.left", """{"value":"l"}""");
        await server.Put("diff.both", """{"value":1}""");
        var then = (await server.Put("diff.both", """{"value":2}""", "?env=staging")).Is(200);
        var diff = (await server.Get("/v1/diff?from=development&to=staging&prefix=diff.")).Is(200);
        Assert.Equal(["changed diff.both 1 2", "removed diff.left \"l\" -"], Items(diff));
        Assert.Equal("development", diff["from"].GetProperty("environment").GetString());
        Assert.Equal(then["revision"].GetInt64(), diff["to"].GetProperty("revision").GetInt64());
        await server.Put("diff.both", """{"value":3}""", "?env=staging");
        await server.Put("diff.new", """{"value":[]}""", "?env=staging");
        var past = (await server.Get($"/v1/diff?from=staging@{then["revision"]}&to=staging&prefix=diff.&limit=1")).Is(200);
        Assert.Equal(["changed diff.both 2 3"], Items(past));
        await server.Put("diff.newer", """{"value":[]}""", "?env=staging");
        var rest = (await server.Get($"/v1/diff?from=staging@{then["revision"]}&to=staging&prefix=diff.&limit=1&cursor={past["next_cursor"]}")).Is(200);
        Assert.Equal(["added diff.new - []"], Items(rest));
        Assert.False(rest.Json.TryGetProperty("next_cursor", out _));
        var timed = (await server.Get($"/v1/diff?from=staging@{then["updated_at"]}&to=development@{then["revision"]}&prefix=diff.")).Is(200);
        Assert.Equal(["changed diff.both 2 1", "added diff.left - \"l\""], Items(timed));

        static List<string> Items(HttpAnswer answer) => [.. answer["items"].EnumerateArray().Select(item =>
            $"{item.GetProperty("op")} {item.GetProperty("key")} {(item.TryGetProperty("from", out var from) ? from.GetRawText() : "-")} {(item.TryGetProperty("to", out var to) ? to.GetRawText() : "-")}")];
    }

    [Fact]
    public async Task Events_come_in_whole_revisions_oldest_first()
    {
        var before = await server.Revision();
        await server.Put("events.x", """{"value": 1.50 ,"change_log":"why"}""");
        await server.Post("/v1/changes", """{"changes":[{"op":"set","key":"events.a","value":1},{"op":"set","key":"events.b","value":1},{"op":"delete","key":"events.x"}]}""");
        var page = (await server.Get($"/v1/events?after_revision={before}&limit=2")).Is(200);
        Assert.Equal(4, page["items"].GetArrayLength());
        var first = page["items"][0];
        Assert.Equal("""{"environment":"development","key":"events.x","value":1.50,"value_type":"number","version":1}""", first.GetProperty("data").GetRawText());
        Assert.Equal(("config/development/events.x", "config.set", "root", "why", before + 1), (first.GetProperty("stream").GetString(), first.GetProperty("type").GetString(),
            first.GetProperty("actor").GetString(), first.GetProperty("reason").GetString(), first.GetProperty("revision").GetInt64()));
        Assert.False(page.Json.TryGetProperty("next_cursor", out _));
        var one = (await server.Get($"/v1/events?after_revision={before}&limit=1")).Is(200);
        Assert.Equal(1, one["items"].GetArrayLength());
        var next = (await server.Get($"/v1/events?after_revision={before}&limit=1&cursor={one["next_cursor"]}")).Is(200);
        Assert.Equal([0, 1, 2], next["items"].EnumerateArray().Select(item => item.GetProperty("ordinal").GetInt32()));
        Assert.Equal(0, (await server.Get($"/v1/events?after_revision={await server.Revision()}")).Is(200)["items"].GetArrayLength());
    }

    [Fact]
    public async Task Environments_are_listed_in_their_order()
    {
        var made = (await server.Post("/v1/environments", """{"name":"canary","description":"a few pods"}""")).Is(201);
        Assert.Equal("canary", made["name"].GetString());
        var list = (await server.Get("/v1/environments?limit=3")).Is(200);
        Assert.Equal(["development 0 True", "staging 1 False", "production 2 False"], list["items"].EnumerateArray().Select(item => $"{item.GetProperty("name")} {item.GetProperty("ordinal")} {item.GetProperty("default")}"));
        var rest = (await server.Get($"/v1/environments?limit=90&cursor={list["next_cursor"]}")).Is(200);
        Assert.Contains(rest["items"].EnumerateArray(), item => item.GetProperty("name").GetString() == "canary" && item.GetProperty("description").GetString() == "a few pods");
    }

    [Fact]
    public async Task A_local_read_says_how_long_ago_it_was_confirmed()
    {
        await server.Put("local.x", """{"value":1}""");
        var local = (await server.Get("/v1/config/local.x?consistency=local&max_staleness=1m")).Is(200);
        Assert.True(long.Parse(local.Headers["Stele-Confirmed-Ms"], CultureInfo.InvariantCulture) >= 0);
        Assert.False((await server.Get("/v1/config/local.x")).Headers.ContainsKey("Stele-Confirmed-Ms"));
        (await server.Get("/v1/config/local.x", ("Stele-Min-Cursor", local.Headers["Stele-Cursor"]))).Is(200);
    }

    static List<string> Results(HttpAnswer answer) => [.. answer["results"].EnumerateArray().Select(item =>
        $"{item.GetProperty("kind")} {item.GetProperty("key")} {item.GetProperty("environment")} {item.GetProperty("version")}")];
}
