using System.Text.Json;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Secrets;

/// <summary>Who may do what with secrets, and that every read and refusal of a value is on record.</summary>
public sealed class SecretAccessTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task Who_may_write_does_not_read_and_lists_show_what_one_may_see()
    {
        foreach (var path in (string[])["a/1", "a/2", "b/1"]) (await server.Send("PUT", $"/v1/secrets/{path}", """{"value":"v"}""")).Is(200);
        var writer = await Token("writer", ("secret:write", "a/"));
        var reader = await Token("reader", ("secret:read", "a/1"), ("secret:read", "b/"));
        var neither = await Token("neither", ("config:read", ""));

        (await server.Send("PUT", "/v1/secrets/a/2", """{"value":"w"}""", writer)).Is(200);
        (await server.Get("/v1/secrets/a/2", writer)).IsProblem(403, "forbidden");
        (await server.Get("/v1/secrets/a/2?value=false", writer)).Is(200);
        (await server.Send("PUT", "/v1/secrets/b/1", """{"value":"w"}""", writer)).IsProblem(403, "forbidden");
        (await server.Post("/v1/secrets/b/1/destroy", "{}", writer)).IsProblem(403, "forbidden");
        (await server.Post("/v1/secrets/b/1/undelete", "{}", writer)).IsProblem(403, "forbidden");
        (await server.Post("/v1/changes", """{"changes":[{"op":"set","kind":"secret","key":"b/1","value":"x"}]}""", writer)).IsProblem(403, "forbidden");

        Assert.Equal("v", (await server.Get("/v1/secrets/b/1", reader)).Is(200)["value"].GetString());
        (await server.Send("PUT", "/v1/secrets/a/1", """{"value":"w"}""", reader)).IsProblem(403, "forbidden");
        (await server.Get("/v1/secrets/a/2/history", reader)).IsProblem(403, "forbidden");
        Assert.Equal(["a/1", "b/1"], Paths(await server.Get("/v1/secrets", reader)));
        Assert.Equal(["a/1", "a/2"], Paths(await server.Get("/v1/secrets", writer)));
        (await server.Get("/v1/secrets", neither)).IsProblem(403, "forbidden");
        (await server.Get("/v1/secrets/a/1?value=false", neither)).IsProblem(403, "forbidden");
        // the same answer, whether it is there or not
        Assert.Equal((await server.Get("/v1/secrets/a/1", neither)).IsProblem(403, "forbidden")["detail"].GetString()!.Replace("a/1", "a/9", StringComparison.Ordinal),
            (await server.Get("/v1/secrets/a/9", neither)).IsProblem(403, "forbidden")["detail"].GetString());

        static IEnumerable<string?> Paths(HttpAnswer answer) => answer.Is(200)["items"].EnumerateArray().Select(item => item.GetProperty("path").GetString());
    }

    [Fact]
    public async Task Every_read_and_refusal_of_a_value_is_on_record_before_the_answer()
    {
        (await server.Send("PUT", "/v1/secrets/told", """{"value":"v"}""")).Is(200);
        var neither = await Token("nobody", ("config:read", ""));
        var read = (await server.Get("/v1/secrets/told")).Is(200);
        var refused = (await server.Get("/v1/secrets/told", neither)).IsProblem(403, "forbidden");
        var missing = (await server.Get("/v1/secrets/told?version=7")).IsProblem(404, "not_found");
        // not waited for: it was committed before
        Assert.Equal(
            [$"secret.read|allowed||version 1|{read.Headers["Request-Id"]}", $"secret.read|refused|forbidden||{refused.Headers["Request-Id"]}", $"secret.read|refused|not_found|version 7|{missing.Headers["Request-Id"]}"],
            await server.Rows("SELECT action, outcome, coalesce(code, ''), coalesce(detail, ''), request_id::text FROM stele.audit_entry WHERE target = 'secret/development/told' ORDER BY sequence"));
        // what is known of it is no value
        (await server.Get("/v1/secrets/told?value=false")).Is(200);
        Assert.Equal(["3"], await server.Rows("SELECT count(*)::text FROM stele.audit_entry WHERE target = 'secret/development/told'"));
    }

    [Fact]
    public async Task A_read_that_cannot_be_recorded_is_not_answered()
    {
        (await server.Send("PUT", "/v1/secrets/unrecorded", """{"value":"never-told"}""")).Is(200);
        await server.Execute("CREATE FUNCTION public.full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.target LIKE '%unrecorded' THEN RAISE check_violation USING MESSAGE = 'full', CONSTRAINT = 'full'; END IF; RETURN NEW; END $$; CREATE TRIGGER full_audit BEFORE INSERT ON stele.audit_entry FOR EACH ROW EXECUTE FUNCTION public.full(); ALTER TABLE stele.audit_entry ENABLE ALWAYS TRIGGER full_audit");
        try
        {
            var answer = (await server.Get("/v1/secrets/unrecorded")).IsProblem(503, "unavailable");
            Assert.DoesNotContain("never-told", answer.Text);
        }
        finally
        {
            await server.Execute("DROP TRIGGER full_audit ON stele.audit_entry");
        }
        Assert.Equal("never-told", (await server.Get("/v1/secrets/unrecorded")).Is(200)["value"].GetString());
    }

    async Task<(string, string)> Token(string name, params (string Permission, string Prefix)[] scopes)
    {
        var made = (await server.Post("/v1/tokens", JsonSerializer.Serialize(new { name, scopes = scopes.Select(scope => new { permission = scope.Permission, environments = new[] { "*" }, prefix = scope.Prefix }) }))).Is(201);
        return ("Authorization", $"Bearer {made["token"].GetString()}");
    }
}
