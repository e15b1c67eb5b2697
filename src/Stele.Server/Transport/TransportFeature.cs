using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Stele.Core.Limits;
using Stele.Server.Gateway.Grpc;
using Stele.Server.Ofrep;
using Stele.Server.Operation;
using Stele.Server.Options;

namespace Stele.Server.Transport;

/// <summary>
/// What travels. It promises: in plain, HTTP/1.1 and gRPC on loopback, and further only when that was asked for by name; with a
/// certificate, HTTP/1.1 and HTTP/2 over TLS 1.2 or 1.3 where STELE_HTTPS says, files that change taken over within ten
/// seconds and without a connection lost; client certificates of configured authorities standing for service accounts;
/// nothing for pages of other origins unless they are listed. A file that cannot be used stops a start and never a running node.
/// Limit: tls.handshake_seconds.
/// </summary>
internal static class TransportFeature
{
    public static IServiceCollection AddTransport(this IServiceCollection services, SteleOptions options)
    {
        services.AddSingleton<AnswerHeaders>().AddSingleton<ClientCertificates>();
        if (options.Tls is not { } tls) return services;
        services.AddSingleton(provider => new TlsCertificates(tls, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<Metrics>(), provider.GetRequiredService<ILogger<TlsCertificates>>()));
        return services.AddHostedService(provider => provider.GetRequiredService<TlsCertificates>());
    }

    /// <summary>Before everything that answers.</summary>
    public static IApplicationBuilder UseTransport(this IApplicationBuilder app) => app.Use(app.ApplicationServices.GetRequiredService<AnswerHeaders>().Around);

    /// <summary>Where the server listens.</summary>
    public static void Listen(this KestrelServerOptions kestrel, SteleOptions options)
    {
        kestrel.Listen(options.Http, http => http.Protocols = HttpProtocols.Http1);
        kestrel.Listen(options.Grpc, grpc => grpc.TakeGrpc());
        if (options.Flagd is { } flagd) kestrel.Listen(flagd, port => port.TakeFlagd());
        if (options.Https is not { } address) return;
        var certificates = kestrel.ApplicationServices.GetRequiredService<TlsCertificates>();
        kestrel.Listen(address, https =>
        {
            https.Protocols = HttpProtocols.Http1AndHttp2;
            https.UseHttps(new TlsHandshakeCallbackOptions
            {
                HandshakeTimeout = TimeSpan.FromSeconds(IdentityLimits.TlsHandshakeSeconds.Value), OnConnection = _ => ValueTask.FromResult(certificates.Handshake()),
            });
        });
    }
}
