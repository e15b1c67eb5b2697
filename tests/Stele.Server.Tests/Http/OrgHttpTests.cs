using Stele.Core.Journal;
using Stele.Server.Journal;
using Xunit;

namespace Stele.Server.Tests.Http;

/// <summary>Organizations, their settings and environments over HTTP. Each test has organizations of its own.</summary>
public sealed class OrgHttpTests(HttpServer server) : IClassFixture<HttpServer>
{
    static (string, string) Org(string name) => ("Stele-Org", name);

    [Fact]
    public async Task An_organization_is_made_with_its_environments_and_is_there_at_once()
    {
        var made = (await server.Post("/v1/orgs", """{"name":"acme"}""")).Is(201);
        Assert.Equal("""["development","staging","production"]""", made["environments"].GetRawText());
        Assert.Equal(("acme", "development", 1L), (made["name"].GetString(), made["default_environment"].GetString(), made["revision"].GetInt64()));
        Assert.StartsWith("1-", made.Headers["Stele-Cursor"], StringComparison.Ordinal);
        Assert.InRange(made["id"].GetInt32(), 2, int.MaxValue);
        Assert.Equal(made.Text.Split(",\"token_id\"")[0] + "}", (await server.Get("/v1/orgs/acme")).Is(200).Text);
        (await server.Put("app.x", """{"value":1}""", "", Org("acme"))).Is(200);
        (await server.Get("/v1/config/app.x")).IsProblem(404, "not_found");

        // on another node, on first use, without any poll; and what it asked for in vain is not remembered
        await using var other = await server.Another(new JournalOptions { Poll = TimeSpan.FromHours(1), Tick = TimeSpan.FromHours(1) });
        (await other.Get("/v1/config", Org("late"))).IsProblem(404, "not_found", "org.unknown@header:Stele-Org");
        (await server.Post("/v1/orgs", """{"name":"late","environments":["one","two"],"default_environment":"two"}""")).Is(201);
        (await other.Put("app.x", """{"value":1}""", "", Org("late"))).Is(200);
        Assert.Equal("two", (await other.Get("/v1/config/app.x", Org("late"))).Is(200)["environment"].GetString());
    }

    [Fact]
    public async Task The_first_token_lets_its_owner_into_his_organization_and_no_other()
    {
        var made = (await server.Post("/v1/orgs", """{"name":"owned"}""")).Is(201);
        await Make("foreign");
        var mine = ("Authorization", $"Bearer {made["token"].GetString()}");
        await using var other = await server.Another();
        foreach (var node in (HttpServer[])[server, other])
        {
            (await node.Put("app.x", """{"value":1}""", "", mine)).Is(200);
            Assert.Equal(["owned"], Names(await node.Get("/v1/orgs", mine)));
            Assert.Equal("owned", (await node.Get("/v1/orgs/owned", mine)).Is(200)["name"].GetString());
            // that there is another one is not told
            Assert.Equal((await node.Get("/v1/orgs/nowhere", mine)).Is(404).Errors(), (await node.Get("/v1/orgs/foreign", mine)).Is(404).Errors());
            (await node.Post("/v1/orgs", """{"name":"foreign"}""", mine)).IsProblem(403, "forbidden");
            (await node.Send("PATCH", "/v1/orgs/owned", """{"name":"foreign"}""", mine)).IsProblem(403, "forbidden");
            (await node.Send("PATCH", "/v1/settings", """{"limits":{"environments.count":1}}""", mine)).IsProblem(403, "forbidden");
        }
        (await server.Send("PATCH", "/v1/orgs/owned", """{"name":"owned-too"}""")).Is(200);
        (await other.Get("/v1/config/app.x", mine)).Is(200);
        (await other.Get("/v1/orgs/owned", mine)).Is(200);
        // its owner may close it, and only the operator opens it
        (await other.Post("/v1/orgs/owned-too/archive", "{}", mine)).Is(200);
        (await server.Get("/v1/config/app.x", mine)).IsProblem(410, "gone");
        (await server.Get("/v1/orgs/owned", mine)).Is(200);
        (await server.Post("/v1/orgs/owned/unarchive", "{}", mine)).IsProblem(403, "forbidden");
        (await server.Post("/v1/orgs/owned/unarchive", "{}")).Is(200);
        // nothing that verifies a token is in the journal
        Assert.DoesNotContain(made["token"].GetString()!, (await server.Get("/v1/events", Org("owned"))).Is(200).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{}""", "member.required@/name")]
    [InlineData("""{"name":"Acme"}""", "org.name@/name")]
    [InlineData("""{"name":"a_b"}""", "org.name@/name")]
    [InlineData("""{"name":"a\u202eb"}""", "org.name@/name")]
    [InlineData("""{"name":"a\nb"}""", "org.name@/name")]
    [InlineData("""{"name":""}""", "org.name@/name")]
    [InlineData("""{"name":"x","environments":[]}""", "environment.none@/environments")]
    [InlineData("""{"name":"x","environments":["a","a"]}""", "environment.repeated@/environments/1")]
    [InlineData("""{"name":"x","environments":["a","b c"]}""", "environment.name@/environments/1")]
    [InlineData("""{"name":"x","default_environment":"qa"}""", "environment.unknown@/default_environment")]
    [InlineData("""{"name":"x","archived":true}""", "member.unknown@/archived")]
    public async Task A_body_that_breaks_a_rule_makes_nothing(string body, string problem) =>
        (await server.Post("/v1/orgs", body)).IsProblem(400, "invalid", problem);

    [Fact]
    public async Task A_name_is_given_once_and_a_retry_gets_the_first_answer()
    {
        var key = ("Idempotency-Key", "make-once");
        var first = (await server.Post("/v1/orgs", """{"name":"once"}""", key)).Is(201);
        // but for the token, which is shown once
        Assert.Equal(first.Text.Split(",\"token\":")[0] + "}", (await server.Post("/v1/orgs", """{"name":"once"}""", key)).Is(201).Text);
        (await server.Post("/v1/orgs", """{"name":"once","environments":["a"]}""", key)).IsProblem(409, "idempotency_conflict");
        (await server.Post("/v1/orgs", """{"name":"once"}""")).IsProblem(409, "conflict", "org.name_taken@/name");
        (await server.Post("/v1/orgs", """{"name":"once"}""", ("Idempotency-Key", "another"))).IsProblem(409, "conflict", "org.name_taken@/name");
        (await server.Post("/v1/orgs", """{"name":"default"}""")).IsProblem(409, "conflict", "org.name_taken@/name");
    }

    [Fact]
    public async Task Of_many_who_make_the_same_name_at_once_one_does()
    {
        await using var other = await server.Another();
        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => (i % 2 == 0 ? server : other).Post("/v1/orgs", """{"name":"raced"}""")));
        Assert.Single(answers, answer => (int)answer.Status == 201);
        Assert.All(answers.Where(answer => (int)answer.Status != 201), answer => answer.IsProblem(409, "conflict", "org.name_taken@/name"));
        // twins with one key are one
        var key = ("Idempotency-Key", "twins");
        var twins = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => (i % 2 == 0 ? server : other).Post("/v1/orgs", """{"name":"twins"}""", key)));
        Assert.Single(twins.Select(answer => answer.Is(201)["token_id"].GetString()).Distinct());
        Assert.Single(twins, answer => answer.Json.TryGetProperty("token", out _));
        // nothing is left in memory of those that lost
        Assert.DoesNotContain(server.Journal.Orgs, org => org.State.Revision == 0);
    }

    [Fact]
    public async Task A_renamed_organization_answers_to_both_names_and_nobody_else_gets_the_old_one()
    {
        await using var other = await server.Another();
        var id = (await server.Post("/v1/orgs", """{"name":"old-name"}""")).Is(201)["id"].GetInt32();
        (await other.Put("app.x", """{"value":1}""", "", Org("old-name"))).Is(200);
        var renamed = (await server.Send("PATCH", "/v1/orgs/old-name", """{"name":"new-name","change_log":"merger"}""")).Is(200);
        Assert.Equal(("new-name", id, 2), (renamed["name"].GetString(), renamed["id"].GetInt32(), renamed["version"].GetInt32()));
        Assert.Equal("""["old-name"]""", renamed["former_names"].GetRawText());
        foreach (var name in (string[])["old-name", "new-name"])
            foreach (var node in (HttpServer[])[server, other])
            {
                Assert.Equal("1", (await node.Get("/v1/config/app.x", Org(name))).Is(200)["value"].GetRawText());
                Assert.Equal("new-name", (await node.Get($"/v1/orgs/{name}")).Is(200)["name"].GetString());
            }
        (await server.Post("/v1/orgs", """{"name":"old-name"}""")).IsProblem(409, "conflict", "org.name_taken@/name");
        (await server.Post("/v1/orgs", """{"name":"third"}""")).Is(201);
        foreach (var taken in (string[])["old-name", "new-name"])
            (await other.Send("PATCH", "/v1/orgs/third", $$"""{"name":"{{taken}}"}""")).IsProblem(409, "conflict", "org.name_taken@/name");
        // a refused rename is not in the way of what comes after it
        (await other.Put("app.x", """{"value":1}""", "", Org("third"))).Is(200);
        (await other.Send("PATCH", "/v1/orgs/new-name", """{"name":"old-name"}""")).Is(200);
        (await server.Send("PATCH", "/v1/orgs/nowhere", """{"name":"x"}""")).IsProblem(404, "not_found", "org.unknown@path:name");
        (await server.Send("PATCH", "/v1/orgs/third", """{"name":"X"}""")).IsProblem(400, "invalid", "org.name@/name");
    }

    [Fact]
    public async Task An_archived_organization_is_gone_until_root_opens_it()
    {
        await using var other = await server.Another();
        (await server.Post("/v1/orgs", """{"name":"closing"}""")).Is(201);
        (await other.Put("app.x", """{"value":1}""", "", Org("closing"))).Is(200);
        (await server.Post("/v1/orgs/closing/archive", """{"change_log":"over"}""")).Is(200);
        Assert.True((await server.Post("/v1/orgs/closing/archive", "{}")).Is(200).Json.TryGetProperty("archived_at", out _));
        foreach (var node in (HttpServer[])[server, other])
        {
            foreach (var path in (string[])["/v1/config/app.x", "/v1/config", "/v1/config/app.x?version=1", "/v1/config/app.x/history", "/v1/environments", "/v1/settings", "/v1/events", "/v1/config?at=2026-01-01T00:00:00Z"])
                (await node.Get(path, Org("closing"))).IsProblem(410, "gone");
            (await node.Put("app.x", """{"value":2}""", "", Org("closing"))).IsProblem(410, "gone");
            (await node.Post("/v1/environments", """{"name":"qa"}""", Org("closing"))).IsProblem(410, "gone");
            (await node.Send("PATCH", "/v1/orgs/closing", """{"name":"other"}""")).IsProblem(410, "gone");
            (await node.Get("/v1/orgs/closing")).Is(200);
        }
        Assert.Contains("closing", Names(await server.Get("/v1/orgs?archived=true")));
        Assert.DoesNotContain("closing", Names(await server.Get("/v1/orgs")));
        var open = (await other.Post("/v1/orgs/closing/unarchive", "{}")).Is(200);
        Assert.False(open.Json.TryGetProperty("archived_at", out _));
        Assert.Equal("1", (await server.Get("/v1/config/app.x", Org("closing"))).Is(200)["value"].GetRawText());
        (await server.Post("/v1/orgs/default/archive", "{}")).IsProblem(409, "conflict");
    }

    [Fact]
    public async Task Who_watches_an_organization_that_is_archived_is_told_that_it_is_gone()
    {
        await Make("watched");
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server.Client.BaseAddress!, "/v1/watch")) { Headers = { { "Stele-Org", "watched" }, { "Authorization", $"Bearer {HttpServer.Token}" } } };
        using var client = new HttpClient();
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync());
        async Task<string> Line(string text)
        {
            while (await lines.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30)) is { } line)
                if (line.Contains(text, StringComparison.Ordinal)) return line;
            return "the stream ended";
        }
        Assert.Equal("event: synced", await Line("synced"));
        (await server.Post("/v1/orgs/watched/archive", "{}")).Is(200);
        Assert.Contains("\"code\":\"gone\"", await Line("\"code\":"), StringComparison.Ordinal);
        (await server.Get("/v1/watch", Org("watched"))).IsProblem(410, "gone");
    }

    [Fact]
    public async Task Organizations_are_listed_by_name_page_by_page()
    {
        foreach (var name in (string[])["page-c", "page-a", "page-b"]) (await server.Post("/v1/orgs", $$"""{"name":"{{name}}"}""")).Is(201);
        var (all, url) = (new List<string>(), "/v1/orgs?limit=1");
        while (true)
        {
            var page = (await server.Get(url)).Is(200);
            all.AddRange(Names(page));
            if (!page.Json.TryGetProperty("next_cursor", out var next)) break;
            url = $"/v1/orgs?limit=1&cursor={next.GetString()}";
        }
        Assert.Equal(all.Order(StringComparer.Ordinal), all);
        Assert.Equal(["page-a", "page-b", "page-c"], all.Where(name => name.StartsWith("page-", StringComparison.Ordinal)));
        Assert.Contains("default", all);
        var cursor = (await server.Get("/v1/orgs?limit=1")).Is(200)["next_cursor"].GetString();
        (await server.Get($"/v1/orgs?archived=true&cursor={cursor}")).IsProblem(400, "invalid", "cursor.mismatch@query:cursor");
        (await server.Get("/v1/orgs?archived=perhaps")).IsProblem(400, "invalid", "boolean@query:archived");
    }

    [Fact]
    public async Task Settings_are_shown_and_changed_on_the_version_that_was_seen()
    {
        await Make("settled");
        var first = (await server.Get("/v1/settings", Org("settled"))).Is(200);
        Assert.Equal("""{"default_environment":"development","protected_environments":[],"limits":{},"version":1,"revision":1}""", first.Text);
        var changed = (await server.Send("PATCH", "/v1/settings", """{"default_environment":"staging","protected_environments":["production"],"limits":{"environments.count":4},"expected_version":1}""", Org("settled"))).Is(200);
        Assert.Equal("""{"default_environment":"staging","protected_environments":["production"],"limits":{"environments.count":4},"version":2,"revision":2}""", changed.Text);
        (await server.Send("PATCH", "/v1/settings", """{"default_environment":"development","expected_version":1}""", Org("settled"))).IsProblem(409, "conflict", "expected_version@/expected_version");
        (await server.Send("PATCH", "/v1/settings", """{"protected_environments":["nowhere"]}""", Org("settled"))).IsProblem(400, "invalid", "environment.unknown@/protected_environments/0");
        (await server.Send("PATCH", "/v1/settings", """{"limits":{"no.limit":1,"environments.count":0}}""", Org("settled"))).IsProblem(400, "invalid", "member.unknown@/limits/no.limit", "member.range@/limits/environments.count");
        (await server.Post("/v1/environments", """{"name":"qa"}""", Org("settled"))).Is(201);
        (await server.Post("/v1/environments", """{"name":"more"}""", Org("settled"))).IsProblem(403, "quota_exceeded", "environments.count@/name");
        Assert.Equal("{}", (await server.Send("PATCH", "/v1/settings", """{"limits":{"environments.count":null}}""", Org("settled"))).Is(200)["limits"].GetRawText());
        (await server.Post("/v1/environments", """{"name":"more"}""", Org("settled"))).Is(201);
        await using var other = await server.Another();
        Assert.Equal("staging", (await other.Get("/v1/settings", Org("settled"))).Is(200)["default_environment"].GetString());
        // the row is what people query
        Assert.Contains("staging|production", await Rows("settled", "SELECT default_environment, array_to_string(protected_environments, ',') FROM stele.org_setting"));
    }

    [Fact]
    public async Task A_write_in_a_protected_environment_says_why()
    {
        await Make("guarded");
        (await server.Put("app.x", """{"value":1}""", "?env=production", Org("guarded"))).Is(200);
        (await server.Send("PATCH", "/v1/settings", """{"protected_environments":["production"]}""", Org("guarded"))).Is(200);
        (await server.Put("app.x", """{"value":2}""", "?env=production", Org("guarded"))).IsProblem(400, "invalid", "change_log.required@/change_log");
        (await server.Post("/v1/changes", """{"changes":[{"op":"set","key":"app.y","value":1},{"op":"set","key":"app.x","value":2,"environment":"production"}]}""", Org("guarded"))).IsProblem(400, "invalid", "change_log.required@/change_log");
        (await server.Post("/v1/rollback?env=production", """{"revision":1}""", Org("guarded"))).IsProblem(400, "invalid", "change_log.required@/change_log");
        (await server.Send("DELETE", "/v1/config/app.x?env=production", null, Org("guarded"))).IsProblem(400, "invalid", "change_log.required@query:change_log");
        (await server.Send("DELETE", $"/v1/config/app.x?env=production&change_log={new string('x', 4097)}", null, Org("guarded"))).IsProblem(400, "invalid", "change_log.length@query:change_log");
        (await server.Send("DELETE", "/v1/config/app.x?env=production&change_log=a%00b", null, Org("guarded"))).IsProblem(400, "invalid", "change_log.characters@query:change_log");
        (await server.Put("app.x", """{"value":2,"change_log":"incident 7"}""", "?env=production", Org("guarded"))).Is(200);
        (await server.Send("DELETE", $"/v1/config/app.x?env=production&change_log={new string('x', 4096)}", null, Org("guarded"))).Is(200);
        (await server.Put("app.x", """{"value":2}""", "", Org("guarded"))).Is(200);
        Assert.True((await server.Get("/v1/environments/production", Org("guarded"))).Is(200)["protected"].GetBoolean());
        (await server.Send("PATCH", "/v1/settings", """{"protected_environments":[]}""", Org("guarded"))).IsProblem(400, "invalid", "change_log.required@/change_log");
        (await server.Send("PATCH", "/v1/settings", """{"protected_environments":[],"change_log":"done"}""", Org("guarded"))).Is(200);
    }

    [Fact]
    public async Task Environments_are_described_and_put_in_order()
    {
        await Make("ordered");
        var described = (await server.Send("PATCH", "/v1/environments/staging", """{"description":"before production","expected_version":1}""", Org("ordered"))).Is(200);
        Assert.Equal(("before production", 2), (described["description"].GetString(), described["version"].GetInt32()));
        (await server.Send("PATCH", "/v1/environments/staging", """{"description":null,"expected_version":1}""", Org("ordered"))).IsProblem(409, "conflict", "expected_version@/expected_version");
        (await server.Send("PATCH", "/v1/environments/staging", $$"""{"description":"{{new string('x', 1025)}}"}""", Org("ordered"))).IsProblem(400, "invalid", "description.length@/description");
        (await server.Send("PATCH", "/v1/environments/nowhere", """{"description":null}""", Org("ordered"))).IsProblem(404, "not_found", "environment.unknown@path:name");
        var order = (await server.Post("/v1/environments/reorder", """{"order":["production","development","staging"]}""", Org("ordered"))).Is(200);
        Assert.Equal(["production", "development", "staging"], Names(order));
        (await server.Post("/v1/environments/reorder", """{"order":["production","development"]}""", Org("ordered"))).IsProblem(409, "conflict", "order.incomplete@/order");
        (await server.Post("/v1/environments/reorder", """{"order":["production","development","staging","staging"]}""", Org("ordered"))).IsProblem(400, "invalid", "environment.repeated@/order/3");
        await using var other = await server.Another();
        Assert.Equal(order["items"].GetRawText(), (await other.Get("/v1/environments", Org("ordered"))).Is(200)["items"].GetRawText());
        // pages follow the order
        var page = (await server.Get("/v1/environments?limit=2", Org("ordered"))).Is(200);
        Assert.Equal(["staging"], Names(await server.Get($"/v1/environments?limit=2&cursor={page["next_cursor"].GetString()}", Org("ordered"))));
        (await server.Get("/v1/environments/reorder", Org("ordered"))).IsProblem(404, "not_found", "environment.unknown@path:name");
    }

    [Fact]
    public async Task A_deleted_environment_takes_its_keys_along_and_leaves_its_past()
    {
        await Make("shrinking");
        var before = (await server.Put("app.x", """{"value":1}""", "?env=staging", Org("shrinking"))).Is(200)["revision"].GetInt64();
        (await server.Put("app.y", """{"value":2}""", "?env=staging", Org("shrinking"))).Is(200);
        (await server.Send("DELETE", "/v1/environments/staging", null, Org("shrinking"))).IsProblem(400, "invalid", "environment.confirm@query:confirm");
        (await server.Send("DELETE", "/v1/environments/staging?confirm=stagin", null, Org("shrinking"))).IsProblem(400, "invalid", "environment.confirm@query:confirm");
        (await server.Send("DELETE", "/v1/environments/development?confirm=development", null, Org("shrinking"))).IsProblem(409, "conflict", "environment.default@path:name");
        var key = ("Idempotency-Key", "delete-once");
        var deleted = (await server.Send("DELETE", "/v1/environments/staging?confirm=staging&change_log=tidy", null, Org("shrinking"), key)).Is(200);
        Assert.Equal((2, 2), (deleted["configs"].GetInt32(), deleted["version"].GetInt32()));
        Assert.Equal(deleted.Text, (await server.Send("DELETE", "/v1/environments/staging?confirm=staging&change_log=tidy", null, Org("shrinking"), key)).Is(200).Text);
        await using var other = await server.Another();
        foreach (var node in (HttpServer[])[server, other])
        {
            foreach (var path in (string[])["/v1/config/app.x?env=staging", "/v1/config?env=staging", "/v1/diff?from=staging&to=production"])
                (await node.Get(path, Org("shrinking"))).Is(404);
            (await node.Put("app.x", """{"value":3}""", "?env=staging", Org("shrinking"))).IsProblem(404, "not_found");
            Assert.Equal(2, (await node.Get("/v1/config/app.x/history?env=staging", Org("shrinking"))).Is(200)["items"].GetArrayLength());
            Assert.Equal("1", (await node.Get("/v1/config/app.x?env=staging&version=1", Org("shrinking"))).Is(200)["value"].GetRawText());
            Assert.Equal("1", (await node.Get($"/v1/config/app.x?env=staging&revision={before}", Org("shrinking"))).Is(200)["value"].GetRawText());
            Assert.Equal(1, (await node.Get($"/v1/config?env=staging&revision={before}", Org("shrinking"))).Is(200)["items"].GetArrayLength());
            Assert.Equal(1, (await node.Get($"/v1/diff?from=staging@{before}&to=production", Org("shrinking"))).Is(200)["items"].GetArrayLength());
        }
        Assert.Equal(["development", "production"], Names(await server.Get("/v1/environments", Org("shrinking"))));
        // the name comes back, and its versions go on
        Assert.Equal(3, (await other.Post("/v1/environments", """{"name":"staging"}""", Org("shrinking"))).Is(201)["version"].GetInt32());
        (await other.Get("/v1/config/app.x?env=staging", Org("shrinking"))).IsProblem(404, "not_found", "key.unknown@path:key");
        Assert.Equal(3, (await other.Put("app.x", """{"value":3}""", "?env=staging", Org("shrinking"))).Is(200)["version"].GetInt32());
        Assert.Equal(3, (await server.Get("/v1/config/app.x/history?env=staging", Org("shrinking"))).Is(200)["items"].GetArrayLength());
    }

    async Task Make(string name) => (await server.Post("/v1/orgs", $$"""{"name":"{{name}}"}""")).Is(201);

    async Task<List<string>> Rows(string org, string sql)
    {
        var id = (await server.Get($"/v1/orgs/{org}")).Is(200)["id"].GetInt32();
        return await server.Rows(sql, new OrgId(id));
    }

    static List<string> Names(HttpAnswer answer) => [.. answer.Is(200)["items"].EnumerateArray().Select(item => item.GetProperty("name").GetString()!)];
}
