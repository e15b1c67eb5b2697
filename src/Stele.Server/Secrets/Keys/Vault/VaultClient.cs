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
    const int PausesMax = 3;
    static readonly TimeSpan DelayMin = TimeSpan.FromMilliseconds(50), DelayMax = TimeSpan.FromSeconds(1);

    readonly Lock gate = new();
    VaultTrouble? last;
    long quietUntil;
    int failures;

    /// <summary>An answer of 2xx, 400 or 404, for the caller to dispose of; else unavailable.</summary>
    public async ValueTask<Outcome<VaultAnswer>> Ask(HttpMethod method, string path, VaultBody? body, CancellationToken cancellation)
    {
        lock (gate)
            if (last is not null && time.GetTimestamp() < quietUntil) return last.Fault();
        using var deadline = new CancellationTokenSource(options.Timeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellation);
        var trouble = VaultTrouble.Away("no answer in time");
        try
        {
            var isRefused = false;
            for (var delay = DelayMin; ; delay = delay * 2 > DelayMax ? DelayMax : delay * 2)
            {
                var (answer, token, found) = await Once(method, path, body, both.Token);
                if (answer is not null)
                {
                    Answered();
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
                // between half of it and all of it, so that nodes do not come back together
                await Task.Delay(delay * (0.5 + Random.Shared.NextDouble() / 2), time, both.Token);
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            // the deadline: what was wrong before it is what is said
        }
        Failed(trouble);
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
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return (null, null, VaultTrouble.Away(e.Message));
        }
    }

    void Answered()
    {
        lock (gate)
        {
            if (last is null) return;
            last = null;
            failures = 0;
        }
        log.VaultAnswers(options.Address.Authority);
    }

    void Failed(VaultTrouble trouble)
    {
        bool isNews;
        lock (gate)
        {
            isNews = last is null || last.What != trouble.What;
            last = trouble;
            quietUntil = time.GetTimestamp() + (long)(options.Pause.TotalSeconds * (1 << Math.Min(failures++, PausesMax)) * time.TimestampFrequency);
        }
        if (isNews) log.VaultFails(options.Address.Authority, trouble.What, trouble.Why);
    }
}
