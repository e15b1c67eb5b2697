using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Audit;
using Stele.Server.Identity;
using Stele.Server.Journal;
using Stele.Server.Options;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Identity;

/// <summary>A server that believes an issuer: what its tokens may do in which org, and what is answered to those that it did not sign.</summary>
public sealed class JwtHttpTests : IAsyncLifetime
{
    TestDatabase db = null!;
    TestIssuer issuer = null!;
    TestServer server = null!;

    public async ValueTask InitializeAsync()
    {
        db = await Postgres.NewDatabase();
        issuer = await TestIssuer.Start();
        server = await TestServer.Start(db, issuers: issuer.Configured() with
        {
            Grants =
            [
                new ClaimGrant("groups", "admins", false, "default", null, ["admin"]),
                new ClaimGrant("groups", "staff", false, "default", null, ["viewer"]),
                new ClaimGrant("sub", "system:serviceaccount:payments:", true, "acme", null, ["editor"]),
                new ClaimGrant("/realm/roles", "operator", false, null, "tenant", ["viewer", "no-such-role"]),
                new ClaimGrant("groups", "everywhere", false, "no-such-org", null, ["owner"]),
            ],
        });
        foreach (var (number, name) in ((int, string)[])[(2, "acme"), (3, "beta")])
        {
            var made = await server.Services.GetRequiredService<JournalNode>().Append(new OrgId(number),
                new CreateOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse(name, null), [EnvironmentName.Parse("development", null)]), null, CancellationToken.None);
            Assert.Null(made.Fault);
        }
    }

    [Fact]
    public async Task Claims_give_roles_in_an_org_and_the_journal_knows_the_actor_by_a_hash()
    {
        var admin = Token(claims => claims["sub"] = "alice@example.com");
        using var written = await Send(admin, "PUT", "/v1/config/app.name", """{"value":1}""");
        Assert.Equal(HttpStatusCode.OK, written.StatusCode);
        var staff = Token(claims => (claims["sub"], claims["groups"]) = ("bob", new JsonArray("staff")));
        Assert.Equal(HttpStatusCode.OK, (await Send(staff, "GET", "/v1/config/app.name")).StatusCode);
        using var refused = await Send(staff, "PUT", "/v1/config/app.name", """{"value":2}""");
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        var events = await server.Client.GetStringAsync("/v1/events");
        Assert.Contains(Stele.Server.Identity.JwtIdentity.ActorOf(issuer.Url, "alice@example.com"), events, StringComparison.Ordinal);
        Assert.DoesNotContain("alice", events, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_service_account_of_kubernetes_is_its_subject()
    {
        // what a projected token has
        var token = Token(claims =>
        {
            (claims["sub"], claims["aud"]) = ("system:serviceaccount:payments:billing", new JsonArray("stele"));
            claims["kubernetes.io"] = JsonNode.Parse("""{"namespace":"payments","pod":{"name":"billing-1","uid":"1"},"serviceaccount":{"name":"billing","uid":"2"}}""");
            claims.Remove("groups");
        });
        // acme is the only org in which it is anybody, so it need not be named
        using var written = await Send(token, "PUT", "/v1/config/app.name", """{"value":1}""");
        Assert.Equal(HttpStatusCode.OK, written.StatusCode);
        using var listed = await server.Client.SendAsync(Request(null, "GET", "/v1/config", org: "acme"));
        Assert.Contains("app.name", await listed.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        var another = Token(claims => claims["sub"] = "system:serviceaccount:other:billing");
        Assert.Equal(HttpStatusCode.NotFound, (await Send(another, "GET", "/v1/config", org: "acme")).StatusCode);
    }

    [Fact]
    public async Task One_person_is_a_member_of_each_org_that_its_claims_name()
    {
        var token = Token(claims =>
        {
            claims["tenant"] = new JsonArray("acme", "beta");
            claims["realm"] = JsonNode.Parse("""{"roles":["operator"]}""");
        });
        foreach (var org in (string[])["acme", "beta", "default"]) Assert.Equal(HttpStatusCode.OK, (await Send(token, "GET", "/v1/config", org: org)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await Send(token, "PUT", "/v1/config/app.name", """{"value":1}""", "beta")).StatusCode);
        // several, and none named: the default one
        Assert.Equal(HttpStatusCode.OK, (await Send(token, "PUT", "/v1/config/app.name", """{"value":1}""")).StatusCode);
    }

    [Fact]
    public async Task An_org_in_which_somebody_is_nobody_does_not_exist_for_him()
    {
        var token = Token(claims => claims["groups"] = new JsonArray("admins", "everywhere"));
        var answers = new List<string>();
        foreach (var org in (string[])["acme", "no-such-org", "never-made"])
        {
            using var answer = await Send(token, "GET", "/v1/config", org: org);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            answers.Add((await answer.Content.ReadAsStringAsync()).Replace(org, "ORG", StringComparison.Ordinal).Replace(answer.Headers.GetValues("Request-Id").Single(), "ID", StringComparison.Ordinal));
        }
        Assert.Single(answers.Distinct());
    }

    [Fact]
    public async Task Refusals_are_problems_and_tell_no_more_than_that_of_any_token()
    {
        var forged = await Problem(TestKey.Rsa("rsa-1").Sign(issuer.Claims(TimeProvider.System.GetUtcNow()).ToJsonString()));
        Assert.Equal((401, "unauthenticated", "This token is not known."), forged);
        Assert.Equal(forged, await Problem("nobody's"));
        Assert.Equal(forged, await Problem("a.b.c"));
        Assert.Equal((401, "unauthenticated", "This token has expired."), await Problem(Token(claims => claims["exp"] = 1)));
        using var answer = await Send("a.b.c", "GET", "/v1/config");
        Assert.Equal("Bearer", answer.Headers.WwwAuthenticate.ToString());
    }

    [Fact]
    public async Task Why_a_jwt_was_refused_is_in_the_audit_log_of_the_installation()
    {
        var claims = issuer.Claims(TimeProvider.System.GetUtcNow()).ToJsonString();
        var tokens = new Dictionary<string, string>
        {
            ["jwt_malformed"] = "a.b.c",
            ["jwt_too_large"] = $"{new string('a', 10_000)}.{new string('b', 10_000)}.c",
            ["jwt_encrypted"] = TestKey.Shared.SignText("""{"alg":"RS256","kid":"rsa-1","enc":"A256GCM"}""", claims),
            ["jwt_critical"] = TestKey.Shared.SignText("""{"alg":"RS256","kid":"rsa-1","crit":["b64"]}""", claims),
            ["jwt_algorithm"] = TestKey.Shared.SignText("""{"alg":"none","kid":"rsa-1"}""", claims),
            ["jwt_issuer"] = Token(changed => changed["iss"] = "https://elsewhere.example.com"),
            ["jwt_key"] = TestKey.Rsa("never-made").Sign(claims),
            ["jwt_signature"] = TestKey.Rsa("rsa-1").Sign(claims),
            ["jwt_audience"] = Token(changed => changed["aud"] = "another"),
            ["jwt_expired"] = Token(changed => changed["exp"] = 1),
            ["jwt_not_yet_valid"] = Token(changed => changed["nbf"] = 4_000_000_000),
            ["jwt_subject"] = Token(changed => changed.Remove("sub")),
        };
        foreach (var (code, token) in tokens)
        {
            using var answer = await Send(token, "GET", "/v1/config");
            Assert.True(answer.StatusCode == HttpStatusCode.Unauthorized, $"{code}: {answer.StatusCode}");
        }
        await server.Services.GetRequiredService<AuditTrail>().RunOnce(CancellationToken.None);
        await using var session = await db.As();
        var logged = await session.Rows("SELECT code FROM stele.audit_entry WHERE org_id = 0 AND action = 'authentication.refused' AND code LIKE 'jwt\\_%'");
        // those whose issuer is away are let in by nobody's fault: 503, and no entry
        Assert.Equal(JwtRefusals.All.Where(refusal => refusal != JwtRefusal.KeysAway).Select(refusal => "jwt_" + refusal.Label()).Order(StringComparer.Ordinal), logged.Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(tokens.Keys.Order(StringComparer.Ordinal), logged.Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_header_of_a_megabyte_is_refused_before_it_is_read()
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, server.Client.BaseAddress!.Port);
        var stream = socket.GetStream();
        var answered = new StreamReader(stream).ReadLineAsync();
        try
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"GET /v1/config HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {new string('a', 500_000)}.{new string('b', 500_000)}.c\r\n\r\n"));
        }
        catch (IOException)
        {
            // it hung up on us
        }
        Assert.StartsWith("HTTP/1.1 431", await answered, StringComparison.Ordinal);
        Assert.Equal((401, "unauthenticated", "This token is not known."), await Problem($"{new string('a', 10_000)}.{new string('b', 10_000)}.c"));
    }

    [Fact]
    public async Task While_the_issuer_is_away_its_tokens_are_503_and_others_as_ever()
    {
        await using var away = await TestIssuer.Start();
        away.Away = true;
        await using var other = await TestServer.Start(db, issuers: [away.Configured()]);
        using var request = new HttpRequestMessage(HttpMethod.Get, other.Client.BaseAddress + "v1/config");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", away.Token(TimeProvider.System.GetUtcNow()));
        using var answer = await other.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal(5, answer.Headers.RetryAfter!.Delta!.Value.TotalSeconds);
        Assert.Equal(HttpStatusCode.OK, (await other.Client.GetAsync("/v1/config")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await other.Client.GetAsync("/readyz")).StatusCode);
    }

    [Fact]
    public async Task Without_issuers_a_jwt_is_a_token_that_nobody_knows()
    {
        await using var none = await TestServer.Start(db);
        using var request = new HttpRequestMessage(HttpMethod.Get, none.Client.BaseAddress + "v1/config");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Token());
        Assert.Equal(HttpStatusCode.Unauthorized, (await none.Client.SendAsync(request)).StatusCode);
    }

    string Token(Action<JsonObject>? change = null) => issuer.Token(TimeProvider.System.GetUtcNow(), change);

    Task<HttpResponseMessage> Send(string token, string method, string path, string? body = null, string? org = null) => server.Client.SendAsync(Request(token, method, path, body, org));

    HttpRequestMessage Request(string? token, string method, string path, string? body = null, string? org = null)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (org is not null) request.Headers.Add("Stele-Org", org);
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        return request;
    }

    async Task<(int Status, string Code, string Detail)> Problem(string token)
    {
        using var answer = await Send(token, "GET", "/v1/config");
        using var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        return ((int)answer.StatusCode, problem.RootElement.GetProperty("code").GetString()!, problem.RootElement.GetProperty("detail").GetString()!);
    }

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        await issuer.DisposeAsync();
        await db.DisposeAsync();
    }
}
