using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using Stele.Server.Gateway;
using Stele.Server.Options;

namespace Stele.Server.Secrets.Keys.Vault;

/// <summary>
/// One request to Vault and its answer, in buffers of ours; what HttpClient and TLS keep of them is not ours to zero. No cookies, no
/// proxy's login; a standby that sends us on (307) is followed once, to where the scheme is the same.
/// </summary>
internal sealed class VaultWire : IDisposable
{
    const int AnswerBytesMax = 4 << 20, FirstBytes = 4_096;
    static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(5);

    readonly VaultOptions options;
    readonly HttpClient http;

    public VaultWire(VaultOptions options)
    {
        this.options = options;
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, PooledConnectionLifetime = ConnectionLifetime };
        if (options.Authorities is { } authorities)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.AddRange(authorities);
            handler.SslOptions.CertificateChainPolicy = policy;
        }
        http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>Asks once. Throws what HttpClient throws: nobody answered. The caller has a deadline.</summary>
    public async ValueTask<VaultAnswer> Ask(HttpMethod method, string path, VaultBody? body, string? token, CancellationToken cancellation)
    {
        var url = new Uri(options.Address, $"/v1/{path}");
        for (var isFirst = true; ; isFirst = false)
        {
            using var request = new HttpRequestMessage(method, url);
            // asked for by listeners and agents that have require_request_header: no browser sends it by mistake
            request.Headers.Add("X-Vault-Request", "true");
            if (token is not null) request.Headers.Add("X-Vault-Token", token);
            if (options.Namespace is { } name) request.Headers.Add("X-Vault-Namespace", name);
            if (body is not null) request.Content = new ReadOnlyMemoryContent(body.Bytes) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if (isFirst && (int)response.StatusCode == 307 && response.Headers.Location is { IsAbsoluteUri: true } active && active.Scheme == url.Scheme)
            {
                url = active;
                continue;
            }
            return new VaultAnswer((int)response.StatusCode, await Read(response.Content, cancellation));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => http.Dispose();

    static async ValueTask<SecretBuffer> Read(HttpContent content, CancellationToken cancellation)
    {
        var buffer = new SecretBuffer(FirstBytes);
        try
        {
            await using var stream = await content.ReadAsStreamAsync(cancellation);
            var length = 0;
            while (true)
            {
                var read = await stream.ReadAsync(buffer.Memory[length..], cancellation);
                if (read == 0) break;
                length += read;
                if (length > AnswerBytesMax) throw new IOException("The answer is too long.");
                if (length == buffer.Length) buffer.Resize(length * 2);
            }
            buffer.Resize(length);
            return buffer;
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }
}
