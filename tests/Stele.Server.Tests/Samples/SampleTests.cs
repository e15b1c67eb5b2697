using System.Net;
using System.Net.Sockets;
using Stele.Cli.Import;
using Stele.Server.Tests.Cli;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Stele.Server.Tests.Tidy;
using Xunit;

namespace Stele.Server.Tests.Samples;

/// <summary>The samples are run as a reader would run them, against a real server.</summary>
public sealed class SampleTests(HttpServer server) : IClassFixture<HttpServer>
{
    // bin/Debug/net10.0 or bin/Release/net10.0, as this test
    static readonly string output = Path.Combine(Path.GetFileName(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)))!, "net10.0");

    [Fact]
    public async Task The_web_app_shows_a_change_without_a_restart_and_refuses_what_does_not_fit()
    {
        await Put("shop.greeting", "\"Hi\"");
        await Put("shop.items_max", "3");
        var url = $"http://127.0.0.1:{FreePort()}";
        using var web = ToolProcess.Start(server, "dotnet", [Built("web", "stele-sample-web"), "--urls", url], ("STELE_CACHE", Path.Combine(Path.GetTempPath(), $"stele-samples-{Environment.ProcessId}")));
        using var client = new HttpClient { BaseAddress = new Uri(url) };
        await web.Says("Now listening on");
        Assert.Equal("Hi, at most 3 items", await client.GetStringAsync("/"));
        await Put("shop.greeting", "\"Good morning\"");
        await Wait.Until(async () => await client.GetStringAsync("/") == "Good morning, at most 3 items", "the change");
        await Put("shop.items_max", "0");
        await web.Says("shop.items_max is at least 1.");
        Assert.Equal("Good morning, at most 3 items", await client.GetStringAsync("/"));
        Assert.Equal("Degraded", await client.GetStringAsync("/healthz"));
    }

    [Fact]
    public async Task The_worker_does_as_the_flag_says_while_it_runs()
    {
        using var worker = ToolProcess.Start(server, "dotnet", [Built("worker", "stele-sample-worker")], ("STELE_CACHE", Path.Combine(Path.GetTempPath(), $"stele-samples-{Environment.ProcessId}")));
        await worker.Says(": slow");
        (await server.Send("PUT", "/v1/flags/worker-fast-path?env=production", """{"enabled":true}""")).Is(200);
        await worker.Says(": fast");
        worker.Signal("-INT");
        Assert.Equal(0, await worker.Ended());
    }

    [Fact]
    public async Task The_client_in_Python_reads_evaluates_and_follows()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/python3"), "there is no /usr/bin/python3");
        await Put("python.key", "1");
        (await server.Send("PUT", "/v1/flags/python-flag?env=production", """{"enabled":true}""")).Is(200);
        using var python = ToolProcess.Start(server, "/usr/bin/python3", [Repository.FullPath("samples/python/client.py"), "python.key", "python-flag", "--once"]);
        await python.Says("python.key = 1");
        await python.Says("python-flag is true");
        await Put("python.key", "2");
        Assert.Equal(0, await python.Ended());
        await python.Says("python.key = 2");
    }

    [Fact]
    public void The_compose_file_is_what_it_should_be_and_docker_says_so_where_it_is()
    {
        var path = Repository.FullPath("samples/compose/compose.yml");
        Assert.IsType<MapNode>(Assert.Single(YamlSource.Parse(File.ReadAllText(path))));
        if (Tool("docker", "compose", "version") != 0) Assert.Skip("docker compose is not on this machine: the file was parsed, and not checked by docker compose config");
        Assert.Equal(0, Tool("docker", "compose", "-f", path, "config", "--quiet"));
    }

    [Fact]
    public void The_unit_of_systemd_is_verified_where_systemd_is()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/systemd-analyze"), "systemd-analyze is not on this machine");
        Assert.SkipUnless(File.Exists("/usr/bin/dotnet"), "the unit names /usr/bin/dotnet, which is not on this machine");
        Assert.Equal(0, Tool("systemd-analyze", "verify", "--man=no", Repository.FullPath("samples/systemd/stele.service")));
    }

    static string Built(string sample, string name) => Repository.FullPath($"samples/{sample}/bin/{output}/{name}.dll");

    static int Tool(string program, params string[] words)
    {
        try
        {
            using var tool = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(program, words) { RedirectStandardOutput = true, RedirectStandardError = true, Environment = { ["STELE_POSTGRES"] = "x", ["STELE_ROOT_TOKEN"] = "x" } })!;
            tool.WaitForExit();
            return tool.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return 127;
        }
    }

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    async Task Put(string key, string value) => (await server.Put(key, $$"""{"value":{{value}}}""", "?env=production")).Is(200);
}
