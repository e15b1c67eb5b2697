using Stele.Server.Tests.Http;
using Xunit;
using static Stele.Server.Tests.Access.AccessServer;

namespace Stele.Server.Tests.Access;

public sealed class MemberTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task A_user_is_made_shown_changed_and_removed()
    {
        var made = (await server.Post("/v1/users", """{"email":"Ada@Example.com","name":"Ada Lovelace","role":"editor"}""")).Is(201);
        var path = $"/v1/users/{made["id"].GetString()}";
        Assert.Equal(("Ada@Example.com", "editor", "active", 1), (made["email"].GetString(), made["role"].GetString(), made["status"].GetString(), made["version"].GetInt32()));
        Assert.Equal(made.Text, (await server.Get(path)).Is(200).Text);
        (await server.Send("PUT", path, """{"expected_version":9,"name":"x"}""")).IsProblem(409, "conflict", "version.stale@/expected_version");
        var changed = (await server.Send("PUT", path, """{"expected_version":1,"status":"suspended","roles":[{"role":"viewer"},{"role":"editor","environments":["staging"],"prefix":"app."}]}""")).Is(200);
        Assert.Equal(("suspended", "viewer", 2, 2), (changed["status"].GetString(), changed["role"].GetString(), changed["roles"].GetArrayLength(), changed["version"].GetInt32()));
        Assert.Equal(["Ada@Example.com|Ada Lovelace|viewer"], await server.Rows($"SELECT email, name, role FROM stele.users WHERE id = '{made["id"].GetString()}'"));
        (await server.Send("DELETE", path, null)).Is(204);
        (await server.Get(path)).IsProblem(404, "not_found");
        (await server.Send("DELETE", path, null)).IsProblem(404, "not_found", "user.unknown@path:id");
        Assert.Empty(await server.Rows($"SELECT 1 FROM stele.users WHERE id = '{made["id"].GetString()}'"));
    }

    [Fact]
    public async Task Addresses_are_compared_whatever_their_case()
    {
        (await server.Post("/v1/users", """{"email":"case@example.com","name":"One","role":"viewer"}""")).Is(201);
        (await server.Post("/v1/users", """{"email":"CASE@EXAMPLE.COM","name":"Two","role":"viewer"}""")).IsProblem(409, "conflict", "email.taken@/email");
        var other = (await server.Post("/v1/users", """{"email":"other@example.com","name":"Two","role":"viewer"}""")).Is(201);
        (await server.Send("PUT", $"/v1/users/{other["id"].GetString()}", """{"email":"Case@Example.com"}""")).IsProblem(409, "conflict", "email.taken@/email");
        // his own, in another case, is no other's
        (await server.Send("PUT", $"/v1/users/{other["id"].GetString()}", """{"email":"OTHER@example.com"}""")).Is(200);
    }

    [Fact]
    public async Task The_last_owner_stays()
    {
        await server.NewOrg(81, "owned");
        (string, string) org = ("Stele-Org", "owned");
        var first = (await server.Post("/v1/users", """{"email":"first@example.com","name":"First","role":"owner"}""", org)).Is(201)["id"].GetString();
        foreach (var change in (string[])["""{"role":"admin"}""", """{"status":"suspended"}""", """{"roles":[{"role":"owner","environments":["production"]}]}"""])
            (await server.Send("PUT", $"/v1/users/{first}", change, org)).IsProblem(409, "conflict", "user.last_owner@/role");
        (await server.Send("DELETE", $"/v1/users/{first}", null, org)).IsProblem(409, "conflict", "user.last_owner@");
        var second = (await server.Post("/v1/users", """{"email":"second@example.com","name":"Second","role":"owner"}""", org)).Is(201)["id"].GetString();
        (await server.Send("DELETE", $"/v1/users/{first}", null, org)).Is(204);
        (await server.Send("DELETE", $"/v1/users/{second}", null, org)).IsProblem(409, "conflict", "user.last_owner@");
    }

    [Theory]
    [InlineData("""{"email":"a b@example.com","name":"A","role":"viewer"}""", "email.form@/email")]
    [InlineData("""{"email":"a@@example.com","name":"A","role":"viewer"}""", "email.form@/email")]
    [InlineData("""{"email":"\u212Aelvin@example.com","name":"A","role":"viewer"}""", "email.form@/email")]
    [InlineData("""{"email":"a@example.com","name":"a\u0007b","role":"viewer"}""", "name.characters@/name")]
    [InlineData("""{"email":"a@example.com","name":"\u202Enimda","role":"viewer"}""", "name.characters@/name")]
    [InlineData("""{"email":"a@example.com","name":"a\u200Bdmin","role":"viewer"}""", "name.characters@/name")]
    [InlineData("""{"email":"a@example.com","name":" admin","role":"viewer"}""", "name.blank@/name")]
    [InlineData("""{"email":"a@example.com","name":"A"}""", "member.required@/role")]
    [InlineData("""{"email":"a@example.com","name":"A","role":"viewer","roles":[]}""", "roles.both@/roles", "roles.count@/roles")]
    [InlineData("""{"email":"a@example.com","name":"A","role":"king"}""", "role.unknown@/role")]
    [InlineData("""{"email":"a@example.com","name":"A","roles":[{"role":"viewer","environments":["nowhere"]}]}""", "environment.unknown@/roles/0/environments/0")]
    public async Task A_user_that_cannot_be_is_refused_with_every_rule_it_breaks(string body, params string[] errors) =>
        (await server.Post("/v1/users", body)).IsProblem(400, "invalid", errors);

    [Fact]
    public async Task Nobody_makes_or_touches_who_may_more_than_he()
    {
        var owner = (await server.Post("/v1/users", """{"email":"boss@example.com","name":"Boss","role":"owner"}""")).Is(201)["id"].GetString();
        var account = (await server.Post("/v1/service-accounts", """{"name":"admin's","role":"admin"}""")).Is(201)["id"].GetString();
        var admin = As((await server.NewToken(Everything, $",\"service_account\":\"{account}\"")).Token);
        (await server.Post("/v1/users", """{"email":"more@example.com","name":"More","role":"owner"}""", admin)).IsProblem(403, "forbidden", "role.exceeds@/role");
        (await server.Send("PUT", $"/v1/service-accounts/{account}", """{"role":"owner"}""", admin)).IsProblem(403, "forbidden", "role.exceeds@/role");
        (await server.Send("PUT", $"/v1/users/{owner}", """{"status":"suspended"}""", admin)).IsProblem(403, "forbidden");
        (await server.Send("PUT", $"/v1/users/{owner}/password", """{"password":"a long enough one"}""", admin)).IsProblem(403, "forbidden");
        (await server.Send("DELETE", $"/v1/users/{owner}", null, admin)).IsProblem(403, "forbidden");
        (await server.Post("/v1/users", """{"email":"less@example.com","name":"Less","role":"editor"}""", admin)).Is(201);
        // a narrowed editor gives no wide role, and what he has where he has it
        (await server.Send("PUT", "/v1/roles/hirer", $$"""{"grants":[{{Scope("user:write")}},{{Scope("config:read", "staging", "app.")}}]}""")).Is(200);
        var hirer = (await server.Post("/v1/service-accounts", """{"name":"hirer","role":"hirer"}""")).Is(201)["id"].GetString();
        var hires = As((await server.NewToken(Scopes("user:write", "config:read"), $",\"service_account\":\"{hirer}\"")).Token);
        (await server.Post("/v1/users", """{"email":"v@example.com","name":"V","role":"viewer"}""", hires)).IsProblem(403, "forbidden", "role.exceeds@/role");
        (await server.Send("PUT", "/v1/roles/reader", $$"""{"grants":[{{Scope("config:read")}}]}""")).Is(200);
        (await server.Post("/v1/users", """{"email":"v@example.com","name":"V","roles":[{"role":"reader","environments":["staging"],"prefix":"app.x"}]}""", hires)).Is(201);
    }

    [Fact]
    public async Task A_token_of_an_account_ends_when_that_is_suspended_and_goes_when_it_goes()
    {
        var id = (await server.Post("/v1/service-accounts", """{"name":"deployer","role":"editor"}""")).Is(201)["id"].GetString();
        (await server.Post("/v1/service-accounts", """{"name":"Deployer","role":"editor"}""")).IsProblem(409, "conflict", "name.taken@/name");
        var (token, tokenId) = await server.NewToken(Scopes("config:read", "config:write", "org:write"), $",\"service_account\":\"{id}\"");
        Assert.Equal($"service:{id}/token:{tokenId}", (await server.Put("deployed.a", """{"value":1}""", "", As(token))).Is(200)["updated_by"].GetString());
        // its scopes say more than the account may
        (await server.Post("/v1/environments", """{"name":"more"}""", As(token))).IsProblem(403, "forbidden");
        (await server.Send("PUT", $"/v1/service-accounts/{id}", """{"role":"viewer"}""")).Is(200);
        (await server.Put("deployed.a", """{"value":2}""", "", As(token))).IsProblem(403, "forbidden");
        (await server.Send("PUT", $"/v1/service-accounts/{id}", """{"status":"suspended"}""")).Is(200);
        foreach (var path in (string[])["/v1/config", "/v1/limits"]) (await server.Get(path, As(token))).IsProblem(401, "unauthenticated");
        (await server.Send("PUT", $"/v1/service-accounts/{id}", """{"status":"active"}""")).Is(200);
        (await server.Get("/v1/config", As(token))).Is(200);
        (await server.Send("DELETE", $"/v1/service-accounts/{id}", null)).Is(204);
        (await server.Get("/v1/limits", As(token))).IsProblem(401, "unauthenticated");
    }

    [Fact]
    public async Task Roles_are_made_changed_and_removed()
    {
        Assert.Equal(["admin", "editor", "owner", "viewer"], (await server.Get("/v1/roles")).Is(200)["items"].EnumerateArray().Where(role => role.GetProperty("built_in").GetBoolean()).Select(role => role.GetProperty("name").GetString()));
        (await server.Send("PUT", "/v1/roles/Viewer", """{"grants":[]}""")).IsProblem(400, "invalid", "role.built_in@path:name");
        (await server.Send("PUT", "/v1/roles/a.b", """{"grants":[]}""")).IsProblem(400, "invalid", "role.name@path:name");
        (await server.Send("DELETE", "/v1/roles/viewer", null)).IsProblem(409, "conflict", "role.built_in@path:name");
        var body = $$"""{"grants":[{{Scope("config:read")}}],"denies":[{{Scope("config:read", "production", "secret.")}}],"description":"most"}""";
        Assert.Equal(1, (await server.Send("PUT", "/v1/roles/most", body)).Is(200)["version"].GetInt32());
        Assert.Equal(1, (await server.Send("PUT", "/v1/roles/most", body)).Is(200)["version"].GetInt32());
        (await server.Send("PUT", "/v1/roles/most", """{"grants":[],"expected_version":7}""")).IsProblem(409, "conflict", "version.stale@/expected_version");
        var user = (await server.Post("/v1/users", """{"email":"most@example.com","name":"Most","role":"most"}""")).Is(201)["id"].GetString();
        (await server.Send("DELETE", "/v1/roles/most", null)).IsProblem(409, "conflict", "role.in_use@path:name");
        var denied = (await server.Post("/v1/access/explain", $$"""{"permission":"config:read","environment":"production","key":"secret.x","user":"{{user}}"}""")).Is(200);
        Assert.Equal((false, "Role 'most' denies config:read in production on secret.*."), (denied["allowed"].GetBoolean(), denied["reason"].GetString()));
        Assert.True((await server.Post("/v1/access/explain", $$"""{"permission":"config:read","environment":"production","key":"open.x","user":"{{user}}"}""")).Is(200)["allowed"].GetBoolean());
        (await server.Send("DELETE", $"/v1/users/{user}", null)).Is(204);
        (await server.Send("DELETE", "/v1/roles/most", null)).Is(204);
        (await server.Get("/v1/roles/most")).IsProblem(404, "not_found");
        // made again, its versions go on
        Assert.Equal(3, (await server.Send("PUT", "/v1/roles/most", body)).Is(200)["version"].GetInt32());
    }

    [Fact]
    public async Task No_role_is_made_that_may_what_its_maker_may_not()
    {
        await server.Send("PUT", "/v1/roles/maker", $$"""{"grants":[{{Scope("role:write")}},{{Scope("config:read", "*", "app.")}}],"denies":[{{Scope("config:read", "production", "app.secret")}}]}""");
        var id = (await server.Post("/v1/service-accounts", """{"name":"maker","role":"maker"}""")).Is(201)["id"].GetString();
        var maker = As((await server.NewToken(Scopes("role:write", "config:read"), $",\"service_account\":\"{id}\"")).Token);
        foreach (var grant in (string[])[Scope("config:read"), Scope("config:write", "*", "app."), Scope("config:read", "*", "app."), Scope("config:read", "production", "app.secret.x"), Scope("role:read")])
            (await server.Send("PUT", "/v1/roles/mine", $$"""{"grants":[{{grant}}]}""", maker)).IsProblem(403, "forbidden", "role.exceeds@/grants/0");
        (await server.Send("PUT", "/v1/roles/mine", $$"""{"grants":[{{Scope("config:read", "*", "app.")}}],"denies":[{{Scope("config:read", "production", "app.secret")}}]}""", maker)).Is(200);
        (await server.Send("PUT", "/v1/roles/mine2", $$"""{"grants":[{{Scope("config:read", "staging", "app.x")}}]}""", maker)).Is(200);
        // its own role's deny stays
        (await server.Send("PUT", "/v1/roles/maker", $$"""{"grants":[{{Scope("role:write")}},{{Scope("config:read", "*", "app.")}}]}""", maker)).IsProblem(403, "forbidden", "role.exceeds@/grants/1");
    }

    [Fact]
    public async Task Explain_says_of_oneself_freely_and_of_others_to_who_may_see_them()
    {
        var (token, id) = await server.NewToken($"[{Scope("config:read", "staging", "why.")}]");
        var own = (await server.Post("/v1/access/explain", """{"permission":"config:read","environment":"staging","key":"why.x"}""", As(token))).Is(200);
        Assert.True(own["allowed"].GetBoolean());
        Assert.Equal("token", own["rules"][0].GetProperty("by").GetString());
        var not = (await server.Post("/v1/access/explain", """{"permission":"config:write","environment":"staging","key":"why.x"}""", As(token))).Is(200);
        Assert.Equal((false, "No scope of the token covers it."), (not["allowed"].GetBoolean(), not["reason"].GetString()));
        (await server.Post("/v1/access/explain", $$"""{"permission":"config:read","token":"{{Guid.NewGuid()}}"}""", As(token))).IsProblem(403, "forbidden");
        Assert.True((await server.Post("/v1/access/explain", $$"""{"permission":"config:read","environment":"staging","key":"why.x","token":"{{id}}"}""")).Is(200)["allowed"].GetBoolean());
        Assert.False((await server.Post("/v1/access/explain", $$"""{"permission":"config:read","token":"{{Guid.NewGuid()}}"}""")).Is(200)["allowed"].GetBoolean());
        (await server.Post("/v1/access/explain", """{"permission":"fly"}""")).IsProblem(400, "invalid", "permission.unknown@/permission");
    }
}
