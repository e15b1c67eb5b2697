using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Stele.Server.Options;

/// <summary>What the files of a <see cref="TlsOptions"/> hold at a moment.</summary>
/// <param name="Server">The certificate with its key and what lies between it and its authority.</param>
/// <param name="ClientAuthorities">Whose client certificates are believed; null: nobody's.</param>
/// <param name="Hash">Of the bytes of all files, by which a change is noticed.</param>
internal sealed record TlsFiles(SslStreamCertificateContext Server, X509Certificate2Collection? ClientAuthorities, byte[] Hash)
{
    /// <summary>When the server's certificate ends.</summary>
    public DateTimeOffset ExpiresAt => new(Server.TargetCertificate.NotAfter.ToUniversalTime(), TimeSpan.Zero);

    /// <summary>Reads them.</summary>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read.</exception>
    /// <exception cref="CryptographicException">A file does not hold what it should.</exception>
    public static TlsFiles Read(TlsOptions options)
    {
        var hash = HashOf(options);
        var password = options.PasswordFile is { } file ? File.ReadAllText(file).TrimEnd('\r', '\n') : null;
        var (leaf, between) = IsPkcs12(options.Certificate) ? Pkcs12(options.Certificate, password) : Pem(options.Certificate, options.Key ?? options.Certificate, password);
        // offline: what is missing of the chain is not looked for on the network, at the time of a handshake
        var server = SslStreamCertificateContext.Create(leaf, between, offline: true);
        return new TlsFiles(server, options.ClientAuthorities is { } authorities ? Authorities(authorities) : null, hash);
    }

    /// <summary>The hash of what the files hold now.</summary>
    public static byte[] HashOf(TlsOptions options)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in (string?[])[options.Certificate, options.Key, options.PasswordFile, options.ClientAuthorities])
            if (file is not null) hash.AppendData(SHA256.HashData(File.ReadAllBytes(file)));
        return hash.GetHashAndReset();
    }

    static bool IsPkcs12(string file) => Path.GetExtension(file).ToLowerInvariant() is ".pfx" or ".p12";

    static (X509Certificate2 Leaf, X509Certificate2Collection Between) Pem(string file, string keyFile, string? password)
    {
        var all = new X509Certificate2Collection();
        all.ImportFromPemFile(file);
        if (all.Count == 0) throw new CryptographicException($"{file} holds no certificate in PEM.");
        try
        {
            var leaf = password is null ? X509Certificate2.CreateFromPemFile(file, keyFile) : X509Certificate2.CreateFromEncryptedPemFile(file, password, keyFile);
            all.RemoveAt(0);
            return (leaf, all);
        }
        catch (ArgumentException e)
        {
            // how a key of another certificate is told
            throw new CryptographicException($"{keyFile} holds no key of the certificate in {file}.", e);
        }
    }

    static (X509Certificate2 Leaf, X509Certificate2Collection Between) Pkcs12(string file, string? password)
    {
        var all = X509CertificateLoader.LoadPkcs12CollectionFromFile(file, password);
        var leaf = all.FirstOrDefault(certificate => certificate.HasPrivateKey) ?? throw new CryptographicException($"{file} holds no certificate with its key.");
        all.Remove(leaf);
        return (leaf, all);
    }

    static X509Certificate2Collection Authorities(string file)
    {
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(file);
        return authorities.Count > 0 ? authorities : throw new CryptographicException($"{file} holds no certificate in PEM.");
    }
}
