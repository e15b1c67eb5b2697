using System.Net.Sockets;
using Stele.Core.Faults;
using Stele.Server.Options;

namespace Stele.Server.Secrets.Keys.Vault;

/// <summary>
/// Asks Vault, with patience that ends. What is passing (no answer, 429, 5xx, sealed) is tried again within
/// <see cref="VaultOptions.Timeout"/>, with growing pauses; after a call that failed nobody asks for a while, and all are refused at once.
/// A token that is refused is replaced once by a new login, since it may have been revoked.
/// </summary>
internal sealed class VaultClient(VaultWire wire, VaultTokens tokens, VaultOptions options, TimeProvider time, ILogger<VaultClient> log)
{
    readonly Patience patience = new(options.Pause, time);

    /// <summary>An answer of 2xx, 400 or 404, for the caller to dispose of; else unavailable.</summary>
    public async ValueTask<Outcome<VaultAnswer>> Ask(HttpMethod method, string path, VaultBody? body, CancellationToken cancellation)
    {
        if (patience.Refused is { } refused) return refused;
        using var deadline = new CancellationTokenSource(options.Timeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellation);
        var trouble = VaultTrouble.Away("no answer in time");
        try
        {
            var isRefused = false;
            for (var delay = Patience.DelayMin; ;)
            {
                var (answer, token, found) = await Once(method, path, body, both.Token);
                if (answer is not null)
                {
                    if (patience.Answered()) log.VaultAnswers(options.Address.Authority);
                    return answer;
                }
                trouble = found!;
                if (token is not null)
                {
                    var isReplaced = !isRefused && await tokens.Replaces(token, both.Token);
                    isRefused = true;
                    if (isReplaced) continue;
                    // one right that is missing is no reason to keep others from what they may
                    log.VaultRefuses(path, trouble.Why);
                    return trouble.Fault();
                }
                if (!trouble.IsPassing) break;
                delay = await patience.Wait(delay, both.Token);
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException or SocketException || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            // the deadline: what was wrong before it is what is said
        }
        if (patience.Failed(trouble.Fault())) log.VaultFails(options.Address.Authority, trouble.What, trouble.Why);
        return trouble.Fault();
    }

    async ValueTask<(VaultAnswer? Answer, string? Token, VaultTrouble? Trouble)> Once(HttpMethod method, string path, VaultBody? body, CancellationToken cancellation)
    {
        try
        {
            var (token, trouble) = await tokens.Current(cancellation);
            if (token is null) return (null, null, trouble);
            var answer = await wire.Ask(method, path, body, token, cancellation);
            if (VaultTrouble.Of(answer) is not { } found) return (answer, null, null);
            var isRefused = answer.Status is 401 or 403;
            answer.Dispose();
            return (null, isRefused ? token : null, found);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or SocketException)
        {
            return (null, null, VaultTrouble.Away(e.Message));
        }
    }
}
