using System.Net.Sockets;
using Stele.Server.Options;

namespace Stele.Server.Secrets.Keys.Vault;

/// <summary>
/// The token by which this node asks Vault. It is renewed when two thirds of its time are gone; where that is refused, or gives
/// no more time (its maximum is reached), the node logs in anew, and keeps what it has until that succeeds. The credential is read from
/// its file at each login: who replaces the file needs no restart.
/// </summary>
internal sealed class VaultTokens(VaultWire wire, VaultOptions options, TimeProvider time, ILogger<VaultTokens> log) : IDisposable
{
    const int CredentialBytesMax = 64 << 10;
    static readonly TimeSpan LookMax = TimeSpan.FromMinutes(5), LookMin = TimeSpan.FromSeconds(1), RetryMax = TimeSpan.FromSeconds(30);

    readonly SemaphoreSlim one = new(1);
    volatile Held? held;
    int failures;

    sealed record Held(VaultLease Lease, DateTimeOffset? RenewAt, DateTimeOffset? Until);

    /// <summary>The token; logs in if there is none. Throws what HttpClient throws.</summary>
    public async ValueTask<(string? Token, VaultTrouble? Trouble)> Current(CancellationToken cancellation)
    {
        if (Good(held) is { } good) return (good.Lease.Token, null);
        await one.WaitAsync(cancellation);
        try
        {
            if (Good(held) is { } made) return (made.Lease.Token, null);
            return await Login(cancellation) is { } trouble ? (null, trouble) : (held!.Lease.Token, null);
        }
        finally
        {
            one.Release();
        }
    }

    /// <summary>After a request was refused: whether its token is at fault and the next request will have another. Vault says of a revoked token what it says of a right that is missing, so it is asked.</summary>
    public async ValueTask<bool> Replaces(string token, CancellationToken cancellation)
    {
        await one.WaitAsync(cancellation);
        try
        {
            if (held is not { } known || known.Lease.Token != token) return true;
            using var answer = await wire.Ask(HttpMethod.Get, "auth/token/lookup-self", null, token, cancellation);
            if (answer.Status is not (401 or 403)) return false;
            held = null;
            return true;
        }
        finally
        {
            one.Release();
        }
    }

    /// <summary>Logs in or renews, if it is time to. When to look again.</summary>
    public async Task<TimeSpan> RunOnce(CancellationToken cancellation)
    {
        await one.WaitAsync(cancellation);
        try
        {
            using var deadline = new CancellationTokenSource(options.Timeout, time);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellation);
            var trouble = Good(held) is not { } good ? await Login(both.Token)
                : good.RenewAt <= time.GetUtcNow() ? await Renew(good, both.Token) : null;
            failures = trouble is null ? 0 : failures + 1;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or SocketException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            failures++;
        }
        finally
        {
            one.Release();
        }
        if (failures > 0) return TimeSpan.FromTicks(Math.Min(LookMin.Ticks << Math.Min(failures - 1, 5), RetryMax.Ticks));
        var left = (held?.RenewAt ?? DateTimeOffset.MaxValue) - time.GetUtcNow();
        return left < LookMin ? LookMin : left > LookMax ? LookMax : left;
    }

    /// <inheritdoc/>
    public void Dispose() => one.Dispose();

    Held? Good(Held? known) => known is null || known.Until <= time.GetUtcNow() ? null : known;

    async ValueTask<VaultTrouble?> Renew(Held known, CancellationToken cancellation)
    {
        if (!known.Lease.IsRenewable) return await Login(cancellation);
        using var body = VaultBody.Strings();
        using var answer = await wire.Ask(HttpMethod.Post, "auth/token/renew-self", body, known.Lease.Token, cancellation);
        if (VaultTrouble.Of(answer) is { IsPassing: true } passing) return passing;
        if (!answer.IsSuccess || answer.Login() is not { } lease)
        {
            log.RenewalFails($"{answer.Status} {answer.Errors}");
            return await Login(cancellation);
        }
        // another node of the credential may have dropped it meanwhile; then this is a new one all the same
        Keep(lease);
        // what was asked for is the time that it had: less of it means that its maximum is near
        return lease.Seconds > 0 && lease.Seconds < known.Lease.Seconds * 2 / 3 && await Login(cancellation) is { } trouble ? trouble : null;
    }

    async ValueTask<VaultTrouble?> Login(CancellationToken cancellation)
    {
        VaultTrouble? trouble;
        try
        {
            trouble = await LoginOnce(cancellation);
        }
        catch (Exception e) when (e is IOException and not HttpIOException or UnauthorizedAccessException)
        {
            trouble = VaultTrouble.Wrong("was not asked: this node's credential cannot be read.", e.Message);
        }
        if (trouble is not null) log.LoginFails(Method, trouble.What, trouble.Why);
        else log.LoggedIn(Method, held!.Lease.Seconds);
        return trouble;
    }

    async ValueTask<VaultTrouble?> LoginOnce(CancellationToken cancellation)
    {
        if (new FileInfo(options.CredentialFile).Length > CredentialBytesMax) return VaultTrouble.Wrong("was not asked: this node's credential is too long.", options.CredentialFile);
        var credential = (await File.ReadAllTextAsync(options.CredentialFile, cancellation)).Trim();
        // what is no header would be an exception whose text has it
        if (credential.Length == 0 || credential.Any(c => c is <= ' ' or > '~')) return VaultTrouble.Wrong("was not asked: this node's credential is empty, or is none.", options.CredentialFile);
        using var body = options.Login switch
        {
            VaultLogin.AppRole => VaultBody.Strings(("role_id", options.Role), ("secret_id", credential)),
            VaultLogin.Kubernetes => VaultBody.Strings(("role", options.Role), ("jwt", credential)),
            _ => null,
        };
        using var answer = body is null
            ? await wire.Ask(HttpMethod.Get, "auth/token/lookup-self", null, credential, cancellation)
            : await wire.Ask(HttpMethod.Post, $"auth/{options.LoginMount}/login", body, null, cancellation);
        if (VaultTrouble.Of(answer) is { } trouble) return trouble;
        if (!answer.IsSuccess) return VaultTrouble.Wrong("refuses this node's login.", $"{answer.Status} {answer.Errors}");
        if ((body is null ? answer.Lookup(credential) : answer.Login()) is not { } lease) return VaultTrouble.Strange("a login without a token");
        Keep(lease);
        return null;
    }

    void Keep(VaultLease lease)
    {
        var now = time.GetUtcNow();
        held = lease.Seconds == 0 ? new Held(lease, null, null) : new Held(lease, now + TimeSpan.FromSeconds(lease.Seconds * 2 / 3d), now + TimeSpan.FromSeconds(lease.Seconds));
    }

    string Method => options.Login.ToString();
}
