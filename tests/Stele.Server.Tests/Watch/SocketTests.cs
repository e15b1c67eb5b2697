using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Stele.Core.Limits;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Watch;

/// <summary>Watching over a WebSocket.</summary>
public sealed class SocketTests(HttpServer server) : IClassFixture<HttpServer>
{
    readonly string prefix = $"s{Guid.NewGuid():N}"[..12] + ".";

    async Task<long> Set(string key, string value) => (await server.Put(prefix + key, $$"""{"value":{{value}}}""")).Is(200)["revision"].GetInt64();

    Task<SocketClient> Open(string? token = HttpServer.Token) => SocketClient.Open(server.Client.BaseAddress!, token);

    [Fact]
    public async Task Subscriptions_of_one_connection_get_what_each_asks_for_under_its_id()
    {
        using var socket = await Open();
        await socket.Send($$"""{"type":"subscribe","id":"a","prefixes":["{{prefix}}a"],"labels":{"pod":"p-1"},"client":"tester"}""");
        await socket.Is("synced", "a");
        await socket.Send($$"""{"type":"subscribe","id":"b","environment":"production","prefixes":["{{prefix}}"],"kinds":["config"]}""");
        await socket.Is("synced", "b");
        var first = await Set("a.x", "1");
        Assert.Equal($"{first} {prefix}a.x=1", EventStream.Text(await socket.Is("change", "a")));
        (await server.Put(prefix + "p", """{"value":2}""", "?env=production")).Is(200);
        await socket.Is("change", "b");
        var listed = (await server.Get("/v1/subscriptions?limit=1000")).Is(200)["items"].EnumerateArray().Single(item => item.GetProperty("client").GetString() == "tester");
        Assert.Equal("p-1", listed.GetProperty("labels").GetProperty("pod").GetString());
        await socket.Send("""{"type":"unsubscribe","id":"a"}""");
        await socket.Send("""{"type":"unsubscribe","id":"a"}""");
        Assert.Equal("not_found", (await socket.Is("error", "a")).GetProperty("code").GetString());
        await Set("a.x", "2");
        (await server.Put(prefix + "p", """{"value":3}""", "?env=production")).Is(200);
        await socket.Is("change", "b");
    }

    [Fact]
    public async Task Who_cannot_set_a_header_says_his_token_first()
    {
        using (var socket = await Open(token: null))
        {
            await socket.Send($$"""{"type":"auth","token":"{{HttpServer.Token}}","org":"default"}""");
            await socket.Send($$"""{"type":"subscribe","id":"a","prefixes":["{{prefix}}"]}""");
            await socket.Is("synced", "a");
        }
        using (var socket = await Open(token: null))
        {
            await socket.Send("""{"type":"auth","token":"wrong"}""");
            Assert.Equal(4401, (await socket.Closed()).Code);
        }
        using (var socket = await Open(token: null))
        {
            await socket.Send("""{"type":"subscribe","id":"a"}""");
            Assert.Equal(4401, (await socket.Closed()).Code);
        }
        // a wrong one in the header does not even open it
        await Assert.ThrowsAsync<WebSocketException>(() => Open("wrong"));
        (await server.Get("/v1/ws")).IsProblem(400, "invalid", "websocket.upgrade@header:Upgrade");
    }

    [Fact]
    public async Task What_is_applied_and_rejected_is_known()
    {
        using var socket = await Open();
        await socket.Send($$"""{"type":"subscribe","id":"a","prefixes":["{{prefix}}"]}""");
        await socket.Is("synced", "a");
        var writing = Write("1");
        var revision = (await socket.Is("change", "a")).GetProperty("revision").GetInt64();
        await socket.Send($$"""{"type":"ack","revision":{{revision}}}""");
        Assert.True((await writing).Is(200)["convergence"].GetProperty("complete").GetBoolean());
        var rejected = Write("2");
        revision = (await socket.Is("change", "a")).GetProperty("revision").GetInt64();
        await socket.Send($$"""{"type":"reject","revision":{{revision}},"reason":"no","id":"a"}""");
        Assert.Equal("no", (await rejected).Is(200)["convergence"].GetProperty("rejected")[0].GetProperty("reason").GetString());
        await socket.Send($$"""{"type":"ack","revision":{{revision + 100}}}""");
        Assert.Contains("never_sent", (await socket.Is("error")).GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    Task<HttpAnswer> Write(string value) => server.Post("/v1/changes?wait_for=subscribers", $$"""{"changes":[{"op":"set","key":"{{prefix}}k","value":{{value}}}]}""");

    [Theory]
    [InlineData("nonsense", "message.type")]
    [InlineData("[]", "message.type")]
    [InlineData("""{"type":"shout"}""", "message.type")]
    [InlineData("""{"type":"subscribe"}""", "member.required")]
    [InlineData("""{"type":"subscribe","id":"x","colour":1}""", "member.unknown")]
    [InlineData("""{"type":"subscribe","id":""}""", "text.length")]
    [InlineData("""{"type":"subscribe","id":"x","prefixes":["a b"]}""", "prefix.characters")]
    [InlineData("""{"type":"subscribe","id":"x","kinds":[]}""", "kinds.value")]
    [InlineData("""{"type":"subscribe","id":"x","kinds":["lock"]}""", "kinds.value")]
    [InlineData("""{"type":"subscribe","id":"x","from_cursor":"12"}""", "cursor.malformed")]
    [InlineData("""{"type":"subscribe","id":"x","labels":{"a":1}}""", "labels.text")]
    [InlineData("""{"type":"subscribe","id":"x","environment":"nowhere"}""", "nowhere")]
    [InlineData("""{"type":"ack","revision":-1}""", "member.range")]
    [InlineData("""{"type":"ack","revision":1}""", "never_sent")]
    [InlineData("""{"type":"auth","token":"x"}""", "admitted already")]
    public async Task What_is_wrong_with_a_message_is_said_and_the_connection_stays(string message, string says)
    {
        using var socket = await Open();
        await socket.Send(message);
        Assert.Contains(says, (await socket.Is("error")).GetProperty("detail").GetString(), StringComparison.Ordinal);
        await socket.Send($$"""{"type":"subscribe","id":"ok","prefixes":["{{prefix}}"]}""");
        await socket.Is("synced", "ok");
    }

    [Fact]
    public async Task What_is_no_message_closes_the_connection()
    {
        using (var socket = await Open())
        {
            await socket.SendRaw([1, 2, 3], WebSocketMessageType.Binary);
            Assert.Equal(1003, (await socket.Closed()).Code);
        }
        using (var socket = await Open())
        {
            await socket.SendRaw(new byte[10 << 20], WebSocketMessageType.Text);
            Assert.Equal(1009, (await socket.Closed()).Code);
        }
        using (var socket = await Open())
        {
            await socket.SendRaw([0xC3, 0x28], WebSocketMessageType.Text);
            // the framework says 1007 and tears down, which may overtake what it said
            var closed = await Record.ExceptionAsync(socket.Closed);
            Assert.True(closed is null or WebSocketException, $"{closed}");
        }
    }

    [Fact]
    public async Task Prefixes_and_subscriptions_have_limits()
    {
        using var socket = await Open();
        string Prefixes(int count) => string.Join(',', Enumerable.Range(0, count).Select(i => $"\"{prefix}{i}.\""));
        var most = (int)SteleLimits.WatchPrefixes.Value;
        await socket.Send($$"""{"type":"subscribe","id":"most","prefixes":[{{Prefixes(most)}}]}""");
        await socket.Is("synced", "most");
        await socket.Send($$"""{"type":"subscribe","id":"more","prefixes":[{{Prefixes(most + 1)}}]}""");
        Assert.Contains("prefixes.count", (await socket.Is("error", "more")).GetProperty("detail").GetString(), StringComparison.Ordinal);
        for (var i = 1; i < SteleLimits.WatchSubscriptionsOfConnection.Value; i++)
        {
            await socket.Send($$"""{"type":"subscribe","id":"{{i}}","prefixes":["{{prefix}}{{i}}."]}""");
            await socket.Is("synced", $"{i}");
        }
        await socket.Send("""{"type":"subscribe","id":"last"}""");
        Assert.Equal("rate_limited", (await socket.Is("error", "last")).GetProperty("code").GetString());
        var revision = await Set("7.x", "1");
        var got = new[] { await socket.Next(), await socket.Next() };
        Assert.All(got, message => Assert.Equal(revision, message.GetProperty("revision").GetInt64()));
        Assert.Equal(["7", "most"], got.Select(message => message.GetProperty("id").GetString()).Order());
    }
}

/// <summary>A client of a WebSocket that reads when the test says so.</summary>
public sealed class SocketClient : IDisposable
{
    static readonly TimeSpan patience = TimeSpan.FromSeconds(30);

    readonly ClientWebSocket socket = new();

    public static async Task<SocketClient> Open(Uri server, string? token)
    {
        var client = new SocketClient();
        if (token is not null) client.socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
        await client.socket.ConnectAsync(new UriBuilder(server) { Scheme = "ws", Path = "/v1/ws" }.Uri, CancellationToken.None);
        return client;
    }

    public Task Send(string json) => SendRaw(Encoding.UTF8.GetBytes(json), WebSocketMessageType.Text);

    public Task SendRaw(byte[] bytes, WebSocketMessageType type) => socket.SendAsync(bytes, type, true, CancellationToken.None);

    /// <summary>The next message.</summary>
    public async Task<JsonElement> Next()
    {
        var (message, close) = await Receive();
        Assert.True(message is not null, $"closed: {close}");
        return JsonDocument.Parse(message).RootElement;
    }

    /// <summary>The next message, which is of a type and about a subscription. Heartbeats are passed over.</summary>
    public async Task<JsonElement> Is(string type, string? id = null)
    {
        var message = await Next();
        while (type != "progress" && message.GetProperty("type").GetString() == "progress") message = await Next();
        Assert.True(message.GetProperty("type").GetString() == type && (id is null || message.GetProperty("id").GetString() == id), $"expected {type} of {id}, got {message}");
        return message;
    }

    /// <summary>How the server closes it; what comes before is passed over.</summary>
    public async Task<(int Code, string Why)> Closed()
    {
        while (true)
        {
            var (message, close) = await Receive();
            if (message is null) return close!.Value;
        }
    }

    async Task<(string? Message, (int, string)? Close)> Receive()
    {
        using var all = new MemoryStream();
        var buffer = new byte[64 << 10];
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer, CancellationToken.None).WaitAsync(patience);
            if (part.MessageType == WebSocketMessageType.Close) return (null, ((int)socket.CloseStatus!.Value, socket.CloseStatusDescription ?? ""));
            all.Write(buffer, 0, part.Count);
            if (part.EndOfMessage) return (Encoding.UTF8.GetString(all.ToArray()), null);
        }
    }

    public void Dispose() => socket.Dispose();
}
