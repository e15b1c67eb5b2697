using Stele.Server.Tests.Client;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Cli;

/// <summary><c>stele run</c> and <c>stele agent</c> as processes, against a real server.</summary>
public sealed class RunTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task A_command_gets_values_as_variables_and_its_exit_code_is_ours()
    {
        await Put("run.db.url", "\"pg://x\"");
        await Put("run.db.pool-size", "7");
        using var run = ToolProcess.Start(server, "run", "--prefix", "run.", "--strip", "--", "sh", "-c", "echo \"$DB_URL $DB_POOL_SIZE [$STELE_ENV]\"; exit 3");
        Assert.Equal(3, await run.Ended());
        await run.Says("pg://x 7 [production]");
        using var killed = ToolProcess.Start(server, "run", "--prefix", "run.", "--", "sh", "-c", "kill -9 $$");
        Assert.Equal(137, await killed.Ended());
        using var absent = ToolProcess.Start(server, "run", "--prefix", "run.", "--", "/absent/command");
        Assert.Equal(127, await absent.Ended());
        await absent.Says("/absent/command cannot be started");
    }

    [Fact]
    public async Task Secrets_come_as_variables_and_into_templates_and_follow_their_versions()
    {
        await Secret("run-secrets/api-key", "k1");
        await Secret("other/key", "not this");
        await Put("with-secrets.v", "1");
        using var run = ToolProcess.Start(server, "run", "--prefix", "with-secrets.", "--secrets", "run-secrets/", "--strip", "--restart", "--", "sh", "-c", "echo \"key is $API_KEY, v is $V, other is [$OTHER_KEY]\"; while :; do sleep 0.05; done");
        await run.Says("key is k1, v is 1, other is []");
        using var directory = new TempDirectory();
        File.WriteAllText(Path.Combine(directory.Path, "t"), "key={{ secret \"run-secrets/api-key\" }} v={{ with-secrets.v }}\n");
        File.WriteAllText(Path.Combine(directory.Path, "plain"), "v={{ with-secrets.v }}\n");
        File.WriteAllText(Path.Combine(directory.Path, "agent.yml"), "templates:\n- source: t\n  destination: out\n- source: plain\n  destination: plain-out\n");
        using var agent = ToolProcess.Start(server, "agent", "-f", Path.Combine(directory.Path, "agent.yml"), "--prefix", "with-secrets.");
        var (file, plain) = (Path.Combine(directory.Path, "out"), Path.Combine(directory.Path, "plain-out"));
        await Wait.Until(() => File.Exists(file) && File.Exists(plain), $"the files: {agent.Said}");
        Assert.Equal("key=k1 v=1\n", File.ReadAllText(file));
        // without a mode of its own, what holds a secret is nobody else's
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.True(File.GetUnixFileMode(plain).HasFlag(UnixFileMode.OtherRead));
        await Secret("run-secrets/api-key", "k2");
        await run.Says("key is k2");
        await Wait.Until(() => File.ReadAllText(file) == "key=k2 v=1\n", "the file after");
        Assert.DoesNotContain("k1", agent.Said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_watched_is_printed_again_when_it_changes_and_not_otherwise()
    {
        await Put("seen.a", "1");
        using var one = ToolProcess.Start(server, "get", "seen.a", "--watch");
        using var all = ToolProcess.Start(server, "list", "seen.", "--watch", "--json");
        using var status = ToolProcess.Start(server, "status", "--watch", "--json");
        await one.Says("1");
        await all.Says("\"seen.a\"");
        await Put("seen.ab", "7");
        await Put("seen.a", "2");
        await one.Says("2");
        await all.Says("\"seen.ab\"");
        await Wait.Until(() => status.Said.Split("\"node\"").Length > 2, "the status again");
        // another key that begins so is not the one that was asked for
        Assert.Equal("1\n2", one.Said);
        using var past = ToolProcess.Start(server, "get", "seen.a", "--version", "1", "--watch");
        Assert.Equal(2, await past.Ended());
    }

    [Fact]
    public async Task Listings_are_printed_again_when_something_in_them_changes()
    {
        await Secret("shown/first", "v");
        (await server.Send("PUT", "/v1/flags/shown-first?env=production", """{"enabled":true}""")).Is(200);
        await Put("shown.a", "1");
        ToolProcess[] tools =
        [
            ToolProcess.Start(server, "flag", "list", "shown-", "--watch"), ToolProcess.Start(server, "flag", "get", "shown-first", "-w"), ToolProcess.Start(server, "flag", "history", "shown-first", "--watch"),
            ToolProcess.Start(server, "secret", "list", "shown/", "--watch"), ToolProcess.Start(server, "history", "shown.a", "--watch"), ToolProcess.Start(server, "env", "list", "--watch", "--json"),
        ];
        foreach (var (tool, says) in tools.Zip((string[])["shown-first", "true", "VERSION", "shown/first", "VERSION", "production"])) await tool.Says(says);
        await Secret("shown/second", "v");
        (await server.Send("PUT", "/v1/flags/shown-first?env=production", """{"enabled":false,"change_log":"turned off"}""")).Is(200);
        (await server.Send("PUT", "/v1/flags/shown-second?env=production", """{"enabled":true}""")).Is(200);
        (await server.Put("shown.a", """{"value":2,"change_log":"a second one"}""", "?env=production")).Is(200);
        (await server.Post("/v1/environments", """{"name":"shown-too"}""")).Is(201);
        foreach (var (tool, says) in tools.Zip((string[])["shown-second", "false", "turned off", "shown/second", "a second one", "shown-too"]))
        {
            await tool.Says(says);
            tool.Dispose();
        }
        using var past = ToolProcess.Start(server, "flag", "list", "--revision", "1", "--watch");
        Assert.Equal(2, await past.Ended());
    }

    async Task Secret(string path, string value) => (await server.Send("PUT", $"/v1/secrets/{path}?env=production", $$"""{"value":"{{value}}"}""")).Is(200);

    [Fact]
    public async Task A_signal_reaches_the_command_and_what_it_says_to_it_is_the_end()
    {
        await Put("signal.v", "1");
        using var run = ToolProcess.Start(server, "run", "--prefix", "signal.", "--", "sh", "-c", "trap 'echo told; exit 7' TERM; echo up; while :; do sleep 0.05; done");
        await run.Says("up");
        run.Signal("-TERM");
        Assert.Equal(7, await run.Ended());
        await run.Says("told");
    }

    [Fact]
    public async Task A_change_starts_the_command_again_or_signals_it()
    {
        await Put("again.v", "1");
        await Put("again.other", "1");
        using var restarted = ToolProcess.Start(server, "run", "--prefix", "again.v", "--restart", "--", "sh", "-c", "echo \"v is $AGAIN_V\"; while :; do sleep 0.05; done");
        using var signalled = ToolProcess.Start(server, "run", "--prefix", "again.v", "--signal", "HUP", "--", "sh", "-c", "trap 'echo hup' HUP; echo up; while :; do sleep 0.05; done");
        await restarted.Says("v is 1");
        await signalled.Says("up");
        await Put("again.other", "2");
        await Put("again.v", "2");
        await restarted.Says("v is 2");
        await signalled.Says("hup");
        Assert.Equal(1, restarted.Said.Split("is started again").Length - 1);
        restarted.Signal("-TERM");
        Assert.Equal(143, await restarted.Ended());
    }

    [Fact]
    public async Task What_cannot_be_run_as_asked_is_refused_and_said()
    {
        await Put("clash.a-b", "1");
        await Put("clash.a_b", "1");
        using var clash = ToolProcess.Start(server, "run", "--prefix", "clash.", "--", "true");
        Assert.Equal(2, await clash.Ended());
        await clash.Says("both are CLASH_A_B");
        var both = await server.Run("run", "--restart", "--signal", "HUP", "--", "true");
        Assert.Equal((2, true), (both.Code, both.Error.Contains("give one", StringComparison.Ordinal)));
        Assert.Equal(2, (await server.Run("run", "--signal", "NO", "--", "true")).Code);
    }

    [Fact]
    public async Task The_agent_writes_files_whole_with_their_mode_runs_a_command_and_keeps_the_last_good_one()
    {
        await Put("agent.port", "80");
        await Put("agent.hosts", """["a","b"]""");
        using var directory = new TempDirectory();
        string At(string name) => Path.Combine(directory.Path, name);
        File.WriteAllText(At("app.tmpl"), "port {{ agent.port }}\n{{ range h in agent.hosts }}host {{ h }}\n{{ end }}");
        File.WriteAllText(At("agent.yaml"), $"templates:\n- source: app.tmpl\n  destination: out/app.conf\n  mode: \"0640\"\n  command: echo ran >> {At("ran")}\n");
        using var agent = ToolProcess.Start(server, "agent", "-f", At("agent.yaml"), "--prefix", "agent.");
        await Wait.Until(() => File.Exists(At("ran")), "the first file");
        Assert.Equal("port 80\nhost a\nhost b\n", File.ReadAllText(At("out/app.conf")));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead, File.GetUnixFileMode(At("out/app.conf")));
        await Put("agent.port", "81");
        await Wait.Until(() => File.ReadAllText(At("out/app.conf")).StartsWith("port 81", StringComparison.Ordinal) && File.ReadAllLines(At("ran")).Length == 2, "the change");
        (await server.Send("DELETE", "/v1/config/agent.hosts?env=production", null)).Is(200);
        // the list goes first, and a file without hosts is good
        await Wait.Until(() => File.ReadAllText(At("out/app.conf")) == "port 81\n", "the file without hosts");
        (await server.Send("DELETE", "/v1/config/agent.port?env=production", null)).Is(200);
        await agent.Says("stays as it is");
        await agent.Says("agent.port has no value");
        Assert.Equal("port 81\n", File.ReadAllText(At("out/app.conf")));
        Assert.Equal(["app.conf"], Directory.GetFiles(At("out")).Select(Path.GetFileName));
        await Put("agent.port", "82");
        await agent.Says("is well again");
        agent.Signal("-TERM");
        Assert.Equal(0, await agent.Ended());
    }

    [Theory]
    [InlineData("templates:\n- source: a.tmpl\n", "destination is missing")]
    [InlineData("templates:\n- {source: a.tmpl, destination: x, mode: rw}\n", "should be like \"0640\"")]
    [InlineData("templates:\n- {source: a.tmpl, destination: x, signal: HUP}\n", "signal and pid_file belong together")]
    [InlineData("templates:\n- {source: a.tmpl, destination: x, colour: red}\n", "colour is not known here")]
    [InlineData("templates:\n- {source: bad.tmpl, destination: x}\n", "bad.tmpl:2: if without an end")]
    [InlineData("templates:\n- {source: absent.tmpl, destination: x}\n", "absent.tmpl")]
    [InlineData("templates:\n- {source: a.tmpl, destination: x}\n- {source: a.tmpl, destination: ./x}\n", "is the destination of 2 templates")]
    [InlineData("nothing: 1\n", "one member is expected")]
    public async Task What_an_agent_cannot_keep_is_refused_before_it_begins(string file, string says)
    {
        using var directory = new TempDirectory();
        File.WriteAllText(Path.Combine(directory.Path, "a.tmpl"), "x");
        File.WriteAllText(Path.Combine(directory.Path, "bad.tmpl"), "\n{{ if x }}");
        File.WriteAllText(Path.Combine(directory.Path, "agent.yaml"), file);
        var refused = await server.Run("agent", "-f", Path.Combine(directory.Path, "agent.yaml"), "--check");
        Assert.Equal(2, refused.Code);
        Assert.Contains(says, refused.Error, StringComparison.Ordinal);
    }

    async Task Put(string key, string value) => (await server.Put(key, $$"""{"value":{{value}}}""", "?env=production")).Is(200);
}
