using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Stele.Server.Options;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Transport;
using Xunit;

namespace Stele.Server.Tests.Transport;

public sealed class TlsTests(TlsFixture tls) : IClassFixture<TlsFixture>
{
    [Fact]
    public async Task Both_versions_of_http_are_spoken_over_both_versions_of_tls()
    {
        foreach (var version in (Version[])[HttpVersion.Version11, HttpVersion.Version20])
            foreach (var protocol in (SslProtocols[])[SslProtocols.Tls12, SslProtocols.Tls13])
            {
                using var client = tls.Client(protocols: protocol, version: version);
                using var answer = await client.GetAsync("/v1/config");
                Assert.Equal((HttpStatusCode.OK, version), (answer.StatusCode, answer.Version));
            }
    }

    [Fact]
    public async Task With_1_3_as_the_least_version_1_2_is_refused()
    {
        await using var server = await tls.Start(new TlsOptions { Certificate = tls.PathOf("server.crt"), Key = tls.PathOf("server.key"), Protocols = SslProtocols.Tls13 });
        using var old = tls.Client(protocols: SslProtocols.Tls12, at: server.Https);
        await Assert.ThrowsAsync<HttpRequestException>(() => old.GetAsync("/healthz"));
        using var young = tls.Client(protocols: SslProtocols.Tls13, at: server.Https);
        Assert.Equal(HttpStatusCode.OK, (await young.GetAsync("/healthz")).StatusCode);
    }

    [Fact]
    public async Task Plain_http_at_the_tls_port_is_no_way_in()
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, tls.Server.Https.Port);
        await socket.GetStream().WriteAsync("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"u8.ToArray());
        using var reader = new StreamReader(socket.GetStream(), Encoding.ASCII);
        Assert.DoesNotContain("200", await reader.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Files_that_change_are_taken_over_and_connections_that_are_open_go_on()
    {
        tls.WritePem("turned", TestCertificates.Issue(tls.Authority, "old"));
        await using var server = await tls.Start(new TlsOptions { Certificate = tls.PathOf("turned.crt"), Key = tls.PathOf("turned.key") });
        var certificates = server.Services.GetRequiredService<TlsCertificates>();
        using var open = tls.Client(at: server.Https);
        Assert.Equal(HttpStatusCode.OK, (await open.GetAsync("/healthz")).StatusCode);
        Assert.Equal("CN=old", await SubjectAt(server));
        Assert.False(certificates.RunOnce());

        // between the two writes of a renewal the key is not the certificate's
        var young = TestCertificates.Issue(tls.Authority, "young", until: new DateTimeOffset(2040, 1, 1, 0, 0, 0, TimeSpan.Zero));
        File.WriteAllText(tls.PathOf("turned.crt"), young.ExportCertificatePem());
        Assert.False(certificates.RunOnce());
        Assert.False(certificates.RunOnce());
        Assert.Equal("CN=old", await SubjectAt(server));
        Assert.Single(server.Logs.Lines, line => line.StartsWith("Error Stele.Server.Transport.TlsCertificates The certificate's files were changed and cannot be used", StringComparison.Ordinal));

        tls.WritePem("turned", young);
        Assert.True(certificates.RunOnce());
        Assert.Equal("CN=young", await SubjectAt(server));
        Assert.Equal(HttpStatusCode.OK, (await open.GetAsync("/healthz")).StatusCode);

        File.Delete(tls.PathOf("turned.key"));
        Assert.False(certificates.RunOnce());
        Assert.Equal("CN=young", await SubjectAt(server));
        var metrics = await server.Client.GetStringAsync("/metrics");
        Assert.Contains("\nstele_tls_reload_failures_total 2\n", metrics, StringComparison.Ordinal);
        Assert.Contains($"\nstele_tls_certificate_expiry_timestamp_seconds {new DateTimeOffset(2040, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeSeconds()}\n", metrics, StringComparison.Ordinal);
        var page = File.ReadAllText(Path.Combine(Postgres.RepositoryRoot(), "docs/operations/tls.md"));
        foreach (var name in metrics.Split('\n').Where(line => line.StartsWith("# TYPE stele_tls_", StringComparison.Ordinal)).Select(line => line.Split(' ')[2])) Assert.Contains($"| `{name}` |", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_that_is_swapped_under_a_link_is_noticed()
    {
        // as Kubernetes updates a mounted secret: nothing of the file that is named changes but where its directory leads
        foreach (var name in (string[])["a", "b"])
        {
            Directory.CreateDirectory(tls.PathOf(name));
            tls.WritePem(name + "/tls", TestCertificates.Issue(tls.Authority, name));
        }
        Directory.CreateSymbolicLink(tls.PathOf("current"), tls.PathOf("a"));
        await using var server = await tls.Start(new TlsOptions { Certificate = tls.PathOf("current/tls.crt"), Key = tls.PathOf("current/tls.key") });
        Assert.Equal("CN=a", await SubjectAt(server));
        Directory.Delete(tls.PathOf("current"));
        Directory.CreateSymbolicLink(tls.PathOf("current"), tls.PathOf("b"));
        Assert.True(server.Services.GetRequiredService<TlsCertificates>().RunOnce());
        Assert.Equal("CN=b", await SubjectAt(server));
    }

    [Fact]
    public async Task Every_form_of_certificate_and_key_is_read()
    {
        using var certificate = TestCertificates.Issue(tls.Authority, "forms");
        File.WriteAllBytes(tls.PathOf("server.pfx"), certificate.Export(X509ContentType.Pfx, "hunter2"));
        File.WriteAllBytes(tls.PathOf("open.p12"), certificate.Export(X509ContentType.Pfx));
        File.WriteAllText(tls.PathOf("password"), "hunter2\n");
        File.WriteAllText(tls.PathOf("both.pem"), certificate.ExportCertificatePem() + "\n" + tls.Authority.ExportCertificatePem() + "\n" + certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(tls.PathOf("closed.key"), certificate.GetECDsaPrivateKey()!.ExportEncryptedPkcs8PrivateKeyPem("hunter2", new(System.Security.Cryptography.PbeEncryptionAlgorithm.Aes256Cbc, System.Security.Cryptography.HashAlgorithmName.SHA256, 1000)));
        File.WriteAllText(tls.PathOf("only.crt"), certificate.ExportCertificatePem());
        foreach (var options in (TlsOptions[])
        [
            new() { Certificate = tls.PathOf("server.pfx"), PasswordFile = tls.PathOf("password") },
            new() { Certificate = tls.PathOf("open.p12") },
            new() { Certificate = tls.PathOf("both.pem") },
            new() { Certificate = tls.PathOf("only.crt"), Key = tls.PathOf("closed.key"), PasswordFile = tls.PathOf("password") },
        ])
        {
            await using var server = await tls.Start(options);
            Assert.Equal("CN=forms", await SubjectAt(server));
            Assert.DoesNotContain(server.Logs.Lines, line => line.Contains("hunter2", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task A_client_certificate_is_proved_in_the_handshake()
    {
        using var mapped = TestCertificates.IssueClient(tls.ClientAuthority, "CN=anything", names => names.AddUri(new Uri("spiffe://acme/ns/payments/sa/billing")));
        using var stranger = TestCertificates.Authority("clients");
        foreach (var wrong in (X509Certificate2[])
        [
            TestCertificates.IssueClient(stranger, "CN=reports, O=Acme"),
            TestCertificates.IssueClient(tls.ClientAuthority, "CN=reports, O=Acme", until: new DateTimeOffset(2021, 1, 1, 0, 0, 0, TimeSpan.Zero)),
            TestCertificates.IssueClient(tls.ClientAuthority, "CN=reports, O=Acme", usage: "1.3.6.1.5.5.7.3.1"),
        ])
        {
            using var client = tls.Client(wrong, token: null);
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => client.GetAsync("/healthz"));
        }
        using var right = tls.Client(mapped, token: null);
        Assert.Equal(HttpStatusCode.OK, (await right.GetAsync("/healthz")).StatusCode);
        // without one, as ever
        using var none = tls.Client(token: null);
        Assert.Equal(HttpStatusCode.OK, (await none.GetAsync("/healthz")).StatusCode);
        Assert.Contains("Send a token", await (await none.GetAsync("/v1/config")).Content.ReadAsStringAsync(), StringComparison.Ordinal);
        // a token wins
        using var both = tls.Client(mapped);
        Assert.Equal(HttpStatusCode.OK, (await both.GetAsync("/v1/limits")).StatusCode);
    }

    [Fact]
    public async Task The_holder_of_a_client_certificate_acts_as_a_service_account()
    {
        using var made = await tls.Server.Client.PostAsync("/v1/service-accounts", Json("""{"name":"billing","role":"editor"}"""));
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        using var account = JsonDocument.Parse(await made.Content.ReadAsStringAsync());
        var id = account.RootElement.GetProperty("id").GetGuid();
        await using var server = await tls.Start(new TlsOptions
        {
            Certificate = tls.PathOf("server.crt"), Key = tls.PathOf("server.key"), ClientAuthorities = tls.PathOf("clients.crt"),
            Clients = [new CertificateGrant(CertificateName.Uri, "spiffe://acme/billing", "default", id), new CertificateGrant(CertificateName.Dns, "nobody.acme", "default", Guid.NewGuid())],
        });
        using var mapped = TestCertificates.IssueClient(tls.ClientAuthority, "CN=anything", names => names.AddUri(new Uri("spiffe://acme/billing")));
        using var client = tls.Client(mapped, token: null, at: server.Https);
        using var written = await client.PutAsync("/v1/config/app.name", Json("""{"value":1}"""));
        Assert.Contains($"\"updated_by\":\"service:{id}\"", await written.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, (await client.GetAsync("/v1/users")).StatusCode);
        using var elsewhere = new HttpRequestMessage(HttpMethod.Get, "/v1/config") { Headers = { { "Stele-Org", "another" } } };
        Assert.Equal(HttpStatusCode.NotFound, (await client.SendAsync(elsewhere)).StatusCode);

        foreach (var name in (string[])["nobody.acme", "unmapped.acme"])
        {
            using var other = tls.Client(TestCertificates.IssueClient(tls.ClientAuthority, "CN=anything", names => names.AddDnsName(name)), token: null, at: server.Https);
            using var refused = await other.GetAsync("/v1/config");
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
            Assert.Contains("This token is not known.", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
        Assert.Equal(HttpStatusCode.OK, (await server.Client.PutAsync($"/v1/service-accounts/{id}", Json("""{"status":"suspended"}"""))).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/v1/config")).StatusCode);
    }

    [Fact]
    public void The_names_of_a_certificate_are_compared_whole()
    {
        using var certificate = TestCertificates.IssueClient(tls.ClientAuthority, "CN=billing, O=Acme", names =>
        {
            names.AddDnsName("jobs.acme.internal");
            names.AddEmailAddress("billing@acme.example");
            names.AddUri(new Uri("spiffe://acme/x"));
            names.AddIpAddress(IPAddress.Loopback);
        });
        Assert.Equal(
            [(CertificateName.Subject, "CN=billing, O=Acme"), (CertificateName.CommonName, "billing"), (CertificateName.Dns, "jobs.acme.internal"), (CertificateName.Uri, "spiffe://acme/x")],
            ClientCertificates.Names(certificate));
        // of two common names neither is the one
        using var two = TestCertificates.IssueClient(tls.ClientAuthority, "CN=deployer, CN=billing");
        Assert.DoesNotContain(ClientCertificates.Names(two), name => name.Name == CertificateName.CommonName);
        // a comma inside a value does not make two of it
        using var comma = TestCertificates.IssueClient(tls.ClientAuthority, "CN=\"reports, O=Acme\"");
        Assert.DoesNotContain((CertificateName.Subject, "CN=reports, O=Acme"), ClientCertificates.Names(comma));
    }

    static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");

    async Task<string> SubjectAt(TestServer server)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, server.Https.Port);
        using var stream = new SslStream(socket.GetStream());
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, CustomTrustStore = { tls.Authority }, RevocationMode = X509RevocationMode.NoCheck },
        });
        return stream.RemoteCertificate!.Subject;
    }
}
