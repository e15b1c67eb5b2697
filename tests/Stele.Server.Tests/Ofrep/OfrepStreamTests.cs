using System.Globalization;
using System.Net;
using Stele.Server.Tests.Access;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;
using static Stele.Server.Tests.Access.AccessServer;

namespace Stele.Server.Tests.Ofrep;

/// <summary>The stream that bulk answers name: who is let in by its address, and when it speaks.</summary>
public sealed class OfrepStreamTests(HttpServer server) : IClassFixture<HttpServer>
{
    const string Bulk = "/ofrep/v1/evaluate/flags", Ada = """{"context":{"targetingKey":"ada"}}""";

    [Fact]
    public async Task A_change_of_a_flag_is_told_and_nothing_else()
    {
        var (token, id) = await server.NewToken(Scopes("flag:read"));
        var address = await Address(token);
        Assert.StartsWith(server.Client.BaseAddress!.AbsoluteUri + "ofrep/v1/events?env=development&pass=", address, StringComparison.Ordinal);
        Assert.Equal(address, await Address(token));
        using var stream = await EventStream.Open(address);
        Assert.Equal(HttpStatusCode.OK, stream.Status);
        await Refetch(stream);
        (await server.Put("stream.config", """{"value":1}""")).Is(200);
        var revision = await Put("stream.a");
        var told = await Refetch(stream);
        Assert.Equal(revision, told.Revision);
        // its etag is the least that the next answer has
        (await server.Post($"{Bulk}?flagConfigEtag={told.Tag}", "{}", As(token))).Is(200);
        revision = (await server.Send("PUT", "/v1/flags/$kill_switch", """{"definition":true}""")).Is(200)["revision"].GetInt64();
        Assert.Equal(revision, (await Refetch(stream)).Revision);
        await server.Send("PUT", "/v1/flags/$kill_switch", """{"definition":false}""");
        await Refetch(stream);
        // who comes back is told of what he missed, and of nothing else
        using (var quiet = await EventStream.Open(address, (await Place(token)).ToString(CultureInfo.InvariantCulture) + "-00000000")) await Refetch(quiet);
        // and the token's end is the stream's, and the address's
        (await server.Send("DELETE", $"/v1/tokens/{id}", null)).Is(204);
        while (await stream.Next() is not null) { }
        using var late = await EventStream.Open(address);
        Assert.Equal(HttpStatusCode.Unauthorized, late.Status);
    }

    [Fact]
    public async Task A_step_of_a_schedule_is_told_when_it_comes()
    {
        (await server.Post("/v1/environments", """{"name":"ramp"}""")).Is(201);
        var step = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 3;
        var written = (await server.Send("PUT", "/v1/flags/ramp?env=ramp", $$$"""{"definition":{"enabled":true,"schedule":[[{{{step}}},100]]}}""")).Is(200)["revision"].GetInt64();
        var before = (await server.Post(Bulk + "?env=ramp", Ada)).Is(200);
        Assert.False(before["flags"][0].GetProperty("value").GetBoolean());
        using var stream = await EventStream.Open(before["eventStreams"][0].GetProperty("url").GetString()!);
        await Refetch(stream);
        Assert.True((await Refetch(stream)).Revision >= written);
        Assert.True(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() >= step);
        var after = (await server.Post(Bulk + "?env=ramp", Ada, ("If-None-Match", before.Headers["ETag"]))).Is(200);
        Assert.True(after["flags"][0].GetProperty("value").GetBoolean());
    }

    [Fact]
    public async Task Who_may_read_some_flags_is_told_of_those()
    {
        var (token, _) = await server.NewToken($"[{Scope("flag:read", "*", "mine.")}]");
        using var stream = await EventStream.Open(await Address(token));
        await Refetch(stream);
        await Put("others.a");
        var revision = await Put("mine.a");
        Assert.Equal(revision, (await Refetch(stream)).Revision);
    }

    [Fact]
    public async Task An_address_is_good_for_one_path_and_cannot_be_made_up()
    {
        var (token, _) = await server.NewToken(Scopes("flag:read", "config:read"));
        var address = await Address(token);
        var pass = address[(address.IndexOf("pass=", StringComparison.Ordinal) + 5)..];
        using var bare = new HttpClient { BaseAddress = server.Client.BaseAddress };
        foreach (var path in (string[])["/v1/limits", "/v1/watch", "/v1/config/a.b", Bulk])
        {
            using var response = await bare.GetAsync($"{path}?pass={pass}", TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        }
        for (var i = 0; i < pass.Length; i += 5)
        {
            using var forged = await EventStream.Open($"{server.Client.BaseAddress}ofrep/v1/events?env=development&pass={pass[..i]}{(pass[i] == 'A' ? 'B' : 'A')}{pass[(i + 1)..]}");
            Assert.Equal(HttpStatusCode.Unauthorized, forged.Status);
        }
        // the root token's, on every node
        var root = (await server.Post(Bulk, "{}")).Is(200)["eventStreams"][0].GetProperty("url").GetString()!;
        await using var other = await server.Another();
        using var there = await EventStream.Open(root.Replace(server.Client.BaseAddress!.Authority, other.Client.BaseAddress!.Authority, StringComparison.Ordinal));
        await Refetch(there);
        using var here = await EventStream.Open(address.Replace(server.Client.BaseAddress!.Authority, other.Client.BaseAddress!.Authority, StringComparison.Ordinal));
        await Refetch(here);
        var revision = await Put("stream.other");
        Assert.Equal(revision, (await Refetch(here)).Revision);
    }

    async Task<string> Address(string token)
    {
        var streams = (await server.Post(Bulk, "{}", As(token))).Is(200)["eventStreams"];
        Assert.Equal(("sse", 120), (streams[0].GetProperty("type").GetString(), streams[0].GetProperty("inactivityDelaySec").GetInt32()));
        return streams[0].GetProperty("url").GetString()!;
    }

    async Task<long> Place(string token) => long.Parse((await server.Post(Bulk, "{}", As(token))).Headers["Stele-Revision"], CultureInfo.InvariantCulture);

    async Task<long> Put(string flag) => (await server.Send("PUT", $"/v1/flags/{flag}", """{"definition":{"enabled":true}}""")).Is(200)["revision"].GetInt64();

    static async Task<(long Revision, string Tag)> Refetch(EventStream stream)
    {
        var told = await stream.Named("message");
        Assert.Equal("refetchEvaluation", told.Data.GetProperty("type").GetString());
        var tag = told.Data.GetProperty("etag").GetString()!;
        Assert.Equal(told.Id, tag);
        return (long.Parse(tag.AsSpan(0, tag.IndexOf('-')), CultureInfo.InvariantCulture), tag);
    }
}
