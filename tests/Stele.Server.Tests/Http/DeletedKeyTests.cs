using System.Globalization;
using System.Text;
using Xunit;

namespace Stele.Server.Tests.Http;

/// <summary>Of deleted keys nodes know hashes and numbers only; what people see of them is what it always was.</summary>
public sealed class DeletedKeyTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task A_key_that_comes_back_counts_on_also_on_a_node_that_loaded_it()
    {
        (await server.Put("again.x", """{"value":1}""")).Is(200);
        var deleted = (await server.Send("DELETE", "/v1/config/again.x", null)).Is(200);
        (await server.Get("/v1/config/again.x")).IsProblem(404, "not_found", "key.unknown@path:key");
        await using (var loaded = await server.Another())
        {
            var environment = (await loaded.State()).Environment("development")!;
            Assert.Equal((2, deleted["revision"].GetInt64()), environment.Deleted.Find("again.x") is { } tombstone ? (tombstone.Version, tombstone.Revision) : default);
            Assert.Null(environment.Config("again.x"));
            var put = (await loaded.Put("again.x", """{"value":"text","expected_version":2}""")).Is(200);
            Assert.Equal((3, "string"), (put["version"].GetInt32(), put["value_type"].GetString()));
        }
        Assert.Equal(3, (await server.Get("/v1/config/again.x")).Is(200)["version"].GetInt32());
        Assert.Equal([3, 2, 1], (await server.Get("/v1/config/again.x/history")).Is(200)["items"].EnumerateArray().Select(item => item.GetProperty("version").GetInt32()));
        Assert.Null((await server.State()).Environment("development")!.Deleted.Find("again.x"));
    }

    [Fact]
    public async Task Preconditions_see_what_was_deleted()
    {
        var put = (await server.Put("conditions.x", """{"value":1}""")).Is(200);
        (await server.Send("DELETE", "/v1/config/conditions.x", null)).Is(200);
        var stale = (await server.Put("conditions.x", """{"value":2,"expected_version":1}""")).IsProblem(409, "conflict", "expected_version@/expected_version");
        Assert.Contains("it was deleted as version 2", stale["detail"].GetString(), StringComparison.Ordinal);
        (await server.Post("/v1/changes", $$"""{"changes":[{"op":"set","key":"conditions.x","value":2}],"expected_revision":{{put["revision"]}}}""")).IsProblem(409, "conflict", "expected_revision@/changes/0/key");
        (await server.Send("DELETE", "/v1/config/conditions.x", null)).IsProblem(404, "not_found", "key.unknown@path:key");
        (await server.Post("/v1/config/conditions.x/rollback", """{"version":1,"expected_version":2}""")).Is(200);
    }

    [Fact]
    public async Task Lists_of_the_past_show_keys_that_were_deleted_since_in_order_and_over_pages()
    {
        // more than one question for names may bring
        const int keys = 1_203;
        var then = (await server.Post("/v1/changes", Changes("set", keys))).Is(200)["revision"].GetInt64();
        Assert.Equal(keys, (await Listed(then, 1_000)).Count);
        (await server.Post("/v1/changes", Changes("delete", keys, each: 2))).Is(200);
        (await server.Put("past.k0002", """{"value":"back"}""")).Is(200);
        (await server.Put("past.k0001", """{"value":-1}""")).Is(200);
        var listed = await Listed(then, 1_000);
        Assert.Equal(Enumerable.Range(0, keys).Select(Key), listed.Select(item => item.Key));
        Assert.Equal(Enumerable.Range(0, keys).Select(i => i.ToString(CultureInfo.InvariantCulture)), listed.Select(item => item.Value));
        Assert.Equal(listed, await Listed(then, 7));
        Assert.Equal(keys / 2 + 1, (await Listed(null, 1_000)).Count);
        Assert.Empty(await Listed(then - 1, 1_000));

        var differences = (await server.Get($"/v1/diff?from=development@{then}&to=development&prefix=past.k000")).Is(200)["items"];
        Assert.Equal(["past.k0000 removed", "past.k0001 changed", "past.k0002 changed", "past.k0004 removed", "past.k0006 removed", "past.k0008 removed"],
            differences.EnumerateArray().Select(item => $"{item.GetProperty("key")} {item.GetProperty("op")}"));
        var restored = (await server.Post("/v1/rollback", $$"""{"revision":{{then}},"prefix":"past.k000"}""")).Is(200);
        Assert.Equal(6, restored["results"].GetArrayLength());
        Assert.Equal("0", (await server.Get("/v1/config/past.k0000")).Is(200)["value"].GetRawText());
    }

    [Fact]
    public async Task A_change_set_that_deletes_and_sets_leaves_what_a_loaded_node_has()
    {
        (await server.Post("/v1/changes", """{"changes":[{"op":"set","key":"mix.a","value":1},{"op":"set","key":"mix.b","value":2},{"op":"set","key":"mix.c","value":"three"}]}""")).Is(200);
        (await server.Send("DELETE", "/v1/config/mix.b", null)).Is(200);
        (await server.Post("/v1/changes", """{"changes":[{"op":"delete","key":"mix.a"},{"op":"set","key":"mix.b","value":true},{"op":"delete","key":"mix.c"}]}""")).Is(200);
        await using var loaded = await server.Another();
        var (made, found) = ((await server.State()).Environment("development")!, (await loaded.State()).Environment("development")!);
        Assert.Equal(made.Deleted.ByHash, found.Deleted.ByHash);
        Assert.Equal((made.ConfigBytes, made.ValueBytes), (found.ConfigBytes, found.ValueBytes));
        Assert.Equal((await server.State()).Today, (await loaded.State()).Today);
        Assert.Equal(made.Configs.Select(entry => entry with { Value = null }), found.Configs.Select(entry => entry with { Value = null }));
    }

    static string Key(int i) => string.Create(CultureInfo.InvariantCulture, $"past.k{i:d4}");

    static string Changes(string op, int count, int each = 1)
    {
        var text = new StringBuilder("{\"changes\":[");
        for (var i = 0; i < count; i += each)
            text.Append(CultureInfo.InvariantCulture, $$"""{{(i > 0 ? "," : "")}}{"op":"{{op}}","key":"{{Key(i)}}"{{(op == "set" ? $",\"value\":{i}" : "")}}}""");
        return text.Append("]}").ToString();
    }

    async Task<List<(string Key, string Value)>> Listed(long? revision, int limit)
    {
        var items = new List<(string, string)>();
        string? cursor = null;
        do
        {
            var page = (await server.Get($"/v1/config?prefix=past.&limit={limit}{(revision is null ? "" : $"&revision={revision}")}{(cursor is null ? "" : $"&cursor={cursor}")}")).Is(200);
            items.AddRange(page["items"].EnumerateArray().Select(item => (item.GetProperty("key").GetString()!, item.GetProperty("value").GetRawText())));
            cursor = page.Json.TryGetProperty("next_cursor", out var next) ? next.GetString() : null;
        }
        while (cursor is not null);
        return items;
    }
}
