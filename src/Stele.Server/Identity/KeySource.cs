using System.Net.Sockets;
using System.Security.Cryptography;
using Stele.Core.Limits;
using Stele.Server.Options;

namespace Stele.Server.Identity;

/// <summary>
/// The keys of one issuer. Fetched in the background every so often; one more time when a token names a key that is not
/// there, but never sooner after the last try than the issuer's floor, so that made-up key ids cost one fetch in that time
/// whatever their number; one at a time, which all who wait share. While the issuer is away its last keys hold, up to a bound.
/// </summary>
internal sealed class KeySource(TokenIssuer issuer, TimeProvider time, IdentityMetrics metrics, ILogger<KeySource> log) : IDisposable
{
    readonly IssuerClient client = new(issuer);
    readonly CancellationTokenSource closing = new();
    readonly Lock gate = new();

    Held? held;
    long? attempted;
    Task running = Task.CompletedTask;
    bool away;

    public TokenIssuer Issuer => issuer;

    /// <summary>The keys that may be used now; null: there are none yet, or too long ago.</summary>
    public KeySet? Current => Volatile.Read(ref held) is { } known && time.GetElapsedTime(known.Confirmed) <= issuer.KeysStale ? known.Keys : null;

    /// <summary>How long ago the issuer last gave these keys; null: never.</summary>
    public TimeSpan? Age => Volatile.Read(ref held) is { } known ? time.GetElapsedTime(known.Confirmed) : null;

    /// <summary>Whether it is time to fetch them anew.</summary>
    public bool IsDue => Age is not { } age || age >= issuer.Refresh;

    /// <summary>Fetches the keys, or joins who does; done at once when the last try is too young. Never fails.</summary>
    public Task Refresh()
    {
        lock (gate)
        {
            if (!running.IsCompleted) return running;
            if (attempted is { } at && time.GetElapsedTime(at) < issuer.RefreshFloor) return Task.CompletedTask;
            attempted = time.GetTimestamp();
            return running = Fetch();
        }
    }

    /// <summary>As <see cref="Refresh"/>, for a request, which does not wait as long as an issuer may take.</summary>
    public async Task RefreshFor(CancellationToken cancellation)
    {
        try
        {
            await Refresh().WaitAsync(TimeSpan.FromMilliseconds(IdentityLimits.JwksWaitMilliseconds.Value), time, cancellation);
        }
        catch (TimeoutException)
        {
            // answered with what is there
        }
    }

    public void Dispose()
    {
        closing.Cancel();
        client.Dispose();
        closing.Dispose();
    }

    async Task Fetch()
    {
        try
        {
            // not on the thread of whoever asked, which holds the lock
            await Task.Yield();
            using var deadline = new CancellationTokenSource(TimeSpan.FromMilliseconds(IdentityLimits.JwksFetchMilliseconds.Value), time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, closing.Token);
            var jwks = await client.Keys(either.Token);
            var known = Volatile.Read(ref held)?.Keys;
            // the same bytes are the same set, so that verified tokens stay so
            var keys = known is not null && known.IsOf(jwks) ? known : KeySet.Parse(jwks);
            if (keys is null) throw new InvalidDataException("What was answered is not a JWKS with a key that may sign.");
            Volatile.Write(ref held, new Held(keys, time.GetTimestamp()));
            metrics.Fetched();
            if (keys != known || away) log.KeysFetched(issuer.Issuer, keys.Count);
            away = false;
        }
        catch (OperationCanceledException) when (closing.IsCancellationRequested)
        {
            // the end of the node
        }
        catch (Exception e) when (e is HttpRequestException or IOException or SocketException or InvalidDataException or OperationCanceledException or UnauthorizedAccessException or CryptographicException)
        {
            metrics.FetchFailed();
            // once, and not at every try for as long as the issuer is away
            if (!away) log.KeysAway(issuer.Issuer, e.Message);
            away = true;
        }
    }

    sealed record Held(KeySet Keys, long Confirmed);
}
