using System.Text;
using Stele.Cli;
using Stele.Server.Tests.Client;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Cli;

/// <summary>Servers by name, tokens that go nowhere else, completion, and the forms of answers.</summary>
public sealed class CliContextTests(HttpServer server) : IClassFixture<HttpServer>, IDisposable
{
    readonly TempDirectory home = new();
    readonly Dictionary<string, string> variables = [];

    public void Dispose() => home.Dispose();

    [Fact]
    public async Task Who_has_logged_in_need_say_no_more_and_nobody_else_can_read_the_token()
    {
        var wrong = await Run("stele_default_wrong", "login", "here", "--url", Url);
        Assert.Equal((1, true), (wrong.Code, wrong.Error.Contains("unauthenticated", StringComparison.Ordinal)));
        Assert.False(File.Exists(Path.Combine(home.Path, ".config/stele/contexts.json")));
        var login = await Run(HttpServer.Token, "login", "here", "--url", Url, "--env", "staging");
        Assert.True(login.Code == 0, login.Error);
        var file = Path.Combine(home.Path, ".config/stele/contexts.json");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Equal(0, (await Run("", "set", "ctx.key", "5")).Code);
        (await server.Get("/v1/config/ctx.key?env=staging")).Is(200);
        Assert.Contains("here", (await Run("", "context")).Out, StringComparison.Ordinal);
        Assert.Equal(0, (await Run("", "context", "set", "other", "--url", "http://127.0.0.1:1")).Code);
        Assert.Equal(0, (await Run("", "context", "use", "other")).Code);
        Assert.Equal(5, (await Run("", "get", "ctx.key")).Code);
        Assert.Equal("5\n", (await Run("", "get", "ctx.key", "--context", "here")).Out);
        var near = await Run("", "context", "use", "hree");
        Assert.Equal((3, true), (near.Code, near.Error.Contains("Did you mean here?", StringComparison.Ordinal)));
        Assert.Equal(0, (await Run("", "context", "remove", "here")).Code);
        Assert.Equal(2, (await Run("", "get", "ctx.key", "--context", "here")).Code);
        File.WriteAllText(file, "{");
        Assert.Contains("cannot be read", (await Run("", "get", "x")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_of_this_machine_or_of_a_context_goes_to_no_other_server()
    {
        variables["STELE_LOCAL_TOKEN"] = HttpServer.Token;
        Assert.Equal(0, (await Run("", "environments", "--url", Url)).Code);
        Assert.Equal(2, (await Run("", "login", "a", "--url", Url)).Code);
        await Run(HttpServer.Token, "login", "a", "--url", Url);
        // another address for the same name takes the token away
        Assert.Equal(0, (await Run("", "context", "set", "a", "--url", "http://stele.example:7300")).Code);
        Assert.DoesNotContain(HttpServer.Token, File.ReadAllText(Path.Combine(home.Path, ".config/stele/contexts.json")), StringComparison.Ordinal);
        // and the one of this machine does not go there
        var connection = Stele.Cli.Contexts.ContextFile.Read(World(""));
        Assert.Null(connection.Contexts["a"].Token);
    }

    [Fact]
    public async Task A_shell_is_offered_keys_flags_and_environments_and_nothing_by_a_server_that_is_away()
    {
        (variables["STELE_URL"], variables["STELE_TOKEN"]) = (Url, HttpServer.Token);
        (await server.Put("complete.first", """{"value":1}""", "?env=production")).Is(200);
        (await server.Put("complete.second", """{"value":1}""", "?env=production")).Is(200);
        (await server.Send("PUT", "/v1/flags/complete-flag?env=production", """{"enabled":true}""")).Is(200);
        Assert.Equal(["complete.first", "complete.second"], (await Offered("get --env production complete.")).Where(word => word.StartsWith("complete.", StringComparison.Ordinal)));
        Assert.Contains("complete-flag", await Offered("flag get --env production compl"));
        Assert.Contains("production", await Offered("get x --env pro"));
        variables["STELE_URL"] = LastKnownTests.Nowhere();
        Assert.DoesNotContain("complete.first", await Offered("get --env production complete."));
    }

    [Fact]
    public async Task Answers_are_printed_as_yaml_and_the_version_asks_nobody()
    {
        (variables["STELE_URL"], variables["STELE_TOKEN"]) = (Url, HttpServer.Token);
        (await server.Put("yaml.key", """{"value":{"a":[1,"x y",true],"b":{},"on":"yes"}}""", "?env=production")).Is(200);
        var yaml = (await Run("", "get", "yaml.key", "--env", "production", "--yaml")).Out;
        Assert.Contains("key: yaml.key\n", yaml, StringComparison.Ordinal);
        Assert.Contains("  a:\n    - 1\n    - \"x y\"\n    - true\n", yaml, StringComparison.Ordinal);
        variables["STELE_URL"] = LastKnownTests.Nowhere();
        Assert.StartsWith("stele ", (await Run("", "version")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_deleted_in_a_protected_environment_is_asked_for()
    {
        (variables["STELE_URL"], variables["STELE_TOKEN"]) = (Url, HttpServer.Token);
        (await server.Post("/v1/environments", """{"name":"guarded"}""")).Is(201);
        Assert.Equal(0, (await Run("", "settings", "set", "--protect", "guarded")).Code);
        (await server.Put("guarded.key", """{"value":1,"change_log":"why"}""", "?env=guarded")).Is(200);
        (await server.Send("PUT", "/v1/flags/guarded-flag?env=guarded", """{"enabled":true,"change_log":"why"}""")).Is(200);
        (await server.Send("PUT", "/v1/secrets/guarded?env=guarded", """{"value":"v","change_log":"why"}""")).Is(200);
        var flags = Path.Combine(home.Path, "flags.json");
        await File.WriteAllTextAsync(flags, """{"flags":{}}""", TestContext.Current.CancellationToken);
        foreach (var words in (string[][])[["flag", "delete", "guarded-flag", "-m", "why"], ["flag", "archive", "guarded-flag"], ["flag", "import", flags, "--replace", "-m", "why"], ["secret", "delete", "guarded", "-m", "why"]])
            Assert.Equal(2, (await Run("", [.. words, "--env", "guarded"])).Code);
        (await server.Get("/v1/flags/guarded-flag?env=guarded")).Is(200);
        (await server.Get("/v1/secrets/guarded?env=guarded")).Is(200);
        var refused = await Run("", "delete", "guarded.key", "--env", "guarded", "--message", "why");
        Assert.Equal(2, refused.Code);
        (await server.Get("/v1/config/guarded.key?env=guarded")).Is(200);
        Assert.Equal(0, (await Run("", "delete", "guarded.key", "--env", "guarded", "--yes", "--message", "why")).Code);
        (await server.Get("/v1/config/guarded.key?env=guarded")).Is(404);
    }

    [Fact]
    public async Task A_user_signs_in_with_his_password_works_and_signs_out()
    {
        (variables["STELE_URL"], variables["STELE_TOKEN"]) = (Url, HttpServer.Token);
        var id = (await Run("", "user", "create", "ada@example.com", "Ada", "--role", "editor")).Out.Split(' ')[0];
        Assert.Equal(0, (await Run("a long enough password\n", "user", "password", id)).Code);
        variables.Clear();
        var wrong = await Run("another password\n", "login", "--email", "ada@example.com", "--url", Url);
        Assert.Equal((1, true), (wrong.Code, wrong.Error.Contains("unauthenticated", StringComparison.Ordinal)));
        var login = await Run("a long enough password\n", "login", "mine", "--email", "ada@example.com", "--url", Url, "--env", "staging");
        Assert.True(login.Code == 0, login.Error);
        var file = Path.Combine(home.Path, ".config/stele/contexts.json");
        Assert.DoesNotContain("long enough", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.StartsWith("ada@example.com (Ada), user, organization default", (await Run("", "whoami")).Out, StringComparison.Ordinal);
        // a change needs more than the cookie
        Assert.Equal(0, (await Run("", "set", "signed.in", "1")).Code);
        (await server.Get("/v1/config/signed.in?env=staging")).Is(200);
        Assert.Contains("session", (await Run("", "context")).Out, StringComparison.Ordinal);
        Assert.Equal(0, (await Run("a long enough password\nand a longer one still\n", "password")).Code);
        // a node trusts a session that it found for a second
        await Wait.Until(async () => (await Run("", "whoami")) is { Code: 1 } ended && ended.Error.Contains("stele login", StringComparison.Ordinal), "the end of the session");
        Assert.Equal(0, (await Run("and a longer one still\n", "login", "mine", "--email", "ada@example.com", "--url", Url)).Code);
        var cookie = Stele.Cli.Contexts.ContextFile.Read(World("")).Contexts["mine"].Session!.Cookie;
        Assert.Equal("logged out of mine\n", (await Run("", "logout")).Out);
        Assert.DoesNotContain(cookie, await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(new Uri(Url), "/v1/session"));
        request.Headers.Add("Cookie", $"stele_session={cookie}");
        using var plain = new HttpClient(new SocketsHttpHandler { UseCookies = false });
        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, (await plain.SendAsync(request, TestContext.Current.CancellationToken)).StatusCode);
    }

    string Url => server.Client.BaseAddress!.ToString();

    async Task<string[]> Offered(string words) => (await Run("", $"[suggest:{words.Length + 6}]", "stele " + words)).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    async Task<CliAnswer> Run(string input, params string[] words)
    {
        var (output, error) = (new StringWriter { NewLine = "\n" }, new StringWriter { NewLine = "\n" });
        var code = await CommandLine.Run(words, World(input) with { Out = output, Error = error });
        return new CliAnswer(code, output.ToString(), error.ToString());
    }

    Surroundings World(string input) => new()
    {
        Out = TextWriter.Null, Error = TextWriter.Null, In = () => new MemoryStream(Encoding.UTF8.GetBytes(input)), CanAsk = false, OutIsTerminal = false,
        Variable = name => name == "HOME" ? home.Path : variables.GetValueOrDefault(name),
    };
}
