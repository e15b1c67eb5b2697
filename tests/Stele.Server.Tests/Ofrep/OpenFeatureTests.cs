using System.Diagnostics;
using System.Globalization;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Ofrep;

/// <summary>
/// OpenFeature's own SDKs and providers, from npm, against a server: over OFREP from a server and from a page, and in process by flagd's provider.
/// Their checks are in clients/; each set of packages is in a directory of its own, because they need different releases of one core.
/// </summary>
public sealed class OpenFeatureTests : IAsyncLifetime
{
    static string Clients { get; } = Path.Combine(Postgres.RepositoryRoot(), "tests/Stele.Server.Tests/Ofrep/clients");

    TestDatabase database = null!;
    TestServer server = null!;

    public async ValueTask InitializeAsync()
    {
        database = await Postgres.NewDatabase();
        server = await TestServer.Start(database, flagd: ("default", null));
    }

    [Theory]
    [InlineData("values")]
    [InlineData("targeting")]
    [InlineData("errors")]
    [InlineData("changes")]
    public Task With_the_server_sdk_and_the_OFREP_provider(string check) => Run("server", check);

    [Theory]
    [InlineData("values")]
    [InlineData("changes")]
    [InlineData("strangers")]
    public Task With_the_web_sdk_and_the_OFREP_web_provider(string check) => Run("web", check);

    [Theory]
    [InlineData("values")]
    [InlineData("changes")]
    [InlineData("selectors")]
    [InlineData("alone")]
    public Task With_flagds_provider_in_process(string check) => Run("flagd", check, server.Flagd.Port.ToString(CultureInfo.InvariantCulture), $"{server.Grpc.Host}:{server.Grpc.Port}");

    async Task Run(string client, params string[] arguments)
    {
        var modules = Modules(client);
        Assert.SkipWhen(modules is null, $"npm's OpenFeature packages ({client}) are not installed here (./stele test installs them where there is npm)");
        string[] all = [Path.Combine(Clients, client + ".js"), server.Client.BaseAddress!.AbsoluteUri.TrimEnd('/'), TestServer.Token, .. arguments];
        var start = new ProcessStartInfo("node", all) { RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment["NODE_PATH"] = modules;
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
        }
        TestContext.Current.SendDiagnosticMessage(await output);
        Assert.True(process.ExitCode == 0, $"{await output}{await errors}");
    }

    static string? Modules(string client) => new[] { "/var/lib/stele", Path.Combine(Postgres.RepositoryRoot(), ".stele") }
        .Select(directory => Path.Combine(directory, $"npm-tests-openfeature-{client}")).Where(directory => File.Exists(Path.Combine(directory, ".installed")))
        .Select(directory => Path.Combine(directory, "node_modules")).FirstOrDefault();

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        await database.DisposeAsync();
    }
}
