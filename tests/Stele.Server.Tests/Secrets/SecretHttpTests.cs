using System.Text;
using System.Text.Json;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Secrets;

/// <summary>Secrets over HTTP: versions, conditions, deletions that can be taken back, destructions that cannot.</summary>
public sealed class SecretHttpTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task A_value_comes_back_as_it_was_given_and_no_write_shows_it()
    {
        var put = (await Put("web/password", """{"value":"p\u00e4ss \"w\" \\ \u0001 /","metadata":{"owner":"team-a"},"change_log":"first"}""")).Is(200);
        Assert.Equal(("web/password", "development", 1), (put["path"].GetString(), put["environment"].GetString(), put["version"].GetInt32()));
        Assert.Equal("root", put["created_by"].GetString());
        Assert.Equal("team-a", put["metadata"].GetProperty("owner").GetString());
        Assert.DoesNotContain("value", put.Json.EnumerateObject().Select(member => member.Name));
        var got = (await server.Get("/v1/secrets/web/password")).Is(200);
        Assert.Equal("päss \"w\" \\ \u0001 /", got["value"].GetString());
        Assert.Equal("no-store", got.Headers["Cache-Control"]);
        Assert.Equal((put["version"].GetInt32(), put["revision"].GetInt64(), put.Headers["ETag"]), (got["version"].GetInt32(), got["revision"].GetInt64(), got.Headers["ETag"]));
        (await server.Get("/v1/secrets/web%2Fpassword", ("If-None-Match", got.Headers["ETag"]))).Is(304);
        // what is known of it, without the value
        var known = (await server.Get("/v1/secrets/web/password?value=false")).Is(200);
        Assert.DoesNotContain("value", known.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal("active", known["status"].GetString());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(100_000)]
    [InlineData(1 << 20)]
    public async Task Bytes_come_back_as_bytes_up_to_the_limit(int length)
    {
        var bytes = new byte[length];
        Random.Shared.NextBytes(bytes);
        var path = $"bytes/{length}";
        (await Put(path, $$"""{"value_base64":"{{Convert.ToBase64String(bytes)}}"}""")).Is(200);
        var got = (await server.Get($"/v1/secrets/{path}")).Is(200);
        Assert.Equal(bytes, got["value_base64"].GetBytesFromBase64());
        Assert.False(got.Json.TryGetProperty("value", out _));
    }

    [Fact]
    public async Task One_byte_past_the_limit_is_too_large()
    {
        (await Put("large", $$"""{"value_base64":"{{Convert.ToBase64String(new byte[(1 << 20) + 1])}}"}""")).IsProblem(413, "too_large", "secret.bytes@/value_base64");
        (await Put("large", $$"""{"value":"{{new string('x', (1 << 20) + 1)}}"}""")).IsProblem(413, "too_large", "secret.bytes@/value");
        (await Put("large", $$"""{"value":"{{new string('x', 1 << 20)}}"}""")).Is(200);
        Assert.Equal(1 << 20, (await server.Get("/v1/secrets/large")).Is(200)["value"].GetString()!.Length);
    }

    [Fact]
    public async Task Expectations_hold_or_nothing_is_written()
    {
        (await Put("expected", """{"value":"a","expected_version":0}""")).Is(200);
        (await Put("expected", """{"value":"b","expected_version":0}""")).IsProblem(409, "conflict", "expected_version@/expected_version");
        (await Put("expected", """{"value":"b","expected_version":1}""")).Is(200);
        (await server.Send("PUT", "/v1/secrets/expected", """{"value":"c"}""", ("If-Match", "\"1-00000000\""))).IsProblem(412, "precondition_failed");
        (await server.Send("PUT", "/v1/secrets/expected", """{"value":"c"}""", ("If-None-Match", "*"))).IsProblem(412, "precondition_failed");
        (await server.Send("DELETE", "/v1/secrets/expected?expected_version=1", null)).IsProblem(409, "conflict", "expected_version@query:expected_version");
        Assert.Equal("b", (await server.Get("/v1/secrets/expected")).Is(200)["value"].GetString());
    }

    [Fact]
    public async Task A_deletion_can_be_taken_back_until_the_value_is_destroyed()
    {
        (await Put("life", """{"value":"one"}""")).Is(200);
        (await Put("life", """{"value":"two"}""")).Is(200);
        var gone = (await server.Send("DELETE", "/v1/secrets/life", null)).Is(200);
        Assert.Equal((3, true), (gone["version"].GetInt32(), gone["deleted"].GetBoolean()));
        (await server.Get("/v1/secrets/life")).IsProblem(404, "not_found", "secret.unknown@path:path");
        (await server.Get("/v1/secrets/life?version=1")).IsProblem(404, "not_found");
        (await server.Send("DELETE", "/v1/secrets/life", null)).IsProblem(404, "not_found");
        Assert.Equal(["life"], (await server.Get("/v1/secrets?prefix=life&status=deleted")).Is(200)["items"].EnumerateArray().Select(item => item.GetProperty("path").GetString()));
        Assert.Equal(4, (await server.Post("/v1/secrets/life/undelete", "{}")).Is(200)["version"].GetInt32());
        Assert.Equal(("two", 4), (await server.Get("/v1/secrets/life")).Is(200) is var back ? (back["value"].GetString(), back["version"].GetInt32()) : default);
        (await server.Send("POST", "/v1/secrets/life/undelete", null)).IsProblem(409, "conflict", "secret.undelete@path:path");
        Assert.Equal("one", (await server.Get("/v1/secrets/life?version=1")).Is(200)["value"].GetString());
        (await server.Get("/v1/secrets/life?version=3")).IsProblem(404, "not_found", "version.deleted@query:version");
        (await server.Get("/v1/secrets/life?version=9")).IsProblem(404, "not_found", "version.unknown@query:version");
        // one version, and then all that are left
        Assert.Equal([1], (await server.Post("/v1/secrets/life/destroy", """{"versions":[1]}""")).Is(200)["destroyed"].EnumerateArray().Select(version => version.GetInt32()));
        (await server.Get("/v1/secrets/life?version=1")).IsProblem(410, "gone", "secret.destroyed@path:path");
        Assert.Equal(("two", 4), (await server.Get("/v1/secrets/life")).Is(200) is var still ? (still["value"].GetString(), still["version"].GetInt32()) : default);
        Assert.Equal([2, 4], (await server.Post("/v1/secrets/life/destroy", "{}")).Is(200)["destroyed"].EnumerateArray().Select(version => version.GetInt32()));
        (await server.Get("/v1/secrets/life")).IsProblem(410, "gone", "secret.destroyed@path:path");
        Assert.Equal(["0"], await server.Rows("SELECT count(*)::text FROM stele.secret_key k JOIN stele.secret_value v USING (org_id, value_id) WHERE v.path = 'life'"));
        (await server.Send("DELETE", "/v1/secrets/life", null)).Is(200);
        (await server.Post("/v1/secrets/life/undelete", "{}")).IsProblem(410, "gone", "secret.destroyed@path:path");
        // the numbers go on
        Assert.Equal(6, (await Put("life", """{"value":"three"}""")).Is(200)["version"].GetInt32());
        Assert.Equal("three", (await server.Get("/v1/secrets/life")).Is(200)["value"].GetString());
        (await server.Post("/v1/secrets/life/destroy", """{"versions":[7]}""")).IsProblem(400, "invalid", "version.unknown@/versions");
        var history = (await server.Get("/v1/secrets/life/history?limit=4")).Is(200);
        Assert.Equal([(6, "set"), (5, "deleted"), (4, "undeleted"), (3, "deleted")], history["items"].EnumerateArray().Select(item => (item.GetProperty("version").GetInt32(), item.GetProperty("kind").GetString()!)));
        var rest = (await server.Get($"/v1/secrets/life/history?limit=4&cursor={history["next_cursor"].GetString()}")).Is(200);
        Assert.Equal([(2, "destroyed"), (1, "destroyed")], rest["items"].EnumerateArray().Select(item => (item.GetProperty("version").GetInt32(), item.GetProperty("status").GetString()!)));
    }

    [Fact]
    public async Task Metadata_and_rotation_stay_unless_they_are_named_and_an_end_is_of_its_version()
    {
        var ends = DateTime.UtcNow.AddDays(5).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'");
        (await Put("kept", $$"""{"value":"a","metadata":{"a":1},"rotation_days":30,"expires_at":"{{ends}}"}""")).Is(200);
        var first = (await server.Get("/v1/secrets/kept?value=false")).Is(200);
        Assert.Equal(("expiring", 30), (first["status"].GetString(), first["rotation_days"].GetInt32()));
        var second = (await Put("kept", """{"value":"b"}""")).Is(200);
        Assert.Equal("""{"a":1}""", second["metadata"].GetRawText());
        Assert.Equal(30, second["rotation_days"].GetInt32());
        Assert.False(second.Json.TryGetProperty("expires_at", out _));
        var third = (await Put("kept", """{"value":"b","metadata":null,"rotation_days":null}""")).Is(200);
        Assert.Equal("{}", third["metadata"].GetRawText());
        Assert.False(third.Json.TryGetProperty("rotation_days", out _));
    }

    [Fact]
    public async Task A_generated_value_is_of_its_alphabet_and_its_length_and_not_in_the_answer()
    {
        var made = (await server.Post("/v1/secrets/made/generate", """{"length":40,"alphabet":"abc"}""")).Is(200);
        Assert.DoesNotContain("value", made.Json.EnumerateObject().Select(member => member.Name));
        var value = (await server.Get("/v1/secrets/made")).Is(200)["value"].GetString()!;
        Assert.Equal(40, value.Length);
        Assert.All(value, c => Assert.Contains(c, "abc"));
        (await server.Post("/v1/secrets/made/generate", """{"length":4096}""")).Is(200);
        Assert.Equal(4_096, (await server.Get("/v1/secrets/made")).Is(200)["value"].GetString()!.Length);
        (await server.Post("/v1/secrets/made/generate", """{"length":4097}""")).IsProblem(400, "invalid", "member.range@/length");
        (await server.Post("/v1/secrets/made/generate", """{"length":0}""")).IsProblem(400, "invalid", "member.range@/length");
        (await server.Post("/v1/secrets/made/generate", """{"length":8,"alphabet":"aa"}""")).IsProblem(400, "invalid", "generate.alphabet@/alphabet");
    }

    [Theory]
    [InlineData("a/../b", "secret.dots")]
    [InlineData("a..b", "secret.dots")]
    [InlineData("a//b", "secret.segment")]
    [InlineData("a/", "secret.segment")]
    [InlineData("a%2F%2Fb", "secret.segment")]
    [InlineData("%2Fa", "secret.segment")]
    [InlineData("a%2F..%2Fb", "secret.dots")]
    [InlineData("a%252Fb", "secret.characters")]
    [InlineData("a/wrap%2Fhistory", "secret.reserved")]
    [InlineData("-a", "secret.characters")]
    public async Task A_path_that_is_none_is_refused(string path, string rule)
    {
        (await Raw(path)).IsProblem(400, "invalid", $"{rule}@path:path");
    }

    [Fact]
    public async Task A_path_has_256_characters_and_not_one_more()
    {
        (await Put("n/" + new string('x', 254), """{"value":"a"}""")).Is(200);
        (await Put("n/" + new string('x', 255), """{"value":"a"}""")).IsProblem(400, "invalid", "secret.length@path:path");
        (await Put(new string('x', 1_001), """{"value":"a"}""")).IsProblem(400, "invalid", "secret.length@path:path");
    }

    [Theory]
    [InlineData("""{"value_base64":"QQ"}""", "secret.base64@/value_base64")]
    [InlineData("""{"value_base64":"QR=="}""", "secret.base64@/value_base64")]
    [InlineData("""{"value_base64":"QQ== "}""", "secret.base64@/value_base64")]
    [InlineData("""{"value_base64":"Q Q="}""", "secret.base64@/value_base64")]
    [InlineData("""{"value_base64":"Q-_="}""", "secret.base64@/value_base64")]
    [InlineData("""{"value_base64":"===="}""", "secret.base64@/value_base64")]
    [InlineData("""{"value":5}""", "member.type@/value")]
    [InlineData("""{"value":null}""", "member.type@/value")]
    [InlineData("""{"value":"a","value_base64":"QQ=="}""", "secret.value@")]
    [InlineData("{}", "member.required@")]
    [InlineData("""{"value":"a","expires_at":"2001-01-01T00:00:00Z"}""", "expires_at.past@/expires_at")]
    [InlineData("""{"value":"a","expires_at":"soon"}""", "expires_at.time@/expires_at")]
    [InlineData("""{"value":"a","metadata":[]}""", "secret.metadata@/metadata")]
    [InlineData("""{"value":"a","rotation_days":3651}""", "member.range@/rotation_days")]
    [InlineData("""{"value":"a","ttl":1}""", "member.unknown@/ttl")]
    public async Task A_body_that_is_none_is_refused_and_nothing_is_written(string body, string error)
    {
        (await Put("bad", body)).IsProblem(400, "invalid", error);
        (await server.Get("/v1/secrets/bad")).IsProblem(404, "not_found");
    }

    [Fact]
    public async Task Metadata_has_its_limits()
    {
        string Members(int count) => "{" + string.Join(",", Enumerable.Range(0, count).Select(i => $"\"m{i}\":1")) + "}";
        (await Put("meta", $$"""{"value":"a","metadata":{{Members(64)}}}""")).Is(200);
        (await Put("meta", $$"""{"value":"a","metadata":{{Members(65)}}}""")).IsProblem(400, "invalid", "secret.metadata@/metadata");
        (await Put("meta", $$$"""{"value":"a","metadata":{"a":"{{{new string('x', (16 << 10) - 8)}}}"}}""")).Is(200);
        (await Put("meta", $$$"""{"value":"a","metadata":{"a":"{{{new string('x', (16 << 10) - 7)}}}"}}""")).IsProblem(400, "invalid", "secret.metadata@/metadata");
    }

    [Fact]
    public async Task One_change_set_touches_configuration_flags_and_secrets()
    {
        var done = (await server.Post("/v1/changes", """
            {"changes":[
              {"op":"set","key":"mixed.a","value":1},
              {"op":"set","kind":"secret","key":"mixed/s","value":"v1","metadata":{"x":1},"expected_version":0},
              {"op":"set","kind":"flag","key":"mixed/f","definition":{"enabled":true}},
              {"op":"set","kind":"secret","environment":"staging","key":"mixed/b","value_base64":"AAE="}]}
            """)).Is(200);
        Assert.Equal(["config mixed.a 1", "secret mixed/s 1", "flag mixed/f 1", "secret mixed/b 1"], done["results"].EnumerateArray()
            .Select(result => $"{result.GetProperty("kind").GetString()} {result.GetProperty("key").GetString()} {result.GetProperty("version").GetInt32()}"));
        Assert.Equal("v1", (await server.Get("/v1/secrets/mixed/s")).Is(200)["value"].GetString());
        Assert.Equal("AAE=", (await server.Get("/v1/secrets/mixed/b?env=staging")).Is(200)["value_base64"].GetString());
        (await server.Post("/v1/changes", """{"changes":[{"op":"set","key":"mixed.a","value":2},{"op":"set","kind":"secret","key":"mixed/s","value":"v2","expected_version":0}]}"""))
            .IsProblem(409, "conflict", "expected_version@/changes/1/expected_version");
        Assert.Equal(1, (await server.Get("/v1/config/mixed.a")).Is(200)["value"].GetInt32());
        (await server.Post("/v1/changes", """{"changes":[{"op":"check","kind":"secret","key":"mixed/s","expected_version":1},{"op":"delete","kind":"secret","key":"mixed/b","environment":"staging"}]}""")).Is(200);
        (await server.Get("/v1/secrets/mixed/b?env=staging")).IsProblem(404, "not_found");
        (await server.Post("/v1/changes", """{"changes":[{"op":"set","kind":"secret","key":"mixed/s","value":"a"},{"op":"set","kind":"secret","key":"mixed/s","value":"b"}]}"""))
            .IsProblem(400, "invalid", "changes.duplicate_key@/changes/0/key");
        (await server.Post("/v1/changes", """{"changes":[{"op":"set","kind":"secret","key":"x","value":7},{"op":"set","kind":"secret","key":"y","definition":{}},{"op":"set","key":"z","value_base64":"AAE="}]}"""))
            .IsProblem(400, "invalid", "member.type@/changes/0/value", "change.kind@/changes/1/definition", "change.kind@/changes/2/value_base64");
    }

    [Fact]
    public async Task Lists_go_by_prefix_and_page()
    {
        foreach (var name in (string[])["list/a", "list/b", "list/c"]) (await Put(name, """{"value":"x"}""")).Is(200);
        var first = (await server.Get("/v1/secrets?prefix=list/&limit=2")).Is(200);
        Assert.Equal(["list/a", "list/b"], first["items"].EnumerateArray().Select(item => item.GetProperty("path").GetString()));
        var second = (await server.Get($"/v1/secrets?prefix=list/&limit=2&cursor={first["next_cursor"].GetString()}")).Is(200);
        Assert.Equal(["list/c"], second["items"].EnumerateArray().Select(item => item.GetProperty("path").GetString()));
        Assert.False(second.Json.TryGetProperty("next_cursor", out _));
        (await server.Get("/v1/secrets?status=nice")).IsProblem(400, "invalid", "status.value@query:status");
    }

    [Fact]
    public async Task A_repeated_request_is_answered_again_and_its_fingerprint_is_keyed()
    {
        var body = """{"value":"idempotent"}""";
        var once = (await server.Send("PUT", "/v1/secrets/again", body, ("Idempotency-Key", "secret-1"))).Is(200);
        var twice = (await server.Send("PUT", "/v1/secrets/again", body, ("Idempotency-Key", "secret-1"))).Is(200);
        Assert.Equal(once.Text, twice.Text);
        (await server.Send("PUT", "/v1/secrets/again", """{"value":"other"}""", ("Idempotency-Key", "secret-1"))).IsProblem(409, "idempotency_conflict");
        var plain = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes($"PUT\n/v1/secrets/again\n\n{body}")));
        Assert.DoesNotContain(plain, await server.Rows("SELECT encode(fingerprint, 'hex') FROM stele.idempotency"));
    }

    [Fact]
    public async Task An_environment_takes_its_secrets_along_and_they_come_back_with_it()
    {
        (await server.Post("/v1/environments", """{"name":"brief"}""")).Is(201);
        (await server.Send("PUT", "/v1/secrets/env/s?env=brief", """{"value":"kept"}""")).Is(200);
        (await server.Send("DELETE", "/v1/environments/brief", null)).IsProblem(400, "invalid", "environment.confirm@query:confirm");
        (await server.Send("DELETE", "/v1/environments/brief?confirm=brief", null)).Is(200);
        (await server.Get("/v1/secrets/env/s?env=brief")).IsProblem(404, "not_found");
        (await server.Post("/v1/environments", """{"name":"brief"}""")).Is(201);
        (await server.Get("/v1/secrets/env/s?env=brief")).IsProblem(404, "not_found");
        Assert.Equal(3, (await server.Send("POST", "/v1/secrets/env/s/undelete?env=brief", null)).Is(200)["version"].GetInt32());
        Assert.Equal("kept", (await server.Get("/v1/secrets/env/s?env=brief")).Is(200)["value"].GetString());
    }

    Task<HttpAnswer> Put(string path, string body) => server.Send("PUT", $"/v1/secrets/{path}", body);

    // as it is: HttpClient would take the dots out itself
    async Task<HttpAnswer> Raw(string path)
    {
        using var socket = new System.Net.Sockets.TcpClient(server.Client.BaseAddress!.Host, server.Client.BaseAddress.Port);
        await using var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"GET /v1/secrets/{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {HttpServer.Token}\r\nConnection: close\r\n\r\n"));
        using var reader = new StreamReader(stream);
        var answer = await reader.ReadToEndAsync();
        var (head, text) = (answer[..answer.IndexOf("\r\n\r\n", StringComparison.Ordinal)].Split("\r\n"), answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]);
        return new HttpAnswer((System.Net.HttpStatusCode)int.Parse(head[0].Split(' ')[1]), JsonDocument.Parse(text).RootElement, text,
            head[1..].Select(line => line.Split(": ", 2)).ToDictionary(pair => pair[0], pair => pair[1], StringComparer.OrdinalIgnoreCase));
    }
}
