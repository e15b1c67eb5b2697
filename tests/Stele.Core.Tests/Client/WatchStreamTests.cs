using System.Net;
using System.Text;
using Stele.Client;
using Xunit;

namespace Stele.Core.Tests.Client;

/// <summary>A stream of the client against what a server, or what is between them, may do to it.</summary>
public sealed class WatchStreamTests
{
    readonly ImpatientClock clock = new();

    [Fact]
    public async Task Events_come_as_they_were_sent_and_what_is_not_known_is_passed_over()
    {
        var (client, handler) = Client(Stream(Event("2-aa", "change", Change(2, "app.k", "1")), "event: from_the_future\ndata: {}\n\n", ": heartbeat\nid: 3-bb\n\n", Event("4-cc", "synced", "{\"revision\":4,\"cursor\":\"4-cc\"}"),
            Event("5-dd", "reset", "{\"reason\":\"rights\",\"revision\":5,\"cursor\":\"5-dd\"}")));
        var said = await Take(client, 4, new WatchRequest { Environment = "dev", Prefixes = ["a.", "b/"], Kinds = ["config", "flag"], FromRevision = 1 });
        Assert.Equal([(WatchEventKind.Change, 2L, "2-aa"), (WatchEventKind.Progress, 3, "3-bb"), (WatchEventKind.Synced, 4, "4-cc"), (WatchEventKind.Reset, 5, "5-dd")], said.Select(one => (one.Kind, one.Revision, one.Cursor)));
        Assert.Equal(("set", "app.k", "1"), (said[0].Changes[0].Op, said[0].Changes[0].Key, said[0].Changes[0].Value!.Value.GetRawText()));
        Assert.Equal("rights", said[3].Reason);
        Assert.All(said, one => Assert.Equal("s-1", one.Subscription));
        Assert.Equal("/v1/watch?env=dev&kinds=config%2Cflag&prefix=a.&prefix=b%2F&from_revision=1", handler.Requests[0].Path);
    }

    [Fact]
    public async Task A_stream_that_breaks_is_resumed_after_the_last_event_that_came_whole()
    {
        var (client, handler) = Client(
            Stream(Event("2-aa", "change", Change(2, "app.k", "1")), "id: 3-bb\nevent: change\ndata: {\"revision\":3"),
            Stream(Event("3-bb", "change", Change(3, "app.k", "2")), "event: end\ndata: {\"code\":\"too_slow\",\"cursor\":\"3-bb\"}\n\n"),
            Stream(Event("4-cc", "change", Change(4, "app.k", "3"))));
        var said = await Take(client, 3, new WatchRequest { FromRevision = 1 });
        Assert.Equal([2, 3, 4], said.Select(one => one.Revision));
        Assert.Equal(["/v1/watch?from_revision=1", "/v1/watch?from_cursor=2-aa", "/v1/watch?from_cursor=3-bb"], handler.Requests.Take(3).Select(sent => sent.Path));
    }

    [Fact]
    public async Task Pauses_grow_while_it_fails_and_begin_anew_when_something_came()
    {
        var (client, _) = Client([.. Enumerable.Repeat(Stream(), 5), Stream(Event("2-aa", "change", Change(2, "k", "1"))), Stream(), Stream(Event("3-bb", "change", Change(3, "k", "1")))]);
        await Take(client, 2, new WatchRequest());
        Assert.Equal(7, clock.Waits.Count);
        for (var i = 1; i < 5; i++) Assert.True(clock.Waits[i] > clock.Waits[i - 1], string.Join(' ', clock.Waits));
        Assert.True(clock.Waits[5] <= TimeSpan.FromMilliseconds(100) && clock.Waits[6] <= TimeSpan.FromMilliseconds(200), string.Join(' ', clock.Waits));
    }

    [Fact]
    public async Task A_server_that_is_away_is_asked_when_it_says_so_and_one_that_was_never_there_is_told()
    {
        var (client, handler) = Client(Stream(Event("2-aa", "change", Change(2, "k", "1"))), () => StubHandler.Problem(503, "unavailable", retryAfterSeconds: 9), () => throw new HttpRequestException("refused"),
            () => StubHandler.Problem(429, "rate_limited", retryAfterSeconds: 2), Stream(), Stream(), Stream(Event("3-bb", "change", Change(3, "k", "1"))));
        Assert.Equal([2, 3], (await Take(client, 2, new WatchRequest())).Select(one => one.Revision));
        Assert.Contains(clock.Waits, wait => wait >= TimeSpan.FromSeconds(9));
        Assert.Equal(7, handler.Requests.Count);

        var (other, asked) = Client(() => throw new HttpRequestException("refused"));
        var failure = await Assert.ThrowsAsync<SteleException>(() => Take(other, 1, new WatchRequest()));
        Assert.Equal((SteleException.Unreachable, 4), (failure.Code, asked.Requests.Count));
    }

    [Theory]
    [InlineData(401, "unauthenticated")]
    [InlineData(403, "forbidden")]
    [InlineData(404, "not_found")]
    [InlineData(400, "invalid")]
    [InlineData(410, "gone")]
    public async Task A_refusal_is_final_at_the_start_and_later(int status, string code)
    {
        foreach (var before in (Func<HttpResponseMessage>[][])[[], [Stream(Event("2-aa", "change", Change(2, "k", "1")))]])
        {
            var (client, handler) = Client([.. before, () => StubHandler.Problem(status, code)]);
            Assert.Equal(code, (await Assert.ThrowsAsync<SteleException>(() => Take(client, 2, new WatchRequest()))).Code);
            Assert.Equal(before.Length + 1, handler.Requests.Count);
        }
    }

    [Fact]
    public async Task A_token_that_is_revoked_ends_it_and_so_does_what_is_no_JSON()
    {
        var (client, _) = Client(Stream("event: end\ndata: {\"code\":\"revoked\",\"cursor\":null}\n\n"));
        Assert.Equal("unauthenticated", (await Assert.ThrowsAsync<SteleException>(() => Take(client, 1, new WatchRequest()))).Code);
        (client, _) = Client(Stream("id: 2-aa\nevent: change\ndata: <html>\n\n"));
        Assert.Equal(SteleException.BadAnswer, (await Assert.ThrowsAsync<SteleException>(() => Take(client, 1, new WatchRequest()))).Code);
    }

    [Fact]
    public async Task A_stream_that_is_silent_for_two_heartbeats_and_a_half_is_opened_anew()
    {
        var handler = StubHandler.InTurn(() => Answer(new SilentStream()), Stream(Event("2-aa", "change", Change(2, "k", "1"))));
        using var client = new SteleClient(new SteleClientOptions { Url = new Uri("http://stele.test"), Clock = new SilenceClock() }, handler);
        Assert.Equal(2, Assert.Single(await Take(client, 1, new WatchRequest())).Revision);
        Assert.Equal(2, handler.Requests.Count);
    }

    [Fact]
    public async Task Who_has_had_enough_is_let_go()
    {
        using var enough = new CancellationTokenSource();
        var handler = new StubHandler(_ => Answer(new SilentStream()));
        using var client = new SteleClient(new SteleClientOptions { Url = new Uri("http://stele.test"), Clock = clock }, handler);
        var reading = client.WatchAsync(new WatchRequest(), enough.Token).GetAsyncEnumerator(CancellationToken.None).MoveNextAsync();
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.AsTask());
    }

    (SteleClient Client, StubHandler Handler) Client(params Func<HttpResponseMessage>[] answers)
    {
        var handler = StubHandler.InTurn(answers);
        return (new SteleClient(new SteleClientOptions { Url = new Uri("http://stele.test"), Clock = clock }, handler), handler);
    }

    static async Task<List<WatchEvent>> Take(SteleClient client, int count, WatchRequest request)
    {
        var said = new List<WatchEvent>();
        await foreach (var one in client.WatchAsync(request, TestContext.Current.CancellationToken))
        {
            said.Add(one);
            if (said.Count == count) break;
        }
        return said;
    }

    static string Event(string id, string name, string data) => $"id: {id}\nevent: {name}\ndata: {data}\n\n";

    static string Change(long revision, string key, string value) =>
        $$$"""{"revision":{{{revision}}},"cursor":"{{{revision}}}-{{{new string((char)('a' + revision - 2), 2)}}}","changes":[{"op":"set","kind":"config","key":"{{{key}}}","environment":"dev","value":{{{value}}},"value_type":"number","version":1,"old_version":0}],"at":"2026-01-31T14:03:00Z","by":"root"}""";

    static Func<HttpResponseMessage> Stream(params string[] events) => () => Answer(new MemoryStream(Encoding.UTF8.GetBytes(string.Concat(events))));

    static HttpResponseMessage Answer(Stream events)
    {
        var response = new HttpResponseMessage(HttpStatusCode.OK) { Content = new StreamContent(events) };
        response.Content.Headers.ContentType = new("text/event-stream");
        response.Headers.Add("Stele-Subscription", "s-1");
        return response;
    }

    /// <summary>A clock on which only the client's patience with silence ends, and pauses take no time.</summary>
    sealed class SilenceClock : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime > TimeSpan.FromSeconds(30) || dueTime < TimeSpan.FromSeconds(5) ? TimeSpan.Zero : Timeout.InfiniteTimeSpan, period);
    }

    /// <summary>Never says anything.</summary>
    sealed class SilentStream : Stream
    {
        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
        public override void Flush() => throw new NotSupportedException();
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await new TaskCompletionSource().Task.WaitAsync(cancellationToken);
            return 0;
        }
    }
}
