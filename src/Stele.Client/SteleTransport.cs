using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Stele.Client;

/// <summary>
/// One call as up to <see cref="SteleClientOptions.Attempts"/> requests. Every call may be repeated: reads change
/// nothing, and every write carries an idempotency key, the same one on each attempt, so that a write whose answer was
/// lost, or whose outcome the server could not tell, happens once. What the server refused is never asked again.
/// </summary>
internal sealed class SteleTransport(HttpClient http, SteleClientOptions options, Func<double> jitter)
{
    readonly Endpoints endpoints = new([options.Url, .. options.Endpoints]);

    static readonly TimeSpan DelayFirst = TimeSpan.FromMilliseconds(100);

    /// <summary>What was last wrong with a server, though it may have answered since.</summary>
    internal SteleException? LastFailure { get; private set; }

    internal Task<T> Get<T>(string path, JsonTypeInfo<T> answer, CancellationToken cancellation) => Call(HttpMethod.Get, path, null, answer, cancellation);

    /// <summary>An answer, and the cursor of the place that it shows; null where the server did not say.</summary>
    internal Task<(T Answer, string? Place)> GetAt<T>(string path, JsonTypeInfo<T> answer, CancellationToken cancellation) =>
        Call(HttpMethod.Get, path, null, async (response, request, stop) => (await Whole(response, request, answer, stop), response.Headers.TryGetValues("Stele-Cursor", out var places) ? places.First() : null), null, cancellation);

    internal Task<T> Write<T, TBody>(HttpMethod method, string path, TBody body, JsonTypeInfo<TBody> type, JsonTypeInfo<T> answer, CancellationToken cancellation, TimeSpan longer = default) =>
        Call(method, path, JsonSerializer.SerializeToUtf8Bytes(body, type), (response, request, stop) => Whole(response, request, answer, stop), null, cancellation, longer);

    internal Task<T> Call<T>(HttpMethod method, string path, byte[]? body, JsonTypeInfo<T> answer, CancellationToken cancellation, string? contentType = null) =>
        // no body is not an empty one, which is what null would become
        Call(method, path, body is null ? (ReadOnlyMemory<byte>?)null : body, (response, request, stop) => Whole(response, request, answer, stop), contentType, cancellation);

    /// <summary>An answer that holds a secret: what was read of it is zeroed.</summary>
    internal Task<SteleSecret> GetSecret(string path, CancellationToken cancellation) => Call(HttpMethod.Get, path, null, Secret, null, cancellation);

    /// <summary>The same of a wrap, which is opened once: an answer that was lost is not asked for again.</summary>
    internal Task<SteleSecret> Unwrap(ReadOnlyMemory<byte> body, CancellationToken cancellation) => Attempt(HttpMethod.Post, "/v1/unwrap", body, null, Secret, null, TimeSpan.Zero, cancellation);

    static async Task<SteleSecret> Secret(HttpResponseMessage response, HttpRequestMessage request, CancellationToken stop)
    {
        await using var stream = await response.Content.ReadAsStreamAsync(stop);
        using var buffer = await SecretBuffer.Read(stream, stop);
        try
        {
            return SteleSecret.Read(buffer.Span);
        }
        catch (JsonException e)
        {
            throw NotOurs(request, e);
        }
    }

    /// <summary>A body that holds a secret, which is the caller's to zero.</summary>
    internal Task<T> WriteSecret<T>(HttpMethod method, string path, SecretBuffer body, JsonTypeInfo<T> answer, CancellationToken cancellation) =>
        Call(method, path, body.Memory, (response, request, stop) => Whole(response, request, answer, stop), null, cancellation);

    /// <summary>An answer with the cookie that came with it.</summary>
    internal Task<SteleSession> SignIn(SignInBody body, CancellationToken cancellation) =>
        Call(HttpMethod.Post, "/v1/session", JsonSerializer.SerializeToUtf8Bytes(body, SteleJson.Default.SignInBody), async (response, request, stop) =>
        {
            const string begin = SteleSession.CookieName + "=";
            var session = await Whole(response, request, SteleJson.Default.SteleSession, stop);
            var cookie = response.Headers.TryGetValues("Set-Cookie", out var cookies) ? cookies.FirstOrDefault(one => one.StartsWith(begin, StringComparison.Ordinal)) : null;
            return cookie is null ? throw NotOurs(request, new JsonException("no session came with it")) : session with { Cookie = cookie[begin.Length..].Split(';')[0] };
        }, null, cancellation);

    delegate Task<T> Reader<T>(HttpResponseMessage response, HttpRequestMessage request, CancellationToken cancellation);

    // longer: by how much the answer may take more than answers do
    async Task<T> Call<T>(HttpMethod method, string path, ReadOnlyMemory<byte>? body, Reader<T> answer, string? contentType, CancellationToken cancellation, TimeSpan longer = default)
    {
        var key = method == HttpMethod.Get ? null : Guid.CreateVersion7(options.Clock.GetUtcNow()).ToString("N");
        for (var attempt = 1; ; attempt++)
        {
            SteleException failure;
            try
            {
                return await Attempt(method, path, body, key, answer, contentType, longer, cancellation);
            }
            catch (SteleException e) when (attempt < options.Attempts && IsTransient(e))
            {
                LastFailure = failure = e;
            }
            // with another endpoint to ask there is nothing to wait for, the first time round
            if (attempt < endpoints.Count) continue;
            var delay = Delay(attempt, failure.RetryAfter);
            if (delay > options.DelayMax) throw failure;
            await Task.Delay(delay, options.Clock, cancellation);
        }
    }

    /// <summary>An answer of any length. Asked once: what was taken of it cannot be given back.</summary>
    internal async Task Download(string path, Func<Stream, Task> take, CancellationToken cancellation)
    {
        using var request = Request(HttpMethod.Get, path, null, null);
        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if (!response.IsSuccessStatusCode) throw Refusal(request, response, await response.Content.ReadAsByteArrayAsync(cancellation));
            await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
            await take(stream);
        }
        catch (HttpIOException e)
        {
            throw new SteleException(SteleException.Unreachable, $"{Of(request)} broke off in the middle: {e.Message}", e);
        }
        catch (Exception e) when (e is HttpRequestException or SocketException)
        {
            throw Unreachable(request, e);
        }
    }

    async Task<T> Attempt<T>(HttpMethod method, string path, ReadOnlyMemory<byte>? body, string? key, Reader<T> answer, string? contentType, TimeSpan longer, CancellationToken cancellation)
    {
        using var timeout = new CancellationTokenSource(options.AttemptTimeout + longer, options.Clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, timeout.Token);
        using var request = Request(method, path, body, key, contentType);
        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
            return response.IsSuccessStatusCode ? await answer(response, request, either.Token) : throw Refusal(request, response, await response.Content.ReadAsByteArrayAsync(either.Token));
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw TimedOut(request, e);
        }
        // a connection that breaks as it is made comes as a bare SocketException
        catch (Exception e) when (e is HttpRequestException or IOException or SocketException)
        {
            throw Unreachable(request, e);
        }
    }

    /// <summary>No connection, or one that broke; the next request asks another endpoint, if there is one.</summary>
    internal SteleException Unreachable(HttpRequestMessage request, Exception e)
    {
        endpoints.Leave(request.RequestUri!);
        var why = e.InnerException is System.Security.Authentication.AuthenticationException tls
            ? $"TLS failed, so look at the name in the address and at who signed the certificate: {tls.Message}" : e.InnerException?.Message ?? e.Message;
        return new SteleException(SteleException.Unreachable, $"{Of(request)} cannot be reached: {why}", e);
    }

    /// <summary>No answer in time.</summary>
    internal SteleException TimedOut(HttpRequestMessage request, Exception e)
    {
        endpoints.Leave(request.RequestUri!);
        return new SteleException(SteleException.TimedOut, $"{Of(request)} did not answer within {options.AttemptTimeout.TotalSeconds:0.###} seconds", e);
    }

    /// <summary>The root of the server that was asked.</summary>
    internal static string Of(HttpRequestMessage request) => request.RequestUri!.GetLeftPart(UriPartial.Authority) + "/";

    internal HttpRequestMessage Request(HttpMethod method, string path, ReadOnlyMemory<byte>? body, string? key, string? contentType = null)
    {
        var request = new HttpRequestMessage(method, new Uri(endpoints.Here, path));
        if ((options.TokenSource?.Invoke() ?? options.Token) is { } token) request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {token}");
        else if (options.Session is { } session)
        {
            request.Headers.Add("Cookie", $"{SteleSession.CookieName}={session.Cookie}");
            if (method != HttpMethod.Get) request.Headers.Add("Stele-Csrf", session.CsrfToken);
        }
        if (options.Organization is { } organization) request.Headers.TryAddWithoutValidation("Stele-Org", organization);
        if (key is not null) request.Headers.Add("Idempotency-Key", key);
        if (body is { } content) request.Content = new ReadOnlyMemoryContent(content) { Headers = { ContentType = new MediaTypeHeaderValue(contentType ?? "application/json") } };
        return request;
    }

    static async Task<T> Whole<T>(HttpResponseMessage response, HttpRequestMessage request, JsonTypeInfo<T> answer, CancellationToken cancellation)
    {
        var bytes = await response.Content.ReadAsByteArrayAsync(cancellation);
        // a 204 has nothing to say
        if (bytes.Length == 0 && response.StatusCode == HttpStatusCode.NoContent) bytes = "{}"u8.ToArray();
        try
        {
            if (!System.Text.Unicode.Utf8.IsValid(bytes)) throw new JsonException("it is not UTF-8");
            return JsonSerializer.Deserialize(bytes, answer) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw NotOurs(request, e);
        }
    }

    static SteleException NotOurs(HttpRequestMessage request, JsonException e) => new(SteleException.BadAnswer, $"{Of(request)} answered something that is not Stele's: {e.Message}", e);

    internal SteleException Refusal(HttpRequestMessage request, HttpResponseMessage response, byte[] bytes)
    {
        var status = (int)response.StatusCode;
        var problem = Problem(bytes);
        // A proxy in front may answer for a server that is away, in words of its own.
        var code = problem?.Code ?? OfEvaluation(problem) ?? (response.StatusCode is HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout ? "unavailable" : SteleException.BadAnswer);
        var detail = problem?.Detail ?? problem?.ErrorDetails ?? problem?.Title ?? $"{Of(request)} answered {status} without saying why";
        if (code is "unavailable") endpoints.Leave(request.RequestUri!);
        return new SteleException(code, status, detail, problem?.RequestId, problem?.Errors ?? []) { RetryAfter = response.Headers.RetryAfter?.Delta, Floor = problem?.Floor };
    }

    // OFREP has errors of its own
    static string? OfEvaluation(ProblemMessage? problem) => problem?.ErrorCode switch { null => null, "FLAG_NOT_FOUND" => "not_found", _ => "invalid" };

    static ProblemMessage? Problem(byte[] bytes)
    {
        try
        {
            return JsonSerializer.Deserialize(bytes, SteleJson.Default.ProblemMessage);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    internal static bool IsTransient(SteleException failure) =>
        failure.Code is "unavailable" or "outcome_unknown" or "rate_limited" or SteleException.Unreachable or SteleException.TimedOut;

    /// <summary>Doubling, spread over its whole upper half so that many clients do not come back together, never sooner than asked.</summary>
    internal TimeSpan Delay(int attempt, TimeSpan? asked)
    {
        var ceiling = DelayFirst * Math.Pow(2, attempt - 1);
        var delay = ceiling * (0.5 + jitter() / 2);
        if (delay > options.DelayMax) delay = options.DelayMax;
        return asked is { } least && least > delay ? least + DelayFirst * jitter() : delay;
    }
}
