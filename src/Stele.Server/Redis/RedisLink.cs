using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using StackExchange.Redis;
using Stele.Server.Options;

namespace Stele.Server.Redis;

/// <summary>
/// The one connection of this node to Redis, one server or a cluster, for all that uses it. Made when it is first asked for, and again by
/// itself when it breaks. A Redis that is away when the node starts is waited for in the background.
/// </summary>
internal sealed class RedisLink(SteleOptions options, ILogger<RedisLink> log) : IAsyncDisposable
{
    readonly Lazy<Task<ConnectionMultiplexer>> connection = new(() => Connect(options, log));

    /// <summary>Whether there is one.</summary>
    public bool IsConfigured => options.Redis is not null;

    /// <summary>The connection, when Redis answers on it; else throws what says so.</summary>
    public async ValueTask<ConnectionMultiplexer> Open(CancellationToken cancellation)
    {
        var open = connection.Value;
        var redis = open.IsCompletedSuccessfully ? open.Result : await open.WaitAsync(cancellation);
        return redis.IsConnected ? redis : throw new RedisAwayException("Redis is not connected");
    }

    /// <summary>Whether an exception says no more than that Redis is away, full, or moving its slots.</summary>
    public static bool IsAway(Exception e) => e is RedisException or TimeoutException or ObjectDisposedException or RedisAwayException;

    public async ValueTask DisposeAsync()
    {
        if (connection.IsValueCreated && connection.Value is { IsCompletedSuccessfully: true } open) await open.Result.CloseAsync(allowCommandsToComplete: false);
    }

    static async Task<ConnectionMultiplexer> Connect(SteleOptions options, ILogger log)
    {
        var configuration = ConfigurationOptions.Parse(options.Redis!);
        configuration.AbortOnConnectFail = false;
        configuration.ClientName ??= "stele";
        // for INFO, by which a server that was restarted is told from one that was not; nothing of the kind that changes a server is ever sent
        configuration.AllowAdmin = true;
        if (options.RedisPassword is { } password) configuration.Password = password;
        if (options.RedisCertificates is { } authorities)
        {
            configuration.Ssl = true;
            configuration.CertificateValidation += (_, certificate, _, errors) => IsTrusted(certificate, errors, authorities);
        }
        var redis = await ConnectionMultiplexer.ConnectAsync(configuration);
        // addresses and kinds of failure only: what an exception says may quote the configuration
        redis.ConnectionFailed += (_, e) => log.Failed(e.EndPoint?.ToString() ?? "?", e.FailureType.ToString());
        redis.ConnectionRestored += (_, e) => log.Restored(e.EndPoint?.ToString() ?? "?");
        return redis;
    }

    // a name that does not match stays an error; an authority that the system does not know may be one of ours
    static bool IsTrusted(X509Certificate? certificate, SslPolicyErrors errors, X509Certificate2Collection authorities)
    {
        if (certificate is null || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != 0) return false;
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        using var own = new X509Certificate2(certificate);
        return chain.Build(own);
    }
}

/// <summary>Redis does not answer.</summary>
internal sealed class RedisAwayException(string message) : Exception(message);
