using Stele.Core.Limits;
using Xunit;

namespace Stele.Server.Tests.Http;

/// <summary>JSON Schema per key over HTTP: set, kept, cleared, versioned; dry runs; and what a schema refuses.</summary>
public sealed class SchemaHttpTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task A_schema_is_set_kept_and_cleared_with_the_keys_versions()
    {
        const string schema = """{"type":"integer","maximum":10}""";
        var put = (await server.Put("kept.a", """{"value":1,"schema":{"type": "integer", "maximum":10}}""")).Is(200);
        Assert.Equal(schema, put["schema"].GetRawText());
        Assert.Equal(put.Text, (await server.Get("/v1/config/kept.a")).Text);
        var revision = await server.Revision();
        (await server.Put("kept.a", """{"value":11}""")).IsProblem(422, "schema_violation", "schema.violation@/value");
        Assert.Equal(revision, await server.Revision());
        Assert.Equal(schema, (await server.Put("kept.a", """{"value":2}""")).Is(200)["schema"].GetRawText());
        Assert.False((await server.Put("kept.a", """{"value":11,"schema":null}""")).Is(200).Json.TryGetProperty("schema", out _));
        Assert.False((await server.Get("/v1/config/kept.a")).Json.TryGetProperty("schema", out _));
        foreach (var past in (string[])["?version=1", $"?revision={put["revision"]}"]) Assert.Equal(put.Text, (await server.Get($"/v1/config/kept.a{past}")).Is(200).Text);
        var events = (await server.Get($"/v1/events?after_revision={revision - 1}")).Is(200)["items"].EnumerateArray().ToList();
        Assert.Equal([schema, schema, ""], events.Select(e => e.GetProperty("data").TryGetProperty("schema", out var data) ? data.GetRawText() : ""));
    }

    [Fact]
    public async Task A_value_that_its_schema_refuses_is_told_each_place_and_nothing_is_written()
    {
        var revision = await server.Revision();
        var refused = await server.Put("told.a", """{"value":{"a":"x","b":[1,"y"]},"schema":{"properties":{"a":{"type":"integer"},"b":{"items":{"$ref":"#/$defs/n"}}},"$defs":{"n":{"type":"number"}},"required":["c"]}}""");
        refused.IsProblem(422, "schema_violation", "schema.violation@/value/a");
        Assert.Equal(["/value/a", "/value/b/1", "/value"], refused["errors"].EnumerateArray().Select(error => error.GetProperty("pointer").GetString()));
        Assert.Contains("/properties/b/items/$ref/type", refused.Text, StringComparison.Ordinal);
        (await server.Get("/v1/config/told.a")).Is(404);
        Assert.Equal(revision, await server.Revision());
    }

    [Fact]
    public async Task Preconditions_and_types_come_before_the_schema()
    {
        await server.Put("order.a", """{"value":1,"schema":{"type":"integer"}}""");
        (await server.Put("order.a", """{"value":1.5,"expected_version":7}""")).IsProblem(409, "conflict", "expected_version@/expected_version");
        (await server.Put("order.a", """{"value":"x"}""")).IsProblem(400, "invalid", "value_type.change@/value");
        (await server.Put("order.a", """{"value":"x","value_type":"string"}""")).IsProblem(422, "schema_violation", "schema.violation@/value");
    }

    [Fact]
    public async Task A_change_set_is_refused_whole_and_sets_schemas_whole()
    {
        var set = (await server.Post("/v1/changes", """{"changes":[{"op":"set","key":"many.a","value":1,"schema":{"type":"integer"}},{"op":"set","key":"many.b","value":"x","schema":{"type":"string"}}]}""")).Is(200);
        Assert.Equal("string", (await server.Get("/v1/config/many.b"))["schema"].GetProperty("type").GetString());
        var refused = await server.Post("/v1/changes", """{"changes":[{"op":"set","key":"many.a","value":2},{"op":"set","key":"many.b","value":3,"value_type":"number"},{"op":"set","key":"many.c","value":3}]}""");
        refused.IsProblem(422, "schema_violation", "schema.violation@/changes/1/value");
        Assert.Equal(set["revision"].GetInt64(), await server.Revision());
        (await server.Post("/v1/changes", """{"changes":[{"op":"set","key":"many.a","value":2},{"op":"set","key":"many.b","value":3,"value_type":"number","schema":null}]}""")).Is(200);
    }

    [Fact]
    public async Task A_rollback_keeps_to_the_schema_of_today_and_says_so()
    {
        await server.Put("back.a", """{"value":100}""");
        var before = await server.Revision();
        await server.Put("back.a", """{"value":5,"schema":{"maximum":10}}""");
        await server.Put("back.a", """{"value":6}""");
        var refused = await server.Post("/v1/config/back.a/rollback", """{"version":1}""");
        refused.IsProblem(422, "schema_violation", "schema.violation@/version");
        Assert.Contains("schema that the key has today", refused.Text, StringComparison.Ordinal);
        var restore = await server.Post("/v1/rollback", $$"""{"revision":{{before}},"prefix":"back."}""");
        restore.IsProblem(422, "schema_violation", "schema.violation@/revision");
        Assert.Contains("back.a", restore.Text, StringComparison.Ordinal);
        var back = (await server.Post("/v1/config/back.a/rollback", """{"version":2}""")).Is(200);
        Assert.Equal("""{"maximum":10}""", back["schema"].GetRawText());
    }

    [Fact]
    public async Task A_deleted_key_has_no_schema_and_gets_its_own_back_with_its_value()
    {
        await server.Put("gone.a", """{"value":5,"schema":{"maximum":10}}""");
        var before = await server.Revision();
        (await server.Send("DELETE", "/v1/config/gone.a", null)).Is(200);
        Assert.False((await server.Put("gone.a", """{"value":50}""")).Is(200).Json.TryGetProperty("schema", out _));
        (await server.Send("DELETE", "/v1/config/gone.a", null)).Is(200);
        Assert.Equal("""{"maximum":10}""", (await server.Post("/v1/config/gone.a/rollback", """{"version":1}""")).Is(200)["schema"].GetRawText());
        (await server.Send("DELETE", "/v1/config/gone.a", null)).Is(200);
        (await server.Post("/v1/rollback", $$"""{"revision":{{before}},"prefix":"gone."}""")).Is(200);
        Assert.Equal("""{"maximum":10}""", (await server.Get("/v1/config/gone.a"))["schema"].GetRawText());
    }

    [Fact]
    public async Task A_dry_run_says_what_is_wrong_and_takes_what_JSON_takes()
    {
        var valid = (await server.Post("/v1/schema/validate", """{"schema":{"const":"a\u0000b"},"value":"a\u0000b"}""")).Is(200);
        Assert.Equal("""{"valid":true,"errors":[]}""", valid.Text);
        var refused = (await server.Post("/v1/schema/validate", """{"schema":{"$ref":"https://json-schema.org/draft/2020-12/schema"},"value":{"type":["x"]}}""")).Is(200);
        Assert.False(refused["valid"].GetBoolean());
        Assert.Contains(refused["errors"].EnumerateArray(), error => error.GetProperty("instance_location").GetString() == "/type/0");
        Assert.Equal("""{"valid":false,"errors":[{"instance_location":"/a","keyword_location":"/properties/a/type","message":"The value must be string; this is an integer."}]}""",
            (await server.Post("/v1/schema/validate", """{"schema":{"properties":{"a":{"type":"string"}}},"value":{"a":1}}""")).Is(200).Text);
        var hostile = await server.Post("/v1/schema/validate", $$"""{"schema":{"pattern":"(a|b|c|d?){500}z"},"value":"{{new string('a', 200_000)}}"}""");
        hostile.IsProblem(422, "schema_violation", "schema.violation@/value");
        (await server.Post("/v1/schema/validate", $$"""{"schema":true,"value":{{new string('[', 10_000)}}{{new string(']', 10_000)}}}""")).IsProblem(400, "invalid", $"json.depth@/value{string.Concat(Enumerable.Repeat("/0", 64))}");
    }

    [Fact]
    public async Task A_schema_is_tried_against_all_values_before_it_is_set()
    {
        var changes = string.Join(",", Enumerable.Range(0, 25).Select(i => $$"""{"op":"set","key":"tried.k{{i:00}}","value":{{i}}}"""));
        (await server.Post("/v1/changes", $$"""{"changes":[{{changes}},{"op":"set","key":"tried.large","value":"{{new string('x', (int)SteleLimits.InlineValueBytes.Value + 1)}}"}]}""")).Is(200);
        const string body = """{"schema":{"type":["integer","string"],"multipleOf":2,"maxLength":10}}""";
        var all = (await server.Post("/v1/config/schema-check?prefix=tried.", body)).Is(200);
        Assert.Equal(13, all["items"].GetArrayLength());
        Assert.Equal(26, all["checked"].GetInt64());
        Assert.Equal("""{"key":"tried.k01","version":1,"errors":[{"instance_location":"","keyword_location":"/multipleOf","message":"The number is no whole multiple of the one in the schema."}]}""", all["items"][0].GetRawText());
        Assert.Equal("tried.large", all["items"][12].GetProperty("key").GetString());
        var (keys, cursor) = (new List<string>(), "");
        do
        {
            var page = (await server.Post($"/v1/config/schema-check?prefix=tried.&limit=5{cursor}", body)).Is(200);
            keys.AddRange(page["items"].EnumerateArray().Select(item => item.GetProperty("key").GetString()!));
            cursor = page.Json.TryGetProperty("next_cursor", out var next) ? $"&cursor={Uri.EscapeDataString(next.GetString()!)}" : "";
            // what is written meanwhile does not shift the pages
            if (cursor.Length > 0) await server.Put("tried.k00", """{"value":1}""");
        }
        while (cursor.Length > 0);
        Assert.Equal(all["items"].EnumerateArray().Select(item => item.GetProperty("key").GetString()), keys);
        var first = (await server.Post("/v1/config/schema-check?prefix=tried.&limit=5", body)).Is(200)["next_cursor"].GetString()!;
        (await server.Post($"/v1/config/schema-check?prefix=tried.&cursor={Uri.EscapeDataString(first)}", """{"schema":true}""")).IsProblem(400, "invalid", "cursor.mismatch@query:cursor");
    }

    [Fact]
    public async Task A_schema_larger_than_the_limit_is_too_large()
    {
        string Body(long bytes) => $$$"""{"value":1,"schema":{"$comment":"{{{new string('x', (int)bytes - 15)}}}"}}""";
        (await server.Put("size.a", Body(SteleLimits.SchemaBytes.Value))).Is(200);
        (await server.Put("size.a", Body(SteleLimits.SchemaBytes.Value + 1))).IsProblem(413, "too_large", "schema.bytes@/schema");
    }

    [Fact]
    public async Task The_tables_hold_the_schema_of_each_version()
    {
        await server.Put("tables.a", """{"value":1,"schema":{"minimum":0}}""");
        await server.Put("tables.a", """{"value":2}""");
        await server.Send("DELETE", "/v1/config/tables.a", null);
        await server.Put("tables.b", """{"value":2,"schema":true}""");
        Assert.Equal(["""tables.a 1 {"minimum":0}""", """tables.a 2 {"minimum":0}""", "tables.a 3 ", "tables.b 1 true"],
            await server.Rows("SELECT key || ' ' || version || ' ' || coalesce(schema_definition, '') FROM stele.configuration_history WHERE key LIKE 'tables.%' ORDER BY key, version"));
        Assert.Equal(["tables.a ", "tables.b true"],
            await server.Rows("SELECT key || ' ' || coalesce(schema_definition, '') FROM stele.configuration WHERE key LIKE 'tables.%' ORDER BY key"));
    }
}
