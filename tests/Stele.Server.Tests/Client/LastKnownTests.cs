using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Stele.Client;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Client;

/// <summary>Starts without a server, from what was last known, and everything that can be wrong with that.</summary>
public sealed class LastKnownTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task An_app_starts_without_a_server_within_a_second_says_so_and_moves_on_when_it_is_back()
    {
        using var cache = new TempDirectory();
        await Set("31");
        await using (await ClientApp.Start(server, cache.Path))
        {
            // as before the server went away
        }
        await using var gate = new Gate(server.Client.BaseAddress!);
        gate.Close();
        var started = Stopwatch.GetTimestamp();
        await using var app = await ClientApp.Start(gate.Url, HttpServer.Token, cache.Path);
        Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(2), $"{Stopwatch.GetElapsedTime(started)}");
        Assert.Equal(31, app.Payment.CurrentValue.Timeout);
        var status = app.Client.Values.Status;
        Assert.True(status is { FromDisk: true, Connected: false, Age: not null }, status.ToString());
        Assert.Contains(app.Said, said => said.Contains("seconds ago, is used from", StringComparison.Ordinal) && said.Contains("cannot be reached", StringComparison.Ordinal));
        Assert.Equal(HealthStatus.Degraded, (await app.Service<HealthCheckService>().CheckHealthAsync()).Status);
        await Set("32");
        gate.Open();
        await Wait.Until(() => app.Payment.CurrentValue.Timeout == 32, "what changed meanwhile");
        await Wait.Until(() => app.Client.Values.Status is { Connected: true, FromDisk: false }, "the stream");
    }

    [Fact]
    public async Task A_renewed_token_opens_it_an_expired_one_too_and_what_is_there_is_no_plain_text()
    {
        using var cache = new TempDirectory();
        await Set("33");
        var first = await Token();
        await using (await ClientApp.Start(server.Client.BaseAddress!.ToString(), first.Token, cache.Path))
        {
        }
        var files = Directory.GetFiles(cache.Path, "last-known", SearchOption.AllDirectories);
        Assert.Equal(2, files.Length);
        foreach (var file in files)
        {
            Assert.DoesNotContain("payment", File.ReadAllText(file), StringComparison.Ordinal);
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }
        // revoked: the server says no, and the app starts on what it had
        (await server.Send("DELETE", $"/v1/tokens/{first.Id}", null)).Is(204);
        await using (var expired = await ClientApp.Start(server.Client.BaseAddress!.ToString(), first.Token, cache.Path))
        {
            Assert.Equal(33, expired.Payment.CurrentValue.Timeout);
            Assert.Contains(expired.Said, said => said.Contains("give the app another one", StringComparison.Ordinal));
        }
        // another token of the same identity, and nobody to ask
        var second = await Token();
        await using var app = await ClientApp.Start(Nowhere(), second.Token, cache.Path);
        Assert.Equal(33, app.Payment.CurrentValue.Timeout);
    }

    [Theory]
    [InlineData("corrupt", "was changed or cut off")]
    [InlineData("foreign", "is no file of Stele's")]
    [InlineData("identity", "is of another identity")]
    [InlineData("cut", "was cut off")]
    public async Task What_cannot_be_used_is_said_and_passed_over_and_written_anew(string how, string says)
    {
        using var cache = new TempDirectory();
        await Set("34");
        await using (await ClientApp.Start(server, cache.Path, options => options.Flags = false))
        {
        }
        var file = Assert.Single(Directory.GetFiles(cache.Path, "last-known", SearchOption.AllDirectories));
        var bytes = File.ReadAllBytes(file);
        if (how == "corrupt") bytes[^20] ^= 1;
        else if (how == "foreign") bytes = "something else"u8.ToArray();
        else if (how == "identity") bytes[25] ^= 1;
        else bytes = bytes[..40];
        File.WriteAllBytes(file, bytes);
        var notices = new List<string>();
        await Assert.ThrowsAsync<SteleException>(() => ClientApp.Start(Nowhere(), HttpServer.Token, cache.Path, options =>
        {
            (options.Flags, options.StartTimeout) = (false, TimeSpan.FromMilliseconds(300));
            options.Notice = notice => notices.Add(notice.Text);
        }));
        Assert.Contains(notices, said => said.Contains(says, StringComparison.Ordinal) && said.Contains(file, StringComparison.Ordinal));
        await using (var app = await ClientApp.Start(server, cache.Path, options => options.Flags = false)) Assert.Equal(34, app.Payment.CurrentValue.Timeout);
        await using var again = await ClientApp.Start(Nowhere(), HttpServer.Token, cache.Path, options => options.Flags = false);
        Assert.Equal(34, again.Payment.CurrentValue.Timeout);
    }

    [Fact]
    public async Task A_directory_that_cannot_be_written_or_is_full_stops_nobody()
    {
        await Set("35");
        // a file is where the directory should be; /dev/full takes nothing
        using var cache = new TempDirectory();
        var taken = Path.Combine(cache.Path, "taken");
        File.WriteAllText(taken, "");
        await using var app = await ClientApp.Start(server, taken, options => options.Flags = false);
        Assert.Equal(35, app.Payment.CurrentValue.Timeout);
        await Wait.Until(() => app.Said.Any(said => said.Contains("cannot be kept at", StringComparison.Ordinal) && said.Contains("STELE_CACHE", StringComparison.Ordinal)), "the warning");
        await Set("36");
        await Wait.Until(() => app.Payment.CurrentValue.Timeout == 36, "the change");
        Assert.Single(app.Said, said => said.Contains("cannot be kept at", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Too_old_off_or_not_wished_it_is_not_used_and_the_start_says_what_is_wrong()
    {
        using var cache = new TempDirectory();
        await Set("37");
        await using (await ClientApp.Start(server, cache.Path))
        {
        }
        async Task<SteleException> Fails(Action<SteleOptions> how) => await Assert.ThrowsAsync<SteleException>(() => ClientApp.Start(Nowhere(), HttpServer.Token, cache.Path, options =>
        {
            options.StartTimeout = TimeSpan.FromMilliseconds(300);
            how(options);
        }));
        var refused = await Fails(options => options.AtStart = SteleStart.Fail);
        Assert.Contains("the app does not start", refused.Detail, StringComparison.Ordinal);
        Assert.Contains("Is Stele running there", refused.Detail, StringComparison.Ordinal);
        await Fails(options => options.LastKnown = null);
        await Fails(options => options.LastKnown = options.LastKnown! with { AgeMax = TimeSpan.Zero });
        await Fails(options => options.LastKnown = options.LastKnown! with { Secret = new byte[32] });
        await Fails(options => options.Prefix = "other.");
        await using var anyhow = await ClientApp.Start(Nowhere(), HttpServer.Token, null, options => (options.AtStart, options.StartTimeout) = (SteleStart.Anyhow, TimeSpan.FromMilliseconds(200)));
        Assert.Equal(0, anyhow.Payment.CurrentValue.Timeout);
    }

    [Fact]
    public async Task Two_processes_of_one_identity_share_it_and_the_newer_stays()
    {
        using var cache = new TempDirectory();
        await Set("38");
        await using (var one = await ClientApp.Start(server, cache.Path))
        await using (var other = await ClientApp.Start(server, cache.Path))
        {
            for (var i = 100; i < 130; i++) await Set($"{i}");
            await Wait.Until(() => one.Payment.CurrentValue.Timeout == 129 && other.Payment.CurrentValue.Timeout == 129, "the last change in both");
        }
        await using var app = await ClientApp.Start(Nowhere(), HttpServer.Token, cache.Path);
        Assert.Equal(129, app.Payment.CurrentValue.Timeout);
        Assert.DoesNotContain(app.Said, said => said.Contains("cannot be used", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Another_node_is_asked_when_the_first_is_away_and_a_wrong_port_or_token_is_said()
    {
        await Set("39");
        await using (var app = await ClientApp.Start($"{Nowhere()},{server.Client.BaseAddress}", HttpServer.Token, null)) Assert.Equal(39, app.Payment.CurrentValue.Timeout);
        var wrong = await Assert.ThrowsAsync<SteleException>(() => ClientApp.Start(server.Client.BaseAddress!.ToString(), "stele_default_wrong", null));
        Assert.Equal("unauthenticated", wrong.Code);
        Assert.Contains("give the app another one", wrong.Detail, StringComparison.Ordinal);
        await using var other = Stranger.Start();
        var strange = await Assert.ThrowsAsync<SteleException>(() => ClientApp.Start(other.Url, HttpServer.Token, null, options => options.StartTimeout = TimeSpan.FromMilliseconds(300)));
        Assert.Contains("look at the port", strange.Detail, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new ConfigurationManager().AddStele("localhost:7300"));
    }

    [Fact]
    public async Task A_disk_that_is_full_is_said_once_and_written_to_when_it_has_room()
    {
        using var cache = new TempDirectory();
        await Set("40");
        string home;
        await using (var first = await ClientApp.Start(server, cache.Path, options => options.Flags = false))
        {
            await Wait.Until(() => Directory.GetFiles(cache.Path, "last-known", SearchOption.AllDirectories).Length == 1, "the file");
            home = Directory.GetFiles(cache.Path, "last-known", SearchOption.AllDirectories)[0];
        }
        var before = await File.ReadAllBytesAsync(home, TestContext.Current.CancellationToken);
        // what is written beside it, to be renamed, goes where there never is room
        File.CreateSymbolicLink($"{home}.{Environment.ProcessId}", "/dev/full");
        await using var app = await ClientApp.Start(server, cache.Path, options => options.Flags = false);
        await Wait.Until(() => app.Said.Any(said => said.Contains("cannot be kept at", StringComparison.Ordinal) && said.Contains("No space left", StringComparison.Ordinal)), "the warning");
        Assert.Equal(before, await File.ReadAllBytesAsync(home, TestContext.Current.CancellationToken));
        await Set("41");
        await Wait.Until(() => app.Payment.CurrentValue.Timeout == 41, "the change");
        await Wait.Until(() => !before.SequenceEqual(File.ReadAllBytes(home)), "what is kept when there is room again");
    }

    [Fact]
    public async Task A_name_that_the_certificate_does_not_have_is_said()
    {
        using var authority = TestCertificates.Authority("client tests");
        using var certificate = TestCertificates.Issue(authority, "elsewhere", IPAddress.Parse("192.0.2.1"));
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var over = new CancellationTokenSource();
        var serving = Serve(listener, certificate, over.Token);
        var refused = await Assert.ThrowsAsync<SteleException>(() => ClientApp.Start($"https://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}", HttpServer.Token, null, options => options.StartTimeout = TimeSpan.FromSeconds(2)));
        Assert.Equal(SteleException.Unreachable, refused.Code);
        Assert.Contains("look at the name in the address and at who signed the certificate", refused.Detail, StringComparison.Ordinal);
        Assert.Contains("RemoteCertificateNameMismatch", refused.Detail, StringComparison.Ordinal);
        await over.CancelAsync();
        await serving;

        static async Task Serve(TcpListener listener, System.Security.Cryptography.X509Certificates.X509Certificate2 certificate, CancellationToken cancellation)
        {
            try
            {
                while (true)
                {
                    using var client = await listener.AcceptTcpClientAsync(cancellation);
                    await using var tls = new System.Net.Security.SslStream(client.GetStream());
                    try
                    {
                        await tls.AuthenticateAsServerAsync(certificate);
                        await tls.ReadExactlyAsync(new byte[1], cancellation);
                    }
                    catch (Exception e) when (e is IOException or System.Security.Authentication.AuthenticationException)
                    {
                        // it does not trust us, and has gone
                    }
                }
            }
            catch (OperationCanceledException)
            {
                // the end
            }
        }
    }

    async Task Set(string timeout) => (await server.Put("services.payment.timeout", $$"""{"value":{{timeout}}}""", "?env=production")).Is(200);

    async Task<(string Id, string Token)> Token()
    {
        var made = (await server.Post("/v1/tokens", """{"name":"app","scopes":[{"permission":"config:read","environments":["*"],"prefix":""},{"permission":"flag:read","environments":["*"],"prefix":""}]}""")).Is(201);
        return (made["id"].GetString()!, made["token"].GetString()!);
    }

    internal static string Nowhere()
    {
        using var nobody = new TcpListener(IPAddress.Loopback, 0);
        nobody.Start();
        return $"http://127.0.0.1:{((IPEndPoint)nobody.LocalEndpoint).Port}";
    }
}
