using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Secrets;

/// <summary>Whatever is altered in the database, by who may do anything there: integrity, an alarm in the audit log, and never other bytes.</summary>
public sealed class SecretIntegrityTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Theory]
    [InlineData("nonce", "UPDATE stele.secret_value SET ciphertext = set_byte(ciphertext, 3, get_byte(ciphertext, 3) # 1) WHERE path = 'P'")]
    [InlineData("cipher", "UPDATE stele.secret_value SET ciphertext = set_byte(ciphertext, 14, get_byte(ciphertext, 14) # 1) WHERE path = 'P'")]
    [InlineData("tag", "UPDATE stele.secret_value SET ciphertext = set_byte(ciphertext, octet_length(ciphertext) - 1, get_byte(ciphertext, octet_length(ciphertext) - 1) # 128) WHERE path = 'P'")]
    [InlineData("short", "UPDATE stele.secret_value SET ciphertext = substr(ciphertext, 1, 28) WHERE path = 'P'")]
    [InlineData("gone", "DELETE FROM stele.secret_value WHERE path = 'P'")]
    [InlineData("key_gone", "DELETE FROM stele.secret_key k USING stele.secret_value v WHERE v.value_id = k.value_id AND v.path = 'P'")]
    [InlineData("key", "UPDATE stele.secret_key k SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1) FROM stele.secret_value v WHERE v.value_id = k.value_id AND v.path = 'P'")]
    [InlineData("key_short", "UPDATE stele.secret_key k SET wrapped = ''::bytea FROM stele.secret_value v WHERE v.value_id = k.value_id AND v.path = 'P'")]
    [InlineData("key_of_another", "UPDATE stele.secret_key k SET wrapped = o.wrapped FROM stele.secret_key o, stele.secret_value v, stele.secret_value w WHERE v.value_id = k.value_id AND v.path = 'P' AND w.path = 'other' AND o.value_id = w.value_id")]
    [InlineData("value_of_another", "UPDATE stele.secret_value v SET ciphertext = w.ciphertext FROM stele.secret_value w WHERE v.path = 'P' AND w.path = 'other'")]
    [InlineData("id_of_another", "UPDATE stele.secret_version v SET value_id = w.value_id FROM stele.secret_value w WHERE v.path = 'P' AND w.path = 'other'")]
    [InlineData("id_in_current", "UPDATE stele.secret v SET value_id = w.value_id FROM stele.secret_value w WHERE v.path = 'P' AND w.path = 'other'")]
    [InlineData("older_version", "UPDATE stele.secret_version v SET value_id = w.value_id FROM stele.secret_value w WHERE v.path = 'P' AND v.version = 2 AND w.path = 'P' AND w.version = 1; UPDATE stele.secret v SET value_id = w.value_id FROM stele.secret_value w WHERE v.path = 'P' AND w.path = 'P' AND w.version = 1")]
    [InlineData("path", "UPDATE stele.secret_version SET path = 'P-old' WHERE path = 'P' AND version = 2; UPDATE stele.secret_version SET path = 'P', version = 2 WHERE path = 'other' AND version = (SELECT max(version) FROM stele.secret_version WHERE path = 'other')")]
    [InlineData("environment", "UPDATE stele.secret SET environment = 'staging' WHERE path = 'P'; UPDATE stele.secret_version SET environment = 'staging' WHERE path = 'P'", "staging")]
    public async Task What_was_altered_is_not_given_out(string name, string sql, string environment = "development")
    {
        var path = $"tampered-{name}";
        (await server.Send("PUT", "/v1/secrets/other", $$"""{"value":"of another {{name}}"}""")).Is(200);
        await server.Execute("DELETE FROM stele.secret_value WHERE path = 'other' AND version < (SELECT max(version) FROM stele.secret_value WHERE path = 'other')");
        (await server.Send("PUT", $"/v1/secrets/{path}", """{"value":"one"}""")).Is(200);
        (await server.Send("PUT", $"/v1/secrets/{path}", """{"value":"two"}""")).Is(200);
        await server.Execute("SET session_replication_role = replica; " + sql.Replace("'P", "'" + path, StringComparison.Ordinal));
        // one that has nothing in mind
        await using var fresh = await server.Another();
        var answer = (await fresh.Get($"/v1/secrets/{path}?env={environment}")).IsProblem(500, "integrity");
        Assert.DoesNotContain("one\"", answer.Text);
        Assert.DoesNotContain("two\"", answer.Text);
        Assert.DoesNotContain("of another", answer.Text);
        Assert.Equal([$"secret/{environment}/{path}|refused|integrity"], await server.Rows($"SELECT target, outcome, code FROM stele.audit_entry WHERE action = 'secret.integrity' AND target LIKE '%{path}'"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("?version=2")]
    public async Task The_value_of_an_older_version_is_not_given_out_for_the_current_one_whose_row_was_taken_away(string query)
    {
        var path = $"taken/{query.Length}";
        foreach (var value in (string[])["one", "two"]) (await server.Send("PUT", $"/v1/secrets/{path}", $$"""{"value":"{{value}}"}""")).Is(200);
        await server.Execute($"SET session_replication_role = replica; DELETE FROM stele.secret_version WHERE path = '{path}' AND version = 2");
        await using var fresh = await server.Another();
        Assert.DoesNotContain("\"one\"", (await fresh.Get($"/v1/secrets/{path}{query}")).IsProblem(500, "integrity").Text);
    }

    [Fact]
    public async Task A_key_version_that_is_altered_or_of_another_org_opens_nothing()
    {
        (await server.Send("PUT", "/v1/secrets/keyed", """{"value":"one"}""")).Is(200);
        await server.Execute("INSERT INTO stele.secret_org_key (org_id, version, provider, key_id, provider_version, salt) SELECT org_id, 99, provider, key_id, provider_version, salt FROM stele.secret_org_key WHERE org_id = 1 AND version = 1");
        await server.Execute("UPDATE stele.secret_key k SET key_version = 99 FROM stele.secret_value v WHERE v.value_id = k.value_id AND v.path = 'keyed'");
        await using var fresh = await server.Another();
        (await fresh.Get("/v1/secrets/keyed")).IsProblem(500, "integrity");
        await server.Execute("UPDATE stele.secret_key k SET key_version = 1 FROM stele.secret_value v WHERE v.value_id = k.value_id AND v.path = 'keyed'; DELETE FROM stele.secret_org_key WHERE version = 99");
        Assert.Equal("one", (await fresh.Get("/v1/secrets/keyed")).Is(200)["value"].GetString());
    }

    [Fact]
    public async Task Rows_that_are_moved_between_orgs_open_nothing()
    {
        (await server.Post("/v1/orgs", """{"name":"thief"}""")).Is(201);
        (await server.Send("PUT", "/v1/secrets/loot", """{"value":"of the default org"}""")).Is(200);
        (await server.Send("PUT", "/v1/secrets/loot", """{"value":"of the thief"}""", ("Stele-Org", "thief"))).Is(200);
        await server.Execute("""
            SET session_replication_role = replica;
            UPDATE stele.secret_value v SET ciphertext = w.ciphertext FROM stele.secret_value w WHERE v.path = 'loot' AND w.path = 'loot' AND v.org_id <> 1 AND w.org_id = 1;
            UPDATE stele.secret_key k SET wrapped = l.wrapped FROM stele.secret_key l, stele.secret_value v, stele.secret_value w
            WHERE k.value_id = v.value_id AND l.value_id = w.value_id AND v.path = 'loot' AND w.path = 'loot' AND v.org_id <> 1 AND w.org_id = 1;
            """);
        await using var fresh = await server.Another();
        (await fresh.Get("/v1/secrets/loot", ("Stele-Org", "thief"))).IsProblem(500, "integrity");
        Assert.Equal("of the default org", (await fresh.Get("/v1/secrets/loot")).Is(200)["value"].GetString());
    }
}
