using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Stele.Core.Secrets;
using Stele.Server.Secrets.Keys;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Secrets;

/// <summary>At each limit of secrets, and one past it. Those of paths, values, metadata and wraps stand beside what they are of; that of an environment's secrets is decided (SecretDeciderTests in Core).</summary>
public sealed class SecretLimitTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task A_request_destroys_as_many_versions_as_it_may_name_and_not_one_more()
    {
        (await server.Send("PUT", "/v1/secrets/limit/destroyed", """{"value":"v"}""")).Is(200);
        var most = (int)SecretLimits.DestroyedVersions.Value;
        (await Destroy(most + 1)).IsProblem(400, "invalid", "versions.count@/versions");
        Assert.Equal("v", (await server.Get("/v1/secrets/limit/destroyed")).Is(200)["value"].GetString());
        Assert.Equal([1], (await Destroy(most)).Is(200)["destroyed"].EnumerateArray().Select(version => version.GetInt32()));

        Task<HttpAnswer> Destroy(int count) => server.Post("/v1/secrets/limit/destroyed/destroy", JsonSerializer.Serialize(new { versions = Enumerable.Repeat(1, count) }));
    }

    [Theory]
    [InlineData("""{"value":"a","rotation_days":3650}""", null)]
    [InlineData("""{"value":"a","rotation_days":3651}""", "member.range@/rotation_days")]
    [InlineData("""{"value":"a","rotation_days":1}""", null)]
    [InlineData("""{"value":"a","rotation_days":0}""", "member.range@/rotation_days")]
    public async Task Rotation_comes_after_one_day_to_ten_years(string body, string? error)
    {
        var answer = await server.Send("PUT", "/v1/secrets/limit/rotation", body);
        if (error is null) answer.Is(200);
        else answer.IsProblem(400, "invalid", error);
    }

    [Theory]
    [InlineData("/v1/keys/rewrap", """{"limit":10000}""", null)]
    [InlineData("/v1/keys/rewrap", """{"limit":10001}""", "member.range@/limit")]
    [InlineData("/v1/keys/rewrap", """{"limit":0}""", "member.range@/limit")]
    [InlineData("/v1/secret-store/move", """{"to":"database","limit":1000}""", null)]
    [InlineData("/v1/secret-store/move", """{"to":"database","limit":1001}""", "member.range@/limit")]
    [InlineData("/v1/secret-store/move", """{"to":"database","limit":0}""", "member.range@/limit")]
    public async Task A_step_takes_as_many_as_it_may_and_not_one_more(string path, string body, string? error)
    {
        var answer = await server.Post(path, body);
        if (error is null) answer.Is(200);
        else answer.IsProblem(400, "invalid", error);
    }

    [Theory]
    [InlineData(2, null)]
    [InlineData(94, null)]
    [InlineData(1, "generate.alphabet@/alphabet")]
    [InlineData(95, "generate.alphabet@/alphabet")]
    public async Task An_alphabet_has_two_letters_to_all_that_can_be_seen(int letters, string? error)
    {
        var answer = await server.Post("/v1/secrets/limit/alphabet/generate", JsonSerializer.Serialize(new { length = 4, alphabet = string.Concat(Enumerable.Range('!', letters).Select(c => (char)c)) }));
        if (error is null) answer.Is(200);
        else answer.IsProblem(400, "invalid", error);
    }

    [Theory]
    [InlineData(800, 1)]
    [InlineData(801, 3)]
    public async Task A_node_keeps_as_many_bytes_of_ciphertext_as_it_may_and_reads_a_larger_one_each_time(int bytes, int read)
    {
        await using var db = await Postgres.NewDatabase();
        var keys = Path.Combine(Directory.CreateTempSubdirectory("stele-keys-").FullName, "keys");
        KeyFile.MakeIfMissing(keys);
        // of each value 28 bytes for nonce and tag, and 200 for the entry itself, count as well
        await using var node = await ServerProcess.Start(ServerProcess.Binary, db, "bounded", ("STELE_KEY_FILE", keys), ("STELE_LIMIT_SECRET_CACHE_BYTES", "1028"));
        await node.Client.PutSecret("kept", new string('x', bytes));
        for (var i = 0; i < 3; i++) Assert.Contains(new string('x', bytes), await node.Client.GetStringAsync("/v1/secrets/kept"), StringComparison.Ordinal);
        var count = Regex.Match(await node.Client.GetStringAsync("/metrics"), "stele_sql_duration_seconds_count\\{statement=\"secret_value\"\\} ([0-9]+)").Groups[1].Value;
        Assert.Equal(read.ToString(CultureInfo.InvariantCulture), count);
    }

    [Fact]
    public async Task A_key_wraps_as_often_as_it_may_and_the_next_one_wraps_what_comes_then()
    {
        await using var db = await Postgres.NewDatabase();
        var keys = Path.Combine(Directory.CreateTempSubdirectory("stele-keys-").FullName, "keys");
        KeyFile.MakeIfMissing(keys);
        await using var node = await ServerProcess.Start(ServerProcess.Binary, db, "wraps", ("STELE_KEY_FILE", keys), ("STELE_LIMIT_SECRET_KEY_WRAPS", "4"));
        // the key of digests is the first one's fourth, and the fourth value the second one's first
        for (var i = 0; i < 4; i++) await node.Client.PutSecret($"s{i}", "v");
        await using var superuser = await db.As();
        Assert.Equal(["1|4", "2|1"], await superuser.Rows("SELECT key_version, count(*) FROM stele.secret_key GROUP BY 1 ORDER BY 1"));
        Assert.All(await superuser.Rows("SELECT wraps <= 4 FROM stele.secret_org_key"), row => Assert.Equal("True", row, ignoreCase: true));
    }
}
