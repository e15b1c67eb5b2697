using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Server.Options;

namespace Stele.Server.Identity;

/// <summary>
/// Asks an issuer for its keys: the discovery document (OpenID Connect Discovery 1.0, 4) for where they are, unless that is
/// configured, then the JWKS. Over TLS with the authorities that the issuer was given, or in plain on loopback; no redirect is
/// followed, no cookie kept, and what is read is bounded. Failures are exceptions, for one catch in <see cref="KeySource"/>.
/// </summary>
internal sealed class IssuerClient : IDisposable
{
    static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(5);

    readonly TokenIssuer issuer;
    readonly HttpClient http;

    public IssuerClient(TokenIssuer issuer)
    {
        this.issuer = issuer;
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, PooledConnectionLifetime = ConnectionLifetime };
        if (issuer.CaFile is { } file) handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, chain, errors) => IsTrusted(file, certificate, chain, errors);
        http = new HttpClient(handler) { MaxResponseContentBufferSize = IdentityLimits.JwksBytes.Value, Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>The bytes of its JWKS. The caller has a deadline.</summary>
    public async Task<byte[]> Keys(CancellationToken cancellation) => await Get(issuer.Jwks ?? await Discover(cancellation), cancellation);

    public void Dispose() => http.Dispose();

    async Task<Uri> Discover(CancellationToken cancellation)
    {
        if (!CanonicalJson.TryCanonicalize(await Get(issuer.Discovery, cancellation), "", [], out var canonical)) throw new InvalidDataException("The discovery document is not JSON.");
        using var document = JsonDocument.Parse(canonical, new JsonDocumentOptions { MaxDepth = (int)SteleLimits.JsonDepth.Value + 1 });
        // 4.3: whoever answers in another's name is not believed
        if (Text(document.RootElement, "issuer") is not { } named || named != issuer.Issuer) throw new InvalidDataException("The discovery document is another issuer's.");
        if (Text(document.RootElement, "jwks_uri") is not { } text || !Uri.TryCreate(text, UriKind.Absolute, out var jwks) || !IssuerFile.IsSafe(jwks))
            throw new InvalidDataException("The discovery document has no jwks_uri that is an https URL.");
        return jwks;
    }

    async Task<byte[]> Get(Uri url, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        // not to wherever a document says the keys are: our token is for whom the operator named
        if (issuer.BearerTokenFile is { } file && url.Authority == (issuer.Jwks ?? issuer.Discovery).Authority)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(file, cancellation)).Trim());
        using var response = await http.SendAsync(request, cancellation);
        if (!response.IsSuccessStatusCode) throw new InvalidDataException($"{url} answered {(int)response.StatusCode}.");
        return await response.Content.ReadAsByteArrayAsync(cancellation);
    }

    // the file is read at each handshake, of which there are few: a renewed authority needs no restart
    static bool IsTrusted(string file, X509Certificate? certificate, X509Chain? presented, SslPolicyErrors errors)
    {
        if (certificate is not X509Certificate2 server || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != 0) return false;
        using var chain = new X509Chain { ChainPolicy = { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck } };
        chain.ChainPolicy.CustomTrustStore.ImportFromPemFile(file);
        if (presented is null) return false;
        foreach (var element in presented.ChainElements) chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        return chain.Build(server);
    }

    static string? Text(JsonElement at, string member) =>
        at.ValueKind == JsonValueKind.Object && at.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
