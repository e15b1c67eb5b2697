using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Stele.Server.Tests.Fixtures;

/// <summary>Certificates made for a test, with real keys.</summary>
static class TestCertificates
{
    const string ServerAuthentication = "1.3.6.1.5.5.7.3.1", ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    static readonly DateTimeOffset From = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero), Until = new(2046, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>An authority.</summary>
    public static X509Certificate2 Authority(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        return request.CreateSelfSigned(From, Until);
    }

    /// <summary>A server's, for localhost or an address.</summary>
    public static X509Certificate2 Issue(X509Certificate2 authority, string name, IPAddress? address = null, DateTimeOffset? until = null) =>
        Issue(authority, $"CN={name}", ServerAuthentication, names =>
        {
            names.AddDnsName("localhost");
            names.AddIpAddress(address ?? IPAddress.Loopback);
        }, until ?? Until);

    /// <summary>A client's.</summary>
    public static X509Certificate2 IssueClient(X509Certificate2 authority, string subject, Action<SubjectAlternativeNameBuilder>? names = null, DateTimeOffset? until = null, string usage = ClientAuthentication) =>
        Issue(authority, subject, usage, names, until ?? Until);

    static X509Certificate2 Issue(X509Certificate2 authority, string subject, string usage, Action<SubjectAlternativeNameBuilder>? names, DateTimeOffset until)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], false));
        if (names is not null)
        {
            var alternative = new SubjectAlternativeNameBuilder();
            names(alternative);
            request.CertificateExtensions.Add(alternative.Build());
        }
        using var issued = request.Create(authority, From, until, RandomNumberGenerator.GetBytes(8));
        return issued.CopyWithPrivateKey(key);
    }
}
