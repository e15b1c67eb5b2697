using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Secrets;

/// <summary>An auditor who has a value asks whether it was ever here.</summary>
public sealed class SearchTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task A_value_is_found_wherever_it_was_though_it_was_replaced_or_destroyed()
    {
        await Fresh();
        (await server.Send("PUT", "/v1/secrets/a/one", """{"value":"leaked-päss"}""")).Is(200);
        (await server.Send("PUT", "/v1/secrets/a/one", """{"value":"another"}""")).Is(200);
        (await server.Send("PUT", "/v1/secrets/b?env=staging", $$"""{"value_base64":"{{Convert.ToBase64String(Encoding.UTF8.GetBytes("leaked-päss"))}}"}""")).Is(200);
        (await server.Post("/v1/secrets/b/destroy?env=staging", "{}")).Is(200);
        var found = (await Search("""{"value":"leaked-päss"}""")).Is(200);
        Assert.True(found["found"].GetBoolean());
        Assert.Equal(["staging b 1 True", "development a/one 1 False"], found["items"].EnumerateArray().Select(item =>
            $"{item.GetProperty("environment").GetString()} {item.GetProperty("path").GetString()} {item.GetProperty("version").GetInt32()} {item.GetProperty("destroyed").GetBoolean()}"));
        var none = (await Search("""{"value":"leaked-pass"}""")).Is(200);
        Assert.Equal((false, 0), (none["found"].GetBoolean(), none["items"].GetArrayLength()));
        Assert.Equal(["allowed|found", "allowed|not found"], await server.Rows("SELECT outcome, detail FROM stele.audit_entry WHERE action = 'secret.searched' AND actor = 'root' AND code IS NULL ORDER BY sequence DESC LIMIT 2").ContinueWith(rows => rows.Result.AsEnumerable().Reverse(), TaskScheduler.Default));
        // what is kept is keyed: whoever reads the table or the journal cannot try values
        var kept = string.Join('\n', await server.Rows("SELECT encode(digest, 'hex') FROM stele.secret_value"));
        Assert.DoesNotContain(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes("leaked-päss"))), kept);
    }

    [Fact]
    public async Task Only_who_may_read_the_audit_log_asks_and_a_refusal_is_on_record()
    {
        await Fresh();
        var reader = await Token("secret:read");
        var auditor = await Token("audit:read");
        (await Search("""{"value":"x"}""", reader)).IsProblem(403, "forbidden");
        (await Search("""{"value":"x"}""", auditor)).Is(200);
        Assert.Equal(["refused|forbidden"], await server.Rows("SELECT outcome, code FROM stele.audit_entry WHERE action = 'secret.searched' AND code = 'forbidden'"));
        (await Search("{}")).IsProblem(400, "invalid", "member.required@");
        (await Search("""{"value":"x","value_base64":"eA=="}""")).IsProblem(400, "invalid", "secret.value@");
        (await Search("""{"value_base64":"x"}""")).IsProblem(400, "invalid", "secret.base64@/value_base64");
    }

    [Fact]
    public async Task So_many_times_a_minute_and_not_once_more_on_all_nodes_together()
    {
        await Fresh();
        await using var other = await server.Another();
        // the minute as the database has it: the eleventh may be in the next one, and then there are ten more
        var answers = new List<HttpAnswer>();
        for (var i = 0; i < 21; i++) answers.Add(await (i % 2 == 0 ? server : other).Post("/v1/audit/secrets", """{"value":"guess"}"""));
        var refused = answers.FindAll(answer => (int)answer.Status == 429);
        Assert.NotEmpty(refused);
        Assert.True(answers.Take(10).All(answer => (int)answer.Status == 200));
        foreach (var answer in refused) Assert.Equal("60", answer.IsProblem(429, "rate_limited").Headers["Retry-After"]);
        Assert.NotEmpty(await server.Rows("SELECT 1 FROM stele.audit_entry WHERE action = 'secret.searched' AND code = 'rate_limited'"));
    }

    // each test begins with a minute in which nobody has asked
    Task Fresh() => server.Execute("DELETE FROM stele.secret_search");

    Task<HttpAnswer> Search(string body, params (string, string)[] headers) => server.Post("/v1/audit/secrets", body, headers);

    async Task<(string, string)> Token(string permission)
    {
        var made = (await server.Post("/v1/tokens", JsonSerializer.Serialize(new { name = permission, scopes = new[] { new { permission } } }))).Is(201);
        return ("Authorization", $"Bearer {made["token"].GetString()}");
    }
}
