using System.Text;
using Stele.Core.Access;
using Stele.Core.Webhooks;
using Stele.Server.Tests.Access;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Outbound.Webhooks;

/// <summary>Webhooks over HTTP: made, shown, changed, removed, refused.</summary>
public sealed class WebhookHttpTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task A_webhook_is_made_shown_changed_and_removed()
    {
        var made = (await server.Post("/v1/webhooks", """{"url":"https://example.com/a","description":"for ß","environment":"staging","prefixes":["app.","b"],"kinds":["config","secret"],"enabled":false}""")).Is(201);
        var path = $"/v1/webhooks/{made["id"].GetString()}";
        Assert.StartsWith("whsec_", made["secret"].GetString());
        Assert.Equal(32, Convert.FromBase64String(made["secret"].GetString()!["whsec_".Length..]).Length);
        var shown = (await server.Get(path)).Is(200);
        Assert.False(shown.Json.TryGetProperty("secret", out _));
        Assert.Equal(("https://example.com/a", "for ß", "staging", false, 1), (shown["url"].GetString(), shown["description"].GetString(), shown["environment"].GetString(), shown["enabled"].GetBoolean(), shown["version"].GetInt32()));
        Assert.Equal(["app.", "b"], shown["prefixes"].EnumerateArray().Select(prefix => prefix.GetString()!));
        Assert.Equal(["config", "secret"], shown["kinds"].EnumerateArray().Select(kind => kind.GetString()!));
        Assert.Equal("org", shown["owner"].GetProperty("kind").GetString());
        Assert.True(shown["delivery"].GetProperty("revision").GetInt64() > 0);

        var changed = (await server.Send("PUT", path, """{"environment":null,"description":null,"expected_version":1}""")).Is(200);
        Assert.Equal((System.Text.Json.JsonValueKind.Null, System.Text.Json.JsonValueKind.Null, 2), (changed["environment"].ValueKind, changed["description"].ValueKind, changed["version"].GetInt32()));
        (await server.Send("PUT", path, """{"enabled":true,"expected_version":1}""")).Is(409);
        Assert.Contains(made["id"].GetString(), (await server.Get("/v1/webhooks")).Is(200).Keys("id"));
        (await server.Send("DELETE", path, null)).Is(204);
        (await server.Get(path)).Is(404);
        (await server.Post(path + "/replay", """{"after_revision":1}""")).Is(404);
        foreach (var table in (string[])["webhook", "webhook_secret", "webhook_place", "webhook_letter"])
            Assert.Equal(["0"], await server.Rows($"SELECT count(*) FROM stele.{table} WHERE webhook_id = '{made["id"].GetString()}'"));
    }

    [Fact]
    public async Task A_secret_is_shown_once_and_is_nowhere_else()
    {
        var key = ("Idempotency-Key", Guid.NewGuid().ToString());
        var made = (await server.Post("/v1/webhooks", """{"url":"https://example.com/b"}""", key)).Is(201);
        var again = (await server.Post("/v1/webhooks", """{"url":"https://example.com/b"}""", key)).Is(201);
        Assert.Equal(made["id"].GetString(), again["id"].GetString());
        Assert.False(again.Json.TryGetProperty("secret", out _));
        var rotated = (await server.Post($"/v1/webhooks/{made["id"].GetString()}/rotate", "{}")).Is(200);
        Assert.NotEqual(made["secret"].GetString(), rotated["secret"].GetString());
        foreach (var secret in (string[])[made["secret"].GetString()!, rotated["secret"].GetString()!])
        {
            var bytes = Convert.FromBase64String(secret["whsec_".Length..]);
            Assert.DoesNotContain(secret["whsec_".Length..], (await server.Get("/v1/events?limit=1000")).Is(200).Text, StringComparison.Ordinal);
            Assert.Equal(["0"], await server.Rows($"SELECT count(*) FROM stele.event WHERE position('\\x{Convert.ToHexString(bytes)}'::bytea in data) > 0"));
            Assert.Equal(["0"], await server.Rows($"SELECT count(*) FROM stele.webhook_secret WHERE position('\\x{Convert.ToHexString(bytes)}'::bytea in secret) > 0"));
        }
        await using var owner = await server.As();
        Assert.Equal(["stele_app", "stele_backup", "stele_owner"], await owner.Rows(
            "SELECT rolname FROM pg_roles WHERE rolname IN ('stele_app', 'stele_backup', 'stele_owner', 'stele_reader', 'stele_tail', 'stele_journal') AND has_table_privilege(oid, 'stele.webhook_secret', 'SELECT') ORDER BY 1"));
    }

    [Theory]
    [InlineData("""{}""", "/url", "member.required")]
    [InlineData("""{"url":"https://10.0.0.1/"}""", "/url", "url.address")]
    [InlineData("""{"url":"https://[::ffff:169.254.169.254]/latest/meta-data"}""", "/url", "url.address")]
    [InlineData("""{"url":"https://a:b@example.com"}""", "/url", "url.credentials")]
    [InlineData("""{"url":"https://example.com","kinds":[]}""", "/kinds", "kinds.value")]
    [InlineData("""{"url":"https://example.com","kinds":["job"]}""", "/kinds/0", "kinds.value")]
    [InlineData("""{"url":"https://example.com","prefixes":["a b"]}""", "/prefixes/0", "prefix.characters")]
    [InlineData("""{"url":"https://example.com","environment":"nowhere"}""", "/environment", "environment.unknown")]
    [InlineData("""{"url":"https://example.com","secret":"mine"}""", "/secret", "member.unknown")]
    [InlineData("""{"url":"https://example.com","service_account":"0197c7a0-0000-7000-8000-000000000000"}""", "/service_account", "service_account.unknown")]
    public async Task What_is_wrong_is_said(string body, string pointer, string rule)
    {
        var error = (await server.Post("/v1/webhooks", body)).Is(400)["errors"][0];
        Assert.Equal((pointer, rule), (error.GetProperty("pointer").GetString(), error.GetProperty("rule").GetString()));
    }

    [Fact]
    public async Task So_many_prefixes_and_not_one_more()
    {
        string Body(long count) => $$"""{"url":"https://example.com","enabled":false,"prefixes":[{{string.Join(',', Enumerable.Range(0, (int)count).Select(n => $"\"p{n}\""))}}]}""";
        var made = (await server.Post("/v1/webhooks", Body(WebhookLimits.Prefixes.Value))).Is(201);
        Assert.Equal("prefixes.count", (await server.Post("/v1/webhooks", Body(WebhookLimits.Prefixes.Value + 1))).Is(400)["errors"][0].GetProperty("rule").GetString());
        (await server.Send("DELETE", $"/v1/webhooks/{made["id"].GetString()}", null)).Is(204);
    }

    [Fact]
    public async Task A_body_is_as_large_as_may_be_and_one_byte_more_is_refused()
    {
        const string Body = """{"url":"https://example.com","enabled":false}""";
        string Padded(long bytes) => Body + new string(' ', (int)bytes - Body.Length);
        var made = (await server.Post("/v1/webhooks", Padded(WebhookLimits.BodyBytes.Value))).Is(201);
        var path = $"/v1/webhooks/{made["id"].GetString()}";
        foreach (var (method, at) in ((string, string)[])[("POST", "/v1/webhooks"), ("PUT", path), ("POST", path + "/rotate"), ("POST", path + "/replay")])
        {
            var refused = (await server.Send(method, at, Padded(WebhookLimits.BodyBytes.Value + 1))).Is(413);
            Assert.Equal(("too_large", "webhooks.body_bytes"), (refused["code"].GetString(), refused["errors"][0].GetProperty("rule").GetString()));
        }
        (await server.Send("DELETE", path, null)).Is(204);
    }

    [Fact]
    public async Task Secrets_overlap_for_so_long_and_not_longer()
    {
        var path = $"/v1/webhooks/{(await server.Post("/v1/webhooks", """{"url":"https://example.com","enabled":false}""")).Is(201)["id"].GetString()}";
        (await server.Post(path + "/rotate", $$"""{"overlap_seconds":{{WebhookLimits.OverlapSeconds.Value}}}""")).Is(200);
        Assert.Equal("overlap_seconds", (await server.Post(path + "/rotate", $$"""{"overlap_seconds":{{WebhookLimits.OverlapSeconds.Value + 1}}}""")).Is(400)["errors"][0].GetProperty("rule").GetString());
        (await server.Send("DELETE", path, null)).Is(204);
    }

    [Fact]
    public async Task Reading_and_writing_are_two_permissions()
    {
        var id = (await server.Post("/v1/webhooks", """{"url":"https://example.com/c","enabled":false}""")).Is(201)["id"].GetString();
        var (reader, _) = await server.NewToken(AccessServer.Scopes("webhook:read"));
        var (none, _) = await server.NewToken(AccessServer.Scopes("config:read"));
        foreach (var path in (string[])["/v1/webhooks", $"/v1/webhooks/{id}", $"/v1/webhooks/{id}/deliveries", $"/v1/webhooks/{id}/dead-letters"])
        {
            (await server.Get(path, AccessServer.As(reader))).Is(200);
            (await server.Get(path, AccessServer.As(none))).Is(403);
        }
        foreach (var (method, path, body) in ((string, string, string?)[])
            [
                ("POST", "/v1/webhooks", """{"url":"https://example.com"}"""), ("PUT", $"/v1/webhooks/{id}", "{}"), ("DELETE", $"/v1/webhooks/{id}", null), ("POST", $"/v1/webhooks/{id}/rotate", "{}"),
                ("POST", $"/v1/webhooks/{id}/test", "{}"), ("POST", $"/v1/webhooks/{id}/resume", "{}"), ("POST", $"/v1/webhooks/{id}/replay", """{"after_revision":0}"""),
                ("POST", $"/v1/webhooks/{id}/deliveries/1/redeliver", "{}"), ("POST", $"/v1/webhooks/{id}/dead-letters/discard", "{}"),
            ])
            (await server.Send(method, path, body, AccessServer.As(reader))).Is(403);
        Assert.Contains("webhook.set", (await server.Get("/v1/events?limit=1000", AccessServer.As((await server.NewToken(AccessServer.Scopes("journal:read", "webhook:read"))).Token))).Is(200).Text, StringComparison.Ordinal);
        Assert.DoesNotContain("webhook.set", (await server.Get("/v1/events?limit=1000", AccessServer.As((await server.NewToken(AccessServer.Scopes("journal:read"))).Token))).Is(200).Text, StringComparison.Ordinal);
    }
}
