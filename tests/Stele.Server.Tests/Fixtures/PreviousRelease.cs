using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Xunit;

namespace Stele.Server.Tests.Fixtures;

/// <summary>
/// The server of the previous release, built from this repository's history: the newest tag before HEAD, and until there is
/// one, a commit from before formats. Built once, under artifacts/. A test is skipped, with the reason, where the history is not.
/// </summary>
static class PreviousRelease
{
    // the last commit whose newest migration is 0005
    const string BeforeTheFirst = "3fe9da9afba53416763be8c9b4eb10e0da7ad66c";

    static readonly Lazy<Task<string>> built = new(Build);
    static readonly string root = Postgres.RepositoryRoot();

    /// <summary>A process of it on a database, which it migrates if it is newer than the schema. Ready when this returns.</summary>
    public static async Task<PreviousServer> Start(TestDatabase db) => await PreviousServer.Start(await built.Value, db);

    /// <summary>Runs it, and gives its exit code and what it said, for when it must not start.</summary>
    public static async Task<(int Exit, string Text)> Refused(TestDatabase db)
    {
        await using var server = PreviousServer.Launch(await built.Value, db);
        return await server.Ended();
    }

    static async Task<string> Build()
    {
        if (!Path.Exists(Path.Combine(root, ".git"))) Skip("this is not a git checkout");
        var (none, tag) = await Run("git", "-C", root, "describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^");
        var name = none == 0 ? tag.Trim() : BeforeTheFirst;
        var (unknown, text) = await Run("git", "-C", root, "rev-parse", "--verify", "--quiet", $"{name}^{{commit}}");
        if (unknown != 0) Skip($"commit {name} is not in this checkout's history; a shallow clone needs 'git fetch --unshallow'");
        var commit = text.Trim();
        var directory = Path.Combine(root, "artifacts", "previous", commit);
        var stamp = Path.Combine(directory, ".built");
        if (!File.Exists(stamp))
        {
            Directory.CreateDirectory(directory);
            await Must("sh", "-c", $"git -C '{root}' archive {commit} | tar -x -C '{directory}'");
            await Must("dotnet", "build", Path.Combine(directory, "src", "Stele.Server"), "-c", "Release", "-v", "q", "--nologo", "-nodeReuse:false", "-p:UseSharedCompilation=false");
            await File.WriteAllTextAsync(stamp, name);
        }
        return Path.Combine(directory, "src", "Stele.Server", "bin", "Release", "net10.0", "stele-server.dll");
    }

    static void Skip(string why) => Assert.Skip($"The previous release cannot be built: {why}. Nodes of two releases side by side were NOT tested.");

    static async Task Must(string program, params string[] arguments)
    {
        var (exit, text) = await Run(program, arguments);
        if (exit != 0) throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {exit}:\n{text}");
    }

    static async Task<(int Exit, string Text)> Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = root })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output + await error);
    }
}

/// <summary>One process of the previous release's server.</summary>
sealed class PreviousServer : IAsyncDisposable
{
    readonly Process process;
    readonly string data = Directory.CreateTempSubdirectory("stele-previous-").FullName;
    readonly Task<string> output, error;

    PreviousServer(string binary, TestDatabase db)
    {
        var start = new ProcessStartInfo("dotnet", [binary, "serve"]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = data };
        var http = $"127.0.0.1:{FreePort()}";
        foreach (var (name, value) in new Dictionary<string, string>
        {
            ["STELE_POSTGRES"] = db.Owner, ["STELE_POSTGRES_APP"] = db.App, ["STELE_POSTGRES_TAIL"] = db.Tail, ["STELE_DATA"] = data, ["STELE_NODE"] = "previous",
            ["STELE_ROOT_TOKEN"] = TestServer.Token, ["STELE_HTTP"] = http, ["STELE_GRPC"] = $"127.0.0.1:{FreePort()}",
        })
            start.Environment[name] = value;
        process = Process.Start(start)!;
        (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        Client = new HttpClient { BaseAddress = new Uri($"http://{http}") };
        Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", TestServer.Token);
    }

    /// <summary>With the root token.</summary>
    public HttpClient Client { get; }

    internal static PreviousServer Launch(string binary, TestDatabase db) => new(binary, db);

    internal static async Task<PreviousServer> Start(string binary, TestDatabase db)
    {
        var server = new PreviousServer(binary, db);
        await Wait.Until(async () =>
        {
            if (server.process.HasExited) throw new InvalidOperationException($"The previous release ended: {await server.output}{await server.error}");
            try
            {
                using var answer = await server.Client.GetAsync("/readyz");
                return answer.StatusCode == HttpStatusCode.OK;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }, "the previous release is ready");
        return server;
    }

    internal async Task<(int Exit, string Text)> Ended()
    {
        await Wait.Until(() => process.HasExited, "the previous release has refused to start");
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
