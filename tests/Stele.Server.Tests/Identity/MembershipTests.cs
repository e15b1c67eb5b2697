using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Journal;
using Stele.Server.Operation;
using Stele.Server.Options;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Watch;
using Xunit;

namespace Stele.Server.Tests.Identity;

/// <summary>Orgs make somebody their user whom an issuer vouches for: one person, a user of each, by one token.</summary>
public sealed class MembershipTests : IAsyncLifetime
{
    TestDatabase db = null!;
    TestIssuer issuer = null!;
    TestServer server = null!;

    TokenIssuer Configured => issuer.Configured() with { ClockSkew = TimeSpan.Zero, Grants = [new ClaimGrant("groups", "admins", false, "acme", null, ["admin"])] };

    public async ValueTask InitializeAsync()
    {
        db = await Postgres.NewDatabase();
        issuer = await TestIssuer.Start();
        server = await TestServer.Start(db, issuers: Configured);
        foreach (var (number, name) in ((int, string)[])[(2, "acme"), (3, "beta"), (4, "gamma")])
        {
            var made = await server.Services.GetRequiredService<JournalNode>().Append(new OrgId(number),
                new CreateOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse(name, null), [EnvironmentName.Parse("development", null)]), null, CancellationToken.None);
            Assert.Null(made.Fault);
        }
    }

    [Fact]
    public async Task Whom_an_org_makes_its_user_is_that_user_there_whatever_his_claims_give()
    {
        var token = Token(claims => (claims["sub"], claims["groups"]) = ("ada@example.com", new JsonArray("admins")));
        // by his claims an admin
        Assert.Equal(200, (await Send(token, "PUT", "/v1/config/app.name", """{"value":1}""", "acme")).Status);
        var id = await User("acme", "ada@example.com", "viewer");
        var me = await Send(token, "GET", "/v1/session", org: "acme");
        Assert.Equal((200, $"user:{id}", "user"), (me.Status, me.Json.GetProperty("actor").GetString(), me.Json.GetProperty("kind").GetString()));
        Assert.Equal(Configured.Issuer, me.Json.GetProperty("user").GetProperty("identity").GetProperty("issuer").GetString());
        Assert.Equal(403, (await Send(token, "PUT", "/v1/config/app.name", """{"value":2}""", "acme")).Status);
        await Change("acme", id, """{"role":"editor"}""");
        var written = await Send(token, "PUT", "/v1/config/app.name", """{"value":2}""", "acme");
        Assert.Equal((200, $"user:{id}"), (written.Status, written.Json.GetProperty("updated_by").GetString()));
        // who is suspended is not let in by his claims either; he is when he is no user any more
        await Change("acme", id, """{"status":"suspended"}""");
        Assert.Equal((401, "unauthenticated"), (await Send(token, "GET", "/v1/config", org: "acme")).Problem);
        await Change("acme", id, """{"status":"active","identity":null}""");
        Assert.StartsWith("oidc:", (await Send(token, "GET", "/v1/session", org: "acme")).Json.GetProperty("actor").GetString(), StringComparison.Ordinal);
        var events = await server.Client.GetStringAsync("/v1/events");
        Assert.DoesNotContain("ada@example.com\",\"identity", events, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_person_in_three_orgs_is_three_users_with_one_identity()
    {
        var token = Token(claims => (claims["sub"], claims["groups"]) = ("grace", new JsonArray()));
        Assert.Equal((404, "not_found"), (await Send(token, "GET", "/v1/config", org: "beta")).Problem);
        var ids = new Dictionary<string, string>();
        foreach (var (org, role) in new[] { ("acme", "viewer"), ("beta", "editor"), ("gamma", "owner") })
        {
            ids[org] = await User(org, "grace", role, email: $"grace@{org}.example");
            // the only one that he is in need not be named
            if (ids.Count == 1) Assert.Equal($"user:{ids[org]}", (await Until(() => Send(token, "GET", "/v1/session"), 200)).Json.GetProperty("actor").GetString());
        }
        foreach (var (org, id) in ids) Assert.Equal($"user:{id}", (await Send(token, "GET", "/v1/session", org: org)).Json.GetProperty("actor").GetString());
        Assert.Equal((403, 200, 200), ((await Write(token, "acme")).Status, (await Write(token, "beta")).Status, (await Write(token, "gamma")).Status));
        // of several none is meant, but he may ask which there are
        await Until(() => Send(token, "GET", "/v1/config"), 404);
        Assert.Equal(["acme", "beta", "gamma"], Names(await Send(token, "GET", "/v1/orgs")));
        Assert.Equal(["beta"], Names(await Send(token, "GET", "/v1/orgs?limit=1&cursor=" + (await Send(token, "GET", "/v1/orgs?limit=1")).Json.GetProperty("next_cursor").GetString())));
        // what happens to him in one changes nothing in the others
        await Change("beta", ids["beta"], """{"status":"suspended"}""");
        using (var removed = await server.Client.SendAsync(Request(null, "DELETE", $"/v1/users/{ids["acme"]}", null, "acme"))) Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        await Until(() => Send(token, "GET", "/v1/config", org: "acme"), 404);
        Assert.Equal((401, "unauthenticated"), (await Send(token, "GET", "/v1/config", org: "beta")).Problem);
        Assert.Equal(200, (await Write(token, "gamma")).Status);
        Assert.Equal(["gamma"], Names(await Send(token, "GET", "/v1/orgs", org: "gamma")));
        // nobody else learns of them
        Assert.Equal(404, (await Send(Token(claims => (claims["sub"], claims["groups"]) = ("mallory", new JsonArray())), "GET", "/v1/orgs")).Status);
    }

    [Fact]
    public async Task A_node_that_has_not_loaded_an_org_finds_its_user_and_says_no_more_than_that()
    {
        var id = await User("beta", "ada", "viewer");
        var suspended = await User("beta", "eve", "viewer", email: "eve@beta.example");
        await Change("beta", suspended, """{"status":"suspended"}""");
        await using var other = await TestServer.Start(db, issuers: Configured);
        var answers = new List<Heard>();
        foreach (var (sub, org) in new[] { ("ada", "beta"), ("eve", "beta"), ("ada", "acme"), ("ada", "no-such-org") })
            answers.Add(await Send(Token(claims => (claims["sub"], claims["groups"]) = (sub, new JsonArray())), "GET", "/v1/session", org: org, at: other));
        Assert.Equal([200, 401, 404, 404], answers.Select(answer => answer.Status));
        Assert.Equal($"user:{id}", answers[0].Json.GetProperty("actor").GetString());
        Assert.Equal(answers[2].Text.Replace("acme", "ORG", StringComparison.Ordinal).Replace(answers[2].RequestId, "", StringComparison.Ordinal),
            answers[3].Text.Replace("no-such-org", "ORG", StringComparison.Ordinal).Replace(answers[3].RequestId, "", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_identity_is_one_users_and_what_is_none_is_refused()
    {
        await User("acme", "ada", "viewer");
        var taken = await Root("POST", "/v1/users", Body("ada", "other@acme.example", "viewer"), "acme");
        Assert.Equal((409, "conflict"), taken.Problem);
        Assert.Contains("identity.taken", taken.Text, StringComparison.Ordinal);
        // another org knows nothing of it
        await User("beta", "ada", "viewer");
        foreach (var identity in (string[])["""{}""", """{"issuer":"x"}""", """{"issuer":"","subject":"x"}""", """{"issuer":"x","subject":"a\u0007"}""", $$"""{"issuer":"x","subject":"{{new string('s', 256)}}"}""",
                     """{"issuer":"x","subject":"x","more":1}""", "1", "\"x\""])
            Assert.Equal(400, (await Root("POST", "/v1/users", $$"""{"email":"new@acme.example","name":"New","role":"viewer","identity":{{identity}}}""", "acme")).Status);
        Assert.Equal(201, (await Root("POST", "/v1/users", $$$"""{"email":"new@acme.example","name":"New","role":"viewer","identity":{"issuer":"x","subject":"{{{new string('s', 255)}}}"}}""", "acme")).Status);
    }

    [Fact]
    public async Task A_stream_ends_when_its_token_expires_or_its_user_is_somebody_elses_no_more()
    {
        var id = await User("acme", "ada", "viewer");
        var lasting = Token(claims => (claims["sub"], claims["groups"]) = ("ada", new JsonArray()));
        var brief = Token(claims => (claims["sub"], claims["groups"], claims["exp"]) = ("ada", new JsonArray(), TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 4));
        using var expires = await EventStream.Open(server.Client.BaseAddress!, "", brief);
        using var socket = await SocketClient.Open(server.Client.BaseAddress!, brief);
        await socket.Send("""{"type":"subscribe","id":"a"}""");
        using var unbound = await EventStream.Open(server.Client.BaseAddress!, "", lasting);
        await expires.Named("synced");
        await unbound.Named("synced");
        await socket.Is("synced", "a");
        Assert.Equal("revoked", (await expires.Named("end")).Data.GetProperty("code").GetString());
        Assert.Equal(4401, (await socket.Closed()).Code);
        await Change("acme", id, """{"identity":null}""");
        Assert.Equal("revoked", (await unbound.Named("end")).Data.GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_stream_ends_when_its_issuer_withdraws_the_key_and_not_when_it_adds_one()
    {
        var changing = await TestIssuer.Start();
        await using var other = await TestServer.Start(db, issuers: changing.Configured() with { RefreshFloor = TimeSpan.Zero });
        using var stream = await EventStream.Open(other.Client.BaseAddress!, "", changing.Token(TimeProvider.System.GetUtcNow()));
        await stream.Named("synced");
        var source = other.Services.GetRequiredService<Stele.Server.Identity.JwtIdentities>().Sources.Single();
        changing.Keys.Add(TestKey.Elliptic("ec-2"));
        await source.Refresh();
        other.Services.GetRequiredService<Stele.Server.Watch.WatchEngine>().Tick();
        using var set = await other.Client.SendAsync(Request(null, "PUT", "/v1/config/still.there", """{"value":1}""", null));
        await stream.Named("change");
        changing.Keys.RemoveAt(0);
        await source.Refresh();
        Assert.Equal("revoked", (await stream.Named("end")).Data.GetProperty("code").GetString());
        await changing.DisposeAsync();
    }

    [Fact]
    public async Task A_stream_of_a_root_token_ends_when_another_takes_its_place()
    {
        using var stream = await EventStream.Open(server.Client.BaseAddress!, "", TestServer.Token);
        await stream.Named("synced");
        await using var other = await TestServer.Start(db, token: "another-root-token", issuers: Configured);
        using var stays = await EventStream.Open(other.Client.BaseAddress!, "", "another-root-token");
        await stays.Named("synced");
        await server.Services.GetRequiredService<TokenStore>().RunOnce(CancellationToken.None);
        Assert.Equal("revoked", (await stream.Named("end")).Data.GetProperty("code").GetString());
        using var written = await other.Client.SendAsync(Request(null, "PUT", "/v1/config/a.b", """{"value":1}""", null));
        Assert.Equal(HttpStatusCode.OK, written.StatusCode);
        await stays.Named("change");
    }

    async Task<string> User(string org, string subject, string role, string? email = null)
    {
        var made = await Root("POST", "/v1/users", Body(subject, email ?? $"{org}@example.com", role), org);
        Assert.True(made.Status == 201, made.Text);
        return made.Json.GetProperty("id").GetString()!;
    }

    string Body(string subject, string email, string role) =>
        $$$"""{"email":"{{{email}}}","name":"A test's","role":"{{{role}}}","identity":{"issuer":"{{{issuer.Url}}}","subject":"{{{subject}}}"}}""";

    async Task Change(string org, string id, string body)
    {
        var changed = await Root("PUT", $"/v1/users/{id}", body, org);
        Assert.True(changed.Status == 200, changed.Text);
    }

    Task<Heard> Write(string token, string org) => Send(token, "PUT", "/v1/config/app.name", """{"value":1}""", org);

    static async Task<Heard> Until(Func<Task<Heard>> ask, int status)
    {
        var since = System.Diagnostics.Stopwatch.StartNew();
        while (true)
        {
            var answer = await ask();
            if (answer.Status == status) return answer;
            Assert.True(since.Elapsed < TimeSpan.FromSeconds(10), answer.Text);
        }
    }

    static List<string> Names(Heard answer) => [.. answer.Json.GetProperty("items").EnumerateArray().Select(org => org.GetProperty("name").GetString()!)];

    string Token(Action<JsonObject> change) => issuer.Token(TimeProvider.System.GetUtcNow(), change);

    Task<Heard> Root(string method, string path, string body, string org) => Send(null, method, path, body, org);

    async Task<Heard> Send(string? token, string method, string path, string? body = null, string? org = null, TestServer? at = null)
    {
        using var request = Request(token, method, path, body, org);
        using var response = await (at ?? server).Client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return new Heard((int)response.StatusCode, text, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement, response.Headers.GetValues("Request-Id").Single());
    }

    static HttpRequestMessage Request(string? token, string method, string path, string? body, string? org)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (org is not null) request.Headers.Add("Stele-Org", org);
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        return request;
    }

    sealed record Heard(int Status, string Text, JsonElement Json, string RequestId)
    {
        public (int, string?) Problem => (Status, Json.GetProperty("code").GetString());
    }

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        await issuer.DisposeAsync();
        await db.DisposeAsync();
    }
}
