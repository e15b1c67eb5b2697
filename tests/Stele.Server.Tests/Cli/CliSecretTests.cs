using System.Text;
using System.Text.Json;
using Stele.Client;
using Stele.Server.Secrets.Keys;
using Stele.Server.Tests.Client;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Cli;

/// <summary>Secrets and keys by the command line, and by the client that it uses.</summary>
public sealed class CliSecretTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task A_secret_comes_by_standard_input_and_no_answer_but_get_shows_it()
    {
        var put = await server.RunWith("correct horse\n"u8.ToArray(), "secret", "put", "cli/first", "-m", "made");
        Assert.Equal((0, ""), (put.Code, put.Error));
        Assert.DoesNotContain("horse", put.Out, StringComparison.Ordinal);
        Assert.Equal("correct horse\n", (await server.Run("secret", "get", "cli/first")).Out);
        foreach (var words in (string[][])[["list", "cli/"], ["metadata", "cli/first"], ["versions", "cli/first"], ["list", "--json"], ["metadata", "cli/first", "--yaml"]])
        {
            var shown = await server.Run(["secret", .. words]);
            Assert.True(shown.Code == 0, shown.Error);
            Assert.Contains("cli/first", words[0] == "versions" ? "cli/first" : shown.Out, StringComparison.Ordinal);
            Assert.DoesNotContain("horse", shown.Out + shown.Error, StringComparison.Ordinal);
        }
        Assert.Equal("correct horse", JsonElement.Parse((await server.Run("secret", "get", "cli/first", "--json")).Out).GetProperty("value").GetString());
    }

    [Fact]
    public async Task A_value_on_the_command_line_is_taken_with_a_warning_and_at_a_terminal_it_is_not_shown()
    {
        var argument = await server.Run("secret", "put", "cli/argument", "hunter2");
        Assert.Equal(0, argument.Code);
        Assert.Contains("history", argument.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", argument.Out + argument.Error, StringComparison.Ordinal);
        var typed = await server.RunAtTerminal("typed unseen", "", "secret", "put", "cli/argument");
        Assert.Equal(0, typed.Code);
        Assert.Contains("Value of cli/argument", typed.Error, StringComparison.Ordinal);
        Assert.Equal("typed unseen\n", (await server.Run("secret", "get", "cli/argument")).Out);
        Assert.Equal("hunter2\n", (await server.Run("secret", "get", "cli/argument", "--version", "1")).Out);
        Assert.Equal(2, (await server.RunWith([], "secret", "put", "cli/argument")).Code);
        Assert.Equal(2, (await server.Run("secret", "put", "cli/argument", "x", "--generate")).Code);
        Assert.Equal(2, (await server.Run("secret", "put", "cli/../x", "x")).Code);
    }

    [Fact]
    public async Task Bytes_go_through_files_that_nobody_else_reads_exactly_as_they_are()
    {
        using var directory = new TempDirectory();
        var (from, to) = (Path.Combine(directory.Path, "in"), Path.Combine(directory.Path, "out"));
        byte[] bytes = [0, 255, 10, 13, 128, 10];
        await File.WriteAllBytesAsync(from, bytes, TestContext.Current.CancellationToken);
        Assert.Equal(0, (await server.Run("secret", "put", "cli/bytes", "--file", from)).Code);
        var refused = await server.Run("secret", "get", "cli/bytes");
        Assert.Equal((2, ""), (refused.Code, refused.Out));
        Assert.Equal(Convert.ToBase64String(bytes) + "\n", (await server.Run("secret", "get", "cli/bytes", "--base64")).Out);
        await File.WriteAllTextAsync(to, "before", TestContext.Current.CancellationToken);
        Assert.Equal(0, (await server.Run("secret", "get", "cli/bytes", "--out", to)).Code);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(to, TestContext.Current.CancellationToken));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(to));
        // of a file the last line end is a part
        await File.WriteAllTextAsync(from, "line\n", TestContext.Current.CancellationToken);
        Assert.Equal(0, (await server.Run("secret", "put", "cli/bytes", "--file", from)).Code);
        Assert.Equal("line\n\n", (await server.Run("secret", "get", "cli/bytes")).Out);
    }

    [Fact]
    public async Task The_server_makes_a_value_with_an_end_a_reminder_and_notes()
    {
        Assert.Equal(0, (await server.Run("secret", "put", "cli/made", "--generate", "12", "--alphabet", "ab", "--expires-in-days", "3", "--rotation-days", "30", "--metadata", "owner=pay", "--metadata", "note=a=b")).Code);
        Assert.Matches("^[ab]{12}\n$", (await server.Run("secret", "get", "cli/made")).Out);
        var known = (await server.Run("secret", "metadata", "cli/made")).Out;
        Assert.Contains("expiring", known, StringComparison.Ordinal);
        Assert.Contains("every 30 days", known, StringComparison.Ordinal);
        Assert.Contains("\"note\":\"a=b\"", known, StringComparison.Ordinal);
        Assert.Contains("cli/made", (await server.Run("secret", "list", "--status", "expiring")).Out, StringComparison.Ordinal);
        Assert.Equal(0, (await server.Run("secret", "put", "cli/made", "--generate", "--rotation-days", "0", "--metadata", "none")).Code);
        var after = JsonElement.Parse((await server.Run("secret", "metadata", "cli/made", "--json")).Out);
        Assert.Equal((2, "{}", false), (after.GetProperty("version").GetInt32(), after.GetProperty("metadata").GetRawText(), after.TryGetProperty("rotation_days", out _)));
        Assert.Equal(32, (await server.Run("secret", "get", "cli/made")).Out.TrimEnd('\n').Length);
    }

    [Fact]
    public async Task What_is_deleted_comes_back_and_what_is_destroyed_does_not_and_is_asked_for()
    {
        foreach (var value in (string[])["one", "two"]) await server.RunWith(Encoding.UTF8.GetBytes(value), "secret", "put", "cli/end");
        Assert.Equal(4, (await server.Run("secret", "delete", "cli/end", "--expect-version", "1")).Code);
        Assert.Equal(0, (await server.Run("secret", "delete", "cli/end")).Code);
        Assert.Equal(3, (await server.Run("secret", "get", "cli/end")).Code);
        Assert.Equal(0, (await server.Run("secret", "undelete", "cli/end", "-m", "needed")).Code);
        Assert.Equal("two\n", (await server.Run("secret", "get", "cli/end")).Out);
        Assert.Equal(2, (await server.Run("secret", "destroy", "cli/end", "--all")).Code);
        Assert.Equal(2, (await server.Run("secret", "destroy", "cli/end", "--yes")).Code);
        Assert.Equal(1, (await server.RunAtTerminal(null, "n\n", "secret", "destroy", "cli/end", "--all")).Code);
        Assert.Equal("two\n", (await server.Run("secret", "get", "cli/end")).Out);
        var gone = await server.RunAtTerminal(null, "y\n", "secret", "destroy", "cli/end", "--version", "1");
        Assert.Equal(0, gone.Code);
        Assert.StartsWith("cli/end: destroyed 1 ", gone.Out, StringComparison.Ordinal);
        Assert.Equal(3, (await server.Run("secret", "get", "cli/end", "--version", "1")).Code);
        Assert.Contains("destroyed", (await server.Run("secret", "versions", "cli/end")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_secret_is_handed_on_once_and_an_auditor_finds_where_a_value_was()
    {
        await server.RunWith("handed on"u8.ToArray(), "secret", "put", "cli/wrapped");
        var wrap = await server.Run("secret", "wrap", "cli/wrapped", "--ttl-seconds", "60");
        Assert.True(wrap.Code == 0, wrap.Error);
        var token = Encoding.UTF8.GetBytes(wrap.Out);
        Assert.Equal("handed on\n", (await server.RunWith(token, "secret", "unwrap")).Out);
        var again = await server.RunWith(token, "secret", "unwrap");
        Assert.NotEqual(0, again.Code);
        Assert.DoesNotContain("handed on", again.Out + again.Error, StringComparison.Ordinal);
        var found = await server.RunWith("handed on\n"u8.ToArray(), "secret", "was-here");
        Assert.Equal((0, true), (found.Code, found.Out.Contains("cli/wrapped", StringComparison.Ordinal)));
        Assert.Equal((3, "It never was here.\n"), (await server.RunWith("never"u8.ToArray(), "secret", "was-here")) is var none ? (none.Code, none.Out) : default);
    }

    [Fact]
    public async Task A_value_that_stands_for_a_secret_is_its_value_in_apps_and_follows_it()
    {
        await server.RunWith("first"u8.ToArray(), "secret", "put", "refs/password", "--env", "production");
        (await server.Put("services.refs.password", """{"value":{"$secret":"refs/password"}}""", "?env=production")).Is(200);
        await using var app = await ClientApp.Start(server, more: options => options.Prefix = "services.refs.");
        Assert.Equal("first", app.Configuration["services:refs:password"]);
        Assert.True(app.Client.Values.TryGet("services.refs.password", out var value) && value.IsSecret);
        await server.RunWith("second"u8.ToArray(), "secret", "put", "refs/password", "--env", "production");
        await Wait.Until(() => app.Configuration["services:refs:password"] == "second", "the new version");
        (await server.Put("services.refs.pinned", """{"value":{"$secret":"refs/password","version":1}}""", "?env=production")).Is(200);
        await Wait.Until(() => app.Configuration["services:refs:pinned"] == "first", "the pinned one");
    }

    [Fact]
    public async Task A_rewrap_shows_how_far_it_is_of_all_and_goes_on_after_an_interruption()
    {
        await using var own = new HttpServer();
        using var directory = new TempDirectory();
        var keys = Path.Combine(directory.Path, "keys");
        KeyFile.MakeIfMissing(keys);
        await own.InitializeAsync(keyFile: keys);
        for (var i = 0; i < 9; i++) await own.RunWith("value"u8.ToArray(), "secret", "put", $"k{i}");
        Assert.Equal(0, (await own.Run("keys", "rotate")).Code);
        // one step of a run that did not come to its end: nine values and the key of digests
        (await own.Post("/v1/keys/rewrap", """{"limit":5}""")).Is(200);
        var run = await own.RunAtTerminal(null, "", "keys", "rewrap", "--batch", "2");
        Assert.True(run.Code == 0, run.Error);
        Assert.Contains("]  50 %", run.Error.Split('\r')[1], StringComparison.Ordinal);
        Assert.Contains("10 of 10\n", run.Error, StringComparison.Ordinal);
        Assert.StartsWith("5 data keys moved to version 2, 0 remain", run.Out, StringComparison.Ordinal);
        var plain = await own.Run("keys", "rewrap");
        Assert.Equal((0, "rewrap: 10 of 10\n"), (plain.Code, plain.Error));
        Assert.Contains("UNUSED SINCE", (await own.Run("keys", "status")).Out, StringComparison.Ordinal);
        Assert.Equal(2, (await own.Run("keys", "retire", "1")).Code);
        Assert.Equal(4, (await own.Run("keys", "retire", "1", "--yes")).Code);
    }

    [Fact]
    public async Task A_value_of_the_client_is_zeroed_when_it_is_disposed_of_and_never_printed()
    {
        using var client = new SteleClient(new SteleClientOptions { Url = server.Client.BaseAddress!, Token = HttpServer.Token });
        const string text = "quote \" backslash \\ ünïcode \u0001";
        await client.SetSecretAsync("cli/zeroed", null, new SecretWrite { Text = text }, TestContext.Current.CancellationToken);
        var secret = await client.GetSecretAsync("cli/zeroed", new SecretRead(), TestContext.Current.CancellationToken);
        Assert.Equal((text, true, 1L), (secret.GetText(), secret.IsText, secret.Item.Version));
        Assert.Equal("secret cli/zeroed, version 1", secret.ToString());
        var memory = secret.Bytes;
        secret.Dispose();
        Assert.True(memory.Span.IndexOfAnyExcept((byte)0) < 0);
        Assert.Throws<ObjectDisposedException>(() => secret.Bytes);
        using var bytes = await Bytes(client, [0, 1, 2]);
        Assert.Equal((false, "AAEC"), (bytes.IsText, Convert.ToBase64String(bytes.Bytes.Span)));
        await Assert.ThrowsAsync<ArgumentException>(() => client.SetSecretAsync("cli/zeroed", null, new SecretWrite(), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_change_set_of_all_kinds_is_tried_before_it_is_written()
    {
        using var client = new SteleClient(new SteleClientOptions { Url = server.Client.BaseAddress!, Token = HttpServer.Token });
        var changes = new ChangeSet
        {
            Changes =
            [
                new Change { Op = "set", Key = "dry.key", Value = JsonElement.Parse("1") }, new Change { Op = "set", Kind = "secret", Key = "dry/secret", ValueBase64 = "AAEC" },
                new Change { Op = "set", Kind = "flag", Key = "dry-flag", Definition = JsonElement.Parse("""{"enabled":true,"percentage":25}"""), Killed = false },
            ],
        };
        var tried = await client.ApplyChangesAsync("production", changes, dryRun: true, TestContext.Current.CancellationToken);
        Assert.True(tried.DryRun);
        Assert.Equal("not_found", (await Assert.ThrowsAsync<SteleException>(() => client.GetConfigAsync("dry.key", new ConfigRead { Environment = "production" }, TestContext.Current.CancellationToken))).Code);
        var written = await client.ApplyChangesAsync("production", changes, TestContext.Current.CancellationToken);
        Assert.False(written.DryRun);
        Assert.Equal(["config", "secret", "flag"], written.Results!.Select(result => result.Kind));
        Assert.True(written.Results![2].Moved is not null || written.Results![2].MovedReason is not null);
    }

    static async Task<SteleSecret> Bytes(SteleClient client, byte[] value)
    {
        await client.SetSecretAsync("cli/bytes-of-client", null, new SecretWrite { Bytes = value }, TestContext.Current.CancellationToken);
        return await client.GetSecretAsync("cli/bytes-of-client", new SecretRead(), TestContext.Current.CancellationToken);
    }
}
