using System.Text.Json;
using Stele.Server.Tests.Access;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Audit;

/// <summary>Who may read the log, and what is in it of those who may not, or are not known.</summary>
public sealed class AuditAccessTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task Reading_needs_its_permission_and_nothing_else()
    {
        var (reader, _) = await server.NewToken(AccessServer.Scopes("audit:read"));
        var (other, _) = await server.NewToken(AccessServer.Scopes("config:read", "journal:read", "usage:read"));
        foreach (var query in (string[])["", "?format=csv", "?format=jsonl", "?log=audit", "?cursor=x"])
        {
            if (query != "?cursor=x" && query.Length > 0 && !query.Contains("format", StringComparison.Ordinal)) (await server.Get($"/v1/audit{query}", AccessServer.As(reader))).Is(200);
            if (query != "?cursor=x") (await server.Get($"/v1/audit{query}", AccessServer.As(other))).IsProblem(403, "forbidden");
        }
        // the installation's is root's
        (await server.Get("/v1/audit?scope=installation", AccessServer.As(reader))).IsProblem(403, "forbidden");
        (await server.Get("/v1/usage", AccessServer.As(other))).Is(200);
        (await server.Get("/v1/usage", AccessServer.As(reader))).IsProblem(403, "forbidden");
    }

    [Fact]
    public async Task A_refusal_of_somebody_known_is_a_row_with_what_he_wanted_and_repetitions_are_counted()
    {
        var (token, id) = await server.NewToken(AccessServer.Scopes("config:read"));
        for (var i = 0; i < 5; i++) (await server.Put("refused.a", """{"value":1}""", "", AccessServer.As(token))).Is(403);
        (await server.Send("DELETE", "/v1/config/refused.b", null, AccessServer.As(token))).Is(403);
        var items = (await server.Get($"/v1/audit?outcome=refused&actor=token:{id}")).Is(200)["items"].EnumerateArray().ToList();
        Assert.Equal(["DELETE /v1/config/refused.b", "PUT /v1/config/refused.a"], items.Select(item => Text(item, "target")));
        Assert.All(items, item => Assert.Equal(("access.refused", "forbidden", 1), (Text(item, "action"), Text(item, "code"), item.GetProperty("times").GetInt32())));
        Assert.Contains("config:write", Text(items[1], "detail"), StringComparison.Ordinal);
        // and no revision was moved by any of it
        Assert.DoesNotContain(token, (await server.Get("/v1/audit?limit=1000")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sign_ins_are_rows_and_wrong_passwords_are_counted_in_the_log_of_their_org()
    {
        var user = (await server.Post("/v1/users", """{"email":"ada@example.org","name":"Ada","role":"viewer"}""")).Is(201)["id"].GetString();
        (await server.Send("PUT", $"/v1/users/{user}/password", """{"password":"a long enough passphrase"}""")).Is(204);
        for (var i = 0; i < 3; i++) (await server.Post("/v1/session", """{"email":"ada@example.org","password":"not this one"}""", ("Authorization", "Bearer none"))).Is(401);
        (await server.Post("/v1/session", """{"email":"ada@example.org","password":"a long enough passphrase"}""", ("Authorization", "Bearer none"))).Is(200);
        var began = Assert.Single((await server.Get("/v1/audit?action=session.began")).Is(200)["items"].EnumerateArray());
        Assert.Equal($"user:{user}", Text(began, "actor"));
        var wrong = Assert.Single((await server.Get("/v1/audit?action=authentication.refused")).Is(200)["items"].EnumerateArray());
        Assert.Equal(("nobody", "password"), (Text(wrong, "actor"), Text(wrong, "code")));
        var log = await server.Get("/v1/audit?limit=1000");
        Assert.DoesNotContain("not this one", log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("passphrase", log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("ada@example.org", log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Administrative_reads_are_on_record()
    {
        foreach (var path in (string[])["/v1/tokens", "/v1/users", "/v1/service-accounts", "/v1/roles", "/v1/usage", "/v1/events"]) (await server.Get(path)).Is(200);
        var actions = (await server.Get("/v1/audit?log=audit&outcome=allowed&limit=1000")).Is(200)["items"].EnumerateArray().Select(item => Text(item, "action")).ToHashSet();
        Assert.Superset(new HashSet<string?> { "token.list", "user.list", "service.list", "role.list", "usage.read", "journal.read" }, actions);
    }

    static string? Text(JsonElement item, string member) => item.GetProperty(member).GetString();
}
