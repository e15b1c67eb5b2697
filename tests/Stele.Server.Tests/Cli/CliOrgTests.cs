using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Cli;

public sealed class CliOrgTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task An_organization_is_made_renamed_archived_and_opened()
    {
        var made = await server.Run("org", "create", "cli-acme", "--environments", "dev,prod");
        Assert.Equal(0, made.Code);
        Assert.StartsWith("cli-acme created (dev, prod)\ntoken: stele_cli-acme_", made.Out, StringComparison.Ordinal);
        Assert.Contains("only time", made.Error, StringComparison.Ordinal);
        Assert.Equal(4, (await server.Run("org", "create", "cli-acme")).Code);
        var wrong = await server.Run("org", "create", "Acme");
        Assert.Equal(2, wrong.Code);
        Assert.Contains("lower-case", wrong.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await server.Run("set", "app.x", "1", "--org", "cli-acme")).Code);
        Assert.Equal("it is cli-other now\n", (await server.Run("org", "rename", "cli-acme", "cli-other", "-m", "merger")).Out);
        Assert.Equal("1\n", (await server.Run("get", "app.x", "--org", "cli-acme")).Out);
        Assert.Contains("formerly: cli-acme", (await server.Run("org", "get", "cli-acme")).Out, StringComparison.Ordinal);
        Assert.Equal(0, (await server.Run("org", "archive", "cli-other")).Code);
        Assert.Equal(3, (await server.Run("get", "app.x", "--org", "cli-other")).Code);
        Assert.Contains("cli-other", (await server.Run("org", "list", "--archived")).Out, StringComparison.Ordinal);
        Assert.DoesNotContain("cli-other", (await server.Run("org")).Out, StringComparison.Ordinal);
        Assert.Equal(0, (await server.Run("org", "unarchive", "cli-other")).Code);
        Assert.Contains("cli-other", (await server.Run("orgs", "list", "--json")).Out, StringComparison.Ordinal);
        Assert.Equal(3, (await server.Run("org", "archive", "nowhere")).Code);
    }

    [Fact]
    public async Task Environments_and_settings_are_changed()
    {
        await server.Run("org", "create", "cli-env");
        Task<CliAnswer> Run(params string[] arguments) => server.Run([.. arguments, "--org", "cli-env"]);
        Assert.Equal("qa created\n", (await Run("env", "create", "qa", "--description", "for tests")).Out);
        Assert.Equal(["NAME         KEYS  DEFAULT  PROTECTED  DESCRIPTION", "development  0     yes", "staging      0", "production   0", "qa           0                         for tests"], Lines(await Run("env")));
        Assert.Equal(0, (await Run("env", "describe", "qa", "for others")).Code);
        Assert.Equal(0, (await Run("env", "describe", "staging")).Code);
        Assert.Equal("qa           0                         for others", Lines(await Run("environments", "order", "qa", "development", "staging", "production"))[1]);
        Assert.Equal(0, (await Run("set", "app.x", "1", "--env", "qa")).Code);
        Assert.Equal(1, (await Run("env", "delete", "qa")).Code);
        Assert.Equal("qa deleted (1 keys, revision 6)\n", (await Run("env", "delete", "qa", "--confirm", "qa", "-m", "tidy")).Out);

        Assert.Equal("default environment: staging\nprotected environments: production\nlimit environments.count: 5\n",
            (await Run("settings", "set", "--default-environment", "staging", "--protect", "production", "--limit", "environments.count=5")).Out);
        Assert.Equal(1, (await Run("set", "app.x", "1", "--env", "production")).Code);
        Assert.Equal(0, (await Run("set", "app.x", "1", "--env", "production", "-m", "why")).Code);
        Assert.Equal(1, (await Run("settings", "set", "--unprotect", "production")).Code);
        Assert.Equal("default environment: staging\nprotected environments: none\n", (await Run("settings", "set", "--unprotect", "production", "--limit", "environments.count=none", "-m", "why")).Out);
        Assert.Equal(2, (await Run("settings", "set")).Code);
        Assert.Equal(2, (await Run("settings", "set", "--limit", "environments.count=many")).Code);
        Assert.Equal("default environment: staging\nprotected environments: none\n", (await Run("settings")).Out);
    }

    static string[] Lines(CliAnswer answer) => answer.Out.TrimEnd('\n').Split('\n');
}
