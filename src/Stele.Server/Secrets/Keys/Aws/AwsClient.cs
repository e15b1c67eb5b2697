using System.Collections.Concurrent;
using System.Net.Sockets;
using Amazon;
using Amazon.KeyManagementService;
using Amazon.Runtime;
using Stele.Core.Faults;
using Stele.Server.Options;

namespace Stele.Server.Secrets.Keys.Aws;

/// <summary>
/// Asks KMS, with patience that ends (<see cref="Patience"/>), for each region by itself. The SDK signs and finds credentials; its own attempts are switched off, because
/// ours have one deadline for all of them and stop when nobody is to ask. A key, right or request that is refused is told to who asked, and keeps nobody else from theirs.
/// </summary>
internal sealed class AwsClient(AwsOptions options, TimeProvider time, ILogger<AwsClient> log) : IDisposable
{
    readonly ConcurrentDictionary<string, Region> regions = new();

    sealed record Region(AmazonKeyManagementServiceClient Kms, Patience Patience);

    /// <summary>What KMS answers; else unavailable, or integrity where what was to be decrypted is not what KMS encrypted.</summary>
    /// <param name="key">The key: an ARN tells the region.</param>
    /// <param name="action">What is done, for the log.</param>
    /// <param name="ask">Does it, once.</param>
    /// <param name="cancellation">Ends it.</param>
    public async ValueTask<Outcome<T>> Ask<T>(string key, string action, Func<AmazonKeyManagementServiceClient, CancellationToken, Task<T>> ask, CancellationToken cancellation) where T : notnull
    {
        var name = RegionOf(key) ?? options.Region ?? "";
        Region region;
        try
        {
            region = regions.GetOrAdd(name, Made);
        }
        catch (AmazonClientException e)
        {
            return Refused(AwsTrouble.Of(e), action, key);
        }
        if (region.Patience.Refused is { } quiet) return quiet;
        using var deadline = new CancellationTokenSource(options.Timeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellation);
        var trouble = AwsTrouble.Away("no answer in time");
        try
        {
            for (var delay = Patience.DelayMin; ;)
            {
                var (answer, found) = await Once(region.Kms, ask, both.Token);
                if (found is null)
                {
                    if (region.Patience.Answered()) log.KmsAnswers(region.Kms.Config.AuthenticationRegion ?? name);
                    return answer!;
                }
                trouble = found;
                if (trouble.IsOfKey) return Refused(trouble, action, key);
                if (!trouble.IsPassing) break;
                delay = await region.Patience.Wait(delay, both.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // the deadline: what was wrong before it is what is said
        }
        if (region.Patience.Failed(trouble.Fault())) log.KmsFails(name, trouble.What, trouble.Why);
        return trouble.Fault();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var region in regions.Values) region.Kms.Dispose();
    }

    /// <summary>The region that an ARN names; null: it is none.</summary>
    public static string? RegionOf(string key) => key.Split(':') is ["arn", _, "kms", { Length: > 0 } region, ..] ? region : null;

    static async ValueTask<(T? Answer, AwsTrouble? Trouble)> Once<T>(AmazonKeyManagementServiceClient kms, Func<AmazonKeyManagementServiceClient, CancellationToken, Task<T>> ask, CancellationToken cancellation)
    {
        try
        {
            return (await ask(kms, cancellation), null);
        }
        // the SDK has its own exceptions for what is refused, and hands on those of the network
        catch (Exception e) when (e is AmazonServiceException or AmazonClientException or HttpRequestException or IOException or SocketException || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            cancellation.ThrowIfCancellationRequested();
            return (default, AwsTrouble.Of(e));
        }
    }

    Region Made(string name)
    {
        var config = new AmazonKeyManagementServiceConfig { MaxErrorRetry = 0, Timeout = options.Timeout };
        if (options.Endpoint is { } endpoint) (config.ServiceURL, config.AuthenticationRegion) = (endpoint.ToString(), name.Length > 0 ? name : null);
        else if (name.Length > 0) config.RegionEndpoint = RegionEndpoint.GetBySystemName(name);
        var kms = options.CredentialFile is { } file
            ? new AmazonKeyManagementServiceClient(new AwsFileCredentials(file, options.Profile), config)
            : new AmazonKeyManagementServiceClient(config);
        return new Region(kms, new Patience(options.Pause, time));
    }

    Fault Refused(AwsTrouble trouble, string action, string key)
    {
        if (!trouble.IsBroken) log.KmsRefuses(trouble.What, action, key, trouble.Why);
        return trouble.Fault();
    }
}
