using System.Net;
using System.Security.Authentication;
using Microsoft.Extensions.Configuration;
using Stele.Server.Options;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Transport;

public sealed class TransportSettingsTests : IDisposable
{
    readonly string directory = Directory.CreateTempSubdirectory("stele-settings-").FullName;

    public TransportSettingsTests()
    {
        using var authority = TestCertificates.Authority("a");
        using var certificate = TestCertificates.Issue(authority, "a");
        File.WriteAllText(PathOf("tls.crt"), certificate.ExportCertificatePem());
        File.WriteAllText(PathOf("tls.key"), System.Security.Cryptography.X509Certificates.ECDsaCertificateExtensions.GetECDsaPrivateKey(certificate)!.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(PathOf("ca.crt"), authority.ExportCertificatePem());
        File.WriteAllText(PathOf("clients.json"), """{"clients":[{"uri":"spiffe://a/b","org":"acme","service_account":"0190f6a1-7a30-7c33-a1a5-0242ac120002"}]}""");
    }

    [Fact]
    public void By_default_nothing_listens_beyond_loopback()
    {
        var options = Right();
        Assert.True(IPAddress.IsLoopback(options.Http.Address) && IPAddress.IsLoopback(options.Grpc.Address));
        Assert.Null(options.Https);
        Assert.Empty(options.CorsOrigins);
    }

    [Theory]
    [InlineData("STELE_HTTP", "0.0.0.0:7300")]
    [InlineData("STELE_HTTP", "*:7300")]
    [InlineData("STELE_HTTP", "[::]:7300")]
    [InlineData("STELE_HTTP", "192.0.2.7:7300")]
    [InlineData("STELE_GRPC", "0.0.0.0:7301")]
    [InlineData("Kestrel:Endpoints:Other:Url", "http://0.0.0.0:80")]
    [InlineData("Kestrel:Endpoints:Other:Url", "http://*:80")]
    [InlineData("Kestrel:Endpoints:Other:Url", "http://stele.example.com:80")]
    public void Plain_http_beyond_loopback_has_to_be_asked_for(string variable, string value)
    {
        var problem = Assert.Single(Wrong((variable, value)));
        Assert.Contains("STELE_PLAIN_HTTP=anywhere", problem, StringComparison.Ordinal);
        Right((variable, value), ("STELE_PLAIN_HTTP", "anywhere"));
    }

    [Fact]
    public void Loopback_and_tls_need_no_asking()
    {
        Right(("STELE_HTTP", "127.0.0.2:7300"), ("STELE_GRPC", "[::1]:7301"), ("Kestrel:Endpoints:Local:Url", "http://localhost:80"), ("Kestrel:Endpoints:Tls:Url", "https://0.0.0.0:443"));
        var options = Right(("STELE_HTTPS", "0.0.0.0:7343"), ("STELE_TLS_CERT", PathOf("tls.crt")), ("STELE_TLS_KEY", PathOf("tls.key")), ("STELE_TLS_MIN", "1.3"),
            ("STELE_TLS_CLIENT_CA", PathOf("ca.crt")), ("STELE_TLS_CLIENTS", PathOf("clients.json")));
        Assert.Equal("0.0.0.0:7343", options.Https!.ToString());
        Assert.Equal(SslProtocols.Tls13, options.Tls!.Protocols);
        Assert.Equal(new CertificateGrant(CertificateName.Uri, "spiffe://a/b", "acme", Guid.Parse("0190f6a1-7a30-7c33-a1a5-0242ac120002")), Assert.Single(options.Tls.Clients));
    }

    [Fact]
    public void What_goes_together_is_asked_for_together()
    {
        Assert.Single(Wrong(("STELE_HTTPS", "0.0.0.0:7343")), problem => problem.Contains("needs STELE_TLS_CERT", StringComparison.Ordinal));
        Assert.Single(Wrong(("STELE_TLS_KEY", PathOf("tls.key"))), problem => problem.Contains("needs STELE_TLS_CERT", StringComparison.Ordinal));
        Assert.Single(Wrong(("STELE_TLS_CERT", PathOf("tls.crt")), ("STELE_TLS_KEY", PathOf("tls.key"))), problem => problem.Contains("needs STELE_HTTPS", StringComparison.Ordinal));
        Assert.Single(Wrong(("STELE_HTTPS", "127.0.0.1:7343"), ("STELE_TLS_CERT", PathOf("tls.crt")), ("STELE_TLS_KEY", PathOf("tls.key")), ("STELE_TLS_CLIENT_CA", PathOf("ca.crt"))), problem => problem.Contains("go together", StringComparison.Ordinal));
        Assert.Single(Wrong(("STELE_HTTPS", "127.0.0.1:7300"), ("STELE_TLS_CERT", PathOf("tls.crt")), ("STELE_TLS_KEY", PathOf("tls.key"))), problem => problem.Contains("a port of its own", StringComparison.Ordinal));
    }

    [Fact]
    public void Files_that_cannot_be_used_stop_the_start()
    {
        File.WriteAllText(PathOf("empty.crt"), "");
        File.WriteAllText(PathOf("wrong.json"), """{"clients":[{"uri":"a","dns":"b","org":"acme","service_account":"billing"},{"uri":"a","org":"acme"},{}]}""");
        using var other = TestCertificates.Issue(TestCertificates.Authority("b"), "b");
        File.WriteAllText(PathOf("other.key"), System.Security.Cryptography.X509Certificates.ECDsaCertificateExtensions.GetECDsaPrivateKey(other)!.ExportPkcs8PrivateKeyPem());
        foreach (var (certificate, key) in ((string, string)[])[("none.crt", "tls.key"), ("empty.crt", "tls.key"), ("tls.crt", "other.key"), ("tls.crt", "none.key"), ("ca.crt", "tls.key"), ("tls.key", "tls.key")])
            Assert.Single(Wrong(("STELE_HTTPS", "127.0.0.1:7343"), ("STELE_TLS_CERT", PathOf(certificate)), ("STELE_TLS_KEY", PathOf(key))), problem => problem.StartsWith("STELE_TLS_CERT", StringComparison.Ordinal));
        var problems = Wrong(("STELE_HTTPS", "127.0.0.1:7343"), ("STELE_TLS_CERT", PathOf("tls.crt")), ("STELE_TLS_KEY", PathOf("tls.key")), ("STELE_TLS_CLIENT_CA", PathOf("ca.crt")), ("STELE_TLS_CLIENTS", PathOf("wrong.json")));
        foreach (var place in (string[])["/clients/0:", "/clients/0/service_account:", "/clients/1/service_account:", "/clients/2/org:"])
            Assert.Contains(problems, problem => problem.StartsWith($"STELE_TLS_CLIENTS: {place}", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("*")]
    [InlineData("null")]
    [InlineData("admin.example.com")]
    [InlineData("https://admin.example.com/")]
    [InlineData("https://admin.example.com/page")]
    [InlineData("https://Admin.example.com")]
    [InlineData("https://admin.example.com:443")]
    [InlineData("https://*.example.com")]
    [InlineData("https://user@admin.example.com")]
    [InlineData("ftp://admin.example.com")]
    public void What_is_no_origin_is_refused(string origin) => Assert.Single(Wrong(("STELE_CORS_ORIGINS", $"https://a.example.com, {origin}")));

    [Fact]
    public void Origins_are_listed_with_commas() =>
        Assert.Equal(["https://a.example.com", "http://localhost:5173"], Right(("STELE_CORS_ORIGINS", "https://a.example.com, http://localhost:5173,")).CorsOrigins);

    [Fact]
    public void A_problem_of_the_issuers_file_is_one_of_the_settings()
    {
        File.WriteAllText(PathOf("issuers.json"), """{"issuers":[{"issuer":"https://a","audiences":[]}]}""");
        Assert.StartsWith("STELE_OIDC_ISSUERS: /issuers/0/audiences:", Assert.Single(Wrong(("STELE_OIDC_ISSUERS", PathOf("issuers.json")))), StringComparison.Ordinal);
        Assert.StartsWith("STELE_OIDC_ISSUERS: /nowhere", Assert.Single(Wrong(("STELE_OIDC_ISSUERS", "/nowhere"))), StringComparison.Ordinal);
    }

    string PathOf(string name) => Path.Combine(directory, name);

    static SteleOptions Right(params (string Key, string Value)[] values)
    {
        var (options, problems) = Read(values);
        Assert.Empty(problems);
        return options!;
    }

    static IReadOnlyList<string> Wrong(params (string Key, string Value)[] values)
    {
        var (options, problems) = Read(values);
        Assert.Null(options);
        return problems;
    }

    static (SteleOptions? Options, IReadOnlyList<string> Problems) Read((string Key, string Value)[] values) =>
        SteleSettings.Read(new ConfigurationBuilder().AddInMemoryCollection(values.Select(value => KeyValuePair.Create<string, string?>(value.Key, value.Value))).Build());

    public void Dispose() => Directory.Delete(directory, recursive: true);
}
