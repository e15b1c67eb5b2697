using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Stele.Server.Operation;
using Stele.Server.Options;

namespace Stele.Server.Transport;

/// <summary>
/// The certificates in use. The files are looked at every few seconds, and not by what the file system says of changes,
/// which is silent where a mounted directory is swapped under a link, as Kubernetes does it. What cannot be used is left
/// alone, and the certificate that is in use goes on.
/// </summary>
internal sealed class TlsCertificates(TlsOptions options, TimeProvider time, Metrics metrics, ILogger<TlsCertificates> log) : BackgroundService
{
    static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    readonly Counter failures = metrics.AddCounter("stele_tls_reload_failures_total", "Certificate files that were changed and could not be used.");

    TlsFiles files = TlsFiles.Read(options);
    bool failed;

    /// <summary>What a handshake that begins now takes.</summary>
    public SslServerAuthenticationOptions Handshake()
    {
        var now = Volatile.Read(ref files);
        var handshake = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = now.Server, EnabledSslProtocols = options.Protocols, ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
        };
        if (now.ClientAuthorities is { } authorities)
        {
            handshake.ClientCertificateRequired = true;
            handshake.RemoteCertificateValidationCallback = (_, certificate, presented, _) => certificate is not X509Certificate2 client || IsTrusted(client, presented, authorities);
        }
        return handshake;
    }

    /// <summary>When the server's certificate ends.</summary>
    public DateTimeOffset ExpiresAt => Volatile.Read(ref files).ExpiresAt;

    /// <summary>Takes over files that were changed; whether there were any that can be used.</summary>
    public bool RunOnce()
    {
        try
        {
            if (TlsFiles.HashOf(options).AsSpan().SequenceEqual(Volatile.Read(ref files).Hash)) return failed = false;
            Volatile.Write(ref files, TlsFiles.Read(options));
            failed = false;
            log.CertificateTaken(ExpiresAt);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            // once: a renewal writes two files, one after the other, and between the two they do not fit
            if (!failed) log.CertificateRefused(e.Message);
            if (!failed) failures.Add();
            failed = true;
            return false;
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        metrics.AddGauge("stele_tls_certificate_expiry_timestamp_seconds", "When the server's certificate ends: seconds since the Unix epoch.", () => ExpiresAt.ToUnixTimeSeconds());
        using var timer = new PeriodicTimer(Pause, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) RunOnce();
        }
        catch (OperationCanceledException)
        {
            // the end of the node
        }
    }

    // RFC 5280 by the platform, with these authorities alone, and only certificates made for clients
    static bool IsTrusted(X509Certificate2 client, X509Chain? presented, X509Certificate2Collection authorities)
    {
        using var chain = new X509Chain { ChainPolicy = { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck } };
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ClientAuthentication));
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        if (presented is not null)
            foreach (var element in presented.ChainElements) chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        return chain.Build(client);
    }

    const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";
}
