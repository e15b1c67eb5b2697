using System.Text.Json;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Secrets;

/// <summary>Wraps: a token yields its value once, whichever node is asked, and a second attempt is an alarm; and whether a value was ever here.</summary>
public sealed class WrapTests(HttpServer server) : IClassFixture<HttpServer>
{
    readonly string own = $"t{Guid.NewGuid():N}"[..12];

    [Fact]
    public async Task A_wrap_yields_the_value_once_to_who_may_not_read_it_and_a_second_attempt_is_an_alarm()
    {
        await Secret("handed on");
        var receiver = await Token(("config:read", own));
        (await server.Get($"/v1/secrets/{own}/pw", receiver)).IsProblem(403, "forbidden");
        (await server.Post($"/v1/secrets/{own}/pw/wrap", "{}", receiver)).IsProblem(403, "forbidden");
        var wrapped = (await server.Send("POST", $"/v1/secrets/{own}/pw/wrap", null)).Is(200);
        Assert.DoesNotContain("handed on", wrapped.Text);
        Assert.Equal("no-store", wrapped.Headers["Cache-Control"]);
        var token = wrapped["wrap_token"].GetString()!;
        // another node opens it
        await using var other = await server.Another();
        var opened = (await Unwrap(other, token, receiver)).Is(200);
        Assert.Equal(("handed on", $"{own}/pw", "development", 1), (opened["value"].GetString(), opened["path"].GetString(), opened["environment"].GetString(), opened["version"].GetInt32()));
        foreach (var node in (HttpServer[])[server, other]) Assert.DoesNotContain("handed on", (await Unwrap(node, token, receiver)).IsProblem(410, "gone", "wrap.used@/wrap_token").Text);
        Assert.Equal([$"secret.wrapped|refused|forbidden", "secret.wrapped|allowed|", "secret.unwrapped|allowed|", "secret.unwrapped_twice|refused|gone", "secret.unwrapped_twice|refused|gone"],
            await server.Rows($"SELECT action, outcome, coalesce(code, '') FROM stele.audit_entry WHERE target = 'secret/development/{own}/pw' AND action <> 'secret.read' ORDER BY sequence"));
        Assert.DoesNotContain("stele_secret_unwrapped_twice_total 0", await server.Client.GetStringAsync("/metrics"));
        // of the token nothing is kept but its hash
        Assert.DoesNotContain(token["stelewrap_".Length..], string.Join('\n', await server.Rows("SELECT w::text FROM stele.secret_wrap w")));
    }

    [Fact]
    public async Task Of_many_who_open_a_wrap_at_once_on_two_nodes_one_gets_the_value()
    {
        await Secret("once");
        await using var other = await server.Another();
        for (var round = 0; round < 5; round++)
        {
            var token = (await server.Post($"/v1/secrets/{own}/pw/wrap", "{}")).Is(200)["wrap_token"].GetString()!;
            var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Unwrap(i % 2 == 0 ? server : other, token)));
            Assert.Equal("once", Assert.Single(answers, answer => (int)answer.Status == 200)["value"].GetString());
            foreach (var answer in answers.Where(answer => (int)answer.Status != 200)) answer.IsProblem(410, "gone", "wrap.used@/wrap_token");
        }
    }

    [Fact]
    public async Task A_wrap_ends_and_so_does_what_it_is_of()
    {
        await Secret("one");
        var ended = (await server.Post($"/v1/secrets/{own}/pw/wrap", """{"ttl_seconds":1}""")).Is(200)["wrap_token"].GetString()!;
        await server.Execute($"UPDATE stele.secret_wrap SET ends_at = now() - interval '1 second' WHERE path = '{own}/pw'");
        (await Unwrap(server, ended)).IsProblem(410, "gone", "wrap.expired@/wrap_token");
        var (first, second) = ((await server.Post($"/v1/secrets/{own}/pw/wrap", "{}")).Is(200)["wrap_token"].GetString()!, (await server.Post($"/v1/secrets/{own}/pw/wrap", "{}")).Is(200)["wrap_token"].GetString()!);
        await Secret("two");
        // of the version that it was made of
        Assert.Equal("one", (await Unwrap(server, first)).Is(200)["value"].GetString());
        (await server.Post($"/v1/secrets/{own}/pw/destroy", """{"versions":[1]}""")).Is(200);
        (await Unwrap(server, second)).IsProblem(410, "gone", "wrap.value@/wrap_token");
        (await server.Post($"/v1/secrets/{own}/pw/wrap", """{"version":1}""")).IsProblem(410, "gone", "secret.destroyed@path:path");
        (await Unwrap(server, "stelewrap_" + new string('A', 43))).IsProblem(404, "not_found", "wrap.unknown@/wrap_token");
        (await Unwrap(server, "anything")).IsProblem(404, "not_found", "wrap.unknown@/wrap_token");
    }

    [Theory]
    [InlineData("""{"ttl_seconds":86400}""", null)]
    [InlineData("""{"ttl_seconds":86401}""", "member.range@/ttl_seconds")]
    [InlineData("""{"ttl_seconds":0}""", "member.range@/ttl_seconds")]
    [InlineData("""{"version":0}""", "member.range@/version")]
    [InlineData("""{"nonsense":1}""", "member.unknown@/nonsense")]
    public async Task A_wrap_lasts_as_long_as_it_may_and_not_a_second_more(string body, string? rule)
    {
        await Secret("one");
        var answer = await server.Post($"/v1/secrets/{own}/pw/wrap", body);
        if (rule is null) answer.Is(200);
        else answer.IsProblem(400, "invalid", rule);
    }

    [Fact]
    public async Task An_organization_has_as_many_open_wraps_as_it_may_and_not_one_more()
    {
        await Secret("one");
        (await server.Post($"/v1/secrets/{own}/pw/wrap", "{}")).Is(200);
        await server.Execute($"INSERT INTO stele.secret_wrap SELECT 1, sha256(('{own}' || n)::bytea), 'development', 'x', 1, 'root', now() + interval '1 hour' FROM generate_series(1, 9999 - (SELECT count(*) FROM stele.secret_wrap WHERE ends_at > now() AND opened_at IS NULL)) n");
        try
        {
            var last = (await server.Post($"/v1/secrets/{own}/pw/wrap", "{}")).Is(200)["wrap_token"].GetString()!;
            (await server.Post($"/v1/secrets/{own}/pw/wrap", "{}")).IsProblem(403, "quota_exceeded", "secret.wraps@");
            (await Unwrap(server, last)).Is(200);
            (await server.Post($"/v1/secrets/{own}/pw/wrap", "{}")).Is(200);
        }
        finally
        {
            await server.Execute("DELETE FROM stele.secret_wrap WHERE path = 'x'");
        }
    }

    [Fact]
    public async Task A_wrap_that_cannot_be_recorded_is_not_answered()
    {
        await Secret("never-told");
        await server.Execute($"CREATE FUNCTION public.full_{own}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.action = 'secret.unwrapped' AND NEW.target LIKE '%{own}/pw' THEN RAISE check_violation USING MESSAGE = 'full', CONSTRAINT = 'full'; END IF; RETURN NEW; END $$; CREATE TRIGGER full_{own} BEFORE INSERT ON stele.audit_entry FOR EACH ROW EXECUTE FUNCTION public.full_{own}(); ALTER TABLE stele.audit_entry ENABLE ALWAYS TRIGGER full_{own}");
        try
        {
            var token = (await server.Post($"/v1/secrets/{own}/pw/wrap", "{}")).Is(200)["wrap_token"].GetString()!;
            Assert.DoesNotContain("never-told", (await Unwrap(server, token)).IsProblem(503, "unavailable").Text);
        }
        finally
        {
            await server.Execute($"DROP TRIGGER full_{own} ON stele.audit_entry");
        }
    }

    async Task Secret(string value) => (await server.Send("PUT", $"/v1/secrets/{own}/pw", $$"""{"value":"{{value}}"}""")).Is(200);

    static Task<HttpAnswer> Unwrap(HttpServer at, string token, params (string, string)[] headers) => at.Post("/v1/unwrap", JsonSerializer.Serialize(new { wrap_token = token }), headers);

    async Task<(string, string)> Token(params (string Permission, string Prefix)[] scopes)
    {
        var made = (await server.Post("/v1/tokens", JsonSerializer.Serialize(new { name = own, scopes = scopes.Select(scope => new { permission = scope.Permission, environments = new[] { "*" }, prefix = scope.Prefix }) }))).Is(201);
        return ("Authorization", $"Bearer {made["token"].GetString()}");
    }
}
