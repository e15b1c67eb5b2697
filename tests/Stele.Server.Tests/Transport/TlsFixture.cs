using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Stele.Server.Options;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Transport;

/// <summary>A server that speaks TLS, with certificates of an authority of the test's own, in files that a test may change.</summary>
public sealed class TlsFixture : IAsyncLifetime
{
    readonly string directory = Directory.CreateTempSubdirectory("stele-tls-").FullName;

    TestDatabase db = null!;

    internal X509Certificate2 Authority { get; } = TestCertificates.Authority("servers");

    internal X509Certificate2 ClientAuthority { get; } = TestCertificates.Authority("clients");

    internal TestServer Server { get; private set; } = null!;

    /// <summary>The service account of the mapped certificates.</summary>
    internal static Guid Account { get; } = Guid.Parse("0190f6a1-7a30-7c33-a1a5-0242ac120002");

    public async ValueTask InitializeAsync()
    {
        db = await Postgres.NewDatabase();
        Server = await Start();
    }

    internal string PathOf(string name) => Path.Combine(directory, name);

    /// <summary>Writes a server's certificate with its key.</summary>
    internal void WritePem(string name, X509Certificate2 certificate)
    {
        File.WriteAllText(PathOf(name + ".crt"), certificate.ExportCertificatePem());
        File.WriteAllText(PathOf(name + ".key"), certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
    }

    internal Task<TestServer> Start(TlsOptions? tls = null)
    {
        WritePem("server", TestCertificates.Issue(Authority, "first"));
        File.WriteAllText(PathOf("clients.crt"), ClientAuthority.ExportCertificatePem());
        return TestServer.Start(db, origins: ["https://admin.example.com", "http://localhost:5173"], tls: tls ?? new TlsOptions
        {
            Certificate = PathOf("server.crt"), Key = PathOf("server.key"), ClientAuthorities = PathOf("clients.crt"),
            Clients =
            [
                new CertificateGrant(CertificateName.Uri, "spiffe://acme/ns/payments/sa/billing", "default", Account),
                new CertificateGrant(CertificateName.Subject, "CN=reports, O=Acme", "default", Account),
                new CertificateGrant(CertificateName.Dns, "jobs.acme.internal", "acme", Account),
                new CertificateGrant(CertificateName.CommonName, "deployer", "default", Account),
            ],
        });
    }

    /// <summary>A client over TLS that trusts the authority alone.</summary>
    internal HttpClient Client(X509Certificate2? certificate = null, SslProtocols protocols = SslProtocols.None, Version? version = null, string? token = TestServer.Token, Uri? at = null)
    {
        var client = new HttpClient(Handler(certificate, protocols)) { BaseAddress = at ?? Server.Https, DefaultRequestVersion = version ?? HttpVersion.Version11, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        if (token is not null) client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    internal SocketsHttpHandler Handler(X509Certificate2? certificate = null, SslProtocols protocols = SslProtocols.None) =>
        new()
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                EnabledSslProtocols = protocols,
                ClientCertificates = certificate is null ? null : [certificate],
                CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, CustomTrustStore = { Authority }, RevocationMode = X509RevocationMode.NoCheck },
            },
        };

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await db.DisposeAsync();
        Directory.Delete(directory, recursive: true);
    }
}
