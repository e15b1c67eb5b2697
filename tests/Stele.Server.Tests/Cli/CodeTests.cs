using Stele.Server.Tests.Client;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Cli;

/// <summary>Configuration as code: export, plan, apply against a real server.</summary>
public sealed class CodeTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task What_is_exported_is_planned_as_no_difference_and_changes_are_applied_as_one_revision()
    {
        await Environment("code-a");
        await Put("code-a", "shop.greeting", "\"Hi\"");
        await Put("code-a", "shop.hosts[0]", "\"h0\"");
        await Put("code-a", "shop.json", """{"a":[1,{"b":1.10}]}""");
        (await server.Put("shop.limited", """{"value":5,"schema":{"type":"number","maximum":9}}""", "?env=code-a")).Is(200);
        (await server.Send("PUT", "/v1/flags/fast?env=code-a", """{"enabled":true,"percentage":30}""")).Is(200);
        (await server.Send("PUT", "/v1/flags/$evaluators/staff?env=code-a", """{"definition":{"==":[{"var":"t"},"x"]}}""")).Is(200);
        (await server.Send("PUT", "/v1/flags/rule?env=code-a", """{"definition":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"$ref":"staff"},"on","off"]}}}""")).Is(200);
        using var directory = new TempDirectory();
        await Ok("export", "--as-code", "--out", directory.Path, "--env", "code-a");
        var none = await Ok("plan", "-f", directory.Path, "--exit-code", "--prune");
        Assert.Contains("No differences", none.Out, StringComparison.Ordinal);

        var file = Path.Combine(directory.Path, "code-a/config/shop.yml");
        File.WriteAllText(file, File.ReadAllText(file).Replace("Hi", "Hello", StringComparison.Ordinal) + "added: true\n");
        File.WriteAllText(Path.Combine(directory.Path, "code-a/schemas.yml"), "shop.limited: {type: number, maximum: 7}\n");
        var flags = Path.Combine(directory.Path, "code-a/flags.yml");
        File.WriteAllText(flags, File.ReadAllText(flags).Replace("30", "40", StringComparison.Ordinal));
        var drift = await server.Run("plan", "-f", directory.Path, "--exit-code");
        Assert.Equal(1, drift.Code);
        foreach (var line in (string[])["~ shop.greeting: Hi → Hello", "+ shop.added = true", "~ schema shop.limited:", "~ flag fast:"]) Assert.Contains(line, drift.Out, StringComparison.Ordinal);
        var before = await server.Revision();
        await Ok("apply", "-f", directory.Path, "--yes", "--message", "as code");
        Assert.Equal(before + 1, await server.Revision());
        Assert.Contains("No differences", (await Ok("plan", "-f", directory.Path, "--exit-code")).Out, StringComparison.Ordinal);
        Assert.Equal("as code", (await server.Get("/v1/config/shop.greeting?env=code-a"))["change_log"].GetString());
        (await server.Put("shop.limited", """{"value":8}""", "?env=code-a")).IsProblem(422, "schema_violation");
    }

    [Fact]
    public async Task A_change_in_between_stops_it_and_nothing_is_applied()
    {
        await Environment("code-b");
        using var directory = new TempDirectory();
        Write(directory, "code-b/config/app.yml", "port: 1\n");
        var plan = await Ok("plan", "-f", directory.Path);
        var at = plan.Error[(plan.Error.LastIndexOf(' ') + 1)..].Trim();
        await Put("code-b", "other.key", "1");
        var refused = await server.Run("apply", "-f", directory.Path, "--yes", "--base", at);
        Assert.Equal(4, refused.Code);
        Assert.Contains("nothing was applied", refused.Error, StringComparison.Ordinal);
        (await server.Get("/v1/config/app.port?env=code-b")).Is(404);
        await Ok("apply", "-f", directory.Path, "--yes");
        (await server.Get("/v1/config/app.port?env=code-b")).Is(200);
    }

    [Fact]
    public async Task What_the_files_lack_stays_unless_it_is_pruned_and_environments_are_made()
    {
        using var directory = new TempDirectory();
        Write(directory, "code-c/config/app.yml", "a: 1\nb: 2\n");
        Assert.Contains("+ environment code-c", (await Ok("plan", "-f", directory.Path)).Out, StringComparison.Ordinal);
        await Ok("apply", "-f", directory.Path, "--yes");
        Write(directory, "code-c/config/app.yml", "a: 1\n");
        var kept = await Ok("apply", "-f", directory.Path, "--yes");
        Assert.Contains("--prune deletes them", kept.Error, StringComparison.Ordinal);
        (await server.Get("/v1/config/app.b?env=code-c")).Is(200);
        // nobody is there to be asked
        Assert.Equal(2, (await server.Run("apply", "-f", directory.Path, "--prune")).Code);
        Assert.Contains("- app.b = 2", (await Ok("apply", "-f", directory.Path, "--prune", "--yes")).Out, StringComparison.Ordinal);
        (await server.Get("/v1/config/app.b?env=code-c")).Is(404);
    }

    [Theory]
    [InlineData("x/config/app.yml", "a: [1\n", "not YAML")]
    [InlineData("x/config/app.yml", "\"a b\": 1\n", "is not a key")]
    [InlineData("x/schemas.yml", "app.a: {}\n", "app.a has a schema and no value")]
    [InlineData("x/flags.yml", "flag: {}\n", "flag is not known in a file of flags")]
    [InlineData("not an env/config/app.yml", "a: 1\n", "cannot be an environment")]
    [InlineData("x/config/app.txt", "a: 1\n", "is of no known format")]
    public async Task Files_that_cannot_be_read_are_said_and_nothing_is_done(string name, string text, string says)
    {
        using var directory = new TempDirectory();
        Write(directory, name, text);
        var refused = await server.Run("apply", "-f", directory.Path, "--yes");
        Assert.Equal(2, refused.Code);
        Assert.Contains(says, refused.Error, StringComparison.Ordinal);
    }

    async Task<CliAnswer> Ok(params string[] words)
    {
        var answer = await server.Run(words);
        Assert.True(answer.Code == 0, $"{string.Join(' ', words)}: {answer.Code}\n{answer.Out}\n{answer.Error}");
        return answer;
    }

    async Task Environment(string name) => (await server.Post("/v1/environments", $$"""{"name":"{{name}}"}""")).Is(201);

    async Task Put(string environment, string key, string value) => (await server.Put(key, $$"""{"value":{{value}}}""", $"?env={environment}")).Is(200);

    static void Write(TempDirectory directory, string name, string text)
    {
        var path = Path.Combine(directory.Path, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
