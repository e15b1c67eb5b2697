using System.Net;
using Xunit;

namespace Stele.Server.Tests.Transport;

/// <summary>What browsers are told, and what pages of other origins may do.</summary>
public sealed class BrowserTests(TlsFixture tls) : IClassFixture<TlsFixture>
{
    const string Listed = "https://admin.example.com";

    [Theory]
    [InlineData("GET", "/healthz", 200)]
    [InlineData("GET", "/metrics", 200)]
    [InlineData("GET", "/v1/config", 200)]
    [InlineData("GET", "/v1/config/none", 404)]
    [InlineData("GET", "/nowhere", 404)]
    [InlineData("PATCH", "/v1/config/a", 405)]
    [InlineData("OPTIONS", "/v1/config", 405)]
    public async Task Every_answer_has_the_headers_that_keep_browsers_from_guessing_framing_and_storing(string method, string path, int status)
    {
        using var client = tls.Client();
        foreach (var (over, isTls) in ((HttpClient, bool)[])[(tls.Server.Client, false), (client, true)])
        {
            using var answer = await over.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));
            Assert.Equal(status, (int)answer.StatusCode);
            AssertHeaders(answer, isTls);
        }
        using var nobody = tls.Client(token: null);
        if (path == "/healthz") return;
        using var refused = await nobody.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        AssertHeaders(refused, isTls: true);
    }

    [Fact]
    public async Task A_preflight_of_a_listed_origin_is_answered_without_a_token()
    {
        using var client = tls.Client(token: null);
        using var answer = await client.SendAsync(Preflight(Listed, "PUT"));
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Equal(Listed, Header(answer, "Access-Control-Allow-Origin"));
        Assert.Contains("PUT", Header(answer, "Access-Control-Allow-Methods"), StringComparison.Ordinal);
        foreach (var sent in (string[])["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Stele-Org"]) Assert.Contains(sent, Header(answer, "Access-Control-Allow-Headers"), StringComparison.Ordinal);
        Assert.Equal("600", Header(answer, "Access-Control-Max-Age"));
        Assert.Null(Header(answer, "Access-Control-Allow-Credentials"));
        Assert.Equal("Origin", Header(answer, "Vary"));
        Assert.Empty(await answer.Content.ReadAsByteArrayAsync());
        AssertHeaders(answer, isTls: true);
    }

    [Theory]
    [InlineData("https://evil.example.com")]
    [InlineData("https://admin.example.com.evil.example")]
    [InlineData("https://admin.example.com:444")]
    [InlineData("http://admin.example.com")]
    [InlineData("HTTPS://ADMIN.EXAMPLE.COM")]
    [InlineData("null")]
    [InlineData("*")]
    [InlineData("")]
    public async Task Any_other_origin_gets_nothing(string origin)
    {
        using var client = tls.Client(token: null);
        using var preflight = await client.SendAsync(Preflight(origin, "PUT"));
        Assert.Equal(HttpStatusCode.Unauthorized, preflight.StatusCode);
        Assert.Null(Header(preflight, "Access-Control-Allow-Origin"));
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/config");
        request.Headers.TryAddWithoutValidation("Origin", origin);
        using var answer = await tls.Server.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Null(Header(answer, "Access-Control-Allow-Origin"));
        Assert.Equal("Origin", Header(answer, "Vary"));
    }

    [Fact]
    public async Task An_answer_and_a_refusal_can_be_read_by_a_page_of_a_listed_origin()
    {
        foreach (var (path, token) in ((string, string?)[])[("/v1/config", "right"), ("/nowhere", "right"), ("/v1/config", null)])
        {
            using var client = token is null ? tls.Client(token: null) : tls.Client();
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.Add("Origin", "http://localhost:5173");
            using var answer = await client.SendAsync(request);
            Assert.Equal("http://localhost:5173", Header(answer, "Access-Control-Allow-Origin"));
            Assert.Contains("Stele-Cursor", Header(answer, "Access-Control-Expose-Headers"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_options_request_that_is_no_preflight_is_a_request_like_any_other()
    {
        using var client = tls.Client(token: null);
        using var request = new HttpRequestMessage(HttpMethod.Options, "/v1/config");
        request.Headers.Add("Origin", Listed);
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.SendAsync(request)).StatusCode);
    }

    static HttpRequestMessage Preflight(string origin, string method)
    {
        var request = new HttpRequestMessage(HttpMethod.Options, "/v1/config/app.name");
        request.Headers.TryAddWithoutValidation("Origin", origin);
        request.Headers.Add("Access-Control-Request-Method", method);
        request.Headers.Add("Access-Control-Request-Headers", "authorization,content-type");
        return request;
    }

    static void AssertHeaders(HttpResponseMessage answer, bool isTls)
    {
        Assert.Equal("no-store", Header(answer, "Cache-Control"));
        Assert.Equal("nosniff", Header(answer, "X-Content-Type-Options"));
        Assert.Equal("default-src 'none'; frame-ancestors 'none'", Header(answer, "Content-Security-Policy"));
        Assert.Equal("no-referrer", Header(answer, "Referrer-Policy"));
        Assert.Equal(isTls ? "max-age=31536000" : null, Header(answer, "Strict-Transport-Security"));
        Assert.Null(Header(answer, "Server"));
    }

    static string? Header(HttpResponseMessage answer, string name) => answer.Headers.TryGetValues(name, out var values) ? string.Join(", ", values) : null;
}
