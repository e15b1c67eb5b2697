using System.Security.Authentication;

namespace Stele.Server.Options;

/// <summary>How TLS is spoken. Files are read by <see cref="TlsFiles"/>, at start and again when they change.</summary>
internal sealed record TlsOptions
{
    /// <summary>A PEM file, the server's certificate first and then those between it and its authority; or a PKCS#12 file (.pfx, .p12).</summary>
    public required string Certificate { get; init; }

    /// <summary>The key's PEM file; null: the key is in <see cref="Certificate"/>.</summary>
    public string? Key { get; init; }

    /// <summary>A file with the password of the PKCS#12 file or of the key; null: there is none.</summary>
    public string? PasswordFile { get; init; }

    /// <summary>The versions that are spoken.</summary>
    public SslProtocols Protocols { get; init; } = SslProtocols.Tls12 | SslProtocols.Tls13;

    /// <summary>PEM file of the authorities whose client certificates are believed; null: clients are not asked for any.</summary>
    public string? ClientAuthorities { get; init; }

    /// <summary>As which service account the holder of which certificate acts.</summary>
    public IReadOnlyList<CertificateGrant> Clients { get; init; } = [];
}

/// <summary>What of a certificate is compared.</summary>
internal enum CertificateName
{
    /// <summary>The whole subject, such as <c>CN=billing, O=Acme</c>.</summary>
    Subject,
    /// <summary>The subject's only common name.</summary>
    CommonName,
    /// <summary>A DNS name among the alternative names.</summary>
    Dns,
    /// <summary>A URI among the alternative names, such as a SPIFFE id.</summary>
    Uri,
}

/// <summary>A service account for the holder of a certificate.</summary>
/// <param name="Name">What is compared.</param>
/// <param name="Value">What it must be, character by character.</param>
/// <param name="Org">The org.</param>
/// <param name="ServiceAccount">The id of one of its service accounts.</param>
internal sealed record CertificateGrant(CertificateName Name, string Value, string Org, Guid ServiceAccount);
