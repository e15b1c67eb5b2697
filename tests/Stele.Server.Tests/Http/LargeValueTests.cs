using System.Text.Json;
using Stele.Core.Limits;
using Xunit;

namespace Stele.Server.Tests.Http;

/// <summary>Values that nodes keep by reference are, to whoever asks, values like any other.</summary>
public sealed class LargeValueTests(HttpServer server) : IClassFixture<HttpServer>
{
    static readonly int Most = (int)SteleLimits.InlineValueBytes.Value;

    static string Text(char of, int bytes) => new(of, bytes);

    static string Body(string text, string more = "") => $$"""{"value":{{JsonSerializer.Serialize(text)}}{{more}}}""";

    [Fact]
    public async Task Values_at_the_limit_are_in_memory_and_one_byte_more_is_not()
    {
        // what counts is the text as it is stored: without the quotes, of which each is escaped on the wire
        (await server.Put("edge.text", Body(Text('"', Most)))).Is(200);
        (await server.Put("edge.text_past", Body(Text('"', Most + 1)))).Is(200);
        (await server.Put("edge.json", $$"""{"value":["{{Text('x', Most - 4)}}"]}""")).Is(200);
        (await server.Put("edge.json_past", $$"""{"value":["{{Text('x', Most - 3)}}"]}""")).Is(200);
        await using var loaded = await server.Another();
        foreach (var node in (HttpServer[])[server, loaded])
        {
            var environment = (await node.State()).Environment("development")!;
            foreach (var key in (string[])["edge.text", "edge.json"]) Assert.NotNull(environment.Config(key)!.Value);
            foreach (var key in (string[])["edge.text_past", "edge.json_past"]) Assert.Equal(Most + 1, environment.Config(key)!.Reference!.Bytes);
            Assert.Equal(Text('"', Most), (await node.Get("/v1/config/edge.text")).Is(200)["value"].GetString());
            Assert.Equal(Text('"', Most + 1), (await node.Get("/v1/config/edge.text_past")).Is(200)["value"].GetString());
            Assert.Equal($"""["{Text('x', Most - 3)}"]""", (await node.Get("/v1/config/edge.json_past")).Is(200)["value"].GetRawText());
        }
    }

    [Fact]
    public async Task Reads_lists_history_and_tags_show_them_whole()
    {
        var (one, two) = (Text('1', Most + 10), Text('2', Most + 10));
        var put = (await server.Put("whole.a", Body(one))).Is(200);
        (await server.Put("whole.b", """{"value":"small"}""")).Is(200);
        Assert.Equal(put.Text, (await server.Get("/v1/config/whole.a")).Is(200).Text);
        (await server.Get("/v1/config/whole.a", ("If-None-Match", put.Headers["ETag"]))).Is(304);
        var items = (await server.Get("/v1/config?prefix=whole.")).Is(200)["items"];
        Assert.Equal([one, "small"], items.EnumerateArray().Select(item => item.GetProperty("value").GetString()));
        var second = (await server.Put("whole.a", Body(two, ",\"expected_version\":1"))).Is(200);
        Assert.Equal(one, (await server.Get("/v1/config/whole.a?version=1")).Is(200)["value"].GetString());
        Assert.Equal(two, (await server.Get("/v1/config/whole.a?version=2")).Is(200)["value"].GetString());
        Assert.Equal(one, (await server.Get($"/v1/config/whole.a?revision={put["revision"]}")).Is(200)["value"].GetString());
        Assert.Equal(two, (await server.Get($"/v1/config/whole.a?revision={second["revision"]}")).Is(200)["value"].GetString());
        var history = (await server.Get("/v1/config/whole.a/history")).Is(200)["items"];
        Assert.Equal((two, one), (history[0].GetProperty("value").GetString(), history[0].GetProperty("old_value").GetString()));
        Assert.Equal(one, (await server.Get($"/v1/config?prefix=whole.a&revision={put["revision"]}")).Is(200)["items"][0].GetProperty("value").GetString());
    }

    [Fact]
    public async Task A_page_counts_their_bytes_before_it_reads_them()
    {
        var bytes = (int)SteleLimits.ValueBytes.Value - 2;
        for (var i = 0; i < 6; i++) (await server.Put($"heavy.k{i}", Body(Text((char)('a' + i), bytes)))).Is(200);
        var first = (await server.Get("/v1/config?prefix=heavy.")).Is(200);
        Assert.Equal(5, first["items"].GetArrayLength());
        var rest = (await server.Get($"/v1/config?prefix=heavy.&cursor={first["next_cursor"].GetString()}")).Is(200);
        Assert.Equal(Text('f', bytes), Assert.Single(rest["items"].EnumerateArray()).GetProperty("value").GetString());
        Assert.Equal(6, (await server.Get("/v1/config?prefix=heavy.&keys_only=true")).Is(200)["items"].GetArrayLength());
    }

    [Fact]
    public async Task They_are_compared_without_being_read()
    {
        var text = Text('d', Most + 1);
        foreach (var env in (string[])["staging", "production"]) (await server.Put("diff.same", Body(text), $"?env={env}")).Is(200);
        (await server.Put("diff.other", Body(Text('e', Most + 1)), "?env=staging")).Is(200);
        var then = (await server.Put("diff.other", Body(Text('f', Most + 1)), "?env=production")).Is(200);
        var item = Assert.Single((await server.Get("/v1/diff?from=staging&to=production&prefix=diff.")).Is(200)["items"].EnumerateArray());
        Assert.Equal(("diff.other", Text('e', Most + 1), Text('f', Most + 1)), (item.GetProperty("key").GetString(), item.GetProperty("from").GetString(), item.GetProperty("to").GetString()));
        // one side from SQL, whole, the other from memory
        (await server.Put("diff.same", Body(Text('g', Most + 1)), "?env=production")).Is(200);
        (await server.Put("diff.same", Body(text), "?env=production")).Is(200);
        Assert.Empty((await server.Get($"/v1/diff?from=production@{then["revision"]}&to=production&prefix=diff.")).Is(200)["items"].EnumerateArray());
    }

    [Fact]
    public async Task Rollbacks_bring_them_back_and_leave_alone_what_is_equal()
    {
        var (one, two) = (Text('1', Most + 1), Text('2', Most + 1));
        (await server.Put("back.changed", Body(one))).Is(200);
        var then = (await server.Put("back.same", Body(one))).Is(200);
        (await server.Put("back.changed", Body(two))).Is(200);
        var rolled = (await server.Post("/v1/rollback", $$"""{"revision":{{then["revision"]}},"prefix":"back."}""")).Is(200);
        Assert.Equal("back.changed", Assert.Single(rolled["results"].EnumerateArray()).GetProperty("key").GetString());
        Assert.Equal(one, (await server.Get("/v1/config/back.changed")).Is(200)["value"].GetString());
        Assert.Equal(two, (await server.Post("/v1/config/back.changed/rollback", """{"version":2}""")).Is(200)["value"].GetString());
        // also to the version that it is at
        Assert.Equal(two, (await server.Post("/v1/config/back.changed/rollback", """{"version":4}""")).Is(200)["value"].GetString());
    }

    [Fact]
    public async Task A_stored_value_that_is_not_what_the_journal_says_is_never_answered()
    {
        (await server.Put("tampered.x", Body(Text('t', Most + 1)))).Is(200);
        await using var other = await server.Another();
        await server.Execute("UPDATE stele.configuration_history SET value = overlay(value placing 'X' from 1) WHERE key = 'tampered.x'");
        (await other.Get("/v1/config/tampered.x")).IsProblem(500, "integrity");
        (await other.Get("/v1/config?prefix=tampered.")).IsProblem(500, "integrity");
        (await other.Get("/v1/config?prefix=tampered.&keys_only=true")).Is(200);
    }
}
