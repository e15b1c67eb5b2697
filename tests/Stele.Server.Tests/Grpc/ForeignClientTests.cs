using System.Diagnostics;
using Google.Protobuf;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Grpc;

/// <summary>gRPC as others speak it: @grpc/grpc-js, which is JavaScript all through, and grpcio, which is the C core. Their checks are in clients/.</summary>
public sealed class ForeignClientTests(HttpServer server) : IClassFixture<HttpServer>
{
    const string Python = "/usr/bin/python3";

    static string Clients { get; } = Path.Combine(Postgres.RepositoryRoot(), "tests/Stele.Server.Tests/Grpc/clients");

    [Theory]
    [InlineData("unary")]
    [InlineData("metadata")]
    [InlineData("errors")]
    [InlineData("everything")]
    [InlineData("large")]
    [InlineData("deadlines")]
    [InlineData("health")]
    [InlineData("watch")]
    [InlineData("access")]
    [InlineData("evaluation")]
    [InlineData("streams")]
    public async Task With_grpc_js(string check)
    {
        var modules = NodeModules();
        Assert.SkipWhen(modules is null, "npm's @grpc/grpc-js is not installed here (./stele test installs it where there is npm)");
        await Run("node", [Path.Combine(Clients, "client.js"), Address, HttpServer.Token, Path.Combine(Postgres.RepositoryRoot(), "proto"), check], ("NODE_PATH", modules));
    }

    [Theory]
    [InlineData("reflection")]
    [InlineData("unary")]
    [InlineData("large")]
    [InlineData("deadlines")]
    [InlineData("watch")]
    [InlineData("streams")]
    public async Task With_grpcio(string check)
    {
        Assert.SkipUnless(HasGrpcio.Value, "Python's grpcio is not installed here (./stele test installs Debian's python3-grpcio as root)");
        var descriptor = Path.GetTempFileName();
        await File.WriteAllBytesAsync(descriptor, Proto.Reflection.V1.ReflectionReflection.Descriptor.SerializedData.ToByteArray());
        try
        {
            await Run(Python, [Path.Combine(Clients, "client.py"), Address, HttpServer.Token, descriptor, check]);
        }
        finally
        {
            File.Delete(descriptor);
        }
    }

    /// <summary>A client that goes is noticed: what it had open ends.</summary>
    [Fact]
    public async Task Streams_that_a_client_cancels_end_on_the_server()
    {
        var modules = NodeModules();
        Assert.SkipWhen(modules is null, "npm's @grpc/grpc-js is not installed here (./stele test installs it where there is npm)");
        await Run("node", [Path.Combine(Clients, "client.js"), Address, HttpServer.Token, Path.Combine(Postgres.RepositoryRoot(), "proto"), "streams"], ("NODE_PATH", modules));
        const string Ended = """rpc_server_call_duration_seconds_count{rpc_service="grpc.health.v1.Health",rpc_method="Watch",rpc_grpc_status_code="1"} """;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            var line = (await server.Client.GetStringAsync("/metrics", limit.Token)).Split('\n').FirstOrDefault(line => line.StartsWith(Ended, StringComparison.Ordinal));
            if (line is not null && int.Parse(line.AsSpan(Ended.Length), System.Globalization.CultureInfo.InvariantCulture) >= 1_000) break;
            await Task.Yield();
        }
    }

    string Address => $"{server.Grpc.Host}:{server.Grpc.Port}";

    static string? NodeModules() => new[] { "/var/lib/stele/npm-tests", Path.Combine(Postgres.RepositoryRoot(), ".stele/npm-tests") }
        .Select(directory => Path.Combine(directory, "node_modules")).FirstOrDefault(directory => Directory.Exists(Path.Combine(directory, "@grpc/grpc-js")));

    static readonly Lazy<bool> HasGrpcio = new(() =>
    {
        if (!File.Exists(Python)) return false;
        using var process = Process.Start(new ProcessStartInfo(Python, ["-c", "import grpc, google.protobuf"]) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    });

    static async Task Run(string program, string[] arguments, params (string Name, string? Value)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
        }
        Assert.True(process.ExitCode == 0, $"{await output.Item1}{await output.Item2}");
    }
}
