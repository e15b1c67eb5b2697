using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace Stele.Core.Tests.Client;

/// <summary>What a client sent.</summary>
internal sealed record Sent(string Method, string Path, string Body, string? IdempotencyKey, string? Authorization, string? Organization);

/// <summary>A server that answers what a test says, and remembers what it was asked.</summary>
internal sealed class StubHandler(Func<Sent, HttpResponseMessage> answer) : HttpMessageHandler
{
    internal List<Sent> Requests { get; } = [];

    /// <summary>Answers in turn; the last one for good.</summary>
    internal static StubHandler InTurn(params Func<HttpResponseMessage>[] answers)
    {
        var next = 0;
        return new StubHandler(_ => answers[Math.Min(next++, answers.Length - 1)]());
    }

    internal static HttpResponseMessage Json(string body) => new(HttpStatusCode.OK) { Content = new StringContent(body, Encoding.UTF8, "application/json") };

    internal static HttpResponseMessage Problem(int status, string code, int? retryAfterSeconds = null, string errors = "[]")
    {
        var response = new HttpResponseMessage((HttpStatusCode)status)
        {
            Content = new StringContent($$"""{"type":"x","title":"t","status":{{status}},"detail":"because {{code}}","code":"{{code}}","request_id":"r-1","errors":{{errors}}}""", Encoding.UTF8, "application/problem+json"),
        };
        if (retryAfterSeconds is { } seconds) response.Headers.RetryAfter = new RetryConditionHeaderValue(TimeSpan.FromSeconds(seconds));
        return response;
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var body = request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken);
        var sent = new Sent(request.Method.Method, request.RequestUri!.PathAndQuery, body, Header(request, "Idempotency-Key"), Header(request, "Authorization"), Header(request, "Stele-Org"));
        Requests.Add(sent);
        return answer(sent);
    }

    static string? Header(HttpRequestMessage request, string name) => request.Headers.TryGetValues(name, out var values) ? string.Join(",", values) : null;
}

/// <summary>A clock on which waiting takes no time; it adds up how long it would have been.</summary>
internal sealed class ImpatientClock : TimeProvider
{
    internal List<TimeSpan> Waits { get; } = [];

    /// <summary>Timers this long or longer are time limits and never end.</summary>
    internal TimeSpan Limit { get; init; } = TimeSpan.FromSeconds(15);

    public override DateTimeOffset GetUtcNow() => new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime >= Limit || dueTime == Timeout.InfiniteTimeSpan) return base.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, period);
        Waits.Add(dueTime);
        return base.CreateTimer(callback, state, TimeSpan.Zero, period);
    }
}
