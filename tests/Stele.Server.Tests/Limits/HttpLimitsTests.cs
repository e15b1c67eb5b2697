using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using Stele.Core.Limits;
using Stele.Server.Limits;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Limits;

/// <summary>The limits as a client meets them. Root is a token like others here, so that it meets them too.</summary>
public sealed class HttpLimitsTests
{
    static readonly LimitOptions bounds = new() { RootIsFree = false };

    [Fact]
    public async Task Answers_say_how_the_rate_stands_and_one_past_it_is_a_problem_with_Retry_After()
    {
        await using var db = await Postgres.NewDatabase();
        // one a second at most comes back, so that a slow machine changes nothing
        await using var server = await TestServer.Start(db, limits: bounds with { TokenPerSecond = 1 });
        using var first = await server.Client.GetAsync("/v1/status");
        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        Assert.Equal(["\"token\";q=1;w=1", "\"token\";r=0;t=1", "1", "0", "1"], Limits(first.Headers));
        HttpResponseMessage refused;
        var tries = 0;
        do refused = await server.Client.GetAsync("/v1/status");
        while (refused.IsSuccessStatusCode && ++tries < 1_000);
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(1), refused.Headers.RetryAfter!.Delta);
        Assert.Equal(["\"token\";q=1;w=1", "\"token\";r=0;t=1", "1", "0", "1"], Limits(refused.Headers));
        var text = await refused.Content.ReadAsStringAsync();
        Assert.Contains("\"code\":\"rate_limited\"", text, StringComparison.Ordinal);
        Assert.Contains("(limit rate.token_per_second)", text, StringComparison.Ordinal);
        Assert.Contains("stele_limited_requests_total{limit=\"token\"}", await server.Client.GetStringAsync("/metrics"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_sends_on_after_a_refusal_hears_the_next_one_later()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db, limits: bounds with { TokenPerSecond = 1 });
        var (since, refused) = (System.Diagnostics.Stopwatch.StartNew(), 0);
        for (var i = 0; i < 12; i++)
        {
            using var answer = await server.Client.GetAsync("/v1/status");
            if (answer.StatusCode == HttpStatusCode.TooManyRequests) refused++;
        }
        var text = await server.Client.GetStringAsync("/metrics");
        var slowed = int.Parse(text.Split('\n').Single(line => line.StartsWith("stele_slowed_refusals_total ", StringComparison.Ordinal)).Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
        // one a second passes, and one refusal a second is prompt
        Assert.InRange(slowed, refused - 2 - (int)since.Elapsed.TotalSeconds, refused);
        Assert.True(slowed > 0 && since.Elapsed >= TimeSpan.FromMilliseconds(80 * slowed), $"{slowed} of {refused} in {since.Elapsed}");
    }

    [Fact]
    public async Task A_node_with_all_the_work_it_takes_refuses_more_and_is_healthy()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db, limits: bounds with { InWork = 2 });
        using (var first = Unfinished(server))
        using (var second = Unfinished(server))
        {
            await Until(server, "stele_requests_in_work 2");
            using var refused = await server.Client.GetAsync("/v1/status");
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.Equal(TimeSpan.FromSeconds(1), refused.Headers.RetryAfter!.Delta);
            Assert.Contains("(limit requests.in_work)", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            foreach (var path in (string[])["/healthz", "/readyz", "/metrics"])
                Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync(path)).StatusCode);
            first.Send("\"value\":1}");
            Assert.StartsWith("HTTP/1.1 200", first.ReadHead(), StringComparison.Ordinal);
            using var passed = await server.Client.GetAsync("/v1/status");
            Assert.Equal(HttpStatusCode.OK, passed.StatusCode);
        }
        // a client that went away gives its place back
        await Until(server, "stele_requests_in_work 0");
    }

    [Fact]
    public async Task A_token_that_is_not_known_is_looked_for_as_often_as_the_limit_says()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db, limits: bounds with { UnknownTokensPerMinute = 3 });
        using var client = new HttpClient(new ContractHandler()) { BaseAddress = server.Client.BaseAddress };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "made-up");
        for (var i = 0; i < 3; i++) Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/v1/status")).StatusCode);
        using var refused = await client.GetAsync("/v1/status");
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 20);
        // whoever is known passes, from the same address; and who shows nothing guesses nothing
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/v1/status")).StatusCode);
        client.DefaultRequestHeaders.Authorization = null;
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/v1/status")).StatusCode);
    }

    [Fact]
    public async Task A_sign_in_is_work_and_what_it_may_send_is_little()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db, limits: bounds with { InWork = 1, FailedSignInsPerMinute = 2 });
        using (var first = SignIn(server, 10, "{"))
        {
            await Until(server, "stele_requests_in_work 1");
            Assert.Equal(503, Ask(server, "POST /v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"));
        }
        await Until(server, "stele_requests_in_work 0");
        var most = (int)TrafficLimits.SignInBytes.Value;
        foreach (var (bytes, status) in new[] { (most, " 401 "), (most + 1, " 413 ") })
        {
            const string body = """{"email":"x","password":"y"}""";
            using var sent = SignIn(server, bytes, body + new string(' ', bytes - body.Length));
            Assert.Contains(status, sent.ReadHead(), StringComparison.Ordinal);
        }
        // what is announced as much more is not waited for, nor what comes without an end
        using (var announced = SignIn(server, 3 * most, "{")) Assert.Contains(" 413 ", announced.ReadHead(), StringComparison.Ordinal);
        using (var endless = new RawConnection(server.Client.BaseAddress!))
        {
            endless.Send($"POST /v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{4 * most:x}\r\n{new string(' ', 4 * most)}\r\n");
            Assert.Contains(" 413 ", endless.ReadHead(), StringComparison.Ordinal);
        }
        await Until(server, "stele_requests_in_work 0");
        using var second = SignIn(server, 28, """{"email":"x","password":"y"}""");
        Assert.Contains(" 401 ", second.ReadHead(), StringComparison.Ordinal);
        // now the address is blocked: it is told so without having sent its body
        using var blocked = SignIn(server, 28, "");
        Assert.Contains(" 429 ", blocked.ReadHead(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_header_that_does_not_end_is_cut_while_others_are_served()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db, limits: bounds with { Header = TimeSpan.FromSeconds(1) });
        using var slow = new RawConnection(server.Client.BaseAddress!);
        slow.Send("GET /v1/status HTTP/1.1\r\nHost: x\r\nX-Slow: ");
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/v1/status")).StatusCode);
        Assert.StartsWith("HTTP/1.1 408", slow.ReadToEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_connection_that_sends_nothing_more_is_closed()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db, limits: bounds with { KeepAlive = TimeSpan.FromSeconds(1) });
        using var idle = new RawConnection(server.Client.BaseAddress!);
        idle.Send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200", idle.ReadToEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_that_trickles_is_cut_and_one_that_never_ends_is_refused()
    {
        await using var db = await Postgres.NewDatabase();
        await using (var server = await TestServer.Start(db, limits: bounds with { BodyBytesPerSecond = 1_000_000, BodyGrace = TimeSpan.FromMilliseconds(1_100) }))
        {
            using var trickle = Unfinished(server);
            var since = System.Diagnostics.Stopwatch.StartNew();
            Assert.DoesNotContain("HTTP/1.1 2", trickle.ReadToEnd(), StringComparison.Ordinal);
            // for its speed, and not because its time was over
            Assert.True(since.Elapsed < TimeSpan.FromSeconds(TrafficLimits.BodySeconds.Value / 2), $"{since.Elapsed}");
            await Until(server, "stele_requests_in_work 0");
        }
        await using (var server = await TestServer.Start(db, limits: bounds with { Body = TimeSpan.FromMilliseconds(200) }))
        {
            using var endless = Unfinished(server);
            var answer = endless.ReadToEnd();
            Assert.StartsWith("HTTP/1.1 400", answer, StringComparison.Ordinal);
            Assert.Contains("\"rule\":\"body.seconds\"", answer, StringComparison.Ordinal);
            await Until(server, "stele_requests_in_work 0");
        }
    }

    [Fact]
    public async Task First_line_header_bytes_and_header_fields_at_their_limit_and_past_it()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        const string rest = " HTTP/1.1\r\n", host = "Host: x\r\n";
        var line = (int)TrafficLimits.LineBytes.Value - "GET /healthz?".Length - rest.Length;
        Assert.Equal(200, Ask(server, $"GET /healthz?{new string('q', line)}{rest}{host}\r\n"));
        Assert.Equal(414, Ask(server, $"GET /healthz?{new string('q', line + 1)}{rest}{host}\r\n"));
        var fields = (int)TrafficLimits.HeaderFields.Value - 1;
        Assert.Equal(200, Ask(server, $"GET /healthz{rest}{host}{string.Concat(Enumerable.Range(0, fields).Select(i => $"X-{i}: 1\r\n"))}\r\n"));
        Assert.Equal(431, Ask(server, $"GET /healthz{rest}{host}{string.Concat(Enumerable.Range(0, fields + 1).Select(i => $"X-{i}: 1\r\n"))}\r\n"));
        var bytes = (int)TrafficLimits.HeaderBytes.Value - host.Length - "X: \r\n".Length - "\r\n".Length;
        Assert.Equal(200, Ask(server, $"GET /healthz{rest}{host}X: {new string('v', bytes)}\r\n\r\n"));
        Assert.Equal(431, Ask(server, $"GET /healthz{rest}{host}X: {new string('v', bytes + 3)}\r\n\r\n"));
    }

    [Fact]
    public async Task A_connection_more_than_there_may_be_is_closed()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db, limits: bounds with { Connections = 2 });
        using RawConnection first = new(server.Client.BaseAddress!), second = new(server.Client.BaseAddress!);
        foreach (var connection in (RawConnection[])[first, second])
        {
            connection.Send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
            Assert.StartsWith("HTTP/1.1 200", connection.ReadHead(), StringComparison.Ordinal);
        }
        using var third = new RawConnection(server.Client.BaseAddress!);
        Assert.Equal("", third.ReadToEnd());
    }

    static int Ask(TestServer server, string request)
    {
        using var connection = new RawConnection(server.Client.BaseAddress!);
        connection.Send(request);
        return int.Parse(connection.ReadHead().Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
    }

    static RawConnection Unfinished(TestServer server)
    {
        var connection = new RawConnection(server.Client.BaseAddress!);
        connection.Send($"PUT /v1/config/a.b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TestServer.Token}\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{{");
        return connection;
    }

    static RawConnection SignIn(TestServer server, int length, string body)
    {
        var connection = new RawConnection(server.Client.BaseAddress!);
        connection.Send($"POST /v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
        return connection;
    }

    static async Task Until(TestServer server, string sample)
    {
        var watch = Stopwatch.StartNew();
        while (!(await server.Client.GetStringAsync("/metrics")).Contains(sample + "\n", StringComparison.Ordinal))
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(30), $"{sample} does not come");
    }

    static string[] Limits(HttpResponseHeaders headers) => [.. new[] { "RateLimit-Policy", "RateLimit", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset" }
        .Select(name => headers.TryGetValues(name, out var values) ? string.Join(", ", values) : "")];
}
