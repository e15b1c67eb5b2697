using System.Text.Json;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Cli;

/// <summary>What is watched from the command line, against a real server.</summary>
public sealed class CliWatchTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task The_past_is_printed_a_line_a_change_until_it_is_shown()
    {
        foreach (var words in (string[][])[["set", "watched.a", "1"], ["set", "other.a", "2"], ["set", "watched.b", "text"], ["delete", "watched.a"]])
            Assert.True((await server.Run(words)).Code == 0, string.Join(' ', words));
        var said = await server.Run("watch", "watched.", "--from", "0", "--until-synced");
        Assert.True(said.Code == 0, said.Error);
        var lines = said.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.EndsWith("watched.a = 1 v1 by root", lines[0], StringComparison.Ordinal);
        Assert.EndsWith("watched.b = text v1 by root", lines[1], StringComparison.Ordinal);
        Assert.EndsWith("watched.a deleted v2 by root", lines[2], StringComparison.Ordinal);
        var json = (await server.Run("watch", "watched.", "--from", "0", "--until-synced", "--json")).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["watched.a", "watched.b", "watched.a"], json.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("changes")[0].GetProperty("key").GetString()));
    }

    [Theory]
    [InlineData("not a cursor", "watch", "--from", "yesterday", "--until-synced")]
    [InlineData("config, flag and secret", "watch", "--kinds", "locks", "--until-synced")]
    [InlineData("There is no environment", "watch", "--env", "nowhere", "--until-synced")]
    public async Task What_is_refused_is_said_and_ends_it(string says, params string[] words)
    {
        var said = await server.Run(words);
        Assert.NotEqual(0, said.Code);
        Assert.Contains(says, said.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_told_and_not_waited_for()
    {
        using var nobody = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        nobody.Start();
        var port = ((System.Net.IPEndPoint)nobody.LocalEndpoint).Port;
        nobody.Stop();
        var said = await CliServer.Run(new Uri($"http://127.0.0.1:{port}"), HttpServer.Token, "watch", "--until-synced");
        Assert.NotEqual(0, said.Code);
        Assert.Contains("cannot be reached", said.Error, StringComparison.Ordinal);
    }
}
