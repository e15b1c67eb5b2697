using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Cli;

/// <summary>Flags from the command line, on a real server.</summary>
public sealed class CliFlagTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task A_flag_is_set_shown_switched_moved_and_deleted()
    {
        Assert.Contains("set", await Cli("flag", "set", "checkout/new", "--percentage", "10", "--user", "ada"), StringComparison.Ordinal);
        Assert.Contains("moves 15 %", await Cli("flag", "set", "checkout/new", "--percentage", "25", "--user", "ada", "--dry-run"), StringComparison.Ordinal);
        Assert.Contains("\"percentage\": 10", await Cli("flag", "get", "checkout/new"), StringComparison.Ordinal);
        Assert.Contains("killed", await Cli("flag", "kill", "checkout/new"), StringComparison.Ordinal);
        Assert.Contains("set", await Cli("flag", "kill", "checkout/new", "--undo"), StringComparison.Ordinal);
        Assert.Contains("added", await Cli("flag", "copy", "development", "production", "checkout/new"), StringComparison.Ordinal);
        var file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid()}.yaml");
        await File.WriteAllTextAsync(file, await Cli("flag", "export", "--format", "yaml"));
        Assert.Contains("0 changed, 1 as they were", await Cli("flag", "import", file, "--replace"), StringComparison.Ordinal);
        File.Delete(file);
        Assert.Contains("checkout/new", await Cli("flag", "list"), StringComparison.Ordinal);
        Assert.Contains("(killed)", await Cli("flag", "history", "checkout/new"), StringComparison.Ordinal);
        Assert.Contains("archived", await Cli("flag", "archive", "checkout/new"), StringComparison.Ordinal);
        Assert.Contains("moves", await Cli("flag", "rollback", "checkout/new", "1"), StringComparison.Ordinal);
        Assert.Contains("deleted", await Cli("flag", "delete", "checkout/new"), StringComparison.Ordinal);
    }

    async Task<string> Cli(params string[] arguments)
    {
        var (code, output, error) = await server.Run(arguments);
        Assert.True(code == 0, error);
        return output;
    }
}
