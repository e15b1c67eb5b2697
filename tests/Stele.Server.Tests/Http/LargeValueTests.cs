using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Journal;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Http;

/// <summary>Values that nodes keep by reference are, to whoever asks, values like any other.</summary>
public sealed class LargeValueTests(HttpServer server) : IClassFixture<HttpServer>
{
    static readonly int Most = (int)SteleLimits.InlineValueBytes.Value;

    // escaped, each of these is longer than as it is stored
    static string Text(int bytes, char first) => first + new string('"', bytes - 1);

    static string Body(string text) => $$"""{"value":{{JsonSerializer.Serialize(text)}}}""";

    [Fact]
    public async Task Values_at_the_limit_are_in_memory_and_one_byte_more_is_not()
    {
        (await server.Put("edge.at", Body(Text(Most, 'a')))).Is(200);
        (await server.Put("edge.past", Body(Text(Most + 1, 'a')))).Is(200);
        (await server.Put("edge.json", $$"""{"value":["{{new string('x', Most - 4)}}"]}""")).Is(200);
        (await server.Put("edge.json_past", $$"""{"value":["{{new string('x', Most - 3)}}"]}""")).Is(200);
        async Task Check(HttpServer node)
        {
            var state = await node.State();
            Assert.Equal([true, false, true, false], new[] { "edge.at", "edge.json", "edge.json_past", "edge.past" }
                .Select(key => state.Environment("development")!.Config(key)!).OrderBy(entry => entry.Key.Contains("past", StringComparison.Ordinal)).Select(entry => entry.Value is not null).Order().Reverse().Where((_, i) => i is 0 or 2 or 1 or 3).Take(4) is var held
                ? [state.Environment("development")!.Config("edge.at")!.Value is not null, state.Environment("development")!.Config("edge.past")!.Value is not null,
                    state.Environment("development")!.Config("edge.json")!.Value is not null, state.Environment("development")!.Config("edge.json_past")!.Value is not null]
                : held);
            Assert.Equal(Text(Most, 'a'), (await node.Get("/v1/config/edge.at")).Is(200)["value"].GetString());
            Assert.Equal(Text(Most + 1, 'a'), (await node.Get("/v1/config/edge.past")).Is(200)["value"].GetString());
            Assert.Equal(Most - 3, (await node.Get("/v1/config/edge.json_past")).Is(200)["value"][0].GetString()!.Length);
        }
        await Check(server);
        await using var other = await server.Another();
        await Check(other);
    }
}
