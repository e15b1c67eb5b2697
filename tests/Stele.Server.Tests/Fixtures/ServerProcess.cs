using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;

namespace Stele.Server.Tests.Fixtures;

/// <summary>A server in a process of its own, on a database that is there, on free ports: this release's, or another's. Any number may run on one database.</summary>
sealed class ServerProcess : IAsyncDisposable
{
    readonly Process process;
    readonly string data = Directory.CreateTempSubdirectory("stele-process-").FullName;
    readonly Task<string> output, error;

    ServerProcess(string binary, TestDatabase db, string node, (string Name, string Value)[] settings)
    {
        var start = new ProcessStartInfo("dotnet", [binary, "serve"]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = data };
        var (http, grpc) = ($"127.0.0.1:{FreePort()}", $"127.0.0.1:{FreePort()}");
        foreach (var (name, value) in new Dictionary<string, string>
        {
            ["STELE_POSTGRES"] = db.Owner, ["STELE_POSTGRES_APP"] = db.App, ["STELE_POSTGRES_TAIL"] = db.Tail, ["STELE_DATA"] = data, ["STELE_NODE"] = node,
            ["STELE_ROOT_TOKEN"] = TestServer.Token, ["STELE_HTTP"] = http, ["STELE_GRPC"] = grpc,
        })
            start.Environment[name] = value;
        foreach (var (name, value) in settings) start.Environment[name] = value;
        process = Process.Start(start)!;
        (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        Grpc = new Uri($"http://{grpc}");
        Client = new HttpClient { BaseAddress = new Uri($"http://{http}") };
        Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", TestServer.Token);
    }

    /// <summary>With the root token.</summary>
    public HttpClient Client { get; }

    /// <summary>Where gRPC listens.</summary>
    public Uri Grpc { get; }

    /// <summary>The process's id.</summary>
    public int Id => process.Id;

    /// <summary>This release's binary.</summary>
    public static string Binary => typeof(Program).Assembly.Location;

    /// <summary>One that may not start.</summary>
    public static ServerProcess Launch(string binary, TestDatabase db, string node, params (string Name, string Value)[] settings) => new(binary, db, node, settings);

    /// <summary>One that is ready when this returns.</summary>
    public static async Task<ServerProcess> Start(string binary, TestDatabase db, string node, params (string Name, string Value)[] settings)
    {
        var server = new ServerProcess(binary, db, node, settings);
        await Wait.Until(async () =>
        {
            if (server.process.HasExited) throw new InvalidOperationException($"The server ended: {await server.output}{await server.error}");
            try
            {
                using var answer = await server.Client.GetAsync("/readyz");
                return answer.StatusCode == HttpStatusCode.OK;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }, "the server is ready");
        return server;
    }

    /// <summary>As a crash does it.</summary>
    public Task Kill()
    {
        process.Kill();
        return process.WaitForExitAsync();
    }

    /// <summary>Its exit code and what it said, when it has ended by itself.</summary>
    public async Task<(int Exit, string Text)> Ended()
    {
        await Wait.Until(() => process.HasExited, "the server has refused to start");
        return (process.ExitCode, await output + await error);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (!process.HasExited) process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        Directory.Delete(data, recursive: true);
    }

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
