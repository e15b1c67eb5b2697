using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Stele.Client;
using Xunit;
using static Stele.Core.Tests.Client.StubHandler;

namespace Stele.Core.Tests.Client;

public sealed class SteleClientTests
{
    const string Item = """{"key":"a.b","environment":"dev","value":1.10,"value_type":"number","version":3,"revision":7,"updated_at":"2026-01-31T10:00:00.123456Z","updated_by":"u","change_log":null,"extra":{"x":1}}""";

    readonly ImpatientClock clock = new();

    SteleClient Client(HttpMessageHandler handler) =>
        new(new SteleClientOptions { Url = new Uri("http://stele.test:7300"), Token = "t", Organization = "o", Clock = clock }, handler);

    static ConfigSet Set(string json) => new() { Value = JsonElement.Parse(json), ExpectedVersion = 2 };

    [Theory]
    [InlineData("1.10")]
    [InlineData("9007199254740993")]
    [InlineData("0.30000000000000000001")]
    [InlineData("1E+400")]
    [InlineData("""{"a":[1.0,-0]}""")]
    [InlineData("null")]
    public async Task Numbers_keep_their_text_both_ways(string json)
    {
        var handler = new StubHandler(sent => StubHandler.Json(Item.Replace("1.10", json, StringComparison.Ordinal)));
        using var client = Client(handler);
        var item = await client.SetConfigAsync("a.b", "dev", Set(json), CancellationToken.None);
        Assert.Equal(json, item.Value.GetRawText());
        Assert.Equal($$"""{"value":{{json}},"expected_version":2}""", handler.Requests[0].Body);
    }

    [Fact]
    public async Task A_request_says_who_for_whom_and_where()
    {
        var handler = new StubHandler(_ => StubHandler.Json(Item));
        using var client = Client(handler);
        var at = new DateTimeOffset(2026, 1, 31, 14, 3, 0, TimeSpan.FromHours(2));
        var item = await client.GetConfigAsync("a.b[0]", new ConfigRead { Environment = "dev", At = at, Consistency = "local", StalenessMax = TimeSpan.FromSeconds(5) }, CancellationToken.None);
        var sent = Assert.Single(handler.Requests);
        Assert.Equal(("GET", "/v1/config/a.b%5B0%5D?env=dev&consistency=local&max_staleness=5000ms&at=2026-01-31T12%3A03%3A00.000000Z"), (sent.Method, sent.Path));
        Assert.Equal(("Bearer t", "o", null), (sent.Authorization, sent.Organization, sent.IdempotencyKey));
        Assert.Equal((3, 7, "u", "1"), (item.Version, item.Revision, item.UpdatedBy, item.More!["extra"].GetProperty("x").GetRawText()));
    }

    [Theory]
    [InlineData(503, "unavailable")]
    [InlineData(503, "outcome_unknown")]
    [InlineData(429, "rate_limited")]
    public async Task A_write_is_repeated_with_the_same_key_when_that_is_safe(int status, string code)
    {
        var handler = InTurn(() => Problem(status, code, retryAfterSeconds: 1), () => throw new HttpRequestException("reset"), () => throw new SocketException((int)SocketError.NotConnected), () => StubHandler.Json(Item));
        using var client = Client(handler);
        await client.SetConfigAsync("a.b", null, Set("1"), CancellationToken.None);
        Assert.Equal(4, handler.Requests.Count);
        Assert.NotNull(Assert.Single(handler.Requests.Select(sent => sent.IdempotencyKey).Distinct()));
        Assert.True(clock.Waits[0] >= TimeSpan.FromSeconds(1), "Retry-After is the least to wait");
    }

    [Fact]
    public async Task Two_writes_have_two_keys()
    {
        var handler = new StubHandler(_ => StubHandler.Json(Item));
        using var client = Client(handler);
        for (var i = 0; i < 2; i++) await client.DeleteConfigAsync("a.b", null, 3, CancellationToken.None);
        Assert.Equal(2, handler.Requests.Select(sent => sent.IdempotencyKey).Distinct().Count());
        Assert.Equal("/v1/config/a.b?expected_version=3", handler.Requests[0].Path);
    }

    [Theory]
    [InlineData(400, "invalid")]
    [InlineData(404, "not_found")]
    [InlineData(409, "conflict")]
    [InlineData(409, "idempotency_conflict")]
    [InlineData(500, "internal")]
    public async Task A_refusal_is_never_asked_again(int status, string code)
    {
        var handler = InTurn(() => Problem(status, code, errors: """[{"pointer":"/value","rule":"value.bytes","message":"too long"},{"in":"query","name":"env","rule":"environment.name","message":"m"}]"""));
        using var client = Client(handler);
        var refusal = await Assert.ThrowsAsync<SteleException>(() => client.SetConfigAsync("a.b", null, Set("1"), CancellationToken.None));
        Assert.Single(handler.Requests);
        Assert.Equal((code, status, $"because {code}", "r-1"), (refusal.Code, refusal.Status, refusal.Detail, refusal.RequestId));
        Assert.Equal(["/value", null], refusal.Errors.Select(error => error.Pointer));
        Assert.Equal(["value.bytes", "environment.name"], refusal.Errors.Select(error => error.Rule));
    }

    [Fact]
    public async Task It_gives_up_after_its_attempts_and_spreads_them()
    {
        var handler = InTurn(() => throw new HttpRequestException("refused"));
        using var client = Client(handler);
        var failure = await Assert.ThrowsAsync<SteleException>(() => client.GetStatusAsync(CancellationToken.None));
        Assert.Equal((SteleException.Unreachable, 0, 4), (failure.Code, failure.Status, handler.Requests.Count));
        Assert.Equal(3, clock.Waits.Count);
        Assert.All(clock.Waits.Index(), wait => Assert.InRange(wait.Item.TotalMilliseconds, 50 << wait.Index, 100 << wait.Index));
    }

    [Fact]
    public async Task A_server_that_asks_for_a_long_wait_is_not_asked_again()
    {
        var handler = InTurn(() => Problem(503, "unavailable", retryAfterSeconds: 60));
        using var client = Client(handler);
        var failure = await Assert.ThrowsAsync<SteleException>(() => client.GetStatusAsync(CancellationToken.None));
        Assert.Equal(("unavailable", TimeSpan.FromSeconds(60)), (failure.Code, failure.RetryAfter));
        Assert.Single(handler.Requests);
    }

    [Fact]
    public async Task An_attempt_ends_at_its_time_and_a_cancelled_call_at_once()
    {
        var silent = new SilentHandler();
        using var impatient = new SteleClient(new SteleClientOptions { Url = new Uri("http://stele.test"), AttemptTimeout = TimeSpan.FromSeconds(1), Attempts = 2, Clock = clock }, silent);
        var failure = await Assert.ThrowsAsync<SteleException>(() => impatient.GetStatusAsync(CancellationToken.None));
        Assert.Equal((SteleException.TimedOut, 2), (failure.Code, silent.Asked));
        using var client = Client(silent);
        using var cancelled = new CancellationTokenSource();
        var call = client.GetStatusAsync(cancelled.Token);
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
    }

    [Theory]
    [InlineData(200, "<html>", SteleException.BadAnswer)]
    [InlineData(404, "<html>", SteleException.BadAnswer)]
    [InlineData(502, "Bad Gateway", "unavailable")]
    public async Task An_answer_that_is_not_Steles_says_so(int status, string body, string code)
    {
        var handler = InTurn(() => new HttpResponseMessage((HttpStatusCode)status) { Content = new StringContent(body) });
        using var client = Client(handler);
        Assert.Equal(code, (await Assert.ThrowsAsync<SteleException>(() => client.ListEnvironmentsAsync(CancellationToken.None))).Code);
    }

    [Fact]
    public async Task A_list_follows_its_cursor_to_the_end()
    {
        var handler = InTurn(() => StubHandler.Json("""{"items":[{"key":"a"},{"key":"b"}],"revision":9,"next_cursor":"c/1"}"""), () => StubHandler.Json("""{"items":[{"key":"c"}],"revision":9}"""));
        using var client = Client(handler);
        var keys = new List<string>();
        await foreach (var item in client.ListAllConfigAsync(new ConfigList { Prefix = "x&y", KeysOnly = true, Limit = 2 }, CancellationToken.None)) keys.Add(item.Key);
        Assert.Equal(["a", "b", "c"], keys);
        Assert.Equal(["/v1/config?prefix=x%26y&keys_only=true&limit=2", "/v1/config?prefix=x%26y&keys_only=true&limit=2&cursor=c%2F1"], handler.Requests.Select(sent => sent.Path));
    }

    [Fact]
    public async Task A_value_as_deep_as_the_server_allows_arrives()
    {
        var deep = new string('[', 64) + new string(']', 64);
        using var client = Client(new StubHandler(_ => StubHandler.Json($$"""{"items":[{"key":"a","value":{{deep}}}],"revision":1}""")));
        Assert.Equal(deep, (await client.ListConfigAsync(new ConfigList(), CancellationToken.None)).Items[0].Value.GetRawText());
    }

    sealed class SilentHandler : HttpMessageHandler
    {
        internal int Asked { get; private set; }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Asked++;
            await new TaskCompletionSource().Task.WaitAsync(cancellationToken);
            return new HttpResponseMessage(HttpStatusCode.OK);
        }
    }
}
