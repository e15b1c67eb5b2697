using System.Text.Json;
using Stele.Core.Tests.Client;
using Xunit;

namespace Stele.Core.Tests.Cli;

public sealed class ImportVerbTests : IDisposable
{
    readonly FakeServer server = new();
    readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("stele-import-");

    public ImportVerbTests()
    {
        File("application.yml", "\uFEFF# comment\nlevel: INFO\nlevels.root: WARN\nlevels:\n  root: INFO\nhosts: [a, b]\n---\nspring.config.activate.on-profile: docker\nlevel: DEBUG\n");
        File("customers-service.yml", "port: 8081\nratio: 1.10\n");
        File("LICENSE", "MIT");
    }

    public void Dispose() => directory.Delete(recursive: true);

    void File(string name, string text) => System.IO.File.WriteAllText(Path.Combine(directory.FullName, name), text);

    Task<(int Code, string Out, string Error)> Import(params string[] more) => server.Run(["import", directory.FullName, "--env", "development", .. more]);

    [Fact]
    public async Task A_directory_is_imported_as_one_change_and_a_second_time_changes_nothing()
    {
        var (code, output, error) = await Import("--create-environments", "--yes");
        Assert.Equal(0, code);
        Assert.Equal(
        [
            "application.hosts[0]=\"a\"", "application.hosts[1]=\"b\"", "application.level=\"INFO\"", "application.levels.root=\"INFO\"", "customers-service.port=8081", "customers-service.ratio=1.10",
        ], server.Values("development"));
        Assert.Equal(["application.level=\"DEBUG\""], server.Values("docker"));
        Assert.Contains("development: 6 added, 0 changed, 0 equal", output, StringComparison.Ordinal);
        Assert.Contains("docker (new): 1 added", output, StringComparison.Ordinal);
        Assert.Contains("LICENSE", error, StringComparison.Ordinal);
        Assert.Contains("application.yml:5: application.levels.root is set twice", error, StringComparison.Ordinal);
        var change = Assert.Single(server.Handler.Requests, sent => sent.Path.StartsWith("/v1/changes", StringComparison.Ordinal));
        Assert.Equal(7, JsonDocument.Parse(change.Body).RootElement.GetProperty("changes").EnumerateArray().Count(one => one.GetProperty("expected_version").GetInt32() == 0));
        Assert.Contains("Nothing to change", (await Import("--create-environments", "--yes")).Out, StringComparison.Ordinal);
        Assert.Single(server.Handler.Requests, sent => sent.Path.StartsWith("/v1/changes", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_a_terminal_or_yes_it_refuses_and_a_no_changes_nothing()
    {
        var (code, _, error) = await Import("--create-environments");
        Assert.Equal(2, code);
        Assert.Contains("--yes", error, StringComparison.Ordinal);
        server.Answers = "\n";
        Assert.Equal(1, (await Import("--create-environments")).Code);
        Assert.Empty(server.Values("development"));
        Assert.DoesNotContain(server.Handler.Requests, sent => sent.Method != "GET");
    }

    [Fact]
    public async Task A_missing_environment_is_named_and_made_only_when_told()
    {
        var (code, _, error) = await Import("--yes");
        Assert.Equal(2, code);
        Assert.Contains("no environment docker: --create-environments", error, StringComparison.Ordinal);
        Assert.Empty(server.Values("development"));
    }

    [Fact]
    public async Task A_dry_run_shows_and_writes_nothing()
    {
        server.Put("development", "application.level", "\"DEBUG\"");
        var (code, output, _) = await Import("--dry-run");
        Assert.Equal(0, code);
        Assert.Contains("~ application.level: DEBUG → INFO", output, StringComparison.Ordinal);
        Assert.Contains("development: 5 added, 1 changed, 0 equal", output, StringComparison.Ordinal);
        Assert.DoesNotContain(server.Handler.Requests, sent => sent.Method != "GET");
        var json = JsonDocument.Parse((await Import("--dry-run", "--json")).Out).RootElement;
        Assert.Equal((8, 0, 7), (json.GetProperty("leaves").GetInt32(), json.GetProperty("applied").GetInt32(), json.GetProperty("changes").GetArrayLength()));
    }

    [Fact]
    public async Task What_cannot_be_a_key_stops_the_import_unless_it_is_skipped_by_name()
    {
        File("bad.yml", "fine: 1\nnot fine: 2\n");
        var (code, _, error) = await Import("--yes", "--create-environments");
        Assert.Equal(2, code);
        Assert.Contains("bad.yml:2: \"bad.not fine\" is not a key", error, StringComparison.Ordinal);
        Assert.DoesNotContain(server.Handler.Requests, sent => sent.Method != "GET");
        (code, _, error) = await Import("--yes", "--create-environments", "--skip-invalid");
        Assert.Equal(0, code);
        Assert.Contains("left out: bad.yml:2", error, StringComparison.Ordinal);
        Assert.Contains("bad.fine=1", server.Values("development"));
    }

    [Fact]
    public async Task Above_the_limit_it_says_that_it_takes_several_changes()
    {
        server.LimitsJson = """{"items":[{"name":"change_set.changes","value":3}]}""";
        var (code, _, error) = await Import("--yes", "--create-environments");
        Assert.Equal(0, code);
        Assert.Contains("it takes 3", error, StringComparison.Ordinal);
        Assert.Contains("3 of 3", error, StringComparison.Ordinal);
        Assert.Equal(3, server.Handler.Requests.Count(sent => sent.Path.StartsWith("/v1/changes", StringComparison.Ordinal)));
        Assert.Equal(6, server.Values("development").Count);
    }

    [Fact]
    public async Task A_change_made_after_the_plan_stops_the_import()
    {
        server.Intercept = sent =>
        {
            if (sent.Path == "/v1/limits") server.Put("development", "application.level", "\"mine\"");
            return null;
        };
        Assert.Equal(4, (await Import("--yes", "--create-environments")).Code);
        Assert.Contains("application.level=\"mine\"", server.Values("development"));
    }

    [Fact]
    public async Task What_the_server_refuses_is_told_by_file_and_line()
    {
        server.Intercept = sent => sent.Path.StartsWith("/v1/changes", StringComparison.Ordinal)
            ? StubHandler.Problem(400, "invalid", errors: """[{"pointer":"/changes/5/value","rule":"value.bytes","message":"too long"}]""") : null;
        var (code, _, error) = await Import("--yes", "--create-environments");
        Assert.Equal(1, code);
        Assert.Contains("customers-service.yml:2: customers-service.ratio in development: too long", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_list_that_grew_shorter_leaves_items_and_says_so()
    {
        for (var i = 0; i < 3; i++) server.Put("development", $"application.hosts[{i}]", "\"x\"");
        var (_, _, error) = await Import("--yes", "--create-environments");
        Assert.Contains("stele delete application.hosts[2] --env development", error, StringComparison.Ordinal);
        Assert.DoesNotContain("hosts[1] stays", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("yaml")]
    [InlineData("json")]
    [InlineData("properties")]
    [InlineData("env")]
    public async Task Import_of_an_export_changes_nothing(string format)
    {
        await Import("--yes", "--create-environments");
        foreach (var (key, json) in new[] { ("lonely", "\"x\""), ("a.b", "1.10"), ("a.b.c", "\"1.10\""), ("a.json", "{\"x\":[1.0]}"), ("a.list[0]", "true"), ("a.none", "null"), ("a.spring.profiles", "\"p\"") })
            server.Put("development", key, json);
        var (one, many) = (Path.Combine(directory.FullName, "out." + (format == "yaml" ? "yml" : format)), Path.Combine(directory.FullName, "many"));
        Assert.Equal(0, (await server.Run("export", "--format", format, "--out", one)).Code);
        Assert.Equal(0, (await server.Run("export", "--format", format, "--out", many)).Code);
        var printed = await server.Run("export", "--format", format);
        Assert.Equal(System.IO.File.ReadAllText(one), printed.Out);
        foreach (var path in new[] { one, many })
        {
            var (code, output, error) = await server.Run("import", path, "--env", "development", "--yes");
            Assert.Equal((0, ""), (code, error));
            Assert.Contains("development: 0 added, 0 changed, 13 equal", output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Bad_requests_are_told_before_the_server_is_asked()
    {
        Assert.Equal(2, (await server.Run("import", Path.Combine(directory.FullName, "nowhere"), "--env", "development")).Code);
        Assert.Equal(2, (await server.Run("import", directory.FullName)).Code);
        Assert.Equal(2, (await server.Run("import", Path.Combine(directory.FullName, "LICENSE"), "--env", "development")).Code);
        Assert.Equal(2, (await Import("--service", "x", "--whole-keys")).Code);
        Assert.Empty(server.Handler.Requests);
    }
}
