using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Flags;

/// <summary>Changes of flags reach who watches them, by kind and by how their names begin; and so does the end of an environment.</summary>
public sealed class FlagWatchTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task A_flags_life_is_seen_as_sets_and_deletions()
    {
        (await server.Post("/v1/environments", """{"name":"watched"}""")).Is(201);
        using var stream = await EventStream.Open(server.Client.BaseAddress!, "?env=watched&kinds=flag", HttpServer.Token);
        using var narrow = await EventStream.Open(server.Client.BaseAddress!, "?env=watched&kinds=flag&prefix=$evaluators/", HttpServer.Token);
        await stream.Named("synced");
        await narrow.Named("synced");
        (await server.Put("watched.key", """{"value":1}""", "?env=watched")).Is(200);
        await Put("watched/flag", """{"enabled":true}""");
        Assert.Equal("""{"op":"set","kind":"flag","key":"watched/flag","environment":"watched","value":{"enabled":true},"value_type":"json","version":1,"old_version":0}""", await Next(stream));
        await Put("watched/flag", """{"killed":true}""");
        Assert.Equal("""{"op":"set","kind":"flag","key":"watched/flag","environment":"watched","value":{"enabled":true},"value_type":"json","version":2,"old_version":1,"killed":true}""", await Next(stream));
        await Put("watched/flag", """{"archived":true}""");
        Assert.Equal("""{"op":"delete","kind":"flag","key":"watched/flag","environment":"watched","value":null,"value_type":null,"version":3,"old_version":2}""", await Next(stream));
        await Put("$evaluators/staff", """{"definition":{"var":"x"}}""");
        Assert.Contains("\"key\":\"$evaluators/staff\"", await Next(stream), StringComparison.Ordinal);
        Assert.Contains("\"key\":\"$evaluators/staff\"", await Next(narrow), StringComparison.Ordinal);
        // all that was in it goes with it
        (await server.Send("DELETE", "/v1/environments/watched?confirm=watched", null)).Is(200);
        var gone = (await stream.Named("change")).Data.GetProperty("changes").EnumerateArray().Select(change => $"{change.GetProperty("op").GetString()} {change.GetProperty("key").GetString()}");
        Assert.Equal(["delete $evaluators/staff", "delete watched/flag"], gone);
    }

    static async Task<string> Next(EventStream stream) => (await stream.Named("change")).Data.GetProperty("changes")[0].GetRawText();

    async Task Put(string name, string body) => (await server.Send("PUT", $"/v1/flags/{name}?env=watched", body)).Is(200);
}
