using System.Text.Json;
using Stele.Server.Tests.Http;
using Xunit;
using static Stele.Server.Tests.Access.AccessServer;

namespace Stele.Server.Tests.Access;

public sealed class SessionTests(HttpServer server) : IClassFixture<HttpServer>
{
    const string Password = "correct horse battery staple";

    [Fact]
    public async Task A_user_signs_in_works_and_signs_out()
    {
        var id = await User("in@example.com", "editor");
        var (cookie, csrf, flags) = await SignIn("IN@example.com", Password);
        Assert.Contains("httponly", flags, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=strict", flags, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("secure", flags, StringComparison.OrdinalIgnoreCase);
        var me = await Send("GET", "/v1/session", null, cookie);
        Assert.Equal((200, $"user:{id}", csrf), (me.Status, me.Json.GetProperty("actor").GetString(), me.Json.GetProperty("csrf_token").GetString()));
        // reading needs no CSRF token, changing does
        Assert.Equal(200, (await Send("GET", "/v1/config", null, cookie)).Status);
        Assert.Equal(403, (await Send("PUT", "/v1/config/session.a", """{"value":1}""", cookie)).Status);
        Assert.Equal(403, (await Send("PUT", "/v1/config/session.a", """{"value":1}""", cookie, csrf + "x")).Status);
        var written = await Send("PUT", "/v1/config/session.a", """{"value":1}""", cookie, csrf);
        Assert.Equal((200, $"user:{id}"), (written.Status, written.Json.GetProperty("updated_by").GetString()));
        // a token of his own, without a permission to make tokens, and never more than he has
        var token = await Send("POST", "/v1/tokens", $$"""{"name":"mine","scopes":[{{Scope("config:read")}}]}""", cookie, csrf);
        Assert.Equal(201, token.Status);
        Assert.Equal(403, (await Send("POST", "/v1/tokens", $$"""{"name":"more","scopes":[{{Scope("user:write")}}]}""", cookie, csrf)).Status);
        (await server.Get("/v1/config", As(token.Json.GetProperty("token").GetString()!))).Is(200);
        var own = await Send("GET", "/v1/tokens", null, cookie);
        Assert.Equal("mine", Assert.Single(own.Json.GetProperty("items").EnumerateArray()).GetProperty("name").GetString());
        Assert.Equal(403, (await Send("GET", "/v1/users", null, cookie)).Status);
        Assert.Equal(204, (await Send("DELETE", "/v1/session", null, cookie, csrf)).Status);
        Assert.Equal(401, (await Send("GET", "/v1/config", null, cookie)).Status);
        var audit = (await server.Get($"/v1/audit?actor=user:{id}&action=session.*")).Is(200)["items"].EnumerateArray().Select(item => item.GetProperty("action").GetString());
        Assert.Equal(["session.began", "session.ended"], audit.Order());
    }

    [Fact]
    public async Task Whoever_cannot_sign_in_hears_the_same()
    {
        await User("known@example.com", "viewer");
        (await server.Post("/v1/users", """{"email":"nopassword@example.com","name":"No","role":"viewer"}""")).Is(201);
        var suspended = await User("suspended@example.com", "viewer");
        (await server.Send("PUT", $"/v1/users/{suspended}", """{"status":"suspended"}""")).Is(200);
        var answers = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (org, email, password) in new[]
                 {
                     ("default", "known@example.com", "wrong"), ("default", "unknown@example.com", Password), ("default", "nopassword@example.com", ""),
                     ("default", "suspended@example.com", Password), ("nowhere", "known@example.com", Password), ("default", "known@example.com' OR '1'='1", Password),
                 })
        {
            var answer = await Send("POST", "/v1/session", JsonSerializer.Serialize(new { org, email, password }), null);
            Assert.Equal(401, answer.Status);
            answers.Add(answer.Text.Replace(answer.RequestId, "ID", StringComparison.Ordinal));
        }
        Assert.Single(answers);
    }

    [Fact]
    public async Task Wrong_passwords_lock_a_user_out_and_many_at_once_gain_nothing()
    {
        await User("locked@example.com", "viewer");
        var wrong = await Task.WhenAll(Enumerable.Range(0, 8).Select(n => Try($"wrong {n}")));
        Assert.All(wrong, answer => Assert.Equal(401, answer.Status));
        Assert.Equal(["5"], await server.Rows("SELECT c.failures FROM stele.credential c JOIN stele.user_account u USING (org_id, user_id) WHERE u.email = 'locked@example.com'"));
        Assert.Equal(401, (await Try(Password)).Status);
        await server.Execute("UPDATE stele.credential SET locked_until = now() - interval '1 second'");
        Assert.Equal(200, (await Try(Password)).Status);
        Assert.Equal(["0|∅"], await server.Rows("SELECT c.failures, c.locked_until FROM stele.credential c JOIN stele.user_account u USING (org_id, user_id) WHERE u.email = 'locked@example.com'"));

        Task<Heard> Try(string password) => Send("POST", "/v1/session", JsonSerializer.Serialize(new { email = "locked@example.com", password }), null);
    }

    [Fact]
    public async Task A_new_password_ends_all_sessions()
    {
        await User("changes@example.com", "viewer");
        var (cookie, csrf, _) = await SignIn("changes@example.com", Password);
        Assert.Equal(401, (await Send("PUT", "/v1/session/password", """{"current_password":"wrong","password":"another long enough"}""", cookie, csrf)).Status);
        Assert.Equal(400, (await Send("PUT", "/v1/session/password", $$"""{"current_password":"{{Password}}","password":"short"}""", cookie, csrf)).Status);
        Assert.Equal(204, (await Send("PUT", "/v1/session/password", $$"""{"current_password":"{{Password}}","password":"another long enough"}""", cookie, csrf)).Status);
        var since = System.Diagnostics.Stopwatch.StartNew();
        while ((await Send("GET", "/v1/session", null, cookie)).Status != 401) Assert.True(since.Elapsed < TimeSpan.FromSeconds(3), "the session goes on");
        Assert.Equal(401, (await Send("POST", "/v1/session", JsonSerializer.Serialize(new { email = "changes@example.com", password = Password }), null)).Status);
        await SignIn("changes@example.com", "another long enough");
        Assert.Empty(await server.Rows("SELECT 1 FROM stele.event e WHERE convert_from(e.data, 'UTF8') LIKE '%long enough%'"));
    }

    [Theory]
    [InlineData("1.made-up")]
    [InlineData("1")]
    [InlineData("x.y")]
    [InlineData("99999999999.x")]
    [InlineData("")]
    public async Task A_cookie_that_was_never_given_lets_nobody_in(string cookie) => Assert.Equal(401, (await Send("GET", "/v1/session", null, cookie)).Status);

    async Task<string> User(string email, string role)
    {
        var id = (await server.Post("/v1/users", $$"""{"email":"{{email}}","name":"A test's","role":"{{role}}"}""")).Is(201)["id"].GetString()!;
        (await server.Send("PUT", $"/v1/users/{id}/password", $$"""{"password":"{{Password}}"}""")).Is(204);
        return id;
    }

    async Task<(string Cookie, string Csrf, string Flags)> SignIn(string email, string password)
    {
        var answer = await Send("POST", "/v1/session", JsonSerializer.Serialize(new { email, password }), null);
        Assert.True(answer.Status == 200, answer.Text);
        var cookie = answer.Cookie!.Split(';')[0].Split('=')[1];
        return (Uri.UnescapeDataString(cookie), answer.Json.GetProperty("csrf_token").GetString()!, answer.Cookie[answer.Cookie.IndexOf(';', StringComparison.Ordinal)..]);
    }

    // without a token, and with cookies as they are given here
    async Task<Heard> Send(string method, string path, string? body, string? cookie, string? csrf = null)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = server.Client.BaseAddress };
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null) request.Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        if (cookie is not null) request.Headers.Add("Cookie", $"stele_session={cookie}");
        if (csrf is not null) request.Headers.Add("Stele-Csrf", csrf);
        using var response = await client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return new Heard((int)response.StatusCode, text, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement,
            response.Headers.TryGetValues("Set-Cookie", out var cookies) ? string.Join(';', cookies) : null, response.Headers.GetValues("Request-Id").First());
    }

    sealed record Heard(int Status, string Text, JsonElement Json, string? Cookie, string RequestId);
}
