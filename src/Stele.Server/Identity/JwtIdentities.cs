using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using Stele.Core.Faults;
using Stele.Core.Limits;
using Stele.Server.Options;

namespace Stele.Server.Identity;

/// <summary>Who a bearer's JWT speaks for. A token that was verified is found without waiting; another one may have to wait for its issuer's keys.</summary>
internal sealed class JwtIdentities : IDisposable
{
    readonly FrozenDictionary<string, KeySource> sources;
    readonly JwtCache cache = new(IdentityLimits.JwtCachedTokens.Value);
    readonly TimeProvider time;
    readonly IdentityMetrics metrics;
    readonly ILogger<JwtIdentities> log;

    public JwtIdentities(SteleOptions options, TimeProvider time, IdentityMetrics metrics, ILoggerFactory logs)
    {
        (this.time, this.metrics, log) = (time, metrics, logs.CreateLogger<JwtIdentities>());
        sources = options.Issuers.ToFrozenDictionary(issuer => issuer.Issuer, issuer => new KeySource(issuer, time, metrics, logs.CreateLogger<KeySource>()), StringComparer.Ordinal);
        metrics.OldestKeys = () => sources.Values.Select(source => source.Age).Max() ?? TimeSpan.Zero;
    }

    /// <summary>Every issuer's keys.</summary>
    public IEnumerable<KeySource> Sources => sources.Values;

    /// <summary>Whether a credential is to be verified here. Without issuers none is: a JWT is a token that nobody knows.</summary>
    public bool Takes(ReadOnlySpan<char> token) => sources.Count > 0 && JwtText.HasForm(token);

    /// <summary>A token that was verified, has not expired, and whose key its issuer still has.</summary>
    public bool TryFind(ReadOnlySpan<char> token, [NotNullWhen(true)] out JwtIdentity? identity)
    {
        identity = null;
        if (token.Length > IdentityLimits.JwtCharacters.Value || cache.Find(JwtHash.Of(token)) is not { } known) return false;
        if (known.Source.Current != known.Keys || IsOver(known)) return false;
        identity = known.Identity;
        return true;
    }

    /// <summary>Verifies a token: whose it is, or why it is refused.</summary>
    public async ValueTask<(JwtIdentity? Identity, JwtRefusal Refusal)> Verify(string token, CancellationToken cancellation)
    {
        var (verified, refusal) = await Decide(token, cancellation);
        if (verified is not null)
        {
            metrics.Verified();
            return (verified.Identity, default);
        }
        metrics.Refused(refusal);
        log.Refused(refusal);
        return (null, refusal);
    }

    /// <summary>
    /// What tells again and again whether a token that was let in still holds: until it expires, and as long as its issuer has its
    /// key. For streams, which last longer than a request. Null: it is not known any more.
    /// </summary>
    public Func<bool>? Standing(string token)
    {
        if (cache.Find(JwtHash.Of(token)) is not { } verified) return null;
        return () =>
        {
            if (verified.Source.Current is not { } keys || IsOver(verified)) return false;
            // another set of keys: it may have the token's no more
            if (keys != verified.Keys && Prove(token, keys) is { } again) verified = again;
            return keys == verified.Keys;
        };
    }

    public void Dispose()
    {
        foreach (var source in sources.Values) source.Dispose();
    }

    bool IsOver(VerifiedJwt known) => time.GetUtcNow() - known.Source.Issuer.ClockSkew >= known.Identity.ExpiresAt;

    VerifiedJwt? Prove(string token, KeySet keys)
    {
        if (!JwtText.TryParse(token, out var parsed, out _)) return null;
        using (parsed)
            return JwtVerifier.TryPlace(parsed, sources, out var place, out _) && JwtVerifier.TryVerify(parsed, place, keys, time.GetUtcNow(), out var identity, out _) ? new VerifiedJwt(place.Source, keys, identity) : null;
    }

    async ValueTask<(VerifiedJwt? Verified, JwtRefusal Refusal)> Decide(string token, CancellationToken cancellation)
    {
        if (token.Length > IdentityLimits.JwtCharacters.Value) return (null, JwtRefusal.TooLarge);
        if (!JwtText.TryParse(token, out var parsed, out var refusal)) return (null, refusal);
        using (parsed)
        {
            if (!JwtVerifier.TryPlace(parsed, sources, out var place, out refusal)) return (null, refusal);
            var keys = place.Source.Current;
            // a key that is not there may have come with a rotation
            if (keys is null || place.KeyId is { } id && !keys.Has(id))
            {
                await place.Source.RefreshFor(cancellation);
                keys = place.Source.Current;
            }
            if (keys is null) return (null, JwtRefusal.KeysAway);
            if (!JwtVerifier.TryVerify(parsed, place, keys, time.GetUtcNow(), out var identity, out refusal)) return (null, refusal);
            var verified = new VerifiedJwt(place.Source, keys, identity);
            cache.Add(JwtHash.Of(token), verified);
            return (verified, default);
        }
    }
}
