using System.Text.Json;
using Stele.Server.Secrets.Keys;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Secrets;

/// <summary>Keys rotate, data keys follow in steps beside reads and writes, and an old key ends when nothing needs it.</summary>
public sealed class KeyRotationTests
{
    [Fact]
    public async Task Data_keys_move_to_the_newest_version_in_steps_and_the_old_one_is_retired_after_them()
    {
        await using var server = new HttpServer();
        await server.InitializeAsync(keyFile: NewFile());
        for (var i = 0; i < 7; i++) (await server.Send("PUT", $"/v1/secrets/s{i}", $$"""{"value":"value {{i}}"}""")).Is(200);
        var ciphertexts = await server.Rows("SELECT encode(ciphertext, 'hex') FROM stele.secret_value ORDER BY value_id");
        (await server.Post("/v1/keys/retire", """{"version":1}""")).IsProblem(409, "conflict", "key.newest@/version");
        var rotated = (await server.Send("POST", "/v1/keys/rotate", null)).Is(200);
        Assert.Equal([1, 2], rotated["versions"].EnumerateArray().Select(version => version.GetProperty("version").GetInt32()));
        // written by the new one, read by the old one
        (await server.Send("PUT", "/v1/secrets/s7", """{"value":"value 7"}""")).Is(200);
        (await server.Post("/v1/keys/retire", """{"version":1}""")).IsProblem(409, "conflict", "key.needed@/version");
        // seven values, and the key of digests
        var steps = new List<(int, long)>();
        for (var remaining = 1L; remaining > 0;)
        {
            var step = (await server.Post("/v1/keys/rewrap", """{"limit":3}""")).Is(200);
            remaining = step["remaining"].GetInt64();
            steps.Add((step["moved"].GetInt32(), remaining));
            for (var i = 0; i < 8; i++) Assert.Equal($"value {i}", (await server.Get($"/v1/secrets/s{i}")).Is(200)["value"].GetString());
        }
        Assert.Equal([(3, 5), (3, 2), (2, 0)], steps);
        Assert.Equal(ciphertexts, (await server.Rows("SELECT encode(ciphertext, 'hex') FROM stele.secret_value ORDER BY value_id")).Where(ciphertexts.Contains));
        Assert.Equal([(1, 0L), (2, 9L)], (await server.Get("/v1/keys")).Is(200)["organization_keys"].EnumerateArray().Select(key => (key.GetProperty("version").GetInt32(), key.GetProperty("data_keys").GetInt64())));
        // a backup of yesterday still needs it
        (await server.Post("/v1/keys/retire", """{"version":1}""")).IsProblem(409, "conflict", "key.needed@/version");
        await server.Execute("UPDATE stele.secret_org_key SET unused_since = now() - interval '31 days' WHERE unused_since IS NOT NULL");
        Assert.Equal([2], (await server.Post("/v1/keys/retire", """{"version":1}""")).Is(200)["versions"].EnumerateArray().Select(version => version.GetProperty("version").GetInt32()));
        for (var i = 0; i < 8; i++) Assert.Equal($"value {i}", (await server.Get($"/v1/secrets/s{i}")).Is(200)["value"].GetString());
        Assert.Equal(["key.retired", "key.rotated"], await server.Rows("SELECT DISTINCT action FROM stele.audit_entry WHERE action LIKE 'key.%' ORDER BY 1"));
        (await server.Post("/v1/keys/rewrap", """{"limit":10001}""")).IsProblem(400, "invalid", "member.range@/limit");
    }

    [Fact]
    public async Task A_key_that_is_used_up_is_followed_by_the_next_version_by_itself()
    {
        await using var server = new HttpServer();
        await server.InitializeAsync(keyFile: NewFile());
        (await server.Send("PUT", "/v1/secrets/a", """{"value":"before"}""")).Is(200);
        // all that it may wrap, but for what this node has taken already
        await server.Execute($"UPDATE stele.secret_org_key SET wraps = {1 << 30}");
        await using var other = await server.Another();
        (await other.Send("PUT", "/v1/secrets/b", """{"value":"after"}""")).Is(200);
        Assert.Equal(["1", "2"], await server.Rows("SELECT version::text FROM stele.secret_org_key ORDER BY version"));
        Assert.Equal(["2"], await server.Rows("SELECT k.key_version::text FROM stele.secret_key k JOIN stele.secret_value v USING (org_id, value_id) WHERE v.path = 'b'"));
        foreach (var node in (HttpServer[])[server, other])
        {
            Assert.Equal("before", (await node.Get("/v1/secrets/a")).Is(200)["value"].GetString());
            Assert.Equal("after", (await node.Get("/v1/secrets/b")).Is(200)["value"].GetString());
        }
    }

    [Fact]
    public async Task Without_its_key_a_secret_is_unavailable_and_nothing_else_is_tried()
    {
        var file = NewFile();
        await using var server = new HttpServer();
        await server.InitializeAsync(keyFile: file);
        (await server.Send("PUT", "/v1/secrets/lost", """{"value":"v"}""")).Is(200);
        await using var stranger = await server.Another(keyFile: NewFile());
        (await stranger.Get("/v1/secrets/lost")).IsProblem(503, "unavailable");
        await using var none = await server.Another(keyFile: file + "-none");
        (await none.Send("PUT", "/v1/secrets/new", """{"value":"v"}""")).IsProblem(503, "unavailable");
        (await none.Get("/v1/secrets/new")).IsProblem(404, "not_found");
        Assert.Equal("v", (await server.Get("/v1/secrets/lost")).Is(200)["value"].GetString());
    }

    static string NewFile()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("stele-keys-").FullName, "keys");
        KeyFile.MakeIfMissing(path);
        return path;
    }
}
