using System.Net;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Watch;

/// <summary>Server-sent events over the whole server.</summary>
public sealed class EventStreamTests(HttpServer server) : IClassFixture<HttpServer>
{
    readonly string prefix = $"t{Guid.NewGuid():N}"[..12] + ".";

    Task<EventStream> Open(string query, string? lastEventId = null) => EventStream.Open(server.Client.BaseAddress!, query, HttpServer.Token, lastEventId);

    async Task<long> Set(string key, string value) => (await server.Put(prefix + key, $$"""{"value":{{value}}}""")).Is(200)["revision"].GetInt64();

    [Fact]
    public async Task A_change_reaches_who_watches_its_prefix_and_nobody_else()
    {
        using var mine = await Open($"?prefix={prefix}a");
        using var other = await Open($"?prefix={prefix}b&prefix={prefix}c.");
        Assert.Equal(HttpStatusCode.OK, mine.Status);
        await mine.Named("synced");
        await other.Named("synced");
        var first = await Set("a.x", "1");
        var second = await Set("c.y", "\"two\"");
        Assert.Equal($"{first} {prefix}a.x=1", await mine.Change());
        Assert.Equal($"{second} {prefix}c.y=\"two\"", await other.Change());
    }

    [Fact]
    public async Task A_change_says_what_happened_and_when_and_by_whom()
    {
        using var stream = await Open($"?prefix={prefix}");
        await stream.Named("synced");
        await Set("k", "1");
        var revision = await Set("k", "2");
        await stream.Named("change");
        var change = await stream.Named("change");
        Assert.Equal(revision, change.Data.GetProperty("revision").GetInt64());
        Assert.Equal(change.Id, change.Data.GetProperty("cursor").GetString());
        var one = Assert.Single(change.Data.GetProperty("changes").EnumerateArray());
        Assert.Equal($$"""{"op":"set","kind":"config","key":"{{prefix}}k","environment":"development","value":2,"value_type":"number","version":2,"old_version":1}""", one.GetRawText());
        Assert.Equal("root", change.Data.GetProperty("by").GetString());
        Assert.True(change.Data.GetProperty("at").TryGetDateTimeOffset(out _));
        (await server.Send("DELETE", $"/v1/config/{prefix}k", null)).Is(200);
        var deleted = await stream.Named("change");
        Assert.Equal($$"""{"op":"delete","kind":"config","key":"{{prefix}}k","environment":"development","value":null,"value_type":null,"version":3,"old_version":2}""",
            deleted.Data.GetProperty("changes")[0].GetRawText());
    }

    [Fact]
    public async Task A_change_set_comes_as_one_with_only_what_was_asked_for()
    {
        using var stream = await Open($"?prefix={prefix}a&prefix={prefix}ab&prefix={prefix}c");
        await stream.Named("synced");
        var answer = (await server.Post("/v1/changes", $$"""{"changes":[{"op":"set","key":"{{prefix}}a","value":1},{"op":"set","key":"{{prefix}}b","value":2},{"op":"set","key":"{{prefix}}ab","value":3},{"op":"set","key":"{{prefix}}c","environment":"production","value":4}]}""")).Is(200);
        Assert.Equal($"{answer["revision"]} {prefix}a=1 {prefix}ab=3", await stream.Change());
    }

    [Fact]
    public async Task Who_resumes_gets_what_he_missed_and_then_what_happens()
    {
        var before = await Set("k", "0");
        using (var stream = await Open($"?prefix={prefix}")) await stream.Named("synced");
        var cursor = (await server.Get($"/v1/config/{prefix}k")).Headers["Stele-Cursor"];
        var missed = new List<string>();
        for (var i = 1; i <= 5; i++)
        {
            missed.Add($"{await Set("k", $"{i}")} {prefix}k={i}");
            (await server.Put("elsewhere.k", """{"value":1}""")).Is(200);
        }
        using var resumed = await Open($"?prefix={prefix}&from_cursor={cursor}");
        using var byHeader = await Open($"?prefix={prefix}", cursor);
        using var byRevision = await Open($"?prefix={prefix}&from_revision={before}");
        foreach (var stream in new[] { resumed, byHeader, byRevision })
        {
            foreach (var change in missed) Assert.Equal(change, await stream.Change());
            await stream.Named("synced");
        }
        var next = await Set("k", "9");
        Assert.Equal($"{next} {prefix}k=9", await resumed.Change());
    }

    [Fact]
    public async Task A_cursor_that_does_not_fit_is_reset_and_the_stream_goes_on()
    {
        var revision = await Set("k", "0");
        foreach (var (cursor, reason) in new[] { ($"{revision + 1_000}-00000000", "future"), ($"{revision}-00000000", "history"), ("0-00000001", "history") })
        {
            using var stream = await Open($"?prefix={prefix}&from_cursor={cursor}");
            var reset = await stream.Named("reset");
            Assert.Equal(reason, reset.Data.GetProperty("reason").GetString());
            await stream.Named("synced");
            var next = await Set("k", "1");
            Assert.Equal($"{next} {prefix}k=1", await stream.Change());
        }
    }

    [Fact]
    public async Task A_token_sees_what_it_may_and_its_stream_ends_when_it_is_revoked()
    {
        var made = (await server.Post("/v1/tokens", $$"""{"name":"{{prefix}}","scopes":[{"permission":"config:read","environments":["development"],"prefix":"{{prefix}}mine."}]}""")).Is(201);
        var token = made["token"].GetString()!;
        using var stream = await EventStream.Open(server.Client.BaseAddress!, "", token);
        await stream.Named("synced");
        using var socket = await SocketClient.Open(server.Client.BaseAddress!, token);
        await socket.Send("""{"type":"subscribe","id":"a"}""");
        await socket.Is("synced", "a");
        using var forbidden = await EventStream.Open(server.Client.BaseAddress!, "?env=production", token);
        Assert.Equal(HttpStatusCode.Forbidden, forbidden.Status);
        var answer = (await server.Post("/v1/changes", $$"""{"changes":[{"op":"set","key":"{{prefix}}theirs","value":1},{"op":"set","key":"{{prefix}}mine.x","value":2}]}""")).Is(200);
        Assert.Equal($"{answer["revision"]} {prefix}mine.x=2", await stream.Change());
        Assert.Equal($"{answer["revision"]} {prefix}mine.x=2", EventStream.Text(await socket.Is("change", "a")));
        (await server.Send("DELETE", $"/v1/tokens/{made["id"]}", null)).Is(204);
        Assert.Equal("revoked", (await stream.Named("end")).Data.GetProperty("code").GetString());
        Assert.Equal(4401, (await socket.Closed()).Code);
        using var refused = await EventStream.Open(server.Client.BaseAddress!, "", token);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.Status);
    }

    [Fact]
    public async Task Whose_rights_change_while_he_watches_reads_anew_and_hears_no_more_of_what_was_withdrawn()
    {
        await Grant("mine.");
        var account = (await server.Post("/v1/service-accounts", $$"""{"name":"{{prefix}}","role":"{{Role}}"}""")).Is(201)["id"].GetString();
        var token = (await server.Post("/v1/tokens", $$"""{"name":"{{prefix}}","scopes":[{"permission":"config:read"}],"service_account":"{{account}}"}""")).Is(201)["token"].GetString()!;
        using var stream = await EventStream.Open(server.Client.BaseAddress!, $"?prefix={prefix}", token);
        await stream.Named("synced");
        using var socket = await SocketClient.Open(server.Client.BaseAddress!, token);
        await socket.Send($$"""{"type":"subscribe","id":"a","prefixes":["{{prefix}}"]}""");
        await socket.Is("synced", "a");
        await Both("mine.x");

        // granted more: what was there before is to be read
        await Grant("mine.", "theirs.");
        await Reset();
        await Both("theirs.x");

        await Grant("mine.");
        await Reset();
        await Set("theirs.y", "1");
        await Both("mine.y");

        (await server.Send("PUT", $"/v1/service-accounts/{account}", """{"status":"suspended"}""")).Is(200);
        Assert.Equal("revoked", (await stream.Named("end")).Data.GetProperty("code").GetString());
        Assert.Equal(4401, (await socket.Closed()).Code);

        async Task Grant(params string[] prefixes) => (await server.Send("PUT", $"/v1/roles/{Role}",
            $$"""{"grants":[{{string.Join(',', prefixes.Select(part => $$"""{"permission":"config:read","prefix":"{{prefix}}{{part}}"}"""))}}]}""")).Is(200);

        async Task Both(string key)
        {
            var expected = $"{await Set(key, "1")} {prefix}{key}=1";
            Assert.Equal(expected, await stream.Change());
            Assert.Equal(expected, EventStream.Text(await socket.Is("change", "a")));
        }

        async Task Reset()
        {
            Assert.Equal("rights", (await stream.Named("reset")).Data.GetProperty("reason").GetString());
            Assert.Equal("rights", (await socket.Is("reset", "a")).GetProperty("reason").GetString());
            await stream.Named("synced");
            await socket.Is("synced", "a");
        }
    }

    string Role => prefix.TrimEnd('.');

    [Theory]
    [InlineData("?env=nowhere", 404, "not_found")]
    [InlineData("?env=.", 400, "environment.name")]
    [InlineData("?prefix=a%20b", 400, "prefix.characters")]
    [InlineData("?kinds=config,locks", 400, "kinds.value")]
    [InlineData("?from_cursor=12", 400, "cursor.malformed")]
    [InlineData("?from_revision=-1", 400, "revision.number")]
    [InlineData("?from_revision=99999999", 400, "revision.future")]
    [InlineData("?from_cursor=0-00000000&from_revision=0", 400, "parameter.exclusive")]
    [InlineData("?limit=1", 400, "parameter.unknown")]
    public async Task What_is_wrong_is_refused_before_the_stream_begins(string query, int status, string says)
    {
        using var stream = await Open(query);
        Assert.Equal(status, (int)stream.Status);
        Assert.Contains(says, await stream.Refusal(), StringComparison.Ordinal);
    }
}
