using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Stele.Core.Journal;
using Stele.Server.Journal;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Watch;

/// <summary>Two servers on one PostgreSQL: what happens on one is seen on the other, by each carrier of hints alone, and by none.</summary>
public sealed class SeveralNodesTests
{
    static readonly string[] notify = ["notify"];

    // a poll that never comes: what is seen was hinted
    static readonly JournalOptions noPoll = new() { Poll = TimeSpan.FromHours(1) };

    [Fact]
    public async Task By_Notify_alone_a_write_is_seen_on_the_other_node()
    {
        await using var pair = await Pair.Start(notify, noPoll);
        await Sees(pair, 20);
    }

    [Fact]
    public async Task By_Redis_alone_a_write_is_seen_on_the_other_node()
    {
        await using var redis = await RedisServer.Start();
        await using var pair = await Pair.Start(["redis"], noPoll, redis.Configuration);
        await Sees(pair, 20);
    }

    [Fact]
    public async Task By_none_a_write_is_seen_within_a_poll()
    {
        await using var pair = await Pair.Start([], new JournalOptions());
        await Sees(pair, 3);
    }

    static async Task Sees(Pair pair, int writes)
    {
        using var stream = await pair.Watch("?prefix=app.");
        await stream.Named("synced");
        // a carrier may still be on its way to its first hint
        if (pair.IsHinted) await pair.UntilHinted();
        for (var i = 0; i < writes; i++)
        {
            await pair.A.Put("app.k", $"{i}");
            Assert.EndsWith($"app.k={i}", await stream.Change(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_token_that_is_revoked_ends_its_stream_on_the_other_node_and_rights_that_change_reset_it()
    {
        await using var pair = await Pair.Start(notify, noPoll);
        await pair.UntilHinted();
        await pair.A.Ok("PUT", "/v1/roles/watcher", """{"grants":[{"permission":"config:read","environments":["*"],"prefix":"app."}]}""");
        var account = (await pair.A.Ok("POST", "/v1/service-accounts", """{"name":"watcher","role":"watcher"}""")).GetProperty("id").GetString();
        var token = await pair.A.Ok("POST", "/v1/tokens", $$"""{"name":"t","service_account":"{{account}}","scopes":[{"permission":"config:read","environments":["*"],"prefix":""}]}""");
        using var stream = await pair.Watch("", token.GetProperty("token").GetString()!);
        await stream.Named("synced");
        await pair.A.Put("app.k", "1");
        Assert.EndsWith("app.k=1", await stream.Change(), StringComparison.Ordinal);
        await pair.A.Ok("PUT", "/v1/roles/watcher", """{"grants":[{"permission":"config:read","environments":["*"],"prefix":"other."}]}""");
        Assert.Equal("rights", (await stream.Named("reset")).Data.GetProperty("reason").GetString());
        await stream.Named("synced");
        await pair.A.Put("app.k", "2");
        await pair.A.Put("other.k", "3");
        Assert.EndsWith("other.k=3", await stream.Change(), StringComparison.Ordinal);
        var revoked = Stopwatch.GetTimestamp();
        await pair.A.Ok("DELETE", $"/v1/tokens/{token.GetProperty("id").GetString()}", null);
        Assert.Equal("revoked", (await stream.Named("end")).Data.GetProperty("code").GetString());
        // without the poll it is the hint that told: at once, and a loaded machine is given ten times as long as promised
        Assert.InRange(Stopwatch.GetElapsedTime(revoked).TotalSeconds, 0, 10);
    }

    [Fact]
    public async Task Who_has_seen_a_cursor_reads_no_less_on_any_node_and_a_node_that_cannot_says_so()
    {
        await using var pair = await Pair.Start([], noPoll);
        for (var i = 0; i < 10; i++)
        {
            var cursor = await pair.A.Put("app.k", $"{i}");
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/config/app.k?consistency=local") { Headers = { { "Stele-Min-Cursor", cursor } } };
            using var answer = await pair.B.Client.SendAsync(request);
            Assert.Equal(i, JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("value").GetInt32());
        }
        using var ahead = new HttpRequestMessage(HttpMethod.Get, "/v1/config/app.k?consistency=local") { Headers = { { "Stele-Min-Cursor", "100000-00000000" } } };
        using var refused = await pair.B.Client.SendAsync(ahead);
        Assert.Equal(503, (int)refused.StatusCode);
        Assert.Contains("did not reach 100000 in time", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_watches_on_any_node_is_listed_acknowledged_and_waited_for_on_every_node(bool hinted)
    {
        await using var pair = await Pair.Start(hinted ? notify : [], new JournalOptions());
        using EventStream onA = await pair.Watch("?prefix=app.", on: pair.A), first = await pair.Watch("?prefix=app."), second = await pair.Watch("?prefix=app.k");
        foreach (var stream in (EventStream[])[onA, first, second]) await stream.Named("synced");
        string[] all = [.. new[] { onA.Subscription, first.Subscription, second.Subscription }.Order(StringComparer.Ordinal)];
        foreach (var node in (Node[])[pair.A, pair.B])
        {
            Assert.Equal(all, await node.Subscriptions("/v1/subscriptions"));
            // a page at a time
            var page = await node.Ok("GET", "/v1/subscriptions?limit=2", null);
            Assert.Equal(all[..2], Ids(page));
            Assert.Equal(all[2..], await node.Subscriptions($"/v1/subscriptions?limit=2&cursor={page.GetProperty("next_cursor").GetString()}"));
        }
        var writing = pair.A.Ok("POST", "/v1/changes?wait_for=subscribers&min_subscribers=3", """{"changes":[{"op":"set","key":"app.k","value":1}]}""");
        var revision = (await onA.Named("change")).Data.GetProperty("revision").GetInt64();
        await first.Named("change");
        await second.Named("change");
        // each by the other node than the one that it is on
        await pair.B.Ok("POST", $"/v1/subscriptions/{onA.Subscription}/ack", $$"""{"revision":{{revision}}}""");
        await pair.A.Ok("POST", $"/v1/subscriptions/{first.Subscription}/ack", $$"""{"revision":{{revision}}}""");
        Assert.False(writing.IsCompleted);
        await pair.A.Ok("POST", $"/v1/subscriptions/{second.Subscription}/ack", $$$"""{"revision":{{{revision}}},"rejected":{"reason":"not a port"}}""");
        var convergence = (await writing).GetProperty("convergence");
        Assert.Equal("3 2 0 False", $"{convergence.GetProperty("matched")} {convergence.GetProperty("applied")} {convergence.GetProperty("pending").GetArrayLength()} {convergence.GetProperty("complete")}");
        Assert.Equal($"{second.Subscription} not a port", $"{convergence.GetProperty("rejected")[0].GetProperty("id")} {convergence.GetProperty("rejected")[0].GetProperty("reason")}");
        // whose it is not cannot tell that it is there, on no node
        var other = (await pair.A.Ok("POST", "/v1/tokens", """{"name":"o","scopes":[{"permission":"config:read","environments":["*"],"prefix":""}]}""")).GetProperty("token").GetString()!;
        Assert.Equal(404, await pair.A.Status("POST", $"/v1/subscriptions/{second.Subscription}/ack", $$"""{"revision":{{revision}}}""", other));
        Assert.Equal(400, await pair.A.Status("POST", $"/v1/subscriptions/{second.Subscription}/ack", $$"""{"revision":{{revision + 100}}}""", TestServer.Token));
        Assert.Equal(404, await pair.A.Status("POST", $"/v1/subscriptions/{Guid.NewGuid()}/ack", $$"""{"revision":{{revision}}}""", TestServer.Token));
        // who does not answer in time is pending
        var pending = (await pair.B.Ok("POST", "/v1/changes?wait_for=subscribers&timeout=2s", """{"changes":[{"op":"set","key":"app.k","value":2}]}""")).GetProperty("convergence");
        Assert.Equal("3 0 3 False", $"{pending.GetProperty("matched")} {pending.GetProperty("applied")} {pending.GetProperty("pending").GetArrayLength()} {pending.GetProperty("complete")}");
    }

    [Fact]
    public async Task A_node_that_does_not_answer_is_said_and_nothing_is_complete()
    {
        await using var pair = await Pair.Start(notify, new JournalOptions());
        await using (var session = await pair.Database.As())
        {
            await session.Execute("INSERT INTO stele.node (node_id, name, beat_at) VALUES (gen_random_uuid(), 'frozen', now() + interval '1 hour')");
            await session.Execute("INSERT INTO stele.node (node_id, name, beat_at) VALUES (gen_random_uuid(), 'dead', now() - interval '10 seconds')");
        }
        Assert.Equal(1, (await pair.A.Ok("GET", "/v1/subscriptions", null)).GetProperty("unanswered_nodes").GetInt32());
        var convergence = (await pair.A.Ok("POST", "/v1/changes?wait_for=subscribers&timeout=500ms", """{"changes":[{"op":"set","key":"app.k","value":1}]}""")).GetProperty("convergence");
        Assert.False(convergence.GetProperty("complete").GetBoolean());
        Assert.Equal(1, convergence.GetProperty("unanswered_nodes").GetInt32());
    }

    [Theory(Explicit = true)]
    [InlineData("notify", 500)]
    [InlineData("redis", 500)]
    [InlineData("none", 40)]
    public async Task How_long_a_commit_on_one_node_takes_to_a_subscriber_on_the_other(string carrier, int writes)
    {
        await using var redis = await RedisServer.Start();
        await using var pair = await Pair.Start(carrier == "none" ? [] : [carrier], new JournalOptions(), redis.Configuration);
        using var stream = await pair.Watch("?prefix=app.");
        await stream.Named("synced");
        if (pair.IsHinted) await pair.UntilHinted();
        var committed = new System.Collections.Concurrent.ConcurrentDictionary<long, long>();
        pair.A.Service<Stele.Server.Journal.Hints.HintExchange>().OnHint(hint => committed.TryAdd(hint.Revision ?? 0, Stopwatch.GetTimestamp()));
        var took = new List<double>();
        for (var i = 0; i < writes; i++)
        {
            await pair.A.Put("app.k", $"{i}");
            var revision = (await stream.Named("change")).Data.GetProperty("revision").GetInt64();
            took.Add(Stopwatch.GetElapsedTime(committed[revision]).TotalMilliseconds);
        }
        took.Sort();
        TestContext.Current.TestOutputHelper!.WriteLine($"{carrier}: p50 {took[writes / 2]:0.0} ms, p99 {took[writes * 99 / 100]:0.0} ms, max {took[^1]:0.0} ms of {writes}");
    }

    static string[] Ids(JsonElement page) => [.. page.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetString()!)];

    /// <summary>One of the servers.</summary>
    sealed class Node(TestServer server)
    {
        public HttpClient Client => server.Client;

        public T Service<T>() where T : notnull => (T)server.Services.GetService(typeof(T))!;

        public async Task<JsonElement> Ok(string method, string path, string? body)
        {
            using var answer = await Send(method, path, body, null);
            var text = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.IsSuccessStatusCode, text);
            return text.Length == 0 ? default : JsonDocument.Parse(text).RootElement;
        }

        public async Task<int> Status(string method, string path, string? body, string token)
        {
            using var answer = await Send(method, path, body, token);
            return (int)answer.StatusCode;
        }

        /// <summary>The cursor at which a key was set.</summary>
        public async Task<string> Put(string key, string json)
        {
            using var answer = await Send("PUT", $"/v1/config/{key}", $$"""{"value":{{json}}}""", null);
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
            return answer.Headers.GetValues("Stele-Cursor").Single();
        }

        public async Task<string[]> Subscriptions(string path) => Ids(await Ok("GET", path, null));

        async Task<HttpResponseMessage> Send(string method, string path, string? body, string? token)
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), path);
            if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
            return await Client.SendAsync(request);
        }
    }

    /// <summary>Two servers on one database.</summary>
    sealed class Pair : IAsyncDisposable
    {
        readonly TestServer a, b;

        Pair(TestDatabase database, TestServer a, TestServer b, bool isHinted) => (Database, this.a, this.b, IsHinted, A, B) = (database, a, b, isHinted, new Node(a), new Node(b));

        public TestDatabase Database { get; }

        public Node A { get; }

        public Node B { get; }

        public bool IsHinted { get; }

        public static async Task<Pair> Start(string[] hints, JournalOptions journal, string? redis = null)
        {
            var database = await Postgres.NewDatabase();
            var a = await TestServer.Start(database, journal: journal, redis: redis, hints: hints);
            return new Pair(database, a, await TestServer.Start(database, journal: journal, redis: redis, hints: hints), hints.Length > 0);
        }

        public Task<EventStream> Watch(string query, string token = TestServer.Token, Node? on = null) => EventStream.Open((on ?? B).Client.BaseAddress!, query, token);

        /// <summary>Until the other node hears what this one writes.</summary>
        public async Task UntilHinted()
        {
            await B.Ok("GET", "/v1/environments", null);
            var journal = B.Service<JournalNode>();
            await Wait.Until(async () =>
            {
                var revision = long.Parse((await A.Put("hint.k", "1")).Split('-')[0], System.Globalization.CultureInfo.InvariantCulture);
                var patience = Stopwatch.GetTimestamp();
                while (journal.Peek(OrgId.Default)!.State.Revision < revision && Stopwatch.GetElapsedTime(patience) < TimeSpan.FromMilliseconds(300)) await Task.Yield();
                return journal.Peek(OrgId.Default)!.State.Revision >= revision;
            }, "a hint comes");
        }

        public async ValueTask DisposeAsync()
        {
            await a.DisposeAsync();
            await b.DisposeAsync();
            await Database.DisposeAsync();
        }
    }
}
