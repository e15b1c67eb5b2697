using System.Formats.Asn1;
using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;
using Stele.Core.Access;
using Stele.Server.Options;

namespace Stele.Server.Transport;

/// <summary>
/// As whom the holder of a client certificate acts. The handshake has proved the certificate by its authority and that its
/// holder has the key; here it is only looked up, once for each connection.
/// </summary>
internal sealed class ClientCertificates(SteleOptions options, TimeProvider time)
{
    readonly ConditionalWeakTable<X509Certificate2, Known> known = new();

    /// <summary>Whether there are any to be looked for.</summary>
    public bool Any { get; } = options.Tls is { Clients.Count: > 0 };

    /// <summary>The org and the service account of a certificate; null: nobody's, or it has ended since the handshake.</summary>
    public (string Org, Principal Principal)? Find(X509Certificate2? certificate)
    {
        if (certificate is null) return null;
        var found = known.GetValue(certificate, Of);
        return time.GetUtcNow() < found.Until ? found.Account : null;
    }

    Known Of(X509Certificate2 certificate)
    {
        var names = Names(certificate).ToHashSet();
        var grant = options.Tls!.Clients.FirstOrDefault(grant => names.Contains((grant.Name, grant.Value)));
        return new Known(new DateTimeOffset(certificate.NotAfter.ToUniversalTime(), TimeSpan.Zero), grant is null ? null : (grant.Org, Principal.ServiceAccount(grant.ServiceAccount)));
    }

    /// <summary>All names of a certificate that a grant may compare.</summary>
    public static IEnumerable<(CertificateName Name, string Value)> Names(X509Certificate2 certificate)
    {
        yield return (CertificateName.Subject, certificate.SubjectName.Name);
        if (CommonName(certificate) is { } common) yield return (CertificateName.CommonName, common);
        foreach (var name in AlternativeNames(certificate)) yield return name;
    }

    // the last one of several would depend on who reads: only where there is one
    static string? CommonName(X509Certificate2 certificate)
    {
        var common = certificate.SubjectName.EnumerateRelativeDistinguishedNames().Where(name => !name.HasMultipleElements && name.GetSingleElementType().Value == CommonNameOid).ToList();
        return common is [var only] ? only.GetSingleElementValue() : null;
    }

    // RFC 5280, 4.2.1.6; a name with a NUL, or that is no ASCII, is nobody's
    static List<(CertificateName, string)> AlternativeNames(X509Certificate2 certificate)
    {
        var found = new List<(CertificateName, string)>();
        try
        {
            foreach (var extension in certificate.Extensions.Where(extension => extension.Oid?.Value == AlternativeNamesOid))
            {
                var names = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence();
                while (names.HasData)
                {
                    CertificateName? kind = names.PeekTag() is var tag && tag.HasSameClassAndValue(DnsTag) ? CertificateName.Dns : tag.HasSameClassAndValue(UriTag) ? CertificateName.Uri : null;
                    if (kind is { } known) found.Add((known, names.ReadCharacterString(UniversalTagNumber.IA5String, tag)));
                    else names.ReadEncodedValue();
                }
            }
        }
        catch (AsnContentException)
        {
            return [];
        }
        return found;
    }

    sealed record Known(DateTimeOffset Until, (string, Principal)? Account);

    const string CommonNameOid = "2.5.4.3", AlternativeNamesOid = "2.5.29.17";

    static readonly Asn1Tag DnsTag = new(TagClass.ContextSpecific, 2), UriTag = new(TagClass.ContextSpecific, 6);
}
