using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Watch;

/// <summary>Waiting for a key, who watches, and convergence.</summary>
public sealed class WatchTests(HttpServer server) : IClassFixture<HttpServer>
{
    readonly string prefix = $"w{Guid.NewGuid():N}"[..12] + ".";

    Task<EventStream> Open(string query) => EventStream.Open(server.Client.BaseAddress!, query, HttpServer.Token);

    Task<HttpAnswer> Set(string key, string value) => server.Put(prefix + key, $$"""{"value":{{value}}}""");

    [Fact]
    public async Task Who_waits_for_a_key_is_answered_when_it_changes()
    {
        var cursor = (await Set("k", "1")).Is(200).Headers["Stele-Cursor"];
        var waiting = server.Get($"/v1/config/{prefix}k?wait=30s&after_cursor={cursor}");
        await Until(async () => (await Subscriptions()).Any(item => item.GetProperty("transport").GetString() == "poll"));
        (await Set("kk", "9")).Is(200);
        Assert.False(waiting.IsCompleted);
        (await Set("k", "2")).Is(200);
        Assert.Equal(2, (await waiting).Is(200)["value"].GetInt32());
        // what changed before is answered at once
        Assert.Equal(2, (await server.Get($"/v1/config/{prefix}k?wait=30s&after_cursor={cursor}")).Is(200)["value"].GetInt32());
        (await server.Send("DELETE", $"/v1/config/{prefix}k", null)).Is(200);
        (await server.Get($"/v1/config/{prefix}k?wait=30s&after_cursor={cursor}")).IsProblem(404, "not_found", "key.unknown@path:key");
    }

    [Fact]
    public async Task Who_waits_in_vain_is_told_how_far_he_waited()
    {
        var cursor = (await Set("k", "1")).Is(200).Headers["Stele-Cursor"];
        (await Set("other", "1")).Is(200);
        var answer = (await server.Get($"/v1/config/{prefix}k?wait=200ms&after_cursor={cursor}")).Is(304);
        Assert.NotEqual(cursor, answer.Headers["Stele-Cursor"]);
        (await server.Get($"/v1/config/{prefix}none?wait=100ms")).Is(304);
        (await server.Get($"/v1/config/{prefix}k?after_cursor={cursor}")).IsProblem(400, "invalid", "after_cursor.wait@query:after_cursor");
        (await server.Get($"/v1/config/{prefix}k?wait=61s")).IsProblem(400, "invalid", "wait.range@query:wait");
        (await server.Get($"/v1/config/{prefix}k?wait=60s&version=1")).IsProblem(400, "invalid", "parameter.exclusive@query:wait");
        (await server.Get($"/v1/config/{prefix}k?wait=soon")).IsProblem(400, "invalid", "duration@query:wait");
        // a cursor of another history: what is there now is what there is to know
        (await server.Get($"/v1/config/{prefix}k?wait=30s&after_cursor=1-00000000")).Is(200);
    }

    [Fact]
    public async Task Who_watches_is_listed_with_what_he_has_applied()
    {
        using var stream = await Open($"?prefix={prefix}");
        await stream.Named("synced");
        var revision = (await Set("k", "1")).Is(200)["revision"].GetInt64();
        await stream.Change();
        var before = await Listed(stream.Subscription);
        Assert.Equal("sse", before.GetProperty("transport").GetString());
        Assert.Equal(revision, before.GetProperty("delivered_revision").GetInt64());
        Assert.Equal(System.Text.Json.JsonValueKind.Null, before.GetProperty("applied_revision").ValueKind);
        (await Ack(stream.Subscription, $$"""{"revision":{{revision}}}""")).Is(204);
        var after = await Listed(stream.Subscription);
        Assert.Equal(revision, after.GetProperty("applied_revision").GetInt64());
        Assert.Equal(0, after.GetProperty("lag_revisions").GetInt64());
        // what is not for him he lacks not
        (await server.Put("elsewhere.k", """{"value":1}""")).Is(200);
        await Until(async () => (await Listed(stream.Subscription)).GetProperty("delivered_revision").GetInt64() > revision);
        Assert.Equal(0, (await Listed(stream.Subscription)).GetProperty("lag_revisions").GetInt64());
        (await Ack(stream.Subscription, $$"""{"revision":{{revision + 1_000}}}""")).IsProblem(400, "invalid", "revision.never_sent@/revision");
        (await Ack(stream.Subscription, """{"revision":1,"rejected":{"reason":""}}""")).IsProblem(400, "invalid", "text.length@/rejected/reason");
        (await Ack(Guid.NewGuid().ToString(), """{"revision":1}""")).IsProblem(404, "not_found", "subscription.unknown@path:id");
        (await Ack("nonsense", """{"revision":1}""")).IsProblem(404, "not_found");
    }

    [Fact]
    public async Task A_write_waits_for_those_who_watch_it()
    {
        using var first = await Open($"?prefix={prefix}");
        using var second = await Open($"?prefix={prefix}k");
        using var other = await Open($"?prefix={prefix}other");
        await first.Named("synced");
        await second.Named("synced");
        await other.Named("synced");
        var writing = Write("k", "1", "");
        var revision = (await first.Named("change")).Data.GetProperty("revision").GetInt64();
        await second.Named("change");
        (await Ack(first.Subscription, $$"""{"revision":{{revision}}}""")).Is(204);
        Assert.False(writing.IsCompleted);
        (await Ack(second.Subscription, $$"""{"revision":{{revision}}}""")).Is(204);
        Assert.Equal("""{"matched":2,"applied":2,"pending":[],"rejected":[],"complete":true}""", (await writing).Is(200)["convergence"].GetRawText());
        var rejected = Write("k", "2", "");
        revision = (await second.Named("change")).Data.GetProperty("revision").GetInt64();
        (await Ack(first.Subscription, $$"""{"revision":{{revision}}}""")).Is(204);
        (await Ack(second.Subscription, $$$"""{"revision":{{{revision}}},"rejected":{"reason":"not a port"}}""")).Is(204);
        var answer = (await rejected).Is(200)["convergence"];
        Assert.Equal("not a port", Assert.Single(answer.GetProperty("rejected").EnumerateArray()).GetProperty("reason").GetString());
        Assert.False(answer.GetProperty("complete").GetBoolean());
    }

    [Fact]
    public async Task Nobody_who_watches_is_said_and_may_be_too_few()
    {
        Assert.Equal("""{"matched":0,"applied":0,"pending":[],"rejected":[],"complete":true}""", (await Write("alone", "1", "")).Is(200)["convergence"].GetRawText());
        Assert.False((await Write("alone", "2", "&min_subscribers=1")).Is(200)["convergence"].GetProperty("complete").GetBoolean());
        using var stream = await Open($"?prefix={prefix}");
        await stream.Named("synced");
        var pending = (await Write("k", "3", "&timeout=100ms")).Is(200)["convergence"];
        Assert.Equal(stream.Subscription, Assert.Single(pending.GetProperty("pending").EnumerateArray()).GetProperty("id").GetString());
        Assert.False(pending.GetProperty("complete").GetBoolean());
        (await server.Post("/v1/changes?min_subscribers=1", """{"changes":[{"op":"set","key":"a","value":1}]}""")).IsProblem(400, "invalid", "wait_for.missing@query:wait_for");
        (await server.Post("/v1/changes?wait_for=nobody", """{"changes":[{"op":"set","key":"a","value":1}]}""")).IsProblem(400, "invalid", "wait_for.value@query:wait_for");
        (await server.Post("/v1/changes?wait_for=subscribers&timeout=61s", """{"changes":[{"op":"set","key":"a","value":1}]}""")).IsProblem(400, "invalid", "wait.range@query:timeout");
    }

    Task<HttpAnswer> Write(string key, string value, string more) =>
        server.Post($"/v1/changes?wait_for=subscribers{more}", $$"""{"changes":[{"op":"set","key":"{{prefix}}{{key}}","value":{{value}}}]}""");

    Task<HttpAnswer> Ack(string id, string body) => server.Post($"/v1/subscriptions/{id}/ack", body);

    async Task<List<System.Text.Json.JsonElement>> Subscriptions() => [.. (await server.Get("/v1/subscriptions?limit=1000")).Is(200)["items"].EnumerateArray()];

    async Task<System.Text.Json.JsonElement> Listed(string id) => (await Subscriptions()).Single(item => item.GetProperty("id").GetString() == id);

    static Task Until(Func<Task<bool>> condition) => Wait.Until(condition, "the watch gets there");
}
