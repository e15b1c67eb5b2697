using System.Text.Json;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Access;

/// <summary>What a session let in ends with it.</summary>
public sealed class SessionStreamTests(HttpServer server) : IClassFixture<HttpServer>
{
    const string Password = "correct horse battery staple";

    static readonly TimeSpan patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Signing_out_ends_every_stream_of_the_session_and_no_other()
    {
        await User("streams@example.com");
        var (mine, other) = (await SignIn("streams@example.com"), await SignIn("streams@example.com"));
        var cursor = (await server.Put("session.poll", """{"value":1}""")).Is(200).Headers["Stele-Cursor"];
        using var events = await Open("/v1/watch", mine.Cookie);
        using var flags = await Open("/ofrep/v1/events", mine.Cookie);
        using var kept = await Open("/v1/watch", other.Cookie);
        var poll = Send("GET", $"/v1/config/session.poll?wait=30s&after_cursor={cursor}", mine);
        // the poll is there too
        var since = System.Diagnostics.Stopwatch.StartNew();
        while (await Transports() is var there && there != "poll sse sse sse") Assert.True(since.Elapsed < patience, there);

        Assert.Equal(204, await Status(Send("DELETE", "/v1/session", mine)));
        Assert.Contains("event: end\ndata: {\"code\":\"revoked\"", await events.Rest(), StringComparison.Ordinal);
        await flags.Rest();
        Assert.Equal(401, await Status(poll));
        // the other session's stream goes on, with what happens after
        (await server.Put("session.after", """{"value":1}""")).Is(200);
        await kept.Until("session.after");
        Assert.Equal("sse", await Transports());
    }

    [Theory]
    [InlineData("a new password")]
    [InlineData("its time")]
    [InlineData("suspension")]
    public async Task A_stream_ends_when_its_session_does(string how)
    {
        var email = $"{how.Replace(' ', '.')}@example.com";
        var id = await User(email);
        var session = await SignIn(email);
        using var events = await Open("/v1/watch", session.Cookie);
        if (how == "a new password") (await server.Send("PUT", $"/v1/users/{id}/password", """{"password":"another one, long enough"}""")).Is(204);
        else if (how == "suspension") (await server.Send("PUT", $"/v1/users/{id}", """{"status":"suspended"}""")).Is(200);
        else await server.Execute($"UPDATE stele.session SET expires_at = now() - interval '1 second' WHERE user_id = '{id}'");
        Assert.Contains("event: end\ndata: {\"code\":\"revoked\"", await events.Rest(), StringComparison.Ordinal);
    }

    async Task<string> Transports() => string.Join(' ', (await server.Get("/v1/subscriptions")).Is(200)["items"].EnumerateArray().Select(item => item.GetProperty("transport").GetString()).Order(StringComparer.Ordinal));

    async Task<string> User(string email)
    {
        var id = (await server.Post("/v1/users", $$"""{"email":"{{email}}","name":"A test's","role":"viewer"}""")).Is(201)["id"].GetString()!;
        (await server.Send("PUT", $"/v1/users/{id}/password", $$"""{"password":"{{Password}}"}""")).Is(204);
        return id;
    }

    sealed record Session(string Cookie, string Csrf);

    async Task<Session> SignIn(string email)
    {
        using var client = Client();
        using var response = await client.PostAsync(new Uri("/v1/session", UriKind.Relative), new StringContent(JsonSerializer.Serialize(new { email, password = Password }), System.Text.Encoding.UTF8, "application/json"));
        Assert.Equal(200, (int)response.StatusCode);
        using var body = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        return new Session(Uri.UnescapeDataString(response.Headers.GetValues("Set-Cookie").Single().Split(';')[0].Split('=')[1]), body.RootElement.GetProperty("csrf_token").GetString()!);
    }

    async Task<HttpResponseMessage> Send(string method, string path, Session session)
    {
        using var client = Client();
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Headers.Add("Cookie", $"stele_session={session.Cookie}");
        request.Headers.Add("Stele-Csrf", session.Csrf);
        return await client.SendAsync(request);
    }

    static async Task<int> Status(Task<HttpResponseMessage> sent)
    {
        using var response = await sent.WaitAsync(patience);
        return (int)response.StatusCode;
    }

    HttpClient Client() => new(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = server.Client.BaseAddress, Timeout = Timeout.InfiniteTimeSpan };

    async Task<Stream> Open(string path, string cookie)
    {
        var client = Client();
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add("Cookie", $"stele_session={cookie}");
        var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(200, (int)response.StatusCode);
        return new Stream(client, response, new StreamReader(await response.Content.ReadAsStreamAsync()));
    }

    sealed record Stream(HttpClient Client, HttpResponseMessage Response, StreamReader Reader) : IDisposable
    {
        /// <summary>What comes until the server ends it.</summary>
        public Task<string> Rest() => Reader.ReadToEndAsync().WaitAsync(patience);

        public async Task Until(string text)
        {
            while (await Reader.ReadLineAsync().WaitAsync(patience) is { } line)
                if (line.Contains(text, StringComparison.Ordinal)) return;
            Assert.Fail("the stream has ended");
        }

        public void Dispose()
        {
            Reader.Dispose();
            Response.Dispose();
            Client.Dispose();
        }
    }
}
