using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Stele.Client;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Cli;

public sealed class CliTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task A_value_is_set_read_changed_seen_in_the_past_and_rolled_back()
    {
        Assert.Equal(0, (await server.Run("set", "tour.timeout", "30")).Code);
        Assert.Equal(0, (await server.Run("set", "tour.timeout", "60", "--message", "slow bank")).Code);
        Assert.Equal("60\n", (await server.Run("get", "tour.timeout")).Out);
        var revision = JsonDocument.Parse((await server.Run("get", "tour.timeout", "--version", "1", "--json")).Out).RootElement.GetProperty("revision").GetInt64();
        var first = JsonDocument.Parse((await server.Run("history", "tour.timeout", "--json")).Out).RootElement.GetProperty("items")[1];
        Assert.Equal("30\n", (await server.Run("get", "tour.timeout", "--revision", $"{revision}")).Out);
        Assert.Equal("30\n", (await server.Run("get", "tour.timeout", "--at", first.GetProperty("updated_at").GetString()!)).Out);
        Assert.Equal("60\n", (await server.Run("get", "tour.timeout", "--consistency", "local")).Out);
        Assert.Contains("version 3", (await server.Run("rollback", "tour.timeout", "--version", "1")).Out, StringComparison.Ordinal);
        var history = (await server.Run("history", "tour.timeout")).Out.Split('\n');
        Assert.Equal(["3", "2", "1"], history.Skip(1).Take(3).Select(line => line.Split(' ')[0]));
        Assert.EndsWith("slow bank", history[2], StringComparison.Ordinal);
        Assert.Equal(0, (await server.Run("delete", "tour.timeout", "--message", "done")).Code);
        Assert.Equal(3, (await server.Run("get", "tour.timeout")).Code);
        Assert.Equal(3, (await server.Run("delete", "tour.timeout")).Code);
        Assert.Contains("(deleted)", (await server.Run("history", "tour.timeout")).Out, StringComparison.Ordinal);
        Assert.Contains("version 5", (await server.Run("set", "tour.timeout", "1")).Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1.10")]
    [InlineData("9007199254740993.000100")]
    [InlineData("1E+400")]
    [InlineData("{\"a\":[1.0,-0,\"ä😀\"]}")]
    [InlineData("null")]
    [InlineData("")]
    public async Task A_value_comes_back_as_it_was_written(string value)
    {
        Assert.Equal(0, (await server.Run("set", "exact.value", value, "--type", value.Length == 0 ? "string" : "json")).Code);
        Assert.Equal($"{value}\n", (await server.Run("get", "exact.value")).Out);
    }

    [Fact]
    public async Task Exit_codes_and_hints_say_what_went_wrong()
    {
        await server.Run("set", "codes.key", "1");
        Assert.Equal(4, (await server.Run("set", "codes.key", "2", "--expect-version", "7")).Code);
        Assert.Equal(4, (await server.Run("set", "codes.key", "2", "--expect-version", "0")).Code);
        Assert.Equal(4, (await server.Run("rollback", "codes.key", "--version", "1", "--expect-version", "7")).Code);
        Assert.Equal(4, (await server.Run("delete", "codes.key", "--expect-version", "7")).Code);
        var type = await server.Run("set", "codes.key", "text");
        Assert.Equal(1, type.Code);
        Assert.Contains("--type", type.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await server.Run("set", "codes.key", "text", "--type", "string")).Code);
        var nowhere = await server.Run("set", "codes.key", "1", "--env", "nowhere");
        Assert.Equal(3, nowhere.Code);
        Assert.Contains("stele environments", nowhere.Error, StringComparison.Ordinal);
        var stranger = await CliServer.Run(server.Client.BaseAddress!, "made-up", "list");
        Assert.Equal(1, stranger.Code);
        Assert.Contains("STELE_TOKEN", stranger.Error, StringComparison.Ordinal);
        Assert.Equal(5, (await CliServer.Run(new Uri($"http://127.0.0.1:{FreePort()}"), "t", "list")).Code);
    }

    [Fact]
    public async Task Environments_differences_whole_rollbacks_events_limits_and_status()
    {
        Assert.Equal("blue created\n", (await server.Run("environments", "create", "blue")).Out);
        Assert.Equal(4, (await server.Run("environments", "create", "blue")).Code);
        Assert.Contains("\nblue ", (await server.Run("environments")).Out, StringComparison.Ordinal);
        await server.Run("set", "diff.same", "1", "--env", "blue");
        var before = await server.Revision();
        await server.Run("set", "diff.same", "2", "--env", "blue");
        await server.Run("set", "diff.more", "x", "--env", "blue");
        var difference = await server.Run("diff", $"blue@{before}", "blue", "--exit-code");
        Assert.Equal(new CliAnswer(1, "+ diff.more = x\n~ diff.same: 1 → 2\n", ""), difference);
        Assert.StartsWith("2 values", (await server.Run("rollback", "--revision", $"{before}", "--env", "blue", "--yes")).Out, StringComparison.Ordinal);
        Assert.Equal("diff.same = 1\n", (await server.Run("list", "--env", "blue")).Out);
        Assert.Equal(0, (await server.Run("diff", $"blue@{before}", "blue", "--exit-code")).Code);
        Assert.StartsWith("Nothing differs", (await server.Run("rollback", "--revision", $"{before}", "--env", "blue", "--yes")).Out, StringComparison.Ordinal);
        Assert.Contains("config/blue/diff.same", (await server.Run("events", "--after", $"{before}")).Out, StringComparison.Ordinal);
        Assert.Contains("change_set.changes", (await server.Run("limits")).Out, StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Object, JsonDocument.Parse((await server.Run("status", "--json")).Out).RootElement.ValueKind);
        Assert.Contains("reachable", (await server.Run("status")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_list_longer_than_a_page_is_whole()
    {
        var changes = Enumerable.Range(0, 1_500).Select(i => $$"""{"op":"set","key":"long.k{{i:0000}}","environment":"staging","value":{{i}}}""");
        (await server.Post("/v1/changes", $$"""{"changes":[{{string.Join(',', changes)}}]}""")).Is(200);
        Assert.Equal(1_500, (await server.Run("list", "long.", "--keys", "--env", "staging")).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        var few = await server.Run("list", "long.", "--env", "staging", "--limit", "2");
        Assert.Equal("long.k0000 = 0\nlong.k0001 = 1\n", few.Out);
        Assert.Contains("more than 2", few.Error, StringComparison.Ordinal);
        Assert.Equal(1_500, (await server.Run("diff", "production", "staging", "--prefix", "long.")).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public async Task A_write_whose_answer_is_lost_happens_once()
    {
        using var client = new SteleClient(new SteleClientOptions { Url = server.Client.BaseAddress!, Token = HttpServer.Token }, new LosingHandler());
        var before = await server.Revision();
        var item = await client.SetConfigAsync("lost.answer", "development", new ConfigSet { Value = JsonElement.Parse("1"), ExpectedVersion = 0 }, CancellationToken.None);
        Assert.Equal((1, before + 1, before + 1), (item.Version, item.Revision, await server.Revision()));
    }

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Lets the first request through and drops its answer.</summary>
    sealed class LosingHandler() : DelegatingHandler(new SocketsHttpHandler())
    {
        bool lost;

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = await base.SendAsync(request, cancellationToken);
            if (lost) return response;
            lost = true;
            response.Dispose();
            throw new HttpRequestException("the connection broke after the request was sent");
        }
    }
}
