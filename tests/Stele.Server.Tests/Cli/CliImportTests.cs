using System.Text.Json;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Cli;

/// <summary>Import and export against a real server. The files have the traits of Spring's Petclinic repository: marks, documents, profiles, a key twice, lists.</summary>
public sealed class CliImportTests(HttpServer server) : IClassFixture<HttpServer>, IDisposable
{
    readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("stele-import-");

    public void Dispose() => directory.Delete(recursive: true);

    void Write(string name, string text) => File.WriteAllText(Path.Combine(directory.FullName, name), text);

    Task<CliAnswer> Import(params string[] more) => server.Run(["import", directory.FullName, "--yes", .. more]);

    [Fact]
    public async Task A_configuration_repository_goes_in_as_one_revision_and_comes_out_unchanged()
    {
        Write("application.yml", """
            # common
            management.endpoints.include: "*"
            probability: 1.10
            management:
              endpoints:
                include: '*'
            hosts: [a, {name: b, port: 9007199254740993}]
            none:
            empty: {}
            ---
            spring:
              config:
                activate:
                  on-profile: docker      
            endpoint: "http://tracing-server:9411/"
            """);
        Write("customers-service.yml", "\uFEFFspring:\n  config:\n    activate:\n      on-profile: default\ninstance-id: ${spring.application.name}:${random.uuid}\n\n---\nspring.profiles: docker\nserver:\n  port: 8081\n");
        Write("legacy.properties", "# old\nurl=jdbc:mysql://localhost/x?a=b&c=d\ntext = \\u00e4 \\\n   joined\n");
        Write("LICENSE", "MIT");
        var before = await server.Revision();
        var imported = await Import("--env", "development", "--create-environments");
        Assert.Equal(0, imported.Code);
        Assert.Contains("management.endpoints.include is set twice", imported.Error, StringComparison.Ordinal);
        Assert.Equal(before + 3, await server.Revision()); // two environments, and all values in one
        Assert.Equal(
            "application.empty = {}\napplication.hosts[0] = a\napplication.hosts[1].name = b\napplication.hosts[1].port = 9007199254740993\napplication.management.endpoints.include = *\napplication.none = null\napplication.probability = 1.10\nlegacy.text = ä joined\nlegacy.url = jdbc:mysql://localhost/x?a=b&c=d\n",
            (await server.Run("list", "--env", "development")).Out);
        Assert.Equal("application.endpoint = http://tracing-server:9411/\ncustomers-service.server.port = 8081\n", (await server.Run("list", "--env", "docker")).Out);
        Assert.Equal("customers-service.instance-id = ${spring.application.name}:${random.uuid}\n", (await server.Run("list", "--env", "default")).Out);
        Assert.Contains("Nothing to change", (await Import("--env", "development")).Out, StringComparison.Ordinal);
        await RoundTrip(await server.Revision());
    }

    async Task RoundTrip(long revision)
    {
        await server.Run("set", "lonely", "30", "--string");
        await server.Run("set", "application.hosts", "{\"json\":[1.0,{\"$json\":1}]}");
        foreach (var format in new[] { "yaml", "json", "properties", "env" })
        {
            var (many, one) = (Path.Combine(directory.FullName, "out-" + format), Path.Combine(directory.FullName, $"out.{(format == "yaml" ? "yml" : format)}"));
            Assert.Equal(0, (await server.Run("export", "--env", "development", "--format", format, "--out", many)).Code);
            Assert.Equal(0, (await server.Run("export", "--env", "development", "--format", format, "--out", one)).Code);
            foreach (var path in new[] { many, one })
                Assert.Equal(new CliAnswer(0, "development: 0 added, 0 changed, 11 equal\nNothing to change: all of it is there.\n", ""), await server.Run("import", path, "--env", "development", "--yes"));
        }
        Assert.Equal(revision + 2, await server.Revision());
        // The same files carry an environment to another one, with types and all.
        Assert.Equal(0, (await server.Run("import", Path.Combine(directory.FullName, "out-properties"), "--env", "production", "--yes")).Code);
        Assert.Equal(0, (await server.Run("diff", "development", "production", "--exit-code")).Code);
    }

    [Fact]
    public async Task What_the_server_refuses_writes_nothing_and_names_file_and_line()
    {
        Write("refused.json", "{\n  \"fine\": 1,\n  \"large\": 1e5000\n}");
        var before = await server.Revision();
        var answer = await Import("--env", "staging");
        Assert.Equal(1, answer.Code);
        Assert.Contains("refused.json:3: refused.large in staging", answer.Error, StringComparison.Ordinal);
        Assert.Equal(before, await server.Revision());
    }

    [Fact]
    public async Task More_than_one_change_can_hold_goes_in_several()
    {
        Write("many.properties", string.Concat(Enumerable.Range(0, 10_001).Select(i => $"k{i}={i}\n")));
        var before = await server.Revision();
        var answer = await Import("--env", "staging", "--json");
        Assert.Equal(0, answer.Code);
        Assert.Contains("it takes 2", answer.Error, StringComparison.Ordinal);
        var summary = JsonDocument.Parse(answer.Out).RootElement;
        Assert.Equal((10_001, 2, before + 2), (summary.GetProperty("applied").GetInt32(), summary.GetProperty("revisions").GetArrayLength(), await server.Revision()));
        var again = JsonDocument.Parse((await Import("--env", "staging", "--json")).Out).RootElement;
        Assert.Equal((0, 10_001), (again.GetProperty("applied").GetInt32(), again.GetProperty("environments")[0].GetProperty("equal").GetInt32()));
    }
}
